#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# modes: socket xdp
# The end of the sequence space, with and without ESN: a warning when a lease ends
# above 75 % of it; no number follows the last, none repeats; then the gateway deletes
# the Child SA, and the IKE SA stays. A test hook makes leases so long that the next
# owner, after a kill, starts near the end.
set -u
. "$(dirname "$0")/steps.sh"
EXTRA=long_leases cluster_up
cat > "$LAB/end.py" <<'PY'
import json, select, sys, time
sys.path.insert(0, sys.argv[1])
import ikev2
i = ikev2.Initiator(sys.argv[2], sys.argv[3], "cl", open(sys.argv[4], "rb").read().rstrip(b"\n"),
                    esn=sys.argv[6] == "esn", raw=sys.argv[6] == "esn")
sent = 0

def ping(count):
    global sent
    got = i.ping(sys.argv[5], count, interval=0.05, start=sent)
    sent += count
    return got

def drain():
    """Ask until the Child SA is gone; the numbers that came."""
    global sent
    mark, end = len(i.numbers), time.time() + 40
    while i.child and time.time() < end:
        i.send_esp(i.echo(sys.argv[5], sent))
        sent += 1
        i.poll(0.01)
    return [seq for _, seq in i.numbers[mark:]]

i.connect()
print("up", flush=True)
while True:
    if not select.select([sys.stdin], [], [], 0)[0]:
        i.poll(0.05)
        continue
    word = sys.stdin.readline().split()
    if word == ["quit"] or not word:
        break
    out = None
    if word[0] == "ping":
        out = [seq for _, seq, _ in ping(3)]
    elif word[0] == "highest":          # no receiver infers a jump of more than 2^32
        i.child.incoming.highest = int(word[1])
    elif word[0] == "drain":
        out = drain()
    elif word[0] == "left":
        i.dpd()
        out = [len(i.children), i.closed, sum(len(s["deleted"]) for s in i.served)]
        i.delete_ike()
    print(json.dumps(out), flush=True)
PY
client() { # client ESN: starts it
	puppet end $SERVER "$1"
	check "$1: connected" same "$(puppet_says)" up
}
ask() { puppet_tell "$@"; puppet_says; }
warnings() { cat "$LAB"/n?.log | grep -c ' sequence_high '; }
# ends NAME LIMIT FIRST: the rest of the numbers, from FIRST to LIMIT - 1.
ends() {
	local name=$1 limit=$2 first=$3
	ask drain > "$LAB/drain-$name.json"
	check "$name: numbers go from there to the last one" jq -e --argjson f "$first" --argjson l "$limit" \
		'min >= $f and max == $l - 1 and length > 150' "$LAB/drain-$name.json"
	check "$name: none repeats" jq -e 'length == (unique | length)' "$LAB/drain-$name.json"
	check "$name: the Child SA is deleted, once, the IKE SA lives" same "$(ask left)" '[0, false, 1]'
	ended() { cat "$LAB"/n?.log | grep -c ' sequence_end ' | grep -qx "$1"; }
	check "$name: it is logged" until_ok 3 ended "$4"
	# shellcheck disable=SC2016
	dropped() { for n in $LAB_NODES; do api "$n" /metrics; done | grep -q '^baton_drops_total{at="datapath",reason="sequence_end"} [1-9]'; }
	check "$name: what has no number is dropped and counted" dropped
	ask quit > /dev/null
}

client plain
check "plain: numbers begin at 1" jq -e 'length == 3 and min == 1 and max == 3' <<< "$(ask ping)"
check "plain: no warning in the first half" same "$(warnings)" 0
handed_over
check "plain: the successor goes on in the second" jq -e --argjson l $LONG_LEASE 'length == 3 and min > $l' <<< "$(ask ping)"
check "plain: and warns" same "$(warnings)" 1
handed_over
ends plain $((1 << 32)) $((2 * LONG_LEASE + 1)) 1

for n in $LAB_NODES; do node_term "$n"; done
rm -rf "$LAB/data"/n?
sed -i "s/^lease = .*/lease = $(((1 << 40) - 300))/" "$LAB/conf/cluster.toml"
nodes_start 30
client esn
check "esn: numbers begin at 1" jq -e 'length == 3 and min == 1 and max == 3' <<< "$(ask ping)"
handed_over
ask highest $(((1 << 40) - 300)) > /dev/null
ends esn $((1 << 40)) $(((1 << 40) - 299)) 2
[ $bad -eq 0 ] || cat "$LAB/end.log"
note "the last numbers were $(jq max "$LAB/drain-plain.json") and $(jq max "$LAB/drain-esn.json")"
outer_clean
finish

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# modes: socket xdp
# IKE messages are sent again. A repeated request gets the very same bytes, also from
# another leader; an IKE_AUTH recorded before a DELETE and sent again after the
# leader's death creates nothing; a damaged copy gets no answer at all.
set -u
. "$(dirname "$0")/steps.sh"
cluster_up
cat > "$LAB/replay.py" <<'PY'
import sys, time
sys.path.insert(0, sys.argv[1])
import ikev2
i = ikev2.Initiator(sys.argv[2], sys.argv[3], "cl", open(sys.argv[4], "rb").read().rstrip(b"\n"))

def listen(secs):
    end = time.time() + secs
    while time.time() < end:
        i.poll(end - time.time())

def again(message, secs=1.0):
    """The answers to a message that is sent once more."""
    mark = len(i.trace)
    i.send_ike(message)
    listen(secs)
    return [t[5] for t in i.trace[mark:] if t[1] == "in" and t[4] == ikev2.struct.unpack(">I", message[20:24])[0]
            and t[3] & 0x20]

def say(text):
    print(text, flush=True)

def wait_for(text):
    assert sys.stdin.readline().strip() == text

i.connect()
auth = next(t[5] for t in i.trace if t[1] == "out" and t[2] == 35)
answer = next(t[5] for t in i.trace if t[1] == "in" and t[2] == 35)
say("same" if again(auth) == [answer] else "DIFFERENT")
broken = bytearray(auth)
broken[-1] ^= 1
say("silent" if again(bytes(broken)) == [] else "ANSWERED")
wait_for("leader killed")
say("same" if again(auth, 3.0)[:1] == [answer] else "DIFFERENT")
i.dpd()
dpd = [t for t in i.trace if t[1] == "out" and t[2] == 37 and not t[3] & 0x20][-1]
reply = [t for t in i.trace if t[1] == "in" and t[2] == 37 and t[3] & 0x20][-1]
say("same" if again(dpd[5]) == [reply[5]] else "DIFFERENT")
i.delete_ike()
say("deleted")
wait_for("leader killed")
again(auth, 3.0)
again(i.init_messages[0], 1.0)
again(auth, 3.0)
say("sent")
wait_for("all restarted")
again(auth, 2.0)
again(i.init_messages[0], 1.0)
again(auth, 2.0)
say("sent")
PY
puppet replay
leader_changes() {
	local victim; victim=$(leader)
	events_save "$victim"
	node_kill "$victim"
	until_ok 10 led_by_other "$victim" || die "nobody leads"
	sleep 1
	puppet_tell "leader killed"
	gone=$victim
}
check "a repeated IKE_AUTH gets the same bytes" same "$(puppet_says)" same
check "a damaged one gets no answer" same "$(puppet_says)" silent
leader_changes
check "the next leader gives the same bytes" same "$(puppet_says)" same
check "a repeated INFORMATIONAL too" same "$(puppet_says)" same
check "DELETE is answered" same "$(puppet_says)" deleted
node_gone_and_back "$gone"
until_ok 30 all_nodes_up || die "not all nodes are up"
leader_changes
check "old messages are sent again" same "$(puppet_says)" sent
check "and create no session" same "$(ask_any /v1/sessions 'length | tostring')" 0
for n in $LAB_NODES; do alive "$n" && node_kill "$n"; done
nodes_start 30
puppet_tell "all restarted"
check "and again after all nodes have restarted" same "$(puppet_says)" sent
check "nor does that" same "$(ask_any /v1/sessions 'length | tostring')" 0
refused() { local n; for n in $LAB_NODES; do api "$n" /metrics; done | grep -qE '^baton_drops_total\{at="control",reason="(ike_tombstone|ike_unknown)"\} [1-9]'; }
check "they were dropped and counted" refused
[ $bad -eq 0 ] || cat "$LAB/replay.log"
outer_clean
finish

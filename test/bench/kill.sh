#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Three baton nodes, a stock client, and one kind of kill, again and again.
#
#   kill.sh KIND RATE KILLS WARM OUT
#
# KIND  owner     SIGKILL of the node that owns the session and does not lead
#       leader    of the leader, which owns nothing
#       both      of a node that leads and owns (a test hook, [test] leader_holds,
#                 brings that about: left alone, the cluster keeps the two apart)
#       cut       no kill: the owner's three cables are pulled, so that no closed
#                 connection tells the others; only heartbeats can be missed. The clock
#                 starts when the outer one is out, the others follow
# RATE packets/s through the tunnel, WARM seconds before each kill. All kills meet the
# same tunnel: the client is set up once, its SPIs are compared after each kill, and
# only if it has lost the tunnel (told, and counted) is it set up again.
# MODE (auto) is the rung of the data path. Results: OUT/KIND-RATE/NN.{ping,kill,
# events,wire}; trial.py makes figures of them.
set -u
. "$(dirname "$0")/../netns/steps.sh"
[ $# -eq 5 ] || { sed -n '3,20s/^# \{0,1\}//p' "$0" >&2; exit 2; }
kind=$1 rate=$2 kills=$3 warm=$4 out=$5/$1-$2
PINGER=${PINGER:-$LAB_ROOT/build/bench/pinger}
AFTER=${AFTER:-3}
[ -x "$BATON" ] || die "no $BATON"

at_once() { local l o; l=$(leader) && o=$(owner) && [ "$l" = "$o" ]; }
in_place() { case $kind in both) at_once ;; *) owner_apart ;; esac }

# wire_begin / wire_end NAME: what each node sends outward, headers only.
wire_begin() {
	local n
	rm -f "$LAB"/wan-*.pcap "$LAB"/tcpdump-*.log
	for n in $LAB_NODES; do
		background "tcpdump-$n" ip netns exec "$(ns sw)" tcpdump -n -U -B 8192 -s 96 -Z root -Q in \
			-i "wan-$n" -w "$LAB/wan-$n.pcap" 'arp or esp or udp port 4500'
	done
	for n in $LAB_NODES; do
		until_ok 5 grep -q 'listening on' "$LAB/tcpdump-$n.log" || die "tcpdump does not start"
	done
}

false_downs() {
	local n
	for n in $LAB_NODES; do [ "$n" = "$1" ] || status "$n" '.false_node_downs // 0'; done | sort -n | tail -n 1
}
join() {
	[ ! -d "$LAB/cl" ] || swan cl kill
	rm -rf "$LAB/cl"
	client_conf
	client_start > /dev/null
	client_up || { cat "$LAB/cl-initiate.log" >&2; die "the client does not get its tunnel"; }
	spis=$(client_spis)
	exchanges=$(client_exchanges)
	until_ok 10 owner || die "nobody owns the session"
	until_ok 5 at cl ping -c 1 -W 1 $SERVER || die "no packet comes through the new tunnel"
}

one_kill() {
	local name victim pid t n same=yes pinger
	name=$(printf '%s/%02d' "$out" "$1")
	until_ok 30 all_nodes_up || die "not all nodes are up before kill $1"
	until_ok 30 in_place || die "leader $(leader) and owner $(owner) are not placed for a kill of $kind"
	wire_begin
	ip netns exec "$(ns cl)" "$PINGER" send $SERVER 7010 "$rate" $((warm + 300)) 0.5 "$name.ping" > "$LAB/pinger.log" 2>&1 &
	pinger=$!
	sleep "$warm"
	if [ "$kind" = leader ]; then victim=$(leader); else victim=$(owner); fi
	in_place || say "note: kill $1: the cluster has moved meanwhile"
	pid=$(pid_of "$victim")
	if [ "$kind" = cut ]; then
		port_down "$victim" wan
		t=${EPOCHREALTIME/[.,]/}
		printf 'link set %s-'"$victim"' down\n' ctl lan | ip -n "$(ns sw)" -batch -
	else
		t=${EPOCHREALTIME/[.,]/}
		kill -KILL "$pid"
		await_end "$victim" 5
		rm -f "$LAB/$victim.pid"
	fi
	sleep "$AFTER"
	kill -TERM "$pinger"
	wait "$pinger"
	for n in $LAB_NODES; do [ "$n" = "$victim" ] || api "$n" /v1/events; done | jq -s '[.[].events[]]' > "$name.events"
	capture_end
	"$PYTHON" "$LAB_ROOT/test/bench/trial.py" wire $VIP "$LAB"/wan-n*.pcap > "$name.wire"
	[ "$(client_spis)" = "$spis" ] && [ "$(client_exchanges)" = "$exchanges" ] || same=no
	printf 'kill %s\nvictim %s\nsame_sa %s\nfalse_downs %s\n' "$t" "$victim" $same \
		"$(false_downs "$victim")" > "$name.kill"
	if [ "$kind" = cut ]; then
		for n in wan lan ctl; do port_up "$victim" $n; done
	else
		node_start "$victim"
	fi
	until_ok 30 node_ready "$victim" || { tail -n 5 "$LAB/$victim.log" >&2; die "$victim does not come back"; }
	[ $same = yes ] || { say "note: kill $1: the client has lost its tunnel"; join; }
	at cl ping -c 1 -W 2 $SERVER > /dev/null || { say "note: kill $1: the tunnel is silent"; join; }
}

mkdir -p "$out"
lab_new
lab_net 3
[ "$kind" != both ] || printf '[test]\nleader_holds = true\n' > "$LAB/extra.toml"
lab_config "$MODE" 3
background echo ip netns exec "$(ns sv)" "$PINGER" echo 7010
nodes_start 30
join
status n1 .datapath.mode > "$out/datapath"
for i in $(seq "$kills"); do one_kill "$i"; done

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# How often live nodes are taken for dead in a handshake storm, for each of several
# binaries in turn: three nodes and enough clients to use the whole processor.
#
#   storm.sh [SECS [ROUNDS [BINARY...]]]              40 s, 1 round, build/baton
#
# DETECTION_MAX_MS=30: the time-out never adapts, so each late heartbeat counts.
#
# Needs root. Prints the NodeDowns of live nodes, as the leaders count them, and the nodes' log
# lines about them. Compare binaries only side by side, in the same run: the machine's load is
# printed with them.
set -u
. "$(dirname "$0")/lib.sh"
secs=${1:-40} rounds=${2:-1}
shift $(($# < 2 ? $# : 2))
[ $# -gt 0 ] || set -- "$BATON"
bench_made handshakes
lab_new
lab_net 3
[ -z "${DETECTION_MAX_MS:-}" ] || printf '\n[timing]\ndetection_max_ms = %d\n' "$DETECTION_MAX_MS" >> "$LAB/extra.toml"
lab_config "$MODE" 3
metric() { at "$1" curl -s "http://127.0.0.1:9505/metrics" | awk -v k="$2" '$1 == k { print $2 }'; }
for ((round = 1; round <= rounds; round++)); do
	for BATON; do
		for n in $LAB_NODES; do rm -rf "$LAB/data/$n" "$LAB/$n.log"; done
		nodes_start 30
		until_ok 20 ask_any /v1/status 'if any(.nodes[]; .holds_address) then "yes" else empty end' || die "nobody holds the address"
		at cl ping -c 1 -W 2 $VIP > /dev/null 2>&1
		at cl "$LOAD" rate $VIP cl "$LAB/conf/secrets/cl.psk" "$secs" 32 > "$LAB/rate.json" || say "the generator failed"
		say "$(basename "$BATON"): $(jq .per_s "$LAB/rate.json") handshakes a second, load $(cut -d' ' -f1 /proc/loadavg)"
		downs=0
		for n in $LAB_NODES; do
			downs=$((downs + $(metric "$n" baton_false_node_downs_total)))
			grep -h 'node_lost\|loop_stall\|leader' "$LAB/$n.log" | sed "s/^/    $n: /" | cut -c -150
		done
		say "  false NodeDowns: $downs"
		for n in $LAB_NODES; do kill -TERM "$(pid_of "$n")"; await_end "$n" 20; done
	done
done

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# modes: socket xdp
# kill -9 of the owner that is not leader, once for each kind of traffic alone.
set -u
. "$(dirname "$0")/steps.sh"
cluster_up
client_joins
for kind in ping down up rr; do
	until_ok 20 all_nodes_up || die "not all nodes are up before $kind"
	check "leader and owner are apart" until_ok 20 owner_apart
	victim=$(owner)
	traffic_begin $kind 7
	sleep 2
	events_save "$victim"
	node_kill "$victim"
	check "$kind: another node owns the session" until_ok 5 moved "$victim"
	traffic_came_back $kind
	unharmed "$kind"
	node_gone_and_back "$victim"
done
check "ping towards the client" at sv ping -q -c 20 -i 0.05 -W 2 "$virtual"
note "$(result t-ping '"gap \(.gap_ms) ms, lost \(.lost) of \(.sent) pings"')," \
	"false NodeDowns $(ask_any /v1/status '.false_node_downs // 0 | tostring')"
outer_clean
finish

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# modes: socket xdp
# The owner is killed and started again at once, perhaps before anyone missed it:
# it has forgotten where it stood, so it must start a new epoch.
set -u
. "$(dirname "$0")/steps.sh"
cluster_up
client_joins
epoch() { ask_any /v1/sessions '.[0].epoch | tostring'; }
for round in 1 2 3; do
	until_ok 20 all_nodes_up || die "not all nodes are up in round $round"
	before=$(epoch)
	victim=$(owner)
	traffic_begin ping 6
	sleep 1
	events_save "$victim"
	kill -KILL "$(pid_of "$victim")"
	await_end "$victim" 5
	node_start "$victim"
	traffic_came_back ping
	check "round $round: $victim is ready" until_ok 20 node_ready "$victim"
	check "round $round: a new epoch" [ "$(epoch)" -gt "$before" ]
	unharmed "round $round"
done
outer_clean
finish

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# alone
# modes: socket xdp
# timeout: 480
# The owner is killed after a million packets through the tunnel: the value of the sequence number makes no difference.
set -u
. "$(dirname "$0")/steps.sh"
cluster_up
capture_end
client_joins
carried() { api "$(owner)" /v1/sessions | jq '[.[0].children[] | .packets_in + .packets_out] | add // 0'; }
# At most 512 on their way: the client's queue of unsealed packets has no bound.
for round in 1 2 3 4 5 6 7 8; do
	traffic "flood$round" cl udp $SERVER --rate 40000 --window 512 --count 150000 --no-rows --linger 0.2 --size 64
	await_end "flood$round" 60
	[ "$(carried)" -ge 1000000 ] && break
done
count=$(carried)
check "a million packets are through ($count)" [ "$count" -ge 1000000 ]
capture_outer
until_ok 20 owner_apart
victim=$(owner)
traffic_begin ping 6
sleep 2
events_save "$victim"
node_kill "$victim"
traffic_came_back ping
unharmed "after"
note "$count packets, then gap $(result t-ping .gap_ms) ms, lost $(result t-ping .lost)"
outer_clean
finish

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# modes: socket xdp
# kill -9 of a node that is leader and owner at once (a test hook lets the leader
# keep the address): an election first, then the take-over. Then leader and owner
# are two nodes that die in the same instant: when one of them is back, it and the
# third are a majority, and the session goes on.
set -u
. "$(dirname "$0")/steps.sh"
hook() { printf '\n[test]\nleader_holds = true\n'; }
EXTRA=hook cluster_up
client_joins
both() { [ "$(leader)" = "$(owner)" ]; }
check "one node is leader and owner" until_ok 20 both
victim=$(owner)
traffic_begin ping 8
sleep 2
events_save "$victim"
node_kill "$victim"
check "another node owns the session" until_ok 10 moved "$victim"
traffic_came_back ping
unharmed "after the first kill"
note "leader and owner at once: $(result t-ping '"gap \(.gap_ms) ms, lost \(.lost) of \(.sent) pings"')"
node_gone_and_back "$victim"
until_ok 30 all_nodes_up || die "not all nodes are up"

own=$(owner)
lead=$(leader)
second=$(other "$own")
traffic_begin ping 12
sleep 2
for n in $own $second; do events_save "$n"; done
kill -KILL "$(pid_of "$own")" "$(pid_of "$second")"
for n in $own $second; do await_end "$n" 5; rm -f "$LAB/$n.pid"; done
sleep 0.5
node_gone_and_back "$second"
check "a node that lives owns the session" until_ok 10 moved "$own"
traffic_came_back ping
unharmed "after the loss of the majority ($own and $second, $lead led)"
outer_clean
finish

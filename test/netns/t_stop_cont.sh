#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# modes: socket xdp
# The owner is stopped for 5 s (SIGSTOP) and goes on, believing that nothing has
# happened: it must not send with a number of its own any more.
set -u
. "$(dirname "$0")/steps.sh"
cluster_up
client_joins
until_ok 20 owner_apart
victim=$(owner)
traffic_begin ping 12
sleep 2
node_signal "$victim" STOP
sleep 5
check "another node owns the session" moved "$victim"
node_signal "$victim" CONT
traffic_came_back ping
check "the stopped node is ready again" until_ok 20 node_ready "$victim"
check "it knows that it does not own" same "$(api "$victim" /v1/sessions | jq -r '.[0].owner')" "$(owner)"
check "all nodes are up" until_ok 20 all_nodes_up
unharmed "after"
outer_clean
finish

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# modes: socket xdp
# All three nodes lose power at once and start again: the session comes back from
# storage. Then one node's data directory is wiped: it joins again.
set -u
. "$(dirname "$0")/steps.sh"
cluster_up
client_joins
traffic_begin ping 16
sleep 2
for n in $LAB_NODES; do events_save "$n"; done
# shellcheck disable=SC2046
kill -KILL $(for n in $LAB_NODES; do pid_of "$n"; done)
for n in $LAB_NODES; do await_end "$n" 5; done
sleep 1
nodes_start 30
traffic_came_back ping
unharmed "after power loss"

victim=$(other "$(owner)" "$(leader)")
node_kill "$victim"
rm -rf "$LAB/data/$victim"
node_gone_and_back "$victim"
check "the wiped node is up again" until_ok 30 all_nodes_up
check "the wiped node knows the session" same "$(api "$victim" /v1/sessions | jq -r '.[0].peer_id')" cl
check "ping goes on" at cl ping -q -c 10 -i 0.05 -W 2 $SERVER
unharmed "after the wipe"
outer_clean
finish

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# modes: socket xdp
# Leader and owner are killed in the same instant, then one of them comes back:
# the third node and it are a majority, and the session goes on.
set -u
. "$(dirname "$0")/steps.sh"
cluster_up
client_joins
until_ok 20 owner_apart
lead=$(leader)
own=$(owner)
traffic_begin ping 12
sleep 2
events_save "$lead"
events_save "$own"
kill -KILL "$(pid_of "$lead")" "$(pid_of "$own")"
await_end "$lead" 5
await_end "$own" 5
rm -f "$LAB/$lead.pid" "$LAB/$own.pid"
sleep 0.5
node_gone_and_back "$lead"
check "a node that lives owns the session" until_ok 10 moved "$own"
traffic_came_back ping
unharmed "after"
outer_clean
finish

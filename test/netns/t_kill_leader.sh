#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# modes: socket xdp
# kill -9 of the leader that owns nothing: another leads, the owner stays.
set -u
. "$(dirname "$0")/steps.sh"
cluster_up
client_joins
check "leader and owner are apart" until_ok 20 owner_apart
victim=$(leader)
keeper=$(owner)
traffic_begin ping 6
sleep 2
events_save "$victim"
node_kill "$victim"
check "another node leads" until_ok 10 led_by_other "$victim"
traffic_came_back ping
check "the owner stays" same "$(owner)" "$keeper"
unharmed "after"
swan cl ctl --rekey --child net > /dev/null 2>&1
rekeyed() { [ "$(client_spis)" != "$spis" ]; }
check "the new leader answers a rekey" until_ok 10 rekeyed
check "and traffic follows" at cl ping -q -c 10 -i 0.05 -W 2 $SERVER
note "$(result t-ping '"lost \(.lost) of \(.sent) pings, gap \(.gap_ms) ms"')"
outer_clean
finish

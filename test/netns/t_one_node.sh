#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# modes: socket xdp
# A cluster of one serves a stock client: ping and TCP in both directions, and a
# clean end that leaves no session. Its host has slept for a day since it booted.
set -u
LAB_SLEPT=86400
. "$(dirname "$0")/steps.sh"
cluster_up 1
client_joins
traffic_begin ping 3
traffic_came_back ping
for kind in down up rr; do
	traffic_begin $kind 3
	traffic_came_back $kind
done
check "ping towards the client" at sv ping -q -c 20 -i 0.05 -W 2 "$virtual"
check "large packets both ways" at cl ping -q -c 3 -i 0.1 -W 2 -s 1300 $SERVER
check "one session is listed" same "$(api n1 /v1/sessions | jq length)" 1
check "the client is known by its identity" same "$(api n1 /v1/sessions | jq -r '.[0].peer_id')" cl
is_usage() { "$BATON" status --http "$1" > "$LAB/usage.log" 2>&1; [ $? = 2 ] && grep -q 'is not an address and port' "$LAB/usage.log"; }
check "baton status says that a name is no address" is_usage localhost:9505
unharmed "afterwards"
swan cl ctl --terminate --ike gw > /dev/null 2>&1
no_session() { [ "$(api n1 /v1/sessions | jq length)" = 0 ]; }
check "DELETE ends the session" until_ok 5 no_session
check "the client can come again" client_up
node_term n1
outer_clean
finish

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# modes: socket xdp
# replay = "exact": the owner dies under load, and all packets that its client ever sent are
# injected at the successor, at all nodes, and again at the end: no number is delivered inward twice,
# without exception. Then all power is lost: no node remembers, so the gateway rekeys the
# Child SA, and traffic goes on in the same IKE SA.
set -u
. "$(dirname "$0")/steps.sh"
CONNECTION_KEYS='replay = "exact"' cluster_up
SNAPLEN=65535 capture record wan-cl in
client_joins
until_ok 20 owner_apart
traffic udp1 cl udp $SERVER --rate 500 --secs 10
sleep 3
victim=$(owner)
check "injected at the owner" inject_at "$victim"
events_save "$victim"
node_kill "$victim"
check "another node owns the session" until_ok 5 moved "$victim"
successor=$(owner)
for _ in 1 2 3; do inject_at "$successor" || break; done
check "injected at the successor" inject_at "$successor"
sleep 1
node_gone_and_back "$victim"
for n in $LAB_NODES; do check "injected at $n" inject_at "$n"; done
await_end udp1 60
check "injected after the end" inject_at "$(owner)"
sleep 1
unharmed "after the takeover"
server_end
check "nothing was delivered twice" jq -e '.repeated | length == 0' "$LAB/server.json"
check "the run was delivered" jq -e '[.udp[]][0] > 2000' "$LAB/server.json"
note "$(jq '[.udp[]][0]' "$LAB/server.json") delivered, $(jq '.repeated | length' "$LAB/server.json") twice"

# ---- All power is lost ----
ike=$(client_ike_spis) old=$(client_child_spis)
for n in $LAB_NODES; do events_save "$n"; done
# shellcheck disable=SC2046
kill -KILL $(for n in $LAB_NODES; do pid_of "$n"; done)
for n in $LAB_NODES; do await_end "$n" 5; done
server_start
nodes_start 30
replaced() { at cl ping -c 1 -W 1 -q $SERVER >/dev/null; [ "$(wc -w <<< "$(client_child_spis)")" = 2 ] && differ "$(client_child_spis)" "$old"; }
check "the gateway rekeys the Child SA" until_ok 20 replaced
check "the same IKE SA" same "$(client_ike_spis)" "$ike"
check "the client made no exchange of its own" same "$(client_exchanges)" "$exchanges"
check "packets go on without a loss" at cl ping -c 20 -i 0.05 -W 1 -q $SERVER
outer_clean
finish

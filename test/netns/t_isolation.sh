#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# modes: socket xdp
# The owner is cut off from the other nodes but not from the client. It falls
# silent and says why, another owns, no number is sent by both; when the cut heals nothing is
# negotiated again.
set -u
. "$(dirname "$0")/steps.sh"
owner_carries ping 12
port_down "$victim" ctl
cut_ms=$(now_ms)
says_isolated() { api "$victim" /readyz | grep -q '^isolated: .*nothing is heard of n., n.' &&
	[ "$(status "$victim" '.ready, (.unready | map(.reason) | index("isolated") != null)' | tr '\n' ' ')" = "false true " ]; }
check "it is unready and says why" until_ok 4 says_isolated
sleep $((5 - ($(now_ms) - cut_ms) / 1000))
heal_ms=$(now_ms)
port_up "$victim" ctl
traffic_came_back ping
check "another node owns the session" moved "$victim"
check "all nodes are up again" until_ok 30 all_nodes_up
unharmed "after"
capture_end
observe --json > "$LAB/outer.json"
check "outer side: only IKE and ESP, no number twice, no ICMP error" observe
silent() {
	jq -e --arg n "$victim" --argjson cut "$((cut_ms + 1500))" --argjson heal "$heal_ms" \
		'[.moves[] | select(.to == $n and .at_ms > $cut and .at_ms < $heal)] == []' "$LAB/outer.json"
}
check "the cut-off node falls silent and stays so" silent
# Each takeover is told to the client, once in its epoch: all notices of an epoch must name one owner.
events > "$LAB/events.json"
one_owner() {
	jq -e '[.[] | select(.kind == "notice_sent") | .text | capture("epoch (?<e>[0-9]+), owner (?<o>.*)")] |
		length > 0 and all(group_by(.e)[]; map(.o) | unique | length == 1)' "$LAB/events.json"
}
check "at most one owner per epoch" one_owner
last=$(jq -r --argjson cut "$cut_ms" '[.moves[] | select(.at_ms >= $cut)][0] | .silent_ms // "unknown"' "$LAB/outer.json")
note "longest silence $(result t-ping .gap_ms) ms at the client, $last ms between the two owners"
finish

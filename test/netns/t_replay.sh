#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# modes: socket xdp
# Everything the client has sent is recorded and injected again: at the owner, at
# its successor right after a kill, at all nodes later. Each datagram carries a unique
# number; none is delivered inward twice, except those that the dead owner had accepted
# after its last mark; their number is printed.
set -u
. "$(dirname "$0")/steps.sh"
cluster_up
SNAPLEN=65535 capture record wan-cl in
client_joins
until_ok 20 owner_apart
refused() { for n in $LAB_NODES; do api "$n" /metrics; done | awk '/^baton_drops_total.*reason="replay/ { s += $NF } END { printf "%d\n", s }'; }
traffic udp1 cl udp $SERVER --rate 500 --secs 12
sleep 3
victim=$(owner)
check "injected at the owner" inject_at "$victim"
sleep 1
events_save "$victim"
killed=$(now_ms)
node_kill "$victim"
check "another node owns the session" until_ok 5 moved "$victim"
successor=$(owner)
check "injected at the successor" inject_at "$successor"
sleep 1
node_gone_and_back "$victim"
for n in $LAB_NODES; do check "injected at $n" inject_at "$n"; done
await_end udp1 60
before=$(refused)
check "injected after the end" inject_at "$(owner)"
sleep 1
all_refused() { local n; n=$(($(refused) - before)); [ $n -gt 3000 ] || { echo "only $n"; return 1; }; }
check "what came again was refused as a replay, and counted" all_refused
unharmed "after"
server_end
events > "$LAB/events.json"
age=$(status "$successor" '(.takeovers.last_mark_age_us // 0) / 1000')
down=$(jq -r --argjson kill "$killed" '[.[] | select(.kind == "node_down" and .at_ms >= $kill)][0].at_ms // $kill' "$LAB/events.json")
# Numbers delivered twice although they were sent before the last mark: none.
too_old() {
	jq -n --slurpfile s "$LAB/server.json" --slurpfile u "$LAB/udp1.json" --argjson from "$(jq -n "$down - $age - 5")" '
		($u[0].rows | map({key: (.[0] | tostring), value: .[1]}) | from_entries) as $sent |
		[$s[0].repeated[] | select($sent[.[1] | tostring] < $from)] | length'
}
check "nothing older than the mark was delivered twice" same "$(too_old)" 0
check "the run was delivered" jq -e '[.udp[]][0] > 3000' "$LAB/server.json"
note "$(jq '.repeated | length' "$LAB/server.json") of $(jq '[.udp[]][0]' "$LAB/server.json") delivered twice, mark age $age ms"
outer_clean
finish

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# modes: socket xdp
# The owner is stopped for 5 s (SIGSTOP) and goes on, believing that nothing has
# happened: it must not send with a number of its own any more. Then owners are stopped for
# 25 to 180 ms, as a virtual machine may be: they hold the packets in their rings until they learn
# whether they were lost. All the client's packets are injected again after each stop, at the
# successor, and at the end at all nodes: nothing is delivered twice, for the late marks are known.
# The same with replay = "exact", where no mark age is published.
set -u
. "$(dirname "$0")/steps.sh"
long_stop() {
	owner_carries ping 12
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
}
noticed() { local n; for n in $LAB_NODES; do api "$n" /metrics; done | grep -qE '^baton_stops_total [1-9]'; }
short_stops() { # keys of the connection
	local ms n taken=0
	CONNECTION_KEYS=$1 cluster_up
	SNAPLEN=65535 capture record wan-cl in
	client_joins
	until_ok 20 owner_apart
	traffic udp1 cl udp $SERVER --rate 500 --secs 14
	sleep 1
	for ms in 25 45 60 90 130 180; do
		victim=$(owner)
		node_signal "$victim" STOP
		sleep "$(jq -n "$ms / 1000")"
		node_signal "$victim" CONT
		sleep 1
		moved "$victim" && taken=$((taken + 1))
		check "injected after a stop of $ms ms" inject_at "$(owner)"
		until_ok 20 all_nodes_up
	done
	await_end udp1 60
	check "a stop was noticed by who was stopped" noticed
	for n in $LAB_NODES; do check "injected at $n" inject_at "$n"; done
	sleep 1
	unharmed "after short stops"
	server_end
	check "an owner that was stopped was taken for dead" [ $taken -gt 0 ]
	check "nothing was delivered twice" jq -e '.repeated | length == 0' "$LAB/server.json"
	check "the run was delivered" jq -e '[.udp[]][0] > 3000' "$LAB/server.json"
	[ -z "$1" ] || for n in $LAB_NODES; do
		check "no mark age at $n" same "$(status "$n" '.takeovers.last_mark_age_us')" 0
	done
	note "${1:-default}: $taken of 6 stops were takeovers, $(jq '[.udp[]][0]' "$LAB/server.json") delivered, $(jq '.repeated | length' "$LAB/server.json") twice"
	outer_clean
	finish
}
(long_stop) && (short_stops '') && (short_stops 'replay = "exact"')

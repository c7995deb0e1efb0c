#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# modes: socket xdp
# SIGTERM: the owner, then the leader, hands over and ends by itself with status 0.
set -u
. "$(dirname "$0")/steps.sh"
cluster_up
client_joins
for who in owner leader; do
	until_ok 20 all_nodes_up || die "not all nodes are up before the $who leaves"
	until_ok 20 owner_apart || die "leader and owner are one"
	leaver=$($who)
	traffic_begin ping 5
	sleep 2
	events_save "$leaver"
	kill -TERM "$(pid_of "$leaver")"
	check "the $who ends by itself" await_end "$leaver" 5
	check "another node owns the session" until_ok 2 moved "$leaver"
	check "another node leads" until_ok 2 led_by_other "$leaver"
	traffic_came_back ping
	check "it said good-bye" grep -q "leaving" "$LAB/$leaver.log"
	check "nobody had to miss it" bash -c "! grep -hq 'node_lost $leaver' '$LAB'/n?.log"
	warned() { ! grep -hqE " warning n. (node_down|suspect) $leaver " "$LAB"/n?.log; }
	check "nobody warns of it" warned
	check "it is told as what it is" grep -hqE " info n. node_left $leaver has left" "$LAB"/n?.log
	unharmed "the $who has left"
	node_gone_and_back "$leaver"
done
note "lost $(result t-ping .lost) of $(result t-ping .sent) pings while the leader left"
outer_clean
finish

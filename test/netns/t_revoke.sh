#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# modes: socket xdp
# An operator revokes a client under traffic, and the leader is killed in the middle: the
# client gets a DELETE, none of its packets pass any more, and it cannot come back until it is
# allowed; another client notices nothing. Then a [[secret]] is removed: from one node's file, which
# ends no session; from all, which ends its client's once the operator confirms.
set -u
. "$(dirname "$0")/steps.sh"
second() { printf '\n[[secret]]\nid = "cl2"\npsk_file = "secrets/cl.psk"\n'; }
other_client() { "$LAB_HERE/strongswan.sh" "$(ns cl2)" "$LAB/cl2" "$@"; }
other_spis() { other_client ctl --list-sas --raw | grep -oE '(initiator-spi|responder-spi|spi-in|spi-out)=[0-9a-f]+' | tr '\n' ' '; }
other_pings() { at cl2 ping -q -c 3 -i 0.2 -W 2 $SERVER; }
gone() { [ -z "$(client_spis)" ]; }
silent() { ! at cl ping -q -c 3 -i 0.2 -W 1 -I "$1" $SERVER; }
refused() { ! client_up cl 10 && grep -q 'AUTHENTICATION_FAILED' "$LAB/cl-initiate.log"; }
told() { events | jq -e --arg k "$1" 'any(.[]; .kind == $k)'; }
untold() { ! told "$1"; }
sessions() { ask_any /v1/status '.sessions | tostring'; }
start_with() { background "$1" ip netns exec "$(ns "$1")" "$BATON" run --config "$2" --node "$1"; }

EXTRA=second cluster_up
client_joins
host cl2
cable wan cl2 wan 02:00:00:79:51
at cl2 ip addr add 10.79.0.51/24 dev wan
client_conf cl2 cl2
other_client start || die "the other client does not start"
other_client ctl --initiate --child net --timeout 20 > "$LAB/cl2-initiate.log" 2>&1 || die "the other client gets no tunnel"
others=$(other_spis)
until_ok 20 owner_apart || die "leader and owner stay together"

victim=$(leader)
asked=$(other "$victim" "$(owner)")
check "a name that nobody has is an error" bash -c "! '$BATON' revoke nobody --control '$LAB/$asked.sock' 2> '$LAB/nobody.log'"
check "which names it" grep -q "unknown identity 'nobody'" "$LAB/nobody.log"
traffic t-ping cl ping $SERVER --secs 12 --linger 1
sleep 2
order revoke "$asked" cl > "$LAB/revoke.log" 2>&1 &
revoking=$!
events_save "$victim"
node_kill "$victim"
wait $revoking
check "baton revoke ends with 0 though the leader was killed" same "$?" 0
say "      $(cat "$LAB/revoke.log")"
check "it says what it did" grep -q "'cl' is revoked, 1 session is ended" "$LAB/revoke.log"
check "another node leads" until_ok 10 led_by_other "$victim"
check "the client was told by a DELETE" until_ok 20 gone
check "and has answered it" until_ok 20 same "$(sessions)" 1
await_end t-ping 60 || die "ping does not end"
# No answer after the revocation: the last one is older than the last seconds of asking.
check "its traffic has stopped" jq -e '.last_answer_ms < .rows[-1][1] - 3000' "$LAB/t-ping.json"
check "status counts it" same "$(status "$asked" .revoked)" 1
check "events tell it" told revoked
check "it does not get in" refused
check "and that is told as well" told refused
check "it is listed" bash -c "'$BATON' revoke --list --control '$LAB/$asked.sock' | grep -qx cl"
node_gone_and_back "$victim"
check "the killed node knows it too" same "$(status "$victim" .revoked)" 1
check "the other client has its SPIs" same "$(other_spis)" "$others"
check "and its traffic" other_pings
check "baton allow, at the node that was killed" order allow "$victim" cl
check "the client gets in again" client_up
check "with traffic" until_ok 5 at cl ping -c 1 -W 1 $SERVER

head -n -4 "$LAB/conf/cluster.toml" > "$LAB/conf/short.toml"
check "the shorter file is a good one" "$BATON" check --config "$LAB/conf/short.toml"
until_ok 20 all_nodes_up || die "not all nodes are up"
for n in $LAB_NODES; do
	node_term "$n"
	start_with "$n" "$LAB/conf/short.toml"
	until_ok 20 all_nodes_up || die "$n does not come back with a short file"
	sleep 2
	check "$n alone with a shorter file ends nobody" same "$(sessions)" 2
	node_term "$n"
	node_start "$n"
	until_ok 30 node_ready "$n" || die "$n does not come back"
	until_ok 20 all_nodes_up || die "not all nodes are up"
done
check "nobody was told to end" untold policy
for n in $LAB_NODES; do node_term "$n"; done
mv "$LAB/conf/short.toml" "$LAB/conf/cluster.toml"
nodes_start 40
check "gone from all files: one line says so, and what to do" until_ok 20 told policy_withheld
check "one of two is too many to end unasked" same "$(sessions)" 2
check "it goes on" other_pings
check "baton prune counts" bash -c "'$BATON' prune --control '$LAB/n1.sock' | grep -q '^1 of 2 sessions'"
check "baton prune --yes" bash -c "'$BATON' prune --yes --control '$LAB/n1.sock' | grep -q '^1 session is ended'"
check "the other client is told" until_ok 20 bash -c "[ -z \"\$('$LAB_HERE/strongswan.sh' '$(ns cl2)' '$LAB/cl2' ctl --list-sas)\" ]"
check "the first one goes on" at cl ping -q -c 3 -i 0.2 -W 2 $SERVER
note "revoked with the leader killed: $(cat "$LAB/revoke.log")"
outer_clean
finish

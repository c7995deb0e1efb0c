#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# modes: socket
# A stock client with a user name and a password (EAP-MSCHAPv2): its tunnel survives the loss of its
# owner; the loss of a leader between two rounds of IKE_AUTH does no harm; a wrong password and an
# unknown user look alike to the client, and give one log line each, with name, source and reason.
set -u
. "$(dirname "$0")/steps.sh"
export PLUGINS="eap-identity eap-mschapv2"
password="in wonderland"
users() {
	mkdir -p "$LAB/pw"
	(umask 077; printf '%s\n' "$password" > "$LAB/pw/alice"; printf 'the-gateway-shows-this\n' > "$LAB/pw/gw")
	cat <<-TOML

	[[secret]]
	id = "gw"
	psk_file = "$LAB/pw/gw"

	[[user]]
	name = "alice"
	password_file = "$LAB/pw/alice"

	[[connection]]
	name = "phones"
	local_id = "gw"
	auth = "eap-mschapv2"
	local_ts = ["10.20.0.0/16"]
	pool = "10.30.0.0/16"
	ike_proposals = ["aes128gcm16-prfsha256-x25519"]
	esp_proposals = ["aes128gcm16"]
	TOML
}
EXTRA=users cluster_up

# eap_conf NAME USER PASSWORD: a client that says it is "laptop", and in EAP who it is.
eap_conf() {
	client_conf "$1"
	sed -i "s/^\(\t*\)auth = psk\n//; 0,/auth = psk/s//auth = eap-mschapv2\n\t\t\t\teap_id = $2/; 0,/id = cl/s//id = laptop/" "$LAB/$1/swanctl.conf"
	sed -i '/^secrets {/,$d' "$LAB/$1/swanctl.conf"
	cat >> "$LAB/$1/swanctl.conf" <<-CONF
	secrets {
		ike-1 {
			id = gw
			secret = "the-gateway-shows-this"
		}
		eap-1 {
			id = $2
			secret = "$3"
		}
	}
	CONF
}
# refused NAME USER PASSWORD REASON
refused() {
	eap_conf "cl-$1" "$2" "$3"
	client_start "cl-$1"
	client_up "cl-$1" 10
	swan "cl-$1" stop
	lines() { same "$(cat "$LAB"/n?.log | grep -c "refused $CLIENT:[0-9]*: AUTHENTICATION_FAILED: authentication of '$2' failed: $4")" 1; }
	check "$1: one line says who, from where, and why" until_ok 3 lines "$@"
	check "$1: the client is told that it failed" grep -q 'failed with error ERROR_AUTHENTICATION_FAILURE' "$LAB/cl-$1/run/charon.log"
}
refused password alice wrong "wrong password"
refused user mallo "$password" "unknown user"
sizes() { grep -oE 'parsed IKE_AUTH response.*' "$LAB/cl-$1/run/charon.log"; }
check "the client cannot tell one from the other" same "$(sizes password)" "$(sizes user)"
unspoken() { ! grep -qF -- "$password" "$LAB"/n?.log; }
check "no log holds the password" unspoken

eap_conf cl alice "$password"
client_start
client_up || { cat "$LAB/cl-initiate.log" >&2; die "the client does not get its tunnel"; }
spis=$(client_spis) exchanges=$(client_exchanges)
check "five rounds" same "$exchanges" "IKE_AUTH=5 IKE_SA_INIT=1 "
who() { same "$(api n1 /v1/sessions | jq -r '.[].peer_id' | tr '\n' ' ')" "alice "; }
check "the session is the user's" until_ok 5 who
until_ok 10 owner || die "nobody owns the session"
check "packets pass" until_ok 5 at cl ping -c 1 -W 1 -q $SERVER
traffic_begin ping 6
sleep 2
victim=$(owner)
node_kill "$victim"
check "another node owns it" until_ok 10 moved "$victim"
traffic_came_back ping
unharmed "after the loss of its owner"
node_gone_and_back "$victim"

# The leader dies right after the client has read its nth response.  Every round: core_rounds_test.
log=$LAB/cl/run/charon.log
responses() { [ "$(tail -n "+$1" "$log" | grep -c 'parsed IKE_AUTH response')" -ge "$2" ]; }
no_session() { [ "$(ask_any /v1/sessions length)" = 0 ]; }
one_tunnel() {
	local n
	[ "$(client_spis | wc -w)" = 4 ] || return 1
	for n in $LAB_NODES; do
		alive "$n" || continue
		same "$(api "$n" /v1/sessions | jq 'map(.children | length) | add')" 1 || return 1
	done
}
for round in 2 3; do
	swan cl ctl --terminate --ike gw > /dev/null 2>&1
	until_ok 10 no_session || die "the session before round $round stays"
	until_ok 30 all_nodes_up || die "not all nodes are up before round $round"
	from=$(($(wc -l < "$log") + 1))
	victim=$(leader)
	background initiate "$LAB_HERE/strongswan.sh" "$(ns cl)" "$LAB/cl" ctl --initiate --child net --timeout 40
	for _ in $(seq 2000); do responses "$from" "$round" && break; done
	node_kill "$victim"
	check "the leader is lost after response $round: one tunnel" until_ok 40 one_tunnel
	check "the leader is lost after response $round: packets pass" until_ok 5 at cl ping -q -c 3 -i 0.05 -W 1 $SERVER
	await_end initiate 45
	node_gone_and_back "$victim"
done
begun() { grep -c 'initiating IKE_SA' "$log"; }
check "the client never began anew" same "$(begun)" 3
outer_clean
finish

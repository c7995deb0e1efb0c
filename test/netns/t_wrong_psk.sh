#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# modes: socket xdp
# A wrong PSK and an unknown identity: AUTHENTICATION_FAILED, equal to the byte
# length for the client, logged with the peer's identity at the gateway;
# no common proposal, logged with both sides'.
set -u
. "$(dirname "$0")/steps.sh"
cluster_up
refuses() {
	local name=$1 id=$2
	client_conf "cl-$name" "$id" wrong
	client_start "cl-$name"
	client_up "cl-$name" 10
	swan "cl-$name" stop
	check "$name: AUTHENTICATION_FAILED" grep -q 'AUTH_FAILED' "$LAB/cl-$name/run/charon.log"
	logged() { grep -h "refused $CLIENT:.*AUTHENTICATION_FAILED: " "$LAB"/n?.log | grep -q -- "$id"; }
	check "$name: logged with the identity" until_ok 3 logged
}
refuses psk cl
refuses identity mallory
answer_size() { grep -oE 'parsed IKE_AUTH response.*' "$LAB/cl-$1/run/charon.log"; }
check "the client cannot tell one from the other" same "$(answer_size psk)" "$(answer_size identity)"
# A client with no suite of ours.
(
	export IKE_PROPOSAL=aes192-sha384-modp4096
	client_conf cl-old
	client_start cl-old
	client_up cl-old 5
	swan cl-old stop
)
offered() { grep -hq "refused $CLIENT:[0-9]*: NO_PROPOSAL_CHOSEN: offers aes192-sha384-prfsha384-modp4096; accepted would be aes128gcm16-prfsha256-x25519, " "$LAB"/n?.log; }
check "no common proposal: logged with source and both sides" until_ok 3 offered
counted() { local n; for n in $LAB_NODES; do api "$n" /metrics; done | grep -qE "^baton_ike_refused_total\{notify=\"$1\"\} [1-9]"; }
check "it is counted" counted NO_PROPOSAL_CHOSEN
check "so are failed authentications" counted AUTHENTICATION_FAILED
check "no session" same "$(api n1 /v1/sessions | jq length)" 0
client_joins
check "the right client is served" at cl ping -q -c 5 -i 0.1 -W 2 $SERVER
psk=$(cat "$LAB/conf/secrets/cl.psk")
unspoken() { ! grep -qF -- "$psk" "$LAB"/n?.log; }
check "no log holds the PSK" unspoken
outer_clean
finish

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# modes: socket xdp
# A wrong PSK and an unknown identity: AUTHENTICATION_FAILED, alike to the byte
# length for the client, logged with the peer's identity at the gateway.
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
	logged() { grep -h -iE "authentication" "$LAB"/n?.log | grep -q -- "$id"; }
	check "$name: logged with the identity" until_ok 3 logged
}
refuses psk cl
refuses identity mallory
answer_size() { grep -oE 'parsed IKE_AUTH response.*' "$LAB/cl-$1/run/charon.log"; }
check "the client cannot tell one from the other" same "$(answer_size psk)" "$(answer_size identity)"
check "no session" same "$(api n1 /v1/sessions | jq length)" 0
client_joins
check "the right client is served" at cl ping -q -c 5 -i 0.1 -W 2 $SERVER
psk=$(cat "$LAB/conf/secrets/cl.psk")
unspoken() { ! grep -qF -- "$psk" "$LAB"/n?.log; }
check "no log holds the PSK" unspoken
outer_clean
finish

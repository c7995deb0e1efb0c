#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# modes: socket xdp
# Every cipher and group, ESN, raw ESP and UDP, both rekeys, against the
# independent initiator; INVALID_KE_PAYLOAD; jumps of the sequence number; more
# NOTIFYs in a message than there is room for.
set -u
. "$(dirname "$0")/steps.sh"
cluster_up 1
run() {
	at cl "$PYTHON" "$LAB_ROOT/test/interop/ikev2.py" --local $CLIENT --gateway $VIP \
		--psk-file "$LAB/conf/secrets/cl.psk" "$@"
}
all=ping:3,dpd,rekey-child,ping:3,rekey-ike,ping:2,dpd,rekey-child,ping:2,delete
for ike in aes128gcm16-prfsha256-x25519 aes256-sha256-prfsha384-modp2048 aes128-sha256-prfsha256-ecp256; do
	check "IKE $ike" run --ike $ike --do $all
done
for esp in aes128gcm16 aes256gcm16 aes128-sha256; do
	check "ESP $esp in UDP" run --esp $esp --do $all
	check "ESP $esp in UDP, ESN" run --esp $esp --esn --do $all
	check "ESP $esp raw" run --esp $esp --raw --do $all
	check "ESP $esp raw, ESN" run --esp $esp --raw --esn --do $all
done
check "rekey with KE" run --do ping,rekey-child:x25519,ping:2,delete
check "INVALID_KE_PAYLOAD" run --guess modp2048 --do ping:2,delete
check "a large jump of the sequence number" run --do ping,skip:1000000,ping:2,skip:2000000000,ping:2,delete
check "the same with ESN" run --esn --do ping,skip:4294967000,ping:3,skip:4000000000,ping:2,delete
check "a client with 200 addresses" run --addresses 200 --do ping:2,rekey-child,ping:2,delete
none() { [ "$(api n1 /v1/sessions | jq length)" = 0 ]; }
check "no session is left" until_ok 5 none
outer_clean
finish

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Can the Python initiator be trusted? esp.py against scapy, then ikev2.py
# against a stock strongSwan gateway: each cipher, each group, both rekeys, both
# DELETEs, a refused group, a wrong PSK. Needs root. Raw ESP and ESN, which
# kernel-libipsec lacks, rest on the comparison with scapy.
set -u
. "$(dirname "$0")/../netns/lib.sh"
HERE=$LAB_ROOT/test/interop
failed=0 passed=0
check() {
	local name=$1; shift
	if "$@" > "$LAB/out.log" 2>&1; then
		passed=$((passed + 1))
		echo "ok    $name"
	else
		failed=$((failed + 1))
		echo "FAIL  $name"
		cat "$LAB/out.log"
	fi
}
run() { at cl "$PYTHON" "$HERE/ikev2.py" --local $CLIENT --gateway $VIP --psk-file "$LAB/psk" "$@"; }
fails_with() { local text=$1; shift; ! "$@" > "$LAB/o" 2>&1 && { cat "$LAB/o"; grep -q "$text" "$LAB/o"; }; }

lab_new
check "esp.py against scapy" "$PYTHON" "$HERE/esp_check.py"
lab_net 1
at n1 ip addr add $VIP/24 dev wan
at n1 ip addr add $INNER/24 dev lan
echo "a shared secret" > "$LAB/psk"
echo "another secret" > "$LAB/wrong"
mkdir "$LAB/gw"
cat > "$LAB/gw/swanctl.conf" <<'CONF'
connections { gw { version = 2
	proposals = aes128gcm16-prfsha256-x25519,aes256gcm16-prfsha384-ecp256,aes128-sha256-modp2048,aes256-sha256-prfsha384-x25519
	pools = p
	local { auth = psk
		id = gw }
	remote { auth = psk
		id = cl }
	children { net { local_ts = 10.20.0.0/16
		esp_proposals = aes128gcm16,aes256gcm16,aes128-sha256,aes256-sha256,aes128gcm16-x25519,aes256-sha256-modp2048 } } } }
pools { p { addrs = 10.30.0.0/16 } }
secrets { ike-1 { secret = "a shared secret" } }
CONF
swan_gw() { "$LAB_HERE/strongswan.sh" "$(ns n1)" "$LAB/gw" "$@"; }
swan_gw start || die "the gateway does not start"

all=ping:3,dpd,rekey-child,ping:3,rekey-ike,ping:2,dpd,rekey-child,ping:2,delete
check "aes128gcm16, x25519" run --do $all
check "aes256gcm16, sha384, ecp256" run --ike aes256gcm16-prfsha384-ecp256 --esp aes256gcm16 --do $all
check "aes128-sha256, modp2048" run --ike aes128-sha256-modp2048 --esp aes128-sha256 --do $all
check "aes256-sha256, sha384" run --ike aes256-sha256-prfsha384-x25519 --esp aes256-sha256 --do $all
check "rekey with KE" run --do ping,rekey-child:x25519,ping:2,delete
check "rekey with KE, modp2048" run --esp aes256-sha256 --do ping,rekey-child:modp2048,ping:2,delete
check "INVALID_KE_PAYLOAD is followed" run --guess ecp256 --do ping:2,delete
check "a jump of the sequence number" run --do ping,skip:1000000,ping:2,delete
check "the gateway knows a wrong PSK" fails_with AUTHENTICATION_FAILED run --psk-file "$LAB/wrong"
check "an identity unknown to the gateway" fails_with AUTHENTICATION_FAILED run --id nobody

# DELETE from the other side, first of the Child SA, then of the IKE SA.
background deleted ip netns exec "$(ns cl)" "$PYTHON" "$HERE/ikev2.py" --local $CLIENT --gateway $VIP \
	--psk-file "$LAB/psk" --json --do ping:2,wait:4
sleep 2
swan_gw ctl --terminate --child net > "$LAB/terminate.log" 2>&1
swan_gw ctl --terminate --ike gw >> "$LAB/terminate.log" 2>&1
await_end deleted 10
check "DELETE from the gateway" jq -e '[.served[].deleted[]] | length == 2 and .[1] == "ike"' "$LAB/deleted.log"
echo "$passed passed, $failed failed, 0 skipped"
[ $failed -eq 0 ]

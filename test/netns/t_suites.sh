#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# modes: socket xdp
# Every cipher and group, ESN, raw ESP and UDP, both rekeys, against the
# independent initiator; INVALID_KE_PAYLOAD; jumps of the sequence number; more
# NOTIFYs in a message than there is room for. An owner that is killed under a client of each
# kind of cipher at once; no number and no IV comes twice, as seen from outside.
set -u
. "$(dirname "$0")/steps.sh"
ESP_KINDS="aes128gcm16 chacha20poly1305 aes128-sha256 aes128ctr-sha256"
MORE_ESP='"chacha20poly1305-noesn-esn", "aes128ctr-sha256-noesn-esn"' cluster_up
for i in 1 2 3; do at cl ip addr add "10.79.0.5$i/24" dev wan; done
run() { run_at $CLIENT "$@"; }
run_at() {
	local local=$1; shift
	at cl "$PYTHON" "$LAB_ROOT/test/interop/ikev2.py" --local "$local" --gateway $VIP \
		--psk-file "$LAB/conf/secrets/cl.psk" "$@"
}
# together ARGS... -- ARGS...: two at once, from two addresses.
together() {
	local first=() pid
	while [ "$1" != -- ]; do first+=("$1"); shift; done
	shift
	run "${first[@]}" > "$LAB/together.log" 2>&1 &
	pid=$!
	run_at 10.79.0.51 "$@" || { wait $pid; return 1; }
	wait $pid || { cat "$LAB/together.log"; return 1; }
}
all=ping:3,dpd,rekey-child,ping:3,rekey-ike,ping:2,dpd,rekey-child,ping:2,delete
for ike in aes128gcm16-prfsha256-x25519 aes256-sha256-prfsha384-modp2048 aes128-sha256-prfsha256-ecp256; do
	check "IKE $ike" run --ike $ike --do $all
done
for esp in $ESP_KINDS aes256gcm16; do
	check "ESP $esp in UDP, without ESN and with" together --esp $esp --do $all -- --esp $esp --esn --do $all
	check "ESP $esp raw, without ESN and with" together --esp $esp --raw --do $all -- --esp $esp --raw --esn --do $all
done
check "rekey with KE" run --do ping,rekey-child:x25519,ping:2,delete
check "INVALID_KE_PAYLOAD" run --guess modp2048 --do ping:2,delete
check "a large jump of the sequence number" run --do ping,skip:1000000,ping:2,skip:2000000000,ping:2,delete
check "the same with ESN" run --esn --do ping,skip:4294967000,ping:3,skip:4000000000,ping:2,delete
check "a client with 200 addresses" run --addresses 200 --do ping:2,rekey-child,ping:2,delete
# The owner of them all is killed while they ping; then each rekeys, and pings again.
took_over=ping:80,rekey-child,ping:3,rekey-ike,ping:2,delete
until_ok 20 all_nodes_up || die "not all nodes are up"
i=0
for esp in $ESP_KINDS; do
	background "taken-$esp" ip netns exec "$(ns cl)" "$PYTHON" "$LAB_ROOT/test/interop/ikev2.py" --local "10.79.0.5$i" \
		--gateway $VIP --psk-file "$LAB/conf/secrets/cl.psk" --esp $esp --do $took_over
	i=$((i + 1))
done
all_ping() { for esp in $ESP_KINDS; do grep -q '^connected' "$LAB/taken-$esp.log" || return 1; done; }
until_ok 10 all_ping || die "not all of them are connected"
sleep 0.3
victim=$(owner)
spis_of() { sed -n 's/^connected.*SPI in \([0-9a-f]*\) .*/\1/p' "$LAB/taken-$1.log"; }
node_kill "$victim"
check "the owner of all, $victim, is killed: another one takes over" until_ok 10 moved "$victim"
for esp in $ESP_KINDS; do
	await_end "taken-$esp" 60
	check "ESP $esp: goes on, rekeys, and goes" grep -qx 'done: delete' "$LAB/taken-$esp.log"
done
node_gone_and_back "$victim"
none() { [ "$(ask_any /v1/sessions length)" = 0 ]; }
check "no session is left" until_ok 5 none
outer_clean
# From outside: two nodes have sent on each of the earlier SPIs.
observe --json > "$LAB/outside.json"
by_two() { jq -e --arg spi "$(spis_of "$1")" '[.moves[] | select(.spi == $spi)] | length > 0' "$LAB/outside.json"; }
for esp in $ESP_KINDS; do check "ESP $esp: its numbers went on at another node" by_two $esp; done
finish

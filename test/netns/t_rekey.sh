#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# modes: socket xdp
# The gateway rekeys a Child SA itself, at 75 % of its sequence space, with a stock
# client: alone, and while the client rekeys the same one (RFC 7296 2.8.1). A test hook
# makes leases so long that the next owner, after a kill, starts above that.
set -u
. "$(dirname "$0")/steps.sh"
EXTRA=long_leases cluster_up
# The client repeats its request after the gateway has repeated its own (below).
mkdir -p "$LAB/cl"
echo 'retransmit_timeout = 6.0' > "$LAB/cl/charon.conf"
client_joins

# gateway_spis: the same of the gateway's Child SAs, seen from the client.
gateway_spis() {
	ask_any /v1/sessions '[.[0].children[] | "spi-in=\(.spi_out)", "spi-out=\(.spi_in)"] | sort | join(" ")' | tr -d '\n'
	echo -n ' '
}
# the_same_one: both ends have the same one Child SA, and it is a new one.
the_same_one() {
	local mine gw
	mine=$(client_child_spis)
	gw=$(gateway_spis | sed 's/=0x/=/g')
	[ "$(wc -w <<< "$mine")" = 2 ] && [ "$mine" = "$gw" ] && [ "$mine" != "$old" ] ||
		{ echo "client '$mine', gateway '$gw', before '$old'"; return 1; }
}
asked() { [ "$(cat "$LAB"/n?.log | grep -c ' child_rekey ')" -ge "$1" ]; }

ike=$(client_ike_spis) old=$(client_child_spis)
traffic_begin ping 9
handed_over
check "the gateway asks" until_ok 5 asked 1
check "both ends have the new Child SA, and the old one is gone" until_ok 10 the_same_one
check "the client made no exchange of its own" same "$(client_exchanges)" "$exchanges"
check "the same IKE SA" same "$(client_ike_spis)" "$ike"
traffic_came_back ping
check "packets go on without a loss, after the new one is in use" at cl ping -c 20 -i 0.05 -W 1 -q $SERVER

# Long IKE messages do not reach the client: the gateway's request stays outstanding,
# the client asks too; then each finds the other's question before its own answer.
at cl nft -f - <<-'NFT'
	table inet hold {
		chain in {
			type filter hook input priority -300;
			udp sport 4500 udp length > 180 @th,64,32 0 drop
		}
	}
NFT
old=$(client_child_spis)
handed_over
check "the gateway asks again" until_ok 10 asked 2
swan cl ctl --rekey --child net > "$LAB/rekey.log" 2>&1 &
rekey=$!
client_asked() { grep -q 'generating CREATE_CHILD_SA request' "$LAB/cl/run/charon.log"; }
check "the client asks at the same time" until_ok 10 client_asked
sleep 0.5
at cl nft delete table inet hold
wait $rekey
check "one Child SA is left, the same at both ends" until_ok 20 the_same_one
check "the same IKE SA, still" same "$(client_ike_spis)" "$ike"
check "and packets pass" at cl ping -c 20 -i 0.05 -W 1 -q $SERVER
sleep 3
check "it stays so" the_same_one
# As strongSwan 5.9 says it, and 6.0.
collided() {
	grep -qE 'detected (CHILD_REKEY collision with CHILD_REKEY|rekey collision for CHILD_SA)' \
		"$LAB/cl/run/charon.log"
}
check "the client saw the collision" collided
note "the client: $(grep -oE 'collision.*, deleting [a-z]* child' "$LAB/cl/run/charon.log" | tail -n 1)"
outer_clean
finish

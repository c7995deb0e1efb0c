#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# modes: socket xdp
# ICMP errors of routers about packets in the tunnel: "time exceeded", "unreachable" and
# "fragmentation needed" reach the client from an inner address, or from a router that
# the client's selectors do not name; and path MTU discovery works both ways, on an outer
# side that has no room for the default MTU, without one outer fragment.
#
#     cl ==== n1 n2 n3 ---- lan ---- sv
#                            |
#                            r1 (10.20.0.60) ---- 10.20.128.0/24, where nobody is
set -u
. "$(dirname "$0")/steps.sh"
OUTER_MTU=1300 INSIDE_MTU=1200
outer_is_narrow() {
	local h
	for h in $LAB_NODES cl; do
		at sw ip link set "wan-$h" mtu $OUTER_MTU
		at "$h" ip link set wan mtu $OUTER_MTU
	done
}
# r1's second address stands for a router that the client does not know.
router() {
	local n
	host r1
	cable lan r1 lan 02:00:00:20:60
	at r1 sysctl -qw net.ipv4.ip_forward=1 net.ipv4.icmp_ratelimit=0
	at r1 ip addr add 10.20.0.60/24 dev lan
	at r1 ip addr add 192.0.2.60/32 dev lo
	at r1 ip route add unreachable 10.20.128.0/25
	at r1 ip link add far type bridge
	at r1 ip addr add 10.20.128.129/25 dev far
	at r1 ip link set far up
	at r1 ip route add 10.30.0.0/16 via $INNER src 10.20.0.60
	for n in $LAB_NODES; do at "$n" ip route add 10.20.128.0/24 via 10.20.0.60; done
}
# told FROM WHAT PING-ARGS...: the client's ping prints an error of that kind, from there.
told() {
	local from=$1 what=$2; shift 2
	at cl ping -i 0.3 -W 2 "$@" > "$LAB/ping.out" 2>&1
	grep -iE "from $from .*($what)" "$LAB/ping.out" || { cat "$LAB/ping.out"; return 1; }
}
tcp() { # KIND: a TCP transfer through the tunnel goes on to its end.
	traffic_begin "$1" 4
	traffic_came_back "$1"
}
[ -x "$BATON" ] || skip "no $BATON"
lab_new
lab_net
outer_is_narrow
router
relaxed >> "$LAB/extra.toml"
lab_config "$MODE"
capture_outer
server_start
nodes_start 30
check "the data path is $MODE" same "$(status n1 .datapath.mode)" "$MODE"
check "the TUN device leaves room for ESP" same "$(at n1 cat /sys/class/net/baton0/mtu)" 1214
client_joins
at cl ip link set ipsec0 mtu 1500 # Its own MTU must not do our work.

check "time exceeded" told $INNER 'time to live exceeded' -c 2 -t 1 $SERVER
check "nobody there" told $INNER 'host unreachable' -c 6 10.20.0.99
check "of another router" told 10.20.0.60 'unreachable' -c 2 10.20.128.9
check "two hops away" told 10.20.0.60 'time to live exceeded' -c 2 -t 2 10.20.128.200
at r1 ip route replace 10.30.0.0/16 via $INNER src 192.0.2.60
# Stock strongSwan takes nothing from there, whatever RFC 4301 6.2 says; but it got it.
# (The router's kernel limits how often it says so.)
came_in() {
	at cl ping -W 1 -c 1 -q 10.20.128.9 > /dev/null
	grep "inbound IP packet 192.0.2.60 == $virtual" "$LAB/cl/run/charon.log"
}
check "of a router outside of the selectors" until_ok 10 came_in

# To the client: sealed packets must fit its side. The server learns who has no room.
at sv ping -i 0.3 -W 2 -c 2 -M do -s 1272 "$virtual" > "$LAB/ping.out" 2>&1
check "the server is told the tunnel's MTU" grep -E 'From 10\.20\.0\.1[123] .*mtu ?= ?1214' "$LAB/ping.out"
check "that fits" at sv ping -i 0.3 -W 2 -c 2 -M do -s 1186 "$virtual"
at sv ip route flush cache
tcp down
tcp up

# To the inside: a hop behind the gateway has less room than the client's packets need.
for n in $LAB_NODES; do
	at "$n" ip link set lan mtu $INSIDE_MTU
	at sw ip link set "lan-$n" mtu $INSIDE_MTU
done
check "the client is told the inside's MTU" told $INNER "mtu ?= ?$INSIDE_MTU" -c 2 -M do -s 1192 $SERVER
check "that fits as well" at cl ping -i 0.3 -W 2 -c 2 -M do -s 1172 $SERVER
at cl ip route flush cache
tcp up

unharmed "after"
fragments() {
	local n
	for n in $LAB_NODES; do tcpdump -nr "$LAB/wan-$n.pcap" 'ip[6:2] & 0x3fff != 0' 2>/dev/null; done
}
outer_clean
check "no node has sent an outer fragment" same "$(fragments)" ""
note "TCP down $(result t-down .total) octets, up $(result t-up .total)"
finish

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# modes: socket xdp
# timeout: 900
# The host of the client's owner changes while traffic goes on. The node follows where it can; a
# change that hinders it makes it unready, naming the interface, and another node serves; a change
# that needs a new start ends it, with the reason.
set -u
. "$(dirname "$0")/steps.sh"
cluster_up
client_joins

settle() { # Owner and leader apart, all nodes up: prints the owner.
	until_ok 30 all_nodes_up || die "not all nodes are up"
	until_ok 30 owner_apart || die "leader and owner are one"
	victim=$(owner)
	lines=$(wc -l < "$LAB/$victim.log")
	traffic_begin ping "${1:-4}"
	sleep 1
}
said() { tail -n "+$((lines + 1))" "$LAB/$victim.log" | grep -E "$1"; }
says() { until_ok 5 said "$1" || { tail -n 5 "$LAB/$victim.log"; return 1; }; }
unready_for() { # REASON: at /readyz and in /v1/status
	[ "$(api_code "$victim" /readyz)" = 503 ] && api "$victim" /readyz | grep -q "^$1: " &&
		[ "$(status "$victim" ".ready, (.unready | map(.reason) | index(\"$1\") != null)" | tr '\n' ' ')" = "false true " ]
}
has_address() { at "$victim" ip -o addr show dev baton0 | grep -qF " $1/32"; }
holds_none() { ! has_address $VIP; }
owns() { [ "$(owner)" = "$victim" ]; }
has_route() { at "$victim" ip route show 10.30.0.0/16 dev baton0 | grep -q "src $INNER"; }
tun_mtu_is() { [ "$(at "$victim" cat /sys/class/net/baton0/mtu)" = "$1" ]; }
# default_route: restores it as a host's own configuration would.
default_route() { at "$victim" ip route replace default via 10.79.0.1 dev wan; }
# stays WHAT: the node followed: same owner, ready, and traffic goes on.
stays() {
	traffic_came_back ping
	check "$1: it is still the owner" owns
	check "$1: and ready" node_ready "$victim"
}
# hinders WHAT REASON UNDO...: it serves no more until that is undone.
hinders() {
	local what=$1 reason=$2; shift 2
	check "$what: unready by name" until_ok 5 unready_for "$reason"
	check "$what: another node owns the session" until_ok 5 moved "$victim"
	check "$what: it holds no address" until_ok 5 holds_none
	traffic_came_back ping
	"$@"
	check "$what: ready again" until_ok 15 node_ready "$victim"
}
# ends WHAT REASON: it ends by itself, having handed over.
ends() {
	check "$1: it ends by itself" await_end "$victim" 8
	check "$1: and says why" said "$2.*handing over, to start anew"
	check "$1: another node owns the session" until_ok 5 moved "$victim"
	traffic_came_back ping
	rm -f "$LAB/$victim.pid"
}
comes_back() { node_gone_and_back "$victim"; }
not_xdp() { [ "$(status "$victim" .datapath.detail)" != "xdp native" ]; }

for a in $INNER $VIP; do
	settle
	at "$victim" ip addr del "$a/32" dev baton0
	check "address $a taken away: set again" until_ok 5 has_address "$a"
	check "... with its route" until_ok 5 has_route
	check "... and told" says "host address $a/32 was removed"
	stays "address $a"
done

settle
at "$victim" ip route del 10.30.0.0/16 dev baton0
check "route taken away: set again" until_ok 5 has_route
check "... and told" says 'host route to 10.30.0.0/16 was removed'
stays "route"

settle
at "$victim" ip route replace 10.30.0.0/16 via 10.20.0.50 dev lan
check "route replaced: set again" until_ok 5 has_route
stays "replaced route"

has_hole() { at "$victim" ip route show type blackhole | grep -q "^blackhole ${1%/32} "; }
for p in 10.30.0.0/16 $VIP/32 $INNER/32 10.20.0.0/24; do # Pool, service addresses, the inside.
	settle
	check "blackhole $p stands" has_hole $p
	at "$victim" ip route del blackhole "$p"
	check "blackhole $p taken away: laid again" until_ok 5 has_hole "$p"
	check "... and told" says "host blackhole route to $p was removed"
	stays "blackhole $p"
done

settle
at "$victim" ip link set baton0 down
check "TUN device down: up again" until_ok 5 has_route
stays "TUN device down"

settle
at "$victim" ip link set wan mtu 1400
check "MTU: the TUN device follows" until_ok 5 tun_mtu_is 1310
stays "MTU"
at "$victim" ip link set wan mtu 1500
check "MTU: and back" until_ok 5 tun_mtu_is 1400

settle
at "$victim" ip link set wan address 02:00:00:79:99:99
announced() { at cl ip neigh show $VIP | grep -q 02:00:00:79:99:99; }
check "MAC: announced again" until_ok 5 announced
stays "MAC"

settle
at "$victim" ip link set lan down
hinders "inner interface down" inner_interface at "$victim" ip link set lan up

settle
at "$victim" ip link set lan down && at "$victim" ip link set lan name lan9 && at "$victim" ip link set lan9 up
check "renamed: told" says "is called 'lan9' now"
traffic_came_back ping
check "renamed: ready under another name" until_ok 15 node_ready "$victim"
at "$victim" ip link set lan9 down && at "$victim" ip link set lan9 name lan && at "$victim" ip link set lan up
check "renamed: and back" until_ok 15 node_ready "$victim"

settle
at "$victim" ip link set wan down
wan_up() { at "$victim" ip link set wan up; default_route; }
hinders "outer interface down" outer_interface wan_up

settle
port_down "$victim" wan
hinders "cable pulled" outer_interface port_up "$victim" wan

settle
at "$victim" ip addr flush dev wan
wan_address() { at "$victim" ip addr add "10.79.0.1${victim#n}/24" dev wan; default_route; }
hinders "own address lost" outer_interface wan_address

# Vanished, and back under another index: then it has to serve by it.
settle
at "$victim" ip link del lan
cable_lan() {
	cable lan "$victim" lan "02:00:00:20:1${victim#n}"
	at "$victim" ip addr add "10.20.0.1${victim#n}/24" dev lan
}
hinders "inner interface gone" inner_interface cable_lan
others=()
for n in $LAB_NODES; do [ "$n" = "$victim" ] || others+=("$n"); done
for n in "${others[@]}"; do port_down "$n" lan; done
check "who has it back owns again" until_ok 10 owns
check "and serves" until_ok 5 at cl ping -c 1 -W 1 $SERVER
for n in "${others[@]}"; do port_up "$n" lan; done

settle
at "$victim" ip link del wan
cable_wan() {
	cable wan "$victim" wan "02:00:00:79:1${victim#n}"
	wan_address
}
if [ "$MODE" = xdp ]; then
	ends "outer interface gone" "interface 'wan' is gone"
	cable_wan
	comes_back
else
	hinders "outer interface gone" outer_interface cable_wan
fi

if [ "$MODE" = xdp ]; then
	settle
	program=$(at "$victim" bpftool -j net show dev wan | jq '.[0].xdp[0].id // .[0].xdp[0].prog_id')
	link=$(bpftool -j link show | jq "map(select(.prog_id == $program))[0].id")
	bpftool link detach id "$link"
	check "XDP detached: the status says so" until_ok 3 not_xdp
	ends "XDP detached" "XDP program was detached from"
	comes_back
fi

settle
at "$victim" ip link del baton0
ends "TUN device gone" "TUN device is gone"
comes_back

unharmed "after"
note "lost $(result t-ping .lost) of $(result t-ping .sent) pings in the last step"
capture_end
check "outer side: only IKE and ESP, no number twice, no ICMP error" observe
finish

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Two data paths, a tunnel between them, no key exchange: ping through it on each
# rung of the ladder and with both encapsulations, and look at what the addresses
# do. Needs root.
#
#   b (client) --wan 10.79.0.0/24-- a (gateway) --lan 10.20.0.0/24-- h
#
# The namespaces carry a prefix of this run: dp$$-a, dp$$-b, dp$$-h.
set -u
cd "$(dirname "$0")/../.." || exit 1
[ "$(id -u)" = 0 ] || { echo "SKIP: not root"; exit 77; }
make -s build/netns/datapath_peer || exit 1
peer=build/netns/datapath_peer
work=$(mktemp -d) || exit 1
passed=0 failed=0
dp=dp$$
ok()   { passed=$((passed + 1)); echo "ok    $1"; }
bad()  { failed=$((failed + 1)); echo "FAIL  $1"; tail -n 5 "$work"/*.out; }
check() { local what=$1; shift; if "$@" > "$work/check" 2>&1; then ok "$what"; else bad "$what"; cat "$work/check"; fi; }

down() {
	exec 7>&- 8>&-
	wait
	for ns in $dp-a $dp-b $dp-h; do ip netns del $ns 2>/dev/null; done
}
trap 'down; rm -rf "$work"' EXIT
trap 'kill $(jobs -p) 2> /dev/null; exit 143' INT TERM HUP

up() {
	for ns in $dp-a $dp-b $dp-h; do ip netns add $ns && ip -n $ns link set lo up; done
	ip -n $dp-a link add wan type veth peer name wan netns $dp-b
	ip -n $dp-a link add lan type veth peer name lan netns $dp-h
	ip -n $dp-b link add lan type dummy 2>/dev/null || ip -n $dp-b link add lan type veth peer name lan2
	ip -n $dp-a addr add 10.79.0.1/24 dev wan; ip -n $dp-b addr add 10.79.0.2/24 dev wan
	ip -n $dp-a addr add 10.20.0.2/24 dev lan; ip -n $dp-h addr add 10.20.0.9/24 dev lan
	for ns in $dp-a $dp-b; do ip netns exec $ns sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.wan.accept_dad=0 net.ipv6.conf.lan.accept_dad=0; done
	ip netns exec $dp-h sysctl -qw net.ipv6.conf.lan.accept_dad=0
	ip -n $dp-a addr add 2001:db8:79::1/64 dev wan; ip -n $dp-b addr add 2001:db8:79::2/64 dev wan
	ip -n $dp-a addr add 2001:db8:20::2/64 dev lan; ip -n $dp-h addr add 2001:db8:20::9/64 dev lan
	for ns in $dp-a $dp-b; do ip -n $ns link set wan up; ip -n $ns link set lan up; done
	ip -n $dp-h link set lan up
	ip -n $dp-h route add default via 10.20.0.1
	ip -n $dp-h route add default via 2001:db8:20::1
}

# start SIDE FD MODE ENCAP LOCAL REMOTE INNER LOCAL_TS REMOTE_TS
start() {
	local side=$1 fd=$2; shift 2
	mkfifo "$work/$side.in"
	ip netns exec $dp-$side $peer $side "$1" "$2" wan lan "${@:3}" \
		< "$work/$side.in" > "$work/$side.out" 2>&1 &
	eval "${side}_pid=$!"
	eval "exec $fd> $work/$side.in"
	for _ in $(seq 100); do grep -q ^ready "$work/$side.out" && break; sleep 0.05; done
	grep ^ready "$work/$side.out" || { bad "$side starts"; cat "$work/$side.out"; return 1; }
	rm "$work/$side.in"
}
counter() { # SIDE FD NAME: asks the peer and prints one of its counters.
	echo c >&"$2"; sleep 0.1
	tail -n 1 "$work/$1.out" | tr ' ' '\n' | sed -n "/^$3\$/{n;p}"
}
above() { local n; n=$(counter "$1" "$2" "$3"); [ "${n:-0}" -gt "$4" ]; }

# 4 MB from the host behind the gateway to the client, and its digest back.
tcp() {
	ip netns exec $dp-h timeout 60 python3 -c '
import socket, hashlib
s = socket.create_server(("10.20.0.9", 7000)); c, _ = s.accept()
data = bytes(range(256)) * 16384; c.sendall(data); c.shutdown(socket.SHUT_WR)
raise SystemExit(c.recv(64) != hashlib.sha256(data).digest())' &
	local server=$!
	ip netns exec $dp-b timeout 60 python3 -c '
import socket, hashlib, time
for i in range(50):
    try: c = socket.create_connection(("10.20.0.9", 7000), source_address=("10.30.0.5", 0)); break
    except ConnectionRefusedError: time.sleep(0.1)
h = hashlib.sha256()
while d := c.recv(65536): h.update(d)
c.sendall(h.digest())' || { kill $server; return 1; }
	wait $server
}

tunnel() { # MODE ENCAP
	up
	start a 7 "$1" "$2" 10.79.0.100/24 10.79.0.200/24 10.20.0.1/24 10.20.0.0/16 10.30.0.0/16 || return
	start b 8 "$1" "$2" 10.79.0.200/24 10.79.0.100/24 10.30.0.5/32 10.30.0.0/16 10.20.0.0/16 || return
	check "$1 $2: ping through the tunnel" \
		ip netns exec $dp-b ping -c 20 -i 0.01 -W 2 -I 10.30.0.5 10.20.0.9
	check "$1 $2: full-size packets" \
		ip netns exec $dp-b ping -c 5 -i 0.01 -W 2 -s 1372 -M do -I 10.30.0.5 10.20.0.9
	check "$1 $2: larger ones in fragments" \
		ip netns exec $dp-b ping -c 5 -i 0.01 -W 2 -s 4000 -I 10.30.0.5 10.20.0.9
	check "$1 $2: all of it passed the data path" above a 7 in 29
	check "$1 $2: marks were reported" above a 7 marks 0
	[ $1 = xdp ] && {
		check "$1 $2: in by AF_XDP" above a 7 xdp_in 25
		check "$1 $2: out by AF_XDP" above a 7 xdp_out 25
	}
	check "$1 $2: TCP with checksums and segments left to a NIC" tcp
	check "$1 $2: baton answers ARP for its addresses" above a 7 arp 0
	[ $1 != socket ] || congestion "$1 $2"
}

# A router outside marks each packet (RFC 3168). AF_XDP passes no such hook: test/unit/outer_test.c.
congestion() {
	ip netns exec $dp-b nft -f - <<-NFT
		table ip outside {
			chain out {
				type filter hook postrouting priority mangle
				ip daddr 10.79.0.100 ip ecn set ce
			}
		}
	NFT
	ip netns exec $dp-h nft -f - <<-NFT
		table ip inside {
			chain in {
				type filter hook input priority 0
				icmp type echo-request ip ecn ce counter
			}
		}
	NFT
	check "$1: who is ECN-capable comes through congestion" \
		ip netns exec $dp-b ping -c 5 -i 0.01 -W 2 -Q 2 -I 10.30.0.5 10.20.0.9
	check "$1: and the inside hears of it" \
		sh -c "ip netns exec $dp-h nft list table ip inside | grep -q 'counter packets 5 '"
	check "$1: who is not gets no packet through it" \
		sh -c "! ip netns exec $dp-b ping -c 2 -i 0.01 -W 1 -I 10.30.0.5 10.20.0.9"
	check "$1: which is a drop with a name" above a 7 drop_ecn 1
	ip netns exec $dp-b nft delete table ip outside
}

addresses() {
	check "the service address stands on the TUN device" \
		sh -c "ip -n $dp-a addr show dev dp-a | grep -q 10.79.0.100/32"
	echo r >&7; sleep 0.2
	check "a released address is gone" \
		sh -c "! ip -n $dp-a addr show dev dp-a | grep -q 10.79.0.100"
	check "the kernel does not answer ARP for it" \
		sh -c "ip -n $dp-b neigh flush dev wan; ! ip netns exec $dp-b ping -c 1 -W 1 10.79.0.100"
	check "pool packets meet the blackhole" \
		sh -c "ip -n $dp-a route get 10.30.0.5 2>&1 | grep -qi 'invalid\|blackhole\|unreach'"
	echo h >&7; sleep 0.2
	check "held again, traffic goes on" \
		ip netns exec $dp-b ping -c 3 -i 0.01 -W 2 -I 10.30.0.5 10.20.0.9
	local in; in=$(counter a 7 in)
	echo v >&7; sleep 0.1
	check "without a grant nothing passes" \
		sh -c "! ip netns exec $dp-b ping -c 1 -W 1 -I 10.30.0.5 10.20.0.9"
	check "but goes to the owner" above a 7 forwards 0
	echo f >&7; sleep 0.1
	check "a forwarded packet is not forwarded again" above a 7 drop_forward_twice 0
	echo g >&7; sleep 0.1; echo f >&7; sleep 0.1
	check "and delivered where it is granted" above a 7 in "$in"
	echo i >&7; sleep 0.3
	check "an isolated node gives the address up by itself" \
		sh -c "! ip -n $dp-a addr show dev dp-a | grep -q 10.79.0.100"
	check "and lets nothing through" \
		sh -c "! ip netns exec $dp-b ping -c 1 -W 1 -I 10.30.0.5 10.20.0.9"
	echo j >&7; sleep 0.2
	check "with contact it goes on" \
		ip netns exec $dp-b ping -c 3 -i 0.01 -W 2 -I 10.30.0.5 10.20.0.9
	echo q >&7; exec 7>&-; sleep 0.3
	check "the blackhole outlives the process" \
		sh -c "ip -n $dp-a route show type blackhole | grep -q 10.30.0.0/16"
	check "the TUN device does not" sh -c "! ip -n $dp-a link show dp-a 2>/dev/null"
}

crash() {
	kill -9 $a_pid; wait $a_pid 2> /dev/null; sleep 0.3
	check "after a crash no program stays on the interface" \
		sh -c "! ip -n $dp-a -d link show dev wan | grep -q prog/xdp"
	check "nor an address" sh -c "! ip -n $dp-a addr | grep -q 10.79.0.100"
	check "but the blackhole" sh -c "ip -n $dp-a route show type blackhole | grep -q 10.30.0.0/16"
}

tunnel6() { # MODE ENCAP
	up
	start a 7 "$1" "$2" 2001:db8:79::100/64 2001:db8:79::200/64 2001:db8:20::1/64 \
		2001:db8:20::/64 2001:db8:30::/64 || return
	start b 8 "$1" "$2" 2001:db8:79::200/64 2001:db8:79::100/64 2001:db8:30::5/128 \
		2001:db8:30::/64 2001:db8:20::/64 || return
	check "$1 $2 IPv6: ping through the tunnel" \
		ip netns exec $dp-b ping -c 20 -i 0.01 -W 2 -I 2001:db8:30::5 2001:db8:20::9
	check "$1 $2 IPv6: full-size packets" \
		ip netns exec $dp-b ping -c 5 -i 0.01 -W 2 -s 1342 -M do -I 2001:db8:30::5 2001:db8:20::9
	check "$1 $2 IPv6: baton answers neighbour solicitations" above a 7 arp 0
	[ $1 = xdp ] && check "$1 $2 IPv6: out by AF_XDP" above a 7 xdp_out 20
}

for mode in ${MODES:-socket xdp}; do
	for encap in udp esp; do
		tunnel $mode $encap
		[ $mode$encap = socketudp ] && addresses
		[ $mode$encap = xdpesp ] && crash
		down
		tunnel6 $mode $encap
		down
	done
done
echo "$passed passed, $failed failed, 0 skipped"
[ $failed -eq 0 ]

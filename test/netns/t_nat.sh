#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# modes: socket
# A stock client behind a router that translates addresses. The mapping changes: to another port, to another address,
# and while the owner of the session is dead. Packets go on, on the same SAs.
#
#     cl (10.99.0.2) ---- nat (10.79.0.60, .61) ---- wan ---- n1 n2 n3 ---- sv
set -u
. "$(dirname "$0")/steps.sh"
# It reports no NAT change itself: without MOBIKE and DPD only its packets show where it is.
PORT=41000
router() {
	host nat
	cable wan nat wan 02:00:00:79:60
	at nat ip addr add 10.79.0.60/24 dev wan
	at nat ip addr add 10.79.0.61/24 dev wan
	at nat sysctl -qw net.ipv4.ip_forward=1
	ip link add home netns "$(ns nat)" type veth peer name home netns "$(ns cl)"
	at nat ip addr add 10.99.0.1/24 dev home
	at nat ip link set home up
	at cl ip addr flush dev wan
	at cl ip addr add 10.99.0.2/24 dev home
	at cl ip link set home up
	at cl ip route add default via 10.99.0.1
}
# mapped ADDRESS PORT: from now on the client is seen there. The router forgets its mappings, as after a restart.
mapped() {
	at nat nft -f - <<-NFT
		table ip router
		delete table ip router
		table ip router {
			chain out {
				type nat hook postrouting priority srcnat
				oifname wan udp sport 4500 snat to $1:$2
				oifname wan snat to $1
			}
		}
	NFT
	at nat "$PYTHON" "$LAB/forget.py"
}
# IPCTNL_MSG_CT_DELETE without a connection: all of them.
cat_forget() {
	cat > "$LAB/forget.py" <<-PY
	import socket, struct
	s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
	s.send(struct.pack("=IHHIIBBH", 20, 1 << 8 | 2, 5, 1, 0, socket.AF_INET, 0, 0))
	raise SystemExit(struct.unpack("=i", s.recv(4096)[16:20])[0])
	PY
}
seen_at() { same "$(ask_any /v1/sessions '.[0].remote')" "$1"; }
both_ways() { at cl ping -q -c 2 -i 0.1 -W 1 $SERVER && at sv ping -q -c 2 -i 0.1 -W 1 "$virtual"; }
keepalives() { api "$(owner)" /metrics | awk '/^baton_keepalives_total/ { print int($2) }'; }
some_keepalives() { [ "$(keepalives)" -gt 0 ] || { echo "keepalives: $(keepalives)"; return 1; }; }

[ -x "$BATON" ] || skip "no $BATON"
lab_new
lab_net
cat_forget
router
relaxed >> "$LAB/extra.toml"
lab_config "$MODE"
capture_outer
server_start
nodes_start 30
mapped 10.79.0.60 $PORT
client_conf
sed -i 's/^\t\tversion = 2/&\n\t\tmobike = no/' "$LAB/cl/swanctl.conf"
printf '\tkeep_alive = 1s\n' > "$LAB/cl/charon.conf"
client_start
client_up || { cat "$LAB/cl-initiate.log" >&2; die "the client does not get its tunnel"; }
spis=$(client_spis) exchanges=$(client_exchanges) virtual=$(client_vip)
check "the client is seen at its router" until_ok 5 seen_at 10.79.0.60:$PORT
check "packets pass" until_ok 5 both_ways
mapped 10.79.0.60 42000
check "another port" until_ok 5 both_ways
check "the session has followed" until_ok 5 seen_at 10.79.0.60:42000
mapped 10.79.0.61 43000
check "another address" until_ok 5 both_ways
check "the session has followed again" until_ok 5 seen_at 10.79.0.61:43000
until_ok 20 owner_apart || die "leader and owner stay together"
victim=$(owner)
node_kill "$victim"
mapped 10.79.0.60 44000
check "while its owner is dead" until_ok 10 both_ways
check "the session has followed its client to the next owner" until_ok 5 seen_at 10.79.0.60:44000
check "another node owns it" moved "$victim"
check "keepalives are counted, and are no packets" until_ok 5 some_keepalives
unharmed "after all"
outer_clean
short() { local n; for n in $LAB_NODES; do tcpdump -nr "$LAB/wan-$n.pcap" 'udp and udp[4:2] = 9' 2> /dev/null; done; }
check "nobody answers a keepalive" same "$(short)" ""
finish

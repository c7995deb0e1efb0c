#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What a flood costs honest clients: handshakes a second under IKE_SA_INIT requests from
# forged addresses, and a tunnel's throughput under forged ESP of its SPI; each compared with no
# flood, and with the same flood at another address, which shows the generator's share of the
# processors that the nodes use, too. In turns, ROUNDS times.
#
#   flood.sh [RATE [ROUNDS [SECS]]]                   20000 a second, 3 rounds, 4 s
set -u
. "$(dirname "$0")/lib.sh"
rate=${1:-20000} rounds=${2:-3} secs=${3:-4}
bench_made handshakes flood
FLOOD=$LAB_ROOT/build/bench/flood
ELSEWHERE=10.79.0.1
lab_new
lab_net 3
host at
cable wan at wan 02:00:00:79:66
at at ip addr add 10.79.0.66/24 dev wan
lab_config "$MODE" 3
server_start
nodes_start 30
client_joins
vm() { awk -v k="$1:" '$1 == k { printf "%.1f", $2 / 1024 }' "/proc/$(pid_of "$2")/status"; }
spi=$(api "$(owner)" /v1/sessions | jq -r '.[0].children[0].spi_in')

# flood KIND WHERE: in the background, a second longer than the measurement; WHERE none: no flood.
flood() {
	[ "$2" != none ] || return 0
	background flood ip netns exec "$(ns at)" "$FLOOD" "$1" "$2" $((secs + 1)) "$rate" "$spi"
	sleep 0.5
}
flood_end() { [ "$1" = none ] || await_end flood 20; }
handshakes() {
	flood init "$1"
	at at "$LOAD" rate $VIP cl "$LAB/conf/secrets/cl.psk" "$secs" 16 | jq .per_s
	flood_end "$1"
}
throughput() { # Mbit/s, both directions
	flood esp "$1"
	traffic up cl up $SERVER --secs "$secs" --linger 1
	await_end up 60
	flood_end "$1"
	jq --argjson s "$secs" '.total * 8 / $s / 1e6 | floor' "$LAB/up.json"
}
mean() { awk '{ s += $1 } END { printf "%.1f", s / NR }' "$LAB/$1"; }
ratio() { awk -v a="$(mean "$1")" -v b="$(mean "$2")" 'BEGIN { printf "%.2f", b ? a / b : 0 }'; }

before=$(vm VmRSS n1)
for kind in throughput handshakes; do
	for _ in $(seq "$rounds"); do
		$kind none >> "$LAB/$kind-none"
		$kind $ELSEWHERE >> "$LAB/$kind-elsewhere"
		$kind $VIP >> "$LAB/$kind-flood"
	done
done
say "data path $(status n1 .datapath.detail), $(nproc) cores for nodes, clients and flood; load $(cut -d' ' -f1 /proc/loadavg)"
say "flood: $rate packets/s asked for, $(jq .per_s "$LAB/flood.log" | awk '{ s += $1 } END { printf "%.0f", s / NR }') made; each of $rounds x $secs s, means"
for kind in throughput handshakes; do
	unit='handshakes/s'
	[ $kind = throughput ] && unit='Mbit/s to the server'
	say "$(printf '%-22s none %8s   flood elsewhere %8s   flood %8s   ratio to none %s, to elsewhere %s' "$unit" \
		"$(mean $kind-none)" "$(mean $kind-elsewhere)" "$(mean $kind-flood)" \
		"$(ratio $kind-flood $kind-none)" "$(ratio $kind-flood $kind-elsewhere)")"
done
say "n1 resident: $before MiB at rest, $(vm VmHWM n1) MiB at most, with $(status n1 .sessions) sessions"

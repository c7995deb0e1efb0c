#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# modes: socket xdp
# alone
# An attacker can reach every port, but has no key. Under each attack a connected client
# keeps its tunnel, honest clients connect, no ownership moves, and memory stays below the limits of /v1/status.
set -u
. "$(dirname "$0")/steps.sh"
make -s -C "$LAB_ROOT" build/bench/flood > /dev/null || exit 1
export CLUSTER_KEYS=$'half_open_max = 400\ncookie_above = 60'
FLOOD=$LAB_ROOT/build/bench/flood
ATTACK=$LAB_HERE/attack.py
MANY=10000
cluster_up
HONEST=10.79.0.66
host at
cable wan at wan 02:00:00:79:66
cable ctl at ctl 02:00:00:77:66
at at ip addr add $HONEST/24 dev wan
at at ip addr add 10.77.0.66/24 dev ctl
for i in $(seq 200 229); do
	at at ip addr add "10.79.0.$i/24" dev wan
	at at ip addr add "10.77.0.$i/24" dev ctl
done
outside=$(seq -s, -f 10.79.0.%g 200 229)
nearby=$(seq -s, -f 10.77.0.%g 200 229)
SNAPLEN=65535 capture record wan-cl in
client_joins
until_ok 20 owner_apart
own=$(owner) lead=$(leader) idle=$(other "$(owner)" "$(leader)")
attack() { at at "$PYTHON" "$ATTACK" "$@"; }
clients() { attack clients $HONEST $VIP "$LAB/conf/secrets/cl.psk" "${1:-3}" > "$LAB/clients.json"; }
slowest() { jq -r '"slowest \(.slowest_ms) ms, \(.cookies) cookies"' "$LAB/clients.json"; }
counter() { local n; for n in $LAB_NODES; do api "$n" /metrics; done | awk -v k="$1" 'index($0, k) == 1 { s += $NF } END { printf "%d\n", s }'; }
grew() { [ "$(counter "$1")" -gt "$2" ] || { echo "$1 is still $2"; return 1; }; }
vm() { awk -v k="$1:" '$1 == k { print $2 }' "/proc/$(pid_of "$2")/status"; }
session() { api "$own" /v1/sessions | jq -c --arg v "$virtual" '[.[] | select(.virtual_ip == $v) | .owner, .epoch, .remote]'; }
# storm NAME HOST COMMAND...: an attack in the background. under NAME TEXT: honest clients
# connect while it runs.
storm() { local name=$1 host=$2; shift 2; background "$name" ip netns exec "$(ns "$host")" "$@"; }
under() {
	check "$2: honest clients connect" clients 3
	say "      $(slowest)"
	await_end "$1" 30 || die "the attack does not end"
	say "      $(tail -n 1 "$LAB/$1.log")"
}

# ---- what the process gave up
fences() {
	local t s
	for t in "/proc/$(pid_of "$own")"/task/*; do
		s=$(cat "$t/status")
		[ "$(awk '/^Seccomp:/ { print $2 }' <<< "$s")" = 2 ] || { echo "$t: no filter"; return 1; }
		case $(awk '/^Name:/ { print $2 }' <<< "$s") in
		baton-address) cap=0000000000005000 ;;
		baton | baton-worker) cap=0000008000004000 ;;
		*) cap=0000000000004000 ;;
		esac
		for k in CapEff CapPrm; do
			same "$(awk -v k="$k:" '$1 == k { print $2 }' <<< "$s")" $cap || { echo "$t: $k"; return 1; }
		done
	done
}
check "each thread has the capabilities it needs, and a filter" fences
check "no core dumps" grep -qE '^Max core file size +0 +0 ' "/proc/$(pid_of "$own")/limits"
if [ $(($(awk '/^CapEff:/ { print "0x" $2 }' /proc/self/status) >> 14 & 1)) = 1 ]; then
	check "memory is locked" [ "$(vm VmLck "$own")" -gt 10000 ]
else
	say "      no CAP_IPC_LOCK here: memory is not locked"
fi

# ---- what it may hold: the limits, in octets, and some for the allocator
declare -A rest
for n in $LAB_NODES; do rest[$n]=$(vm VmRSS "$n"); done
bound=$(status "$own" '.limits | (.half_open * 12288 + .ike_queue_bytes + .packet_queue_bytes + .link_strangers * 65536
	+ .http_connections * 98304) / 1024 + 16384 | floor')
before=$(session)
traffic_begin ping 28

# ---- IKE
storm init at "$FLOOD" init $VIP 2 20000
under init "IKE_SA_INIT, each from another address"
check "half-open IKE SAs stay within their limit" jq -e '.half_open <= .limits.half_open' <(api "$lead" /v1/status)
storm half at "$PYTHON" "$ATTACK" half "$outside" $VIP 1500
under half "half-open IKE SAs from 30 real addresses"
check "they were more than there may be" grep -qE 'opened 1[5-9]..' "$LAB/half.log"
storm auth at "$FLOOD" auth $VIP 2 20000
under auth "IKE_AUTH of no IKE SA"
check "noise between a client's own messages" attack auth $HONEST $VIP "$LAB/conf/secrets/cl.psk"

# ---- ESP
spi=$(api "$own" /v1/sessions | jq -r --arg v "$virtual" '.[] | select(.virtual_ip == $v).children[0].spi_in')
forged=$(counter 'baton_drops_total{at="datapath"')
storm esp at "$FLOOD" esp $VIP 2 20000 "$spi"
under esp "ESP under the client's SPI, each from another address"
check "it was dropped and counted" grew 'baton_drops_total{at="datapath"' $((forged + 1000))
for n in $lead $idle; do
	check "the client's recorded ESP, at $n" inject_at "$n"
done
sleep 0.3
check "nothing moved: owner, epoch and address of the client" same "$(session)" "$before"

# ---- the link port
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=n1 -addext subjectAltName=DNS:n1 \
	-keyout "$LAB/other.key" -out "$LAB/other.pem" 2> /dev/null
s=$LAB/conf/secrets
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=n9 -keyout "$LAB/n9.key" -out "$LAB/n9.csr" 2> /dev/null
printf 'subjectAltName=DNS:n9\n' > "$LAB/ext"
openssl x509 -req -in "$LAB/n9.csr" -CA "$s/ca.pem" -CAkey "$s/ca.key" -set_serial 99 -days 2 -extfile "$LAB/ext" \
	-out "$LAB/n9.pem" 2> /dev/null
check "n1's name from another CA is refused" same "$(attack rogue 10.77.0.13:7500 "$LAB/other.pem" "$LAB/other.key")" refused
check "a name of no node from our CA is refused" same "$(attack rogue 10.77.0.13:7500 "$LAB/n9.pem" "$LAB/n9.key")" refused
check "no certificate is refused" same "$(attack rogue 10.77.0.13:7500 none none)" refused
check "a length of 16 MiB ends a link, with a stolen key too" same \
	"$(attack oversize 10.77.0.13:7500 "$s/n1.pem" "$s/n1.key")" ended
until_ok 10 all_nodes_up || die "n1's link does not come back"
# Of two nodes the first one dials: so the other's port must have room.
victim=$idle
[[ $lead > $victim ]] && port=$lead || port=$victim
storm idle at "$PYTHON" "$ATTACK" idle "10.77.0.1${port#n}:7500" $MANY 6 "$nearby"
storm eager at "$PYTHON" "$ATTACK" idle "10.77.0.1${port#n}:7500" 300 10 "$nearby"
sleep 1
node_kill "$victim"
node_start "$victim"
check "$MANY idle connections on the link port: a node that restarts is ready all the same" until_ok 8 node_ready "$victim"
under idle "$MANY idle connections on the link port"
check "strangers are few" jq -e --argjson n "$(counter baton_link_strangers)" '$n <= .limits.link_strangers * 3' <(api "$lead" /v1/status)
quiet() { local n; n=$(grep -c 'link a stranger' "$LAB/$port.log"); [ "$n" -le 20 ] || { echo "$n lines"; return 1; }; }
check "and the log is not theirs" quiet

# ---- HTTP
storm http "$own" "$PYTHON" "$ATTACK" idle 127.0.0.1:9505 $MANY 3
storm slow "$own" "$PYTHON" "$ATTACK" slow 127.0.0.1:9505 200 6
sleep 1.5
check "$MANY idle connections on HTTP: it answers" until_ok 3 node_ready "$own"
under http "$MANY idle connections on HTTP"
check "200 slow ones: it answers" until_ok 3 node_ready "$own"
host_says() { at "$own" curl -s -m 2 -o /dev/null -w '%{http_code}' -H "Host: $1" http://127.0.0.1:9505/v1/status; }
check "a page that brought a name of its own is refused" same "$(host_says evil.example:9505)" 421
check "a page of our address is not" same "$(host_says 127.0.0.1:9505) $(host_says "[::1]:9505") $(host_says localhost)" "200 200 200"
pages() {
	local all after=0 got n=0
	all=$(api "$own" /v1/sessions | jq -c '[.[].id]')
	got='[]'
	while n=$((n + 1)) && [ $n -lt 100 ]; do
		page=$(api "$own" "/v1/sessions?after=$after&limit=1" | jq -c '[.[].id]')
		[ "$page" != '[]' ] || break
		got=$(jq -cn --argjson a "$got" --argjson b "$page" '$a + $b')
		after=$(jq '.[-1]' <<< "$page")
	done
	same "$got" "$all"
}
check "pages of sessions add up" pages

# ---- afterwards
traffic_came_back ping
check "the tunnel had no gap of two seconds" jq -e '.gap_ms < 2000' "$LAB/t-ping.json"
unharmed "after all of it"
worst=0
for n in $LAB_NODES; do
	[ "$n" = "$victim" ] && continue
	grown=$(($(vm VmHWM "$n") - rest[$n]))
	[ $grown -gt $worst ] && worst=$grown
	check "$n: memory grew by $grown KiB at most, $bound allowed" [ $grown -le "$bound" ]
done
check "no assertion, no crash" same "$(cat "$LAB"/n?.log | grep -cE 'Assertion|ERROR: AddressSanitizer')" 0
note "memory grew by $worst KiB at most under all of it; the limits allow $bound"
finish

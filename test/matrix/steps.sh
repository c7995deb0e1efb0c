# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# The steps of a row, in the order of row.sh. To be sourced. The client is "cl", at 10.79.0.50 or .51;
# another client of its kind, "cl2", was killed after it had connected, and is found dead meanwhile.

# settled [OLD]: the client has one IKE SA and one Child SA, other ones than OLD, and all nodes agree.
settled() {
	local mine n
	mine=$(peer_spis cl)
	[ "$(wc -w <<< "$mine")" = 4 ] || { echo "the client has: $mine"; return 1; }
	[ "$mine" != "${1:-}" ] || { echo "the client still has: $mine"; return 1; }
	for n in $LAB_NODES; do
		alive "$n" || continue
		same "$(seen_by "$n")" "$(sed 's/ike-[^ ]*/ike/g' <<< "$mine")" || { echo "($n and the client)"; return 1; }
	done
}
# await SECONDS COMMAND...: until it holds; prints the command's output when it changes.
await() {
	local end=$(($(now_ms) + $1 * 1000)) said='' was=''; shift
	until said=$("$@" 2>&1); do
		[ "$said" = "$was" ] || echo "$(date +%T) $said"
		was=$said
		[ "$(now_ms)" -lt $end ] || return 1
		sleep 0.1
	done
}
pings() { [ "$PACKETS" = no ] || at cl ping -q -c 3 -i 0.1 -W 1 $SERVER > /dev/null; }
# unharmed: packets pass on the same SAs, and the client began no exchange.
unharmed() {
	await 15 pings || { echo "no packets"; return 1; }
	same "$(peer_spis cl)" "$spis" || return 1
	same "$(peer_begun cl)" "$begun"
}
remember() { spis=$(peer_spis cl) begun=$(peer_begun cl) made=$SECONDS; }
apart() { await 20 all_nodes_up && await 20 owner_apart || { echo "leader and owner stay together"; return 1; }; }
no_session() { [ "$(sessions_at 10.79.0.5 length)" = 0 ]; }

step_connect() {
	peer_new cl2 "$GHOST_ID" && peer_connect cl2 || { echo "cl2 does not connect"; return 1; }
	peer_kill cl2
	ghost_left=$(now_ms)
	peer_new cl "$CLIENT_ID" && peer_connect cl || { echo "the client does not connect"; return 1; }
	await 10 settled || return 1
	remember
	attempts=$begun # Two, where its guess of a group was another one.
}
# The client's first guess of a group is right, or leads to no weaker one.
step_first_ke() {
	local groups
	groups=$("$PYTHON" "$(dirname "$0")/groups.py" "$LAB/wan-cl.pcap") || { echo "$groups"; return 1; }
	echo "note: $groups"
}
step_config() {
	address=$(peer_address cl)
	[ -n "$address" ] || { echo "it has no virtual address"; return 1; }
	same "$(sessions_at 10.79.0.5 '.[0].virtual_ip')" "$address" || return 1
	[ "$DNS" = no ] || grep -q 10.20.0.53 <<< "$(peer_dns cl)" || { echo "it asked for DNS and has none"; return 1; }
	echo "note: $address $(peer_dns cl)"
}
step_traffic() {
	[ "$PACKETS" = yes ] || { not_here "no ESP: the kernel's IPsec is a stand-in"; return; }
	await 5 pings || { echo "from the client: nothing comes back"; return 1; }
	at sv ping -q -c 3 -i 0.1 -W 1 "$address" || { echo "from the server: nothing comes back"; return 1; }
}
# in_both SPIS SPIS: how many are in both.
in_both() { comm -12 <(tr ' ' '\n' <<< "$1" | grep .) <(tr ' ' '\n' <<< "$2" | grep .) | wc -l; }
# Half of the SPIs stay: after a rekey of the Child SA those of the IKE SA, and the other way round.
only_replaced() {
	local kept
	kept=$(comm -12 <(tr ' ' '\n' <<< "$2" | grep .) <(tr ' ' '\n' <<< "$3" | grep .))
	same "$(wc -l <<< "$kept")" 2 && same "$(grep -cE '^(ike-.*|[0-9a-f]{16})$' <<< "$kept")" "$([ "$1" = child ] && echo 2 || echo 0)"
}
can_rekey() { [ "${PEER_REKEYS:-yes}" = yes ] || [ "$PEER_REKEYS" = "$1" ]; }
step_client_rekeys() {
	local old=$spis
	can_rekey "$1" || { not_here "the client cannot be told to"; return; }
	peer_rekey cl "$1" || { echo "the client refuses"; return 1; }
	await 15 settled "$old" && await 5 pings || return 1
	remember
	only_replaced "$1" "$old" "$spis"
}
at_address() { sessions_at "$1" '.[0].id | select(. != null)'; }
step_move() {
	[ "$MOBIKE" != no ] || { not_here "it has no MOBIKE"; return; }
	if [ "$MOBIKE" = unrekeyed ]; then
		peer_disconnect cl && await 10 no_session && peer_connect cl && await 10 settled || return 1
		remember
		echo "note: with a new IKE SA: it forgets MOBIKE when it rekeys one"
	fi
	move_to 51 50 && move_to 50 51
}
move_to() {
	at cl ip addr add "10.79.0.$1/24" dev wan
	at cl ip addr del "10.79.0.$2/24" dev wan
	await 15 at_address "10.79.0.$1" || { echo "the gateway does not see it at .$1"; return 1; }
	# With ESP in user space strongSwan cannot move a Child SA and makes another one.
	await 15 pings && await 10 settled && same "$(peer_begun cl)" "$begun" || return 1
	remember
}
# nat PORT: a NAT between the two gives the client's port 4500 that number, and lets in nothing else.
nat() {
	{
		printf 'table inet nat\ndelete table inet nat\n'
		[ -z "$1" ] || cat <<-NFT
		table inet nat {
			chain out {
				type filter hook postrouting priority 300;
				ip daddr $VIP udp sport 4500 udp sport set $1
			}
			chain in {
				type filter hook prerouting priority -300;
				ip saddr $VIP udp dport 4500 drop
				ip saddr $VIP udp dport $1 udp dport set 4500
			}
		}
		NFT
	} | at cl nft -f -
}
step_nat() {
	local port
	[ "$PACKETS" = yes ] || { not_here "no ESP, and nothing else shows the new port"; return; }
	[ "${ESP_IN_UDP:-yes}" = yes ] || { not_here "its ESP has no ports"; return; }
	for port in 41000 42000; do
		nat $port || return 1
		await 10 pings || { echo "no packets by port $port"; return 1; }
		at sv ping -q -c 2 -i 0.1 -W 1 "$address" || { echo "from the server by port $port: nothing"; return 1; }
	done
	nat '' && unharmed
}
# lost NODE: it is killed, and comes back.
lost() {
	local rc
	echo "$1 is killed"
	node_kill "$1"
	unharmed && await 10 settled
	rc=$?
	back "$1" && return $rc
}
step_owner() { apart && lost "$(owner)"; }
step_leader() { apart && lost "$(leader)"; }
# dies POINT COMMAND...: the current leader dies there, in the exchange that the command starts.
dies() {
	local point=$1 victim rc; shift
	await 20 all_nodes_up || return 1
	echo "$point" > "$LAB/die/die"
	"$@" > "$LAB/die.log" 2>&1 &
	until_ok 15 dead || { rm -f "$LAB/die/die"; echo "$point: nobody dies"; return 1; }
	victim=$(dead)
	wait $!
	echo "$victim died"
	await 30 settled "$spis" && await 5 pings
	rc=$?
	back "$victim" && [ $rc = 0 ] && await 20 settled "$spis" || return 1
	remember
}
step_midrekey() {
	can_rekey child || { not_here "the client cannot be told to"; return; }
	local was=$begun
	dies "commit:Child SA:before" peer_rekey cl child && same "$begun" "$was"
}
ghost_gone() { [ "$(sessions_at 10.79.0.60 length)" = 0 ]; }
step_dpd() {
	await 30 ghost_gone || { echo "who died $(($(now_ms) - ghost_left)) ms ago is still there"; return 1; }
	settled
}
# All nodes at once; from now on they rekey soon.
step_power() {
	local n
	for n in $LAB_NODES; do node_signal "$n" KILL; done
	for n in $LAB_NODES; do await_end "$n" 5; rm -f "$LAB/$n.pid"; done
	hurry $((SECONDS - made))
	nodes_start 30
	await 15 pings && same "$(peer_begun cl)" "$begun"
}
rekeyed() { [ "$(cat "$LAB"/n?.log | grep -c "$1")" -ge 1 ]; }
all_new() { same "$(in_both "$(peer_spis cl)" "$spis")" 0; }
step_gateway_rekeys() {
	local text=' ike_rekey '
	[ "$1" = ike ] || text=' child_rekey '
	await 25 rekeyed "$text" && await 30 settled "$spis" && await 5 pings && same "$(peer_begun cl)" "$begun" || return 1
	[ "$1" = child ] || await 30 all_new
}
step_delete() { peer_disconnect cl; await 10 no_session && same "$(peer_spis cl)" ""; }
step_again() {
	peer_connect cl || { echo "the client does not connect"; return 1; }
	await 30 settled && await 5 pings || return 1
	remember
	same "$(peer_address cl)" "$address"
}
step_midauth() {
	local was=$((begun + attempts))
	peer_disconnect cl
	await 10 no_session || return 1
	dies "commit:IKE_AUTH:before" peer_connect cl && same "$begun" $was && same "$(peer_address cl)" "$address"
}
# The gateway ends it, and the client hears of it.
step_end() {
	order end "$(leader)" "$(sessions_at 10.79.0.5 '.[0].id')" || return 1
	await 30 no_session && await 30 hears
}
hears() { same "$(peer_spis cl)" ""; }
step_numbers() { capture_end; observe; }

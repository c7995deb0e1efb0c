#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# modes: socket
# The leader dies at chosen points of IKE_AUTH, of a Child SA's rekey and of an IKE
# SA's: before and after the proposal, after the commit but before the reply, and
# after the reply. The client, at its default timers (it repeats after 4 s), ends with
# one working tunnel, and all nodes see what it sees: no second, half-alive one. IKE
# comes by the sockets at every rung, so one rung shows it.
set -u
. "$(dirname "$0")/steps.sh"
# The nodes are not root: files that they remove must lie where they may remove them.
hooked() { mkdir -m 777 "$LAB/die"; chmod 711 "$LAB"; printf '\n[test]\ndie_file = "%s/die/die"\n' "$LAB"; }
EXTRA=hooked cluster_up
client_conf
client_start
die=$LAB/die/die

# The SPIs of all SAs, from the client's side and as a node sees them.
seen_by_client() { client_spis | tr ' ' '\n' | sed 's/.*=//' | grep . | sort | tr '\n' ' '; }
seen_by() { api "$1" /v1/sessions | jq -r '.[] | .ike_spi_i, .ike_spi_r, (.children[] | .spi_in, .spi_out)' | sort | tr '\n' ' '; }
# settled OLD: the client has one IKE SA and one Child SA, other ones than OLD, and all nodes agree.
settled() {
	local mine n
	mine=$(seen_by_client)
	[ "$(wc -w <<< "$mine")" = 4 ] && [ "$mine" != "$1" ] || { echo "client: $mine"; return 1; }
	for n in $LAB_NODES; do
		alive "$n" || continue
		same "$(seen_by "$n")" "$mine" || { echo "($n and the client)"; return 1; }
	done
}
no_session() { [ "$(api n1 /v1/sessions | jq length)" = 0 ]; }
begin() {
	case $1 in
	IKE_AUTH) background initiate "$LAB_HERE/strongswan.sh" "$(ns cl)" "$LAB/cl" ctl --initiate --child net --timeout 40 ;;
	"Child SA") swan cl ctl --rekey --child net > /dev/null 2>&1 ;;
	"IKE rekey") swan cl ctl --rekey --ike gw > /dev/null 2>&1 ;;
	esac
}
log=$LAB/cl/run/charon.log
answered() { tail -n "+$((lines + 1))" "$log" | grep -qE 'parsed (IKE_AUTH|CREATE_CHILD_SA) response'; }
repeats() { grep -c 'retransmit [0-9]* of request' "$log"; }
# dead: the node that has ended. The leader of that moment takes the file.
dead() {
	local n
	for n in $LAB_NODES; do alive "$n" || { echo "$n"; return 0; }; done
	return 1
}
# dies EXCHANGE KIND WHEN: the leader of the moment, just there.
dies() {
	local what=$1 point="$2:$1:$3" old='' victim spent before lines
	if [ "$what" = IKE_AUTH ]; then
		swan cl ctl --terminate --ike gw > /dev/null 2>&1
		until_ok 10 no_session || die "the last session stays before $point"
	else
		old=$(seen_by_client)
		until_ok 20 owner_apart || die "leader and owner stay together before $point"
	fi
	until_ok 20 all_nodes_up || die "not all nodes are up before $point"
	before=$(repeats)
	lines=$(wc -l < "$log")
	printf '%s\n' "$point" > "$die"
	spent=$(now_ms)
	begin "$what"
	until_ok 10 dead || die "$point: nobody dies"
	victim=$(dead)
	[ "$3" != sent ] || check "$point: the client has the reply" until_ok 3 answered
	check "$point: one tunnel, the same for all" until_ok 40 settled "$old"
	spent=$(($(now_ms) - spent))
	check "$point: packets pass" until_ok 5 at cl ping -q -c 3 -i 0.05 -W 1 $SERVER
	say "      $victim died; settled after $spent ms, the client repeated $(($(repeats) - before)) times"
	[ "$spent" -le "$longest" ] || longest=$spent
	rm -f "$LAB/$victim.pid"
	node_start "$victim"
	until_ok 30 node_ready "$victim" || die "$victim does not come back after $point"
	check "$point: $victim comes back to the same" until_ok 10 settled "$old"
	[ "$what" != IKE_AUTH ] || await_end initiate 45
}
longest=0
for what in IKE_AUTH "Child SA" "IKE rekey"; do
	before=$(client_exchanges)
	dies "$what" propose before
	dies "$what" propose after
	dies "$what" commit before
	dies "$what" commit sent
	[ "$what" = IKE_AUTH ] ||
		check "$what: no IKE_SA_INIT by the client" same "$(client_exchanges | grep -o 'IKE_SA_INIT=[0-9]*')" "$(grep -o 'IKE_SA_INIT=[0-9]*' <<< "$before")"
done
check "four IKE_SA_INIT for four sessions" same "$(client_exchanges | grep -o 'IKE_SA_INIT=[0-9]*')" IKE_SA_INIT=4
note "12 deaths, settled within $longest ms"
outer_clean
finish

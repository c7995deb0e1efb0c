#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# modes: socket
# The leader dies at chosen points of IKE_AUTH, of a Child SA rekey and of an IKE SA
# rekey: before it proposes, after it has proposed, after the commit. The client,
# at its default timers (4 s and more), ends with one working tunnel, which both
# sides see alike. A slow store (test hook) widens the points so that one can aim.
set -u
. "$(dirname "$0")/steps.sh"
hook() { printf '\n[test]\nstore_delay_ms = 60\n'; }
EXTRA=hook MISSED=10 cluster_up
client_conf
round=0

# dies_at POINT EVENT COMMAND...: start COMMAND, kill the leader at that point.
dies_at() {
	local point=$1 event=$2 end lines; shift 2
	victim=$(leader)
	before=$(client_spis "cl$round")
	lines=$(wc -l < "$LAB/$victim.log")
	[ "$point" != before ] || node_signal "$victim" STOP
	"$@" > "$LAB/action.log" 2>&1 &
	action=$!
	end=$(($(now_ms) + 15000))
	if [ "$point" = before ]; then
		sleep 0.1
	else
		until tail -n "+$((lines + 1))" "$LAB/$victim.log" | grep -q " $point $event"; do
			[ "$(now_ms)" -lt $end ] || { say "      no $point $event at $victim"; break; }
		done
	fi
	node_kill "$victim"
	wait $action
}
ike_sas() { swan "cl$round" ctl --list-sas --raw | grep -o 'list-sa event' | wc -l; }
children() { swan "cl$round" ctl --list-sas --raw | grep -o 'spi-in=[0-9a-f]*' | sort -u | wc -l; }
# The gateway's SPIs for the session, in the client's words.
agree() {
	local sessions mine theirs
	sessions=$(ask_any /v1/sessions '. | tojson') || return 1
	[ "$(jq length <<< "$sessions")" = 1 ] || { echo "sessions: $(jq length <<< "$sessions")"; return 1; }
	theirs=$(jq -r '.[0].ike_spi_i, .[0].ike_spi_r, (.[0].children[] | .spi_in, .spi_out)' <<< "$sessions" | sort)
	mine=$(client_spis "cl$round" | grep -oE '=[0-9a-f]+' | tr -d = | sort)
	[ "$mine" = "$theirs" ] || { echo "client $mine, gateway $theirs" | tr '\n' ' '; return 1; }
}
one_each() { [ "$(ike_sas)/$(children)" = 1/1 ] || { client_spis "cl$round"; return 1; }; }
# sound TEXT [KIND]: the client ends with one of each, another KIND than before.
sound() {
	renewed() { [ "$(client_spis "cl$round" | grep -o "$2=[0-9a-f]*" | sort)" != "$(grep -o "$2=[0-9a-f]*" <<< "$before" | sort)" ]; }
	[ -z "${2:-}" ] || check "$1: it is done in the end" until_ok 60 renewed "$@"
	check "$1: ping comes through" until_ok 40 at cl ping -c 1 -W 1 $SERVER
	check "$1: the client has one IKE SA and one Child SA" until_ok 60 one_each
	check "$1: both sides have the same" until_ok 20 agree
	node_gone_and_back "$victim"
	until_ok 30 all_nodes_up || die "not all nodes are up"
}

for point in before propose commit; do
	round=$point
	mkdir -p "$LAB/cl$round"
	cp "$LAB/cl/swanctl.conf" "$LAB/cl$round/"
	swan "cl$round" start || die "the client does not start"
	dies_at $point IKE_AUTH client_up "cl$round" 60
	sound "IKE_AUTH, $point"
	dies_at $point "Child SA" swan "cl$round" ctl --rekey --child net
	sound "Child SA rekey, $point" spi-in
	dies_at $point "IKE rekey" swan "cl$round" ctl --rekey --ike gw
	sound "IKE SA rekey, $point" responder-spi
	swan "cl$round" stop
	none() { [ "$(ask_any /v1/sessions 'length | tostring')" = 0 ]; }
	check "$point: the client's DELETE leaves nothing" until_ok 10 none
done
outer_clean
finish

# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# The steps of the stories t_*.sh. MODE is the data path's rung;
# run.sh runs a script once for each word of its line "# modes: ...".
# shellcheck source=test/netns/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
MODE=${MODE:-auto}
bad=0
spis='' exchanges='' virtual=''

# check TEXT COMMAND...: one line that says whether it holds.
check() {
	local text=$1 out; shift
	if out=$("$@" 2>&1); then
		say "ok    $text"
	else
		say "FAIL  $text${out:+: $(tail -n 5 <<< "$out")}"
		bad=$((bad + 1))
	fi
}
same() { [ "$1" = "$2" ] || { echo "'$1' is not '$2'"; return 1; }; }
differ() { [ "$1" != "$2" ] || { echo "both are '$1'"; return 1; }; }
note() { say "note: $MODE: $*"; }
finish() {
	if [ $bad -gt 0 ]; then say "$bad checks failed"; exit 1; fi
	exit 0
}
skip() { say "$*"; exit 77; }

# These stories check what happens, not how fast: on a busy machine the default
# of 10 ms x 3 finds nodes dead that are only late. Figures are the bench's job.
relaxed() { printf '\n[log]\nlevel = "debug"\n[timing]\nheartbeat_ms = 20\nheartbeats_missed = %d\n' "${MISSED:-8}"; }

# cluster_up [N]: the lab with N nodes (3) running and ready at $MODE; the output of the command
# $EXTRA is added to the configuration.
cluster_up() {
	[ -x "$BATON" ] || skip "no $BATON"
	lab_new
	lab_net "${1:-3}"
	{ relaxed; [ -z "${EXTRA:-}" ] || "$EXTRA"; } >> "$LAB/extra.toml"
	lab_config "$MODE" "${1:-3}"
	capture_outer
	server_start
	nodes_start 30
	[ "$MODE" = auto ] || check "the data path is $MODE" same "$(status n1 .datapath.mode)" "$MODE"
}
# client_joins: a stock client gets its tunnel; its SPIs are remembered.
client_joins() {
	client_conf
	client_start
	client_up || { cat "$LAB/cl-initiate.log" >&2; die "the client does not get its tunnel"; }
	spis=$(client_spis)
	exchanges=$(client_exchanges)
	virtual=$(client_vip)
	until_ok 10 owner || die "nobody owns the session"
	until_ok 5 at cl ping -c 1 -W 1 $SERVER || die "no packet comes through the new tunnel"
}
# unharmed WHEN: same SPIs and no exchange begun by the client since client_joins.
unharmed() {
	check "$1: the same SPIs" same "$(client_spis)" "$spis"
	check "$1: no IKE_SA_INIT, IKE_AUTH or CREATE_CHILD_SA by the client" same "$(client_exchanges)" "$exchanges"
}
outer_clean() {
	capture_end
	check "outer side: only IKE and ESP, no number twice, no ICMP error" observe "$@"
}

# puppet NAME ARGS...: a client of ours at cl, by the script $LAB/NAME.py (its arguments:
# where test/interop is, its address, the gateway's, the file of its PSK, ARGS), to be
# talked with a line at a time. puppet_tell WORDS...: to it; puppet_says: from it.
puppet() {
	local name=$1; shift
	coproc PUPPET { ip netns exec "$(ns cl)" "$PYTHON" -u "$LAB/$name.py" "$LAB_ROOT/test/interop" $CLIENT $VIP \
		"$LAB/conf/secrets/cl.psk" "$@" 2> "$LAB/$name.log"; }
	# shellcheck disable=SC2153
	echo "$PUPPET_PID" >> "$LAB/pids"
}
puppet_tell() { echo "$*" >&"${PUPPET[1]}"; }
puppet_says() { local line; read -r -t 60 line <&"${PUPPET[0]}" && echo "$line"; }

# traffic_begin KIND SECS: ping, udp, down, up or rr alone, client to server.
traffic_begin() { traffic "t-$1" cl "$1" $SERVER --secs "$2" --linger 1; }
# traffic_came_back KIND: wait for its end; it must be alive in its last second.
traffic_came_back() {
	local kind=$1
	await_end "t-$kind" 90 || die "$kind does not end"
	case $kind in
	ping | udp)
		say "      $kind: $(result "t-$kind" '"lost \(.lost) of \(.sent), longest silence \(.gap_ms) ms"')"
		check "$kind comes back by itself" jq -e \
			'.answered > 0 and .duplicates == 0 and .last_answer_ms > .rows[-1][1] - 1000' "$LAB/t-$kind.json"
		;;
	*)
		say "      $kind: $(result "t-$kind" '"total \(.total), longest stall \(.stall_ms) ms"')"
		check "$kind comes back by itself" jq -e '.error == null and .total > 0 and .silent_at_end_ms < 1000' "$LAB/t-$kind.json"
		;;
	esac
}

# leader_is_not_owner: wait for the state the cluster prefers.
owner_apart() { local l o; l=$(leader) && o=$(owner) && [ "$l" != "$o" ]; }
node_gone_and_back() { node_start "$1"; until_ok 30 node_ready "$1" || die "$1 does not come back"; }
# moved FROM, led_by_other FROM: another node owns the session; leads.
moved() { local o; o=$(owner) && [ "$o" != "$1" ]; }
led_by_other() { local l; l=$(leader) && [ "$l" != "$1" ]; }
# owner_carries KIND SECS: a cluster whose owner, $victim, does not lead, and has carried a client's
# traffic for two seconds.
owner_carries() {
	cluster_up
	client_joins
	until_ok 20 owner_apart
	# shellcheck disable=SC2034
	victim=$(owner)
	traffic_begin "$1" "$2"
	sleep 2
}
# handed_over: the owner is killed, another takes over, and the killed node comes back.
handed_over() {
	local victim
	until_ok 20 all_nodes_up || die "not all nodes are up"
	until_ok 20 owner_apart || die "leader and owner stay together"
	victim=$(owner)
	events_save "$victim"
	node_kill "$victim"
	until_ok 10 moved "$victim" || die "nobody takes over"
	node_gone_and_back "$victim"
}
# long_leases: for EXTRA. By this test hook the second owner of an SA starts in the second
# half of its numbers, the third just below 2^32.
LONG_LEASE=$(((1 << 31) - 200))
long_leases() { printf '\n[test]\nlease = %d\n' $LONG_LEASE; }
all_nodes_up() { ask_any /v1/status 'if all(.nodes[]; .state == "up" and .linked != false) then "yes" else empty end'; }

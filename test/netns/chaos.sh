#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Chaos: three nodes, two stock clients with traffic that never pauses, a seeded
# schedule of faults (chaos_plan.py), and observers that see only packets.
#
#   chaos.sh [--seed S] [--seconds N] [--mode mixed|xdp|socket] [--brisk] [--replay exact] [--lease N] [--snapshot BYTES] [--kinds K,...]
#
# mixed: n1 and n3 begin at the xdp rung, n2 on sockets; a process that is started again is at the
# other rung than the one before it. --lease: leases of N numbers, so few that they are dense, and
# one that two owners share is soon seen. --snapshot: after that much log, so that a node that was
# wiped joins by one. --kinds: only such faults.
#
# When the faults of an episode are over, all nodes must be well again, and all traffic
# goes on by itself, with the same SPIs and no exchange begun by a client, except rekeys of the
# schedule. At the end observe.py looks for I1 at the nodes' outer ports, chaos_inner.py for I2
# between the clients' and the inner ports. Each node has a disk (tmpfs) and a wall clock of its own
# (chaos_preload.c), and a monotonic clock that begins somewhere else each time (a time namespace).
set -u
SEED=$RANDOM SECONDS_ALL=60 BRISK='' REPLAY='' LEASE='' SNAPSHOT='' KINDS=''
while [ $# -gt 0 ]; do
	case $1 in
	--seed) SEED=$2; shift ;;
	--seconds) SECONDS_ALL=$2; shift ;;
	--mode) MODE=$2; shift ;;
	--brisk) BRISK=--brisk ;;
	--replay) REPLAY=$2; shift ;;
	--lease) LEASE=$2; shift ;;
	--snapshot) SNAPSHOT=$2; shift ;;
	--kinds) KINDS=$2; shift ;;
	*) sed -n '6s/^# *//p' "$0" >&2; exit 2 ;;
	esac
	shift
done
# shellcheck source=test/netns/steps.sh
. "$(dirname "$0")/steps.sh"
# shellcheck source=test/netns/chaos_faults.sh
. "$(dirname "$0")/chaos_faults.sh"
[ "$MODE" != auto ] || MODE=mixed
CLIENTS="cl cl2"
FLOWS="udp loop down"
WELL_S=60       # all nodes are well again within this time after the last fault,
ALIVE_S=30      # and then traffic flows;
REKEY_S=45      # a client gives a request up after 40 s.
[ -x "$BATON" ] || skip "no $BATON"
make -s -C "$LAB_ROOT" build/netns/chaos_preload.so || die "chaos_preload does not build"
PRELOAD=$LAB_ROOT/build/netns/chaos_preload.so

# ---- the lab ---------------------------------------------------------------

# The second client has its own namespace, so swan (lib.sh) is told which.
swan() { local c=$1; shift; "$LAB_HERE/strongswan.sh" "$(ns "$c")" "$LAB/$c" "$@"; }
# rung NODE: where the data path of its present life must be.
rung() { tail -n 1 "$LAB/rung-$1"; }
rung_next() {
	local next=$MODE
	if [ "$MODE" = mixed ]; then
		case $(rung "$1" 2> /dev/null)$1 in socket* | n1 | n3) next=xdp ;; *) next=socket ;; esac
	fi
	echo "$next" >> "$LAB/rung-$1"
	echo "$(now_ms) $1 $next" >> "$LAB/rungs.log"
}
node_start() { # NODE [MONOTONIC BOOTTIME]
	: > "$LAB/begun-$1"
	wc -l < "$LAB/$1.log" > "$LAB/begun-$1" 2> /dev/null
	rung_next "$1"
	# shellcheck disable=SC2046
	background "$1" ip netns exec "$(ns "$1")" env $([ "$(rung "$1")" = xdp ] || echo CHAOS_NO_XDP=1) CHAOS_CONTROL="$LAB/weather-$1" CHAOS_DATA="$LAB/data/$1" \
		LD_PRELOAD="$PRELOAD" unshare -T --monotonic "${2:-0}" --boottime "${3:-0}" \
		"$BATON" run --config "$LAB/conf/cluster.toml" --node "$1"
}
second_client() {
	host cl2
	cable wan cl2 wan 02:00:00:79:51
	at cl2 ip addr add 10.79.0.51/24 dev wan
	printf '\n[[secret]]\nid = "cl2"\npsk_file = "secrets/cl.psk"\n' >> "$LAB/extra.toml"
}
disks() {
	local n
	for n in $LAB_NODES; do
		mkdir -p "$LAB/data/$n"
		mount -t tmpfs -o size=48m,mode=700 chaos "$LAB/data/$n" || die "no tmpfs for $n"
		echo "$LAB/data/$n" >> "$LAB/mounts"
		printf '%-39s\n' "0 0 0" > "$LAB/weather-$n"
		touch "$LAB/$n.log"
	done
	chmod 700 "$LAB/data"
}
chaos_clean() {
	local rc=$? p m
	while read -r p; do kill -CONT "$p" 2> /dev/null; kill -KILL "$p" 2> /dev/null; done < "$LAB/pids"
	sleep 0.2
	while read -r m; do umount -l "$m"; done < "$LAB/mounts"
	(exit $rc)
	lab_clean
}
captures() {
	local h
	for h in $LAB_NODES; do
		SNAPLEN=2000 capture "wan-$h" "wan-$h" in
		SNAPLEN=2000 capture "lan-$h" "lan-$h" in
	done
	for h in $CLIENTS; do SNAPLEN=2000 capture "wan-$h" "wan-$h" in; done
}
join() {
	local c=$1
	client_conf "$c" "$c"
	# Its keys go to its log, and it repeats a request after 1 s, not 4.
	printf 'retransmit_timeout = 1\nretransmit_tries = 6\nfilelog {\n\tlog {\n\t\tchd = 4\n\t}\n}\n' > "$LAB/$c/charon.conf"
	client_start "$c"
	client_up "$c" || { cat "$LAB/$c-initiate.log" >&2; die "$c does not get its tunnel"; }
	until_ok 5 at "$c" ping -c 1 -W 1 $SERVER || die "no packet comes through the tunnel of $c"
}
# flow NAME CLIENT RATE: traffic of the kind NAME, until the end.
flow() {
	background "$1" ip netns exec "$(ns "$2")" "$PYTHON" "$LAB_HERE/chaos_traffic.py" "$1" $SERVER --rate "$3" --out "$LAB/$1.json"
}
injector() {
	mkfifo "$LAB/inject.in"
	exec 9<> "$LAB/inject.in"
	setsid ip netns exec "$(ns sw)" "$PYTHON" "$LAB_HERE/chaos_inject.py" "$LAB/wan-cl.pcap" wan \
		< "$LAB/inject.in" > "$LAB/inject.log" 2>&1 9>&- &
	disown $!
	echo $! > "$LAB/inject.pid"
	echo $! >> "$LAB/pids"
}

# ---- is all well? ----------------------------------------------------------

problem() { say "FAIL  episode $episode: $*"; bad=$((bad + 1)); }
all_healthy() {
	local n
	for n in $LAB_NODES; do
		[ "$(api_code "$n" /healthz)" = 200 ] || return 1
		same "$(status "$n" '"\(.voters) voters, \(.datapath.mode)"')" "3 voters, $(rung "$n")" || return 1
	done
}
flows_since() { local f; for f in $FLOWS; do jq -e --argjson t "$1" '.last_ms > $t and .error == null' "$LAB/$f.json" || return 1; done; }
seen_by() { api "$1" /v1/sessions | jq -r '.[] | .ike_spi_i, .ike_spi_r, (.children[] | .spi_in, .spi_out)' | sort | tr '\n' ' '; }
seen_by_clients() { local c; for c in $CLIENTS; do client_spis "$c"; done | tr ' ' '\n' | sed 's/.*=//' | grep . | sort | tr '\n' ' '; }
# one_picture: each client has one IKE SA and one Child SA, and all nodes know these and no others.
one_picture() {
	local mine n
	mine=$(seen_by_clients)
	[ "$(wc -w <<< "$mine")" = 8 ] || { echo "clients: $mine"; return 1; }
	for n in $LAB_NODES; do same "$(seen_by "$n")" "$mine" || { echo "($n and the clients)"; return 1; }; done
}
declare -A known_spis known_exchanges
remember() {
	local c
	for c in $CLIENTS; do known_spis[$c]=$(client_spis "$c") known_exchanges[$c]=$(client_exchanges "$c"); done
}
spis_of() { tr ' ' '\n' <<< "$1" | grep "$2"; }
# rekeyed_since CLIENT child|ike: it has rekeyed as it was told.
rekeyed_since() {
	local what=spi-in=
	[ "$2" = child ] || what=initiator-spi=
	differ "$(spis_of "$(client_spis "$1")" $what)" "$(spis_of "${known_spis[$1]}" $what)"
}
first_exchanges() { grep -oE '(IKE_SA_INIT|IKE_AUTH)=[0-9]+' <<< "$1"; }
# unharmed: same SPIs and no exchange of the clients' own, except rekeys of the schedule.
unharmed_all() {
	local c
	for c in $rekeyed; do
		until_ok $REKEY_S rekeyed_since "${c%:*}" "${c#*:}" || problem "${c%:*} does not get its rekey of the ${c#*:}"
	done
	for c in $CLIENTS; do
		case $rekeyed in
		*"$c:"*)
			same "$(first_exchanges "$(client_exchanges "$c")")" "$(first_exchanges "${known_exchanges[$c]}")" ||
				problem "$c began anew"
			;;
		*)
			# Where an exact window begins at a horizon, the gateway may rekey.
			[ "$REPLAY" = exact ] ||
				same "$(client_spis "$c")" "${known_spis[$c]}" || problem "$c has other SPIs"
			same "$(client_exchanges "$c")" "${known_exchanges[$c]}" || problem "$c made an exchange of its own"
			;;
		esac
	done
	until_ok $ALIVE_S one_picture || problem "nodes and clients do not agree: $(one_picture)"
	remember
}
# A node that was to start while its wall clock was far back has refused its certificate.
start_refused() {
	[ "$victim" != all ] && ! alive "$victim" && logged 'is the clock right' || return 0
	tell "refused to start with that clock"
	counted "refused by its clock"
	node_start "$victim"
}
# settle: all faults are over. Notes what had to be done; prints how long it took.
settle() {
	local ended n took
	ended=$(now_ms)
	[ "$victim" = all ] || until_ok 30 decided
	start_refused
	for n in $LAB_NODES; do
		alive "$n" && continue
		tail -n 5 "$LAB/$n.log" >&2
		problem "$n has ended by itself"
		node_start "$n"
	done
	if ! until_ok $WELL_S all_healthy; then
		for n in $LAB_NODES; do say "      $n: $(api "$n" /v1/status | jq -c '[.role, .leader, .ready, .isolated, .datapath.mode, .nodes]') ($(rung "$n"))"; done
		problem "not all nodes are well $WELL_S s after the last fault's end"
		return 1
	fi
	if ! until_ok $ALIVE_S flows_since "$(now_ms)"; then
		for n in $FLOWS; do say "      $n: $(jq -c '{last_ms, error}' "$LAB/$n.json") now $(now_ms)"; done
		problem "traffic does not come back by itself within $ALIVE_S s"
		return 1
	fi
	took=$(($(now_ms) - ended))
	[ $took -le $slowest ] || slowest=$took
	unharmed_all
	say "$(printf '%6.1f s  %-12s %s; well after %d ms' "$(jq -n "($began_episode - $began) / 1000")" "$victim ($role)" "$story" $took)"
	echo "$began_episode $(now_ms) $kinds" >> "$LAB/episodes.log"
}

# ---- the run ---------------------------------------------------------------

# episode ROLE KINDS: which node it will be.
begin_episode() {
	role=$1 kinds=$2 rekeyed=
	episode=$((episode + 1))
	case $role in
	owner) victim=$(owner) ;;
	leader) victim=$(leader) ;;
	*) victim=$role ;;
	esac
	[ -n "$victim" ] || victim=n1
	began_episode=$(now_ms)
	story=
}
run_plan() {
	local off verb args wait
	"$PYTHON" "$LAB_HERE/chaos_plan.py" $BRISK ${KINDS:+--kinds "$KINDS"} --episodes $((SECONDS_ALL + 1)) "$SEED" > "$LAB/plan" || die "no plan"
	while read -r -u 8 off verb args; do
		if [ "$verb" = episode ]; then
			[ "$(now_ms)" -lt "$until" ] || break
			# shellcheck disable=SC2086
			begin_episode $args
			continue
		fi
		wait=$((began_episode + off - $(now_ms)))
		[ $wait -le 0 ] || sleep "$((wait / 1000)).$(printf %03d $((wait % 1000)))"
		[ "$verb" != settle ] || { settle; continue; }
		# shellcheck disable=SC2086
		"$verb" $args
	done 8< "$LAB/plan"
}
prepare() {
	lab_new
	touch "$LAB/mounts" "$LAB/kills.log" "$LAB/clock.log" "$LAB/episodes.log"
	trap chaos_clean EXIT
	lab_net 3
	second_client
	MISSED=${MISSED:-10} relaxed >> "$LAB/extra.toml"
	[ -z "$LEASE$SNAPSHOT" ] || printf '\n[test]\n%s\n%s\n' "${LEASE:+lease = $LEASE}" "${SNAPSHOT:+snapshot_bytes = $SNAPSHOT}" >> "$LAB/extra.toml"
	lab_config "$(echo "$MODE" | sed s/mixed/auto/)" 3
	[ -z "$REPLAY" ] || sed -i "s/^name = \"road\"/&\nreplay = \"$REPLAY\"/" "$LAB/conf/cluster.toml"
	disks
	captures
	at sv sysctl -qw net.ipv4.tcp_rto_max_ms=1000 2> /dev/null   # where it is known: the server's patience
	background server ip netns exec "$(ns sv)" "$PYTHON" "$LAB_HERE/chaos_traffic.py" server --rate 40
	nodes_start 30
	check "three voters, at the rungs they must be at: $MODE" until_ok 10 all_healthy
	[ "$(readlink "/proc/$(pid_of n1)/ns/time")" != "$(readlink /proc/self/ns/time)" ] ||
		say "      no time namespaces here: all monotonic clocks are the same"
	join cl
	join cl2
	flow udp cl 80
	flow loop cl 30
	flow down cl2 40
	until_ok 10 flows_since "$(now_ms)" || die "traffic does not begin"
	injector
	remember
}
# verdicts: of the observers, which see only packets.
verdicts() {
	local f n
	for f in $FLOWS server; do kill -TERM "$(pid_of $f)"; await_end "$f" 5; done
	echo quit >&9
	await_end inject 5
	capture_end
	say "      capture: $(awk '/packets captured/ { c += $1 } /dropped by kernel/ { d += $1 } END { print c " frames, " d " lost" }' "$LAB"/tcpdump-*.log)"
	observe --json > "$LAB/outer.json"
	check "I1, the outer side: no number, no IV twice, none goes back; one message ID, one message" jq -e .ok "$LAB/outer.json"
	jq -r '.problems | to_entries[] | .key as $k | .value[:5][] | "      \($k): \(.)"' "$LAB/outer.json"
	check "two IKE_SA_INIT and two IKE_AUTH in all, and no more CREATE_CHILD_SA than rekeys" \
		jq -e --argjson n "$rekeys" '(.ike_requests | ."IKE_SA_INIT by client" == 2 and ."IKE_AUTH by client" == 2 and
			(."CREATE_CHILD_SA by client" // 0) <= $n)' "$LAB/outer.json"
	"$PYTHON" "$LAB_HERE/chaos_inner.py" ${REPLAY:+--$REPLAY} "$LAB" > "$LAB/inner.json" 2> "$LAB/inner.log"
	check "I2, the inner side: nothing twice, nothing that no client has sent" jq -e .ok "$LAB/inner.json"
	jq -r '.problems[:5][] | "      \(.)"' "$LAB/inner.json"
	say "      $(jq -r '.checked | "\(.esp_numbers) numbers and \(.esp_ivs) IVs of ESP, \(.ike_messages) IKE messages and \(.sk_ivs) of their IVs"' "$LAB/outer.json")"
	say "      $(jq -r '"\(.opened) ESP packets of the clients opened, \(.delivered) inner packets delivered, \(.twice) of them twice: \(.excused.takeover // 0) within a mark age of \(.takeover_windows) takeovers (at most \(.beyond_mark_age_ms) ms beyond), \(.excused.restart // 0) in the last \(.uncommitted_ms) ms of \(.restart_windows) lives"' "$LAB/inner.json")"
	say "      takeovers by the rungs of the lost and the successor: $(jq -r '.rungs | to_entries | map("\(.key) \(.value)") | join(", ")' "$LAB/inner.json")"
	[ -s "$LAB/inner.log" ] && cat "$LAB/inner.log"
}
# can_fail: observers that accept anything would be useless.
can_fail() {
	local d=$LAB/planted
	mkdir "$d"
	"$PYTHON" - "$LAB" "$d" <<-'PY'
	import sys
	# One node has sent another's packet again; and one has delivered it again.
	for kind in "wan", "lan":
	    data = max((open("%s/%s-n%d.pcap" % (sys.argv[1], kind, n), "rb").read(400000) for n in (1, 2, 3)), key=len)
	    for n in 1, 2:
	        open("%s/%s-n%d.pcap" % (sys.argv[2], kind, n), "wb").write(data)
	PY
	check "the same packets from two nodes are noticed" jq -e '.problems.repeated | length > 0' \
		<("$PYTHON" "$LAB_HERE/observe.py" --json "$d"/wan-n*.pcap)
	cp "$LAB"/wan-cl*.pcap "$LAB/clock.log" "$LAB/kills.log" "$LAB/rungs.log" "$d"
	ln -s "$LAB/cl" "$LAB/cl2" "$d/"
	check "the same packets delivered by two nodes are noticed" jq -e '.problems | length > 0' \
		<("$PYTHON" "$LAB_HERE/chaos_inner.py" "$d")
}
# worst: the longest silence of each flow, and what was going on.
worst() {
	local f gap from
	for f in $FLOWS; do
		read -r gap from < <(jq -r '[.gaps[] | [.[1] - .[0], .[0]]] | max // [0, 0] | "\(.[0]) \(.[1])"' "$LAB/$f.json")
		say "      $f: $(jq -r '"\(.answered) answered\(if .repeated > 0 then ", \(.repeated) twice" else "" end)"' "$LAB/$f.json"), worst silence $gap ms ($(awk -v t="$from" '$1 <= t && t <= $2 { k = $3 } END { print k ? k : "none of the faults" }' "$LAB/episodes.log"))"
	done
}

declare -A count
episode=0 slowest=0 rekeys=0 rekeyed='' role='' victim='' kinds='' story='' began_episode=0
prepare
say "seed $SEED, $SECONDS_ALL s, $MODE"
began=$(now_ms)
until=$((began + SECONDS_ALL * 1000))
run_plan
verdicts
[ -n "${CHAOS_NO_CONTROL:-}" ] || can_fail
worst
say "seed $SEED: $episode episodes; $(for k in "${!count[@]}"; do echo "$k ${count[$k]}"; done | sort | tr '\n' ',' | sed 's/,$//; s/,/, /g')"
note "seed $SEED, $episode episodes, $(cat "$LAB"/n?.log | grep -c ' takes over from ') takeovers, worst silence $(jq -s '[.[].gaps[] | .[1] - .[0]] | max // 0' "$LAB"/{udp,loop,down}.json) ms, well at most $slowest ms after; $(jq -r '"\(.checked.esp_numbers) numbers"' "$LAB/outer.json"), $(jq -r .delivered "$LAB/inner.json") delivered, $(grep -oE '[0-9]+' "$LAB/inject.log" | tail -n 1) injected"
finish

# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# The faults of chaos.sh, by the names that chaos_plan.py gives them: X_begin and
# X_end act on $victim, add to $story and count themselves in $count. To be sourced.
declare -A step delay full
was_damaged='' was_written='' full_from=0 stopped=0 unplugged=''

tell() { story="$story${story:+, }$*"; }
counted() { count[$1]=$((${count[$1]:-0} + 1)); }
# ended FROM NODE...: their lives ended between FROM and now; chaos_inner.py wants to know.
ended() { local n from=$1; shift; for n; do echo "$from $(now_ms) $n" >> "$LAB/kills.log"; done; }
kill_victim() { local from; from=$(now_ms); node_kill "$victim"; ended "$from" "$victim"; }
since() { jq -n "($(now_ms) - $1) / 1000"; }

# ---- a node's life ---------------------------------------------------------

kill_begin() { counted kill; tell "kill -9"; kill_victim; }
kill_end() { node_start "$victim" "$@"; }
bounce_begin() { counted "quick restart"; tell "quick restart"; kill_victim; }
bounce_end() { node_start "$victim" "$@"; }
stop_begin() { counted SIGSTOP; stopped=$(now_ms); node_signal "$victim" STOP; }
stop_end() { tell "SIGSTOP $(since "$stopped") s"; node_signal "$victim" CONT; }
# All at once, whichever node is the victim.
power_begin() {
	local n from
	counted "power loss"; tell "power loss"
	victim=all
	from=$(now_ms)
	# shellcheck disable=SC2046
	kill -KILL $(for n in $LAB_NODES; do pid_of "$n"; done)
	for n in $LAB_NODES; do await_end "$n" 5; rm -f "$LAB/$n.pid"; done
	# shellcheck disable=SC2086
	ended "$from" $LAB_NODES
}
power_end() { local n; for n in $LAB_NODES; do node_start "$n" "$@"; done; }
# One after the other, as an upgrade would.
rolling_begin() {
	local n from
	counted "rolling restart"; tell "rolling restart"
	victim=all
	for n in $LAB_NODES; do
		from=$(now_ms)
		node_signal "$n" TERM
		await_end "$n" 15 || { problem "$n does not end on SIGTERM"; node_kill "$n"; }
		rm -f "$LAB/$n.pid"
		ended "$from" "$n"
		node_start "$n" "$@"
		until_ok $WELL_S all_healthy || { problem "not well after $n was restarted"; return 1; }
	done
}
# others_say owner|leader NODE: the others know an owner or leader that is not NODE.
others_say() {
	local n is
	for n in $LAB_NODES; do
		[ "$n" != "$2" ] || continue
		case $1 in
		owner) is=$(api "$n" /v1/sessions | jq -r '.[0].owner // empty') ;;
		leader) is=$(status "$n" '.leader // empty') ;;
		esac
		[ -n "$is" ] && [ "$is" != "$2" ] || return 1
	done
}
# back_begin owner|leader stop|cut: there and back. The node that has the role is silenced until
# another has it, and so on, until the first one has it again, in the same life. Each leader in
# between has a request for a client.
back_begin() {
	local what=$1 how=$2 now path
	now=$("$what") path=$now
	victim=all
	counted "$what there and back"
	while :; do
		[ "$what" = owner ] || rekey_told cl
		if [ "$how" = stop ]; then node_signal "$now" STOP; else cut back "ctl-$now" both; fi
		until_ok 20 others_say "$what" "$now" || problem "$now is silent, and still $what"
		inject 150
		if [ "$how" = stop ]; then node_signal "$now" CONT; else heal back; fi
		until_ok $WELL_S all_healthy || { problem "not well after $now was silent"; return 1; }
		now=$("$what") path="$path $now"
		[ "${path%% *}" != "$now" ] && [ "$(wc -w <<< "$path")" -lt 7 ] || break
	done
	[ "$what" = owner ] || rekey_told cl
	tell "$what $path ($how)"
	[ "${path%% *}" = "$now" ] || counted "... and not back"
}

# ---- its disk --------------------------------------------------------------

weather() { # NODE: what chaos_preload.c reads, written in place
	printf '%15d %10d %10d\n' "${step[$1]:-0}" "${delay[$1]:-0}" "${full[$1]:-0}" 1<> "$LAB/weather-$1"
}
slow_begin() { counted "slow disk"; tell "disk slow by $1 ms"; delay[$victim]=$1; weather "$victim"; }
slow_end() { delay[$victim]=0; weather "$victim"; }
# logged PATTERN: by the victim, in its present life.
logged() { tail -n "+$(($(cat "$LAB/begun-$victim") + 1))" "$LAB/$victim.log" | grep -q "$1"; }
full_begin() {
	counted "disk full"
	dd if=/dev/zero of="$LAB/data/$victim/ballast" bs=64k 2> /dev/null
	full[$victim]=1
	full_from=$(now_ms)
	weather "$victim"
	sleep 0.2
	was_written=$(last_written)
}
last_written() { find "$LAB/data/$victim" -type f ! -name ballast -printf '%T@ %p\n' | sort; }
# A node that cannot write ends and says so; it goes on when there is room again. A node that is
# also cut off may have nothing to write.
full_end() {
	local lives=
	if alive "$victim"; then
		lives=yes
		tell "disk full, nothing to write"
		same "$(last_written)" "$was_written" || problem "$victim writes to a full disk"
	else
		tell "disk full"
		logged 'make room on that disk' ||
			{ tail -n 3 "$LAB/$victim.log"; problem "$victim has ended on a full disk, and not said why"; }
		ended "$full_from" "$victim"
	fi
	full[$victim]=0
	weather "$victim"
	rm -f "$LAB/data/$victim/ballast"
	[ -n "$lives" ] || { rm -f "$LAB/$victim.pid"; node_start "$victim" "$@"; }
}
# damage_begin HOW NUMBER: killed, damaged, started: it must refuse.
damage_begin() {
	counted "damaged file"
	was_damaged=$1
	kill_victim
	"$PYTHON" - "$(find "$LAB/data/$victim" -name '*.mdb' | head -n 1)" "$@" <<-'PY'
	import sys
	path, how, number = sys.argv[1], sys.argv[2], int(sys.argv[3])
	data = bytearray(open(path, "rb").read())
	if how == "bit":
	    data[number % len(data)] ^= 1 << number % 8
	elif how == "bits":
	    for page in range(2 * 4096, len(data), 4096):
	        used = [i for i in range(page + 64, page + 4096) if data[i]]
	        if used:
	            data[used[-1]] ^= 1
	elif how == "meta":
	    data[:8192] = bytes(8192)
	else:
	    data = data[:len(data) // 2 if how == "half" else 0]
	open(path, "wb").write(data)
	PY
	node_start "$victim"
}
# One bit may have hit an unused place: then the node runs, and its store is read completely.
decided() { ! alive "$victim" || logged ' started cluster '; }
damage_end() {
	until_ok 30 decided || problem "$victim neither starts with its damaged store nor refuses it"
	if ! alive "$victim"; then
		logged 'is damaged' || { tail -n 3 "$LAB/$victim.log"; problem "$victim does not say that its data is damaged ($was_damaged)"; }
		tell "damage ($was_damaged): refused, wiped"
		find "$LAB/data/$victim" -mindepth 1 -delete
		rm -f "$LAB/$victim.pid"
		node_start "$victim" "$@"
	else
		[ "$was_damaged" = bit ] || problem "$victim runs with a damaged store ($was_damaged)"
		tell "damage (bit, in free space)"
		counted "damage in free space"
	fi
}

# ---- its clock -------------------------------------------------------------

clock_set() { step[$victim]=$1; weather "$victim"; echo "$(now_ms) $victim $1" >> "$LAB/clock.log"; }
clock_begin() { counted "clock step"; tell "clock $1 ms"; clock_set "$1"; }
clock_end() { clock_set 0; }

# ---- its network -----------------------------------------------------------

# cut NAME PORT WAY [OTHER PORT]: drops packets in or out at a switch's port.
cut() {
	{
		printf 'table bridge %s {\n chain c {\n  type filter hook forward priority 0; policy accept;\n' "$1"
		case $3 in out | both) echo "  iifname \"$2\" ${4:+oifname \"$4\"} drop" ;; esac
		case $3 in in | both) echo "  oifname \"$2\" ${4:+iifname \"$4\"} drop" ;; esac
		printf ' }\n}\n'
	} | at sw nft -f - || die "nftables: no cut"
}
heal() { at sw nft delete table bridge "$1"; }
cut_begin() { # NAME NET WAY all|peer
	local peer=
	counted "cut $([ "$2" = ctl ] && echo "between nodes" || echo "to clients") $([ "$3" = both ] && echo "both ways" || echo "one way")"
	[ "$4" = all ] || peer=$2-$(other "$victim")
	tell "cut $2 $3 $4"
	cut "$1" "$2-$victim" "$3" "$peer"
}
cut_end() { heal "$1"; }
client_begin() { counted "client cut off"; tell "$2 cut off ($3)"; cut "$1" "wan-$2" "$3"; }
client_end() { heal "$1"; }
lossy_begin() {
	counted "lossy links"; tell "$1 % lost"
	at sw nft -f - <<-NFT || die "nftables: no loss"
	table bridge lossy {
	 chain c {
	  type filter hook forward priority 0; policy accept;
	  iifname { "ctl-$victim", "wan-$victim" } numgen random mod 100 < $1 drop
	  oifname { "ctl-$victim", "wan-$victim" } numgen random mod 100 < $1 drop
	 }
	}
	NFT
}
lossy_end() { heal lossy; }
reset_begin() {
	counted "link reset"; tell "links reset"
	at "$victim" nft -f - <<-'NFT' || die "nftables: no reset"
	table inet resets {
	 chain c {
	  type filter hook input priority 0; policy accept;
	  iifname "ctl" tcp dport 7500 reject with tcp reset
	  iifname "ctl" tcp sport 7500 reject with tcp reset
	 }
	}
	NFT
}
reset_end() { at "$victim" nft delete table inet resets; }
unplug_begin() { counted "cable pulled"; tell "$1 unplugged"; unplugged=$1; port_down "$victim" "$1"; }
unplug_end() { port_up "$victim" "$unplugged"; }

# ---- clients and others ----------------------------------------------------

# rekey child|ike CLIENT: the client's own rekey, while faults go on.
rekey() { tell "$2 rekeys its $1"; rekey_begin "$1" "$2"; }
rekey_begin() {
	counted "client's rekey"
	rekeys=$((rekeys + 1))
	rekeyed="$rekeyed $2:$1"
	if [ "$1" = child ]; then
		timeout 20 "$LAB_HERE/strongswan.sh" "$(ns "$2")" "$LAB/$2" ctl --rekey --child net
	else
		timeout 20 "$LAB_HERE/strongswan.sh" "$(ns "$2")" "$LAB/$2" ctl --rekey --ike gw
	fi >> "$LAB/rekey.log" 2>&1
}
# rekey_told CLIENT: rekeys its Child SA, and returns when that is over.
rekey_told() {
	local before
	before=$(client_spis "$1")
	rekey_begin child "$1"
	until_ok $REKEY_S differ_spis "$1" "$before" || problem "$1 does not get its rekey"
}
differ_spis() { differ "$(spis_of "$(client_spis "$1")" spi-in=)" "$(spis_of "$2" spi-in=)"; }
# inject COUNT: the client's newest ESP once more, at every node.
inject() { echo "$1 02:00:00:79:11:01 02:00:00:79:12:01 02:00:00:79:13:01" >&9; }

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The anchors: what a stock strongSwan gateway does when it is killed, on this
# machine, with this client, measured by the same pinger. No baton in it.
#
#   anchor.sh KIND RATE KILLS WARM OUT
#
# KIND  ha        two charons with the ha plugin (active, passive), tuned heartbeat;
#                 the survivor's own take-over line in its log moves the addresses
#       standby   the second charon runs with the same configuration and no state;
#                 the addresses move in the instant of the kill (no detection time at
#                 all, in its favour); the client finds out by DPD, tuned
#       defaults  as standby, but the client's timers are strongSwan's defaults (DPD
#                 itself, which is off by default, every 5 s)
# RATE packets/s through the tunnel, WARM seconds before each kill. Each kill has two
# fresh charons and a fresh tunnel. Results: OUT/KIND-RATE/NN.{ping,kill}.
set -u
. "$(dirname "$0")/../netns/lib.sh"
[ $# -eq 5 ] || { sed -n '3,17s/^# \{0,1\}//p' "$0" >&2; exit 2; }
kind=$1 rate=$2 kills=$3 warm=$4 out=$5/$1-$2
PINGER=${PINGER:-$LAB_ROOT/build/bench/pinger}
MOVER=$LAB_ROOT/test/bench/address_mover.py
PSK=anchor-$(od -An -tx1 -N8 /dev/urandom | tr -d ' \n')
HA_DELAY_MS=${HA_DELAY_MS:-100} HA_TIMEOUT_MS=${HA_TIMEOUT_MS:-250}
case $kind in
ha) after=$((warm + 5)) ;;
standby) after=10 ;;
defaults) after=190 ;;
*) die "unknown kind $kind" ;;
esac

# gw N VERB: the charon of node N.
gw() { "$LAB_HERE/strongswan.sh" "$(ns "n$1")" "$LAB/n$1-gw" "${@:2}"; }

# gateway NODE OTHER: the same swanctl.conf on both; only the ha plugin's ends differ.
gateway() {
	local dir=$LAB/n$1-gw
	rm -rf "$dir"
	mkdir -p "$dir"
	cat > "$dir/swanctl.conf" <<-CONF
	connections {
		gw {
			version = 2
			local_addrs = $VIP
			pools = road
			mobike = no
			proposals = aes128gcm16-prfsha256-x25519
			rekey_time = 0
			local {
				auth = psk
				id = gw
			}
			remote {
				auth = psk
			}
			children {
				net {
					local_ts = 10.20.0.0/16
					esp_proposals = aes128gcm16
					rekey_time = 0
				}
			}
		}
	}
	$([ "$kind" = ha ] || echo 'pools { road { addrs = 10.30.0.0/24 } }')
	secrets {
		ike-1 {
			secret = "$PSK"
		}
	}
	CONF
	[ "$kind" = ha ] && cat > "$dir/charon.conf" <<-CONF
	plugins {
		ha {
			local = 10.77.0.1$1
			remote = 10.77.0.1$2
			segment_count = 1
			fifo_interface = no
			monitor = yes
			resync = yes
			heartbeat_delay = $HA_DELAY_MS
			heartbeat_timeout = $HA_TIMEOUT_MS
			pools {
				road = 10.30.0.0/24
			}
		}
	}
	CONF
	PLUGINS=$([ "$kind" = ha ] && echo ha) gw "$1" start > "$LAB/start.log" ||
		{ cat "$LAB/start.log" >&2; die "gateway $1 does not start"; }
}

# road_warrior: the lab's client, with DPD as the kind wants it.
road_warrior() {
	rm -rf "$LAB/cl"
	case $kind in
	ha) DPD_DELAY=0s client_conf cl cl "$PSK" ;;
	standby) DPD_DELAY=1s client_conf cl cl "$PSK" ;;
	defaults) DPD_DELAY=5s client_conf cl cl "$PSK" ;;
	esac
	# The client follows no other address, and comes back by itself: the anchor measures that.
	sed -i 's/^\( *\)version = 2/&\n\1mobike = no/; s/^\( *\)remote_ts = .*/&\n\1dpd_action = restart\n\1close_action = start/' "$LAB/cl/swanctl.conf"
	[ "$kind" = standby ] &&
		printf 'retransmit_timeout = 0.5\nretransmit_base = 1.2\nretransmit_tries = 3\n' > "$LAB/cl/charon.conf"
	client_start > /dev/null
	client_up || { cat "$LAB/cl-initiate.log" >&2; die "the client does not get its tunnel"; }
}

# hold NODE: only this gateway has the service addresses.
hold() {
	local n
	for n in n1 n2; do
		ip -n "$(ns $n)" addr del $VIP/24 dev wan 2>/dev/null
		ip -n "$(ns $n)" addr del $INNER/24 dev lan 2>/dev/null
	done
	ip -n "$(ns "$1")" addr add $VIP/24 dev wan
	ip -n "$(ns "$1")" addr add $INNER/24 dev lan
	at cl ip neigh flush dev wan
	at sv ip neigh flush dev lan
}

# mover_start: the survivor n2 will take the addresses; $trigger ends its wait.
mover_start() {
	local args=()
	[ "$kind" = ha ] && args=(--log "$LAB/n2-gw/run/charon.log" --when "taking all segments")
	rm -f "$LAB/go"
	mkfifo "$LAB/go"
	ip netns exec "$(ns n2)" "$PYTHON" "$MOVER" --from "$(ns n1)" "${args[@]}" \
		$VIP/24@wan $INNER/24@lan < "$LAB/go" > "$LAB/mover.log" 2>&1 &
	mover=$!
	exec 9> "$LAB/go"
	until_ok 5 grep -q waiting "$LAB/mover.log" || die "the address mover does not start"
}

one_kill() {
	local name t pid
	name=$(printf '%s/%02d' "$out" "$1")
	gateway 1 2
	[ "$kind" = ha ] && sleep 0.5
	gateway 2 1
	hold n1
	[ "$kind" = ha ] && sleep 0.5
	road_warrior
	mover_start
	ip netns exec "$(ns cl)" "$PINGER" send $SERVER 7010 "$rate" $((warm + 300)) 0.5 "$name.ping" > "$LAB/pinger.log" 2>&1 &
	local pinger=$!
	sleep "$warm"
	pid=$(gw 1 pid)
	t=${EPOCHREALTIME/[.,]/}
	kill -KILL "$pid"
	echo go >&9
	sleep "$after"
	kill -TERM "$pinger"
	wait "$pinger"
	wait "$mover"
	exec 9>&-
	{ echo "kill $t"; cat "$LAB/mover.log"; } > "$name.kill"
	swan cl kill; gw 1 kill; gw 2 kill
}

mkdir -p "$out"
lab_new
lab_net 2
background echo ip netns exec "$(ns sv)" "$PINGER" echo 7010
for i in $(seq "$kills"); do one_kill "$i"; done

# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# The laboratory: a small network in namespaces, three baton nodes, a stock
# client, a server. To be sourced; needs root.
#
#    cl ---- wan (10.79.0.0/24) ---- n1 n2 n3 ---- lan (10.20.0.0/24) ---- sv
#   .50        service .100       .11 .12 .13        inner service .1      .50
#                                  |   |   |
#                                ctl (10.77.0.0/24): node links, .11 .12 .13
#
# wan, lan and ctl are bridges in one more namespace, the switch (sw). All
# captures are taken at the switch's ports: packets that XDP redirects are seen
# there, and a node's port shows exactly what that node has sent. The nodes'
# default route goes by the outer side, to 10.79.0.1 at the switch, so a packet
# that leaks in clear is seen too. Checksum and segmentation offload are off on
# every veth, so captures show what a wire would carry.
#
# All state lives under $LAB (mktemp), names carry a prefix of this run, and
# lab_clean, run on every exit, ends the processes, by pid, and removes both.
# LAB_KEEP=1 leaves $LAB in place for a look.

LAB_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
LAB_HERE=$LAB_ROOT/test/netns
BATON=${BATON:-$LAB_ROOT/build/baton}
PYTHON=${PYTHON:-/usr/bin/python3}
VIP=10.79.0.100
CLIENT=10.79.0.50
SERVER=10.20.0.50
INNER=10.20.0.1
LAB=
LAB_NS=bt$$
LAB_NODES=

die() { echo "FAIL: $*" >&2; exit 1; }
say() { printf '%s\n' "$*"; }
now_ms() { local t=${EPOCHREALTIME/[.,]/}; echo $((t / 1000)); }

# ns NAME: the namespace's full name; at NAME COMMAND...: run in it.
ns() { echo "$LAB_NS-$1"; }
at() { local n=$1; shift; ip netns exec "$LAB_NS-$n" "$@"; }

# pause SECONDS: as sleep, without a process of its own: where a script polls, starting
# processes is most of its work. Nothing is ever written to that pipe.
exec {LAB_SILENCE}<> <(:)
pause() { read -rt "$1" -u "$LAB_SILENCE" || :; }

# until_ok SECONDS COMMAND...: try it every 50 ms until it succeeds.
until_ok() {
	local end=$((${EPOCHREALTIME/[.,]/} + $1 * 1000000)); shift
	until "$@" > /dev/null 2>&1; do
		[ ${EPOCHREALTIME/[.,]/} -lt $end ] || return 1
		pause 0.05
	done
}

# ---- life and end --------------------------------------------------------

# lab_possible: true if namespaces can be made and entered here; else prints why not.
lab_possible() {
	local why
	why=$(ip netns add "$LAB_NS-try" 2>&1 && ip netns exec "$LAB_NS-try" true 2>&1)
	local rc=$?
	ip netns del "$LAB_NS-try" 2> /dev/null
	[ $rc = 0 ] && return
	die "network namespaces cannot be used here: $(printf '%s' "$why" | head -n 1)
This needs CAP_SYS_ADMIN, CAP_NET_ADMIN and the right to mount (ip netns exec mounts /sys):
a machine of its own or a virtual one; of containers only one with all of these (--privileged)."
}

lab_new() {
	[ "$(id -u)" = 0 ] || die "needs root"
	lab_possible
	LAB=$(mktemp -d "${TMPDIR:-/tmp}/baton.XXXXXX") || exit 1
	: > "$LAB/pids"
	trap lab_clean EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
}

# background NAME COMMAND...: start it in its own session, note its pid in $LAB/NAME.pid.
background() {
	local name=$1; shift
	setsid "$@" < /dev/null >> "$LAB/$name.log" 2>&1 &
	disown $!
	echo $! > "$LAB/$name.pid"
	echo $! >> "$LAB/pids"
}
pid_of() { cat "$LAB/$1.pid" 2>/dev/null; }
alive() { local p; { read -r p < "$LAB/$1.pid"; } 2> /dev/null && kill -0 "$p" 2> /dev/null; }
await_end() {
	local p tries=$(($2 * 20))
	{ read -r p < "$LAB/$1.pid"; } 2> /dev/null || return 0
	while kill -0 "$p" 2>/dev/null; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		pause 0.05
	done
	wait "$p" 2>/dev/null
	return 0
}

lab_clean() {
	local rc=$? p n
	trap - EXIT
	trap '' INT TERM HUP
	[ -n "$LAB" ] || exit $rc
	while read -r p; do
		kill -CONT "$p" 2>/dev/null
		kill -KILL "$p" 2>/dev/null
	done < "$LAB/pids"
	# These scripts started all other processes in our namespaces, too.
	for n in $(ip netns list | awk -v p="$LAB_NS-" 'index($1, p) == 1 { print $1 }'); do
		for p in $(ip netns pids "$n" 2>/dev/null); do kill -KILL "$p" 2>/dev/null; done
		ip netns del "$n" 2>/dev/null
	done
	wait 2>/dev/null
	if [ $rc -ne 0 ] && [ $rc -lt 128 ] && [ -n "${LAB_LOGS:-}" ]; then
		mkdir -p "$LAB_LOGS" && cp -r "$LAB"/*.log "$LAB"/*.json "$LAB"/*.toml "$LAB"/*.pcap "$LAB_LOGS/" 2>/dev/null
		for p in "$LAB"/cl*/run/charon.log; do
			[ -e "$p" ] && cp "$p" "$LAB_LOGS/$(basename "$(dirname "$(dirname "$p")")")-charon.log"
		done
		echo "logs: $LAB_LOGS" >&2
	fi
	if [ -n "${LAB_KEEP:-}" ]; then echo "kept: $LAB" >&2; else rm -rf "$LAB"; fi
	exit $rc
}

# ---- the network ---------------------------------------------------------

# cable BRIDGE HOST IFNAME MAC: a veth from HOST's IFNAME to the switch's BRIDGE.
cable() {
	local port=$1-$2
	ip link add "$port" netns "$(ns sw)" address "02:00:00:ff:${4#02:00:00:}" type veth \
		peer name "$3" netns "$(ns "$2")" address "$4:01" || exit 1
	at sw ip link set "$port" master "$1" up
	at sw ethtool -K "$port" tx off tso off gso off gro off > /dev/null 2>&1
	at "$2" ethtool -K "$3" tx off tso off gso off > /dev/null 2>&1
	at "$2" ip link set "$3" up
}

# host NAME: a namespace with lo up and no IPv6 chatter beyond neighbours.
host() {
	ip netns add "$(ns "$1")" || exit 1
	at "$1" ip link set lo up
	at "$1" sysctl -qw net.ipv6.conf.default.router_solicitations=0 net.ipv4.conf.all.rp_filter=0 \
		net.ipv4.conf.default.rp_filter=0
}

# lab_net [N]: switch, N nodes (3), client cl, server sv.
lab_net() {
	local count=${1:-3} i b
	host sw
	for b in wan lan ctl; do
		at sw ip link add "$b" type bridge mcast_snooping 0 forward_delay 0 || exit 1
		at sw ip link set "$b" up
	done
	at sw ip addr add 10.79.0.1/24 dev wan
	LAB_NODES=
	for i in $(seq "$count"); do
		LAB_NODES="$LAB_NODES n$i"
		host "n$i"
		cable wan "n$i" wan "02:00:00:79:1$i"
		cable lan "n$i" lan "02:00:00:20:1$i"
		cable ctl "n$i" ctl "02:00:00:77:1$i"
		at "n$i" ip addr add "10.79.0.1$i/24" dev wan
		at "n$i" ip addr add "10.20.0.1$i/24" dev lan
		at "n$i" ip addr add "10.77.0.1$i/24" dev ctl
		at "n$i" ip route add default via 10.79.0.1 dev wan
		at "n$i" sysctl -qw net.ipv4.ip_forward=1
	done
	host cl
	cable wan cl wan 02:00:00:79:50
	at cl ip addr add $CLIENT/24 dev wan
	host sv
	cable lan sv lan 02:00:00:20:50
	at sv ip addr add $SERVER/24 dev lan
	at sv ip route add default via $INNER dev lan
}

# port_down / port_up HOST NET: pull a host's cable out at the switch, and back.
port_down() { at sw ip link set "$2-$1" down; }
port_up() { at sw ip link set "$2-$1" up; }

# capture NAME PORT [in]: everything on a switch port into $LAB/NAME.pcap; "in"
# leaves only what the host at that port has sent. The file ends in .pcap and
# tcpdump stays root because the AppArmor profile of tcpdump asks for both. Without
# --immediate-mode the kernel hands packets over a block at a time, and keeps the last.
capture() {
	local only=()
	[ "${3:-}" = in ] && only=(-Q in)
	background "tcpdump-$1" ip netns exec "$(ns sw)" tcpdump -n -U --immediate-mode -B 16384 -s "${SNAPLEN:-192}" -Z root \
		"${only[@]}" -i "$2" -w "$LAB/$1.pcap"
	until_ok 5 grep -q 'listening on' "$LAB/tcpdump-$1.log" || die "tcpdump does not start on $2"
}
# capture_outer: one file per outer port, each with what that host has sent.
capture_outer() {
	local h
	for h in $LAB_NODES cl; do capture "wan-$h" "wan-$h" in; done
}
capture_end() {
	local f name
	sleep 0.3
	for f in "$LAB"/tcpdump-*.pid; do
		[ -e "$f" ] || continue
		name=$(basename "$f" .pid)
		kill -INT "$(< "$f")" 2>/dev/null
		await_end "$name" 5
		rm -f "$f"
	done
}
# inject_at NODE: sends the capture "record" again, to this node's outer port.
inject_at() { at sw "$PYTHON" "$LAB_HERE/inject.py" "$LAB/record.pcap" wan "02:00:00:79:1${1#n}:01"; }
# observe ARGS...: test/netns/observe.py over all outer captures of this lab.
observe() { "$PYTHON" "$LAB_HERE/observe.py" "$@" "$LAB"/wan-*.pcap; }

# ---- baton ---------------------------------------------------------------

# lab_config MODE [N]: `baton init`, then a cluster.toml with the lab's addresses
# around the secrets it has made. PSK of "cl" is in $LAB/conf/secrets/cl.psk.
# Text in $LAB/extra.toml is appended; MORE_ESP are further esp_proposals; CLUSTER_KEYS, SERVICE_KEYS, DATAPATH_KEYS and CONNECTION_KEYS
# go into the sections [cluster], [service], [datapath] and [[connection]].
lab_config() {
	local mode=$1 count=${2:-3} i
	"$BATON" init "$LAB/conf" --nodes "$count" > "$LAB/init.log" 2>&1 ||
		{ cat "$LAB/init.log" >&2; die "baton init"; }
	[ -s "$LAB/conf/secrets/cl.psk" ] ||
		(umask 077; printf 'psk-%s\n' "$(od -An -tx1 -N16 /dev/urandom | tr -d ' \n')" > "$LAB/conf/secrets/cl.psk")
	{
		cat <<-TOML
		[cluster]
		name = "lab"
		ca_file = "secrets/ca.pem"
		storage_key_file = "secrets/storage.key"
		${CLUSTER_KEYS:-}

		TOML
		for i in $(seq "$count"); do
			cat <<-TOML
			[[node]]
			name = "n$i"
			link = "10.77.0.1$i:7500"
			cert_file = "secrets/n$i.pem"
			key_file = "secrets/n$i.key"
			data_dir = "$LAB/data/n$i"
			outer_interface = "wan"
			inner_interface = "lan"
			http = "127.0.0.1:9505"
			control = "$LAB/n$i.sock"

			TOML
		done
		cat <<-TOML
		[service]
		mode = "vip"
		addresses = ["$VIP/24"]
		inner_addresses = ["$INNER/24"]
		${SERVICE_KEYS:-}

		[datapath]
		mode = "$mode"
		tun = "baton0"
		${DATAPATH_KEYS:-}

		[[connection]]
		name = "road"
		local_id = "gw"
		auth = "psk"
		local_ts = ["10.20.0.0/16"]
		pool = "10.30.0.0/16"
		${CONNECTION_KEYS:-}
		ike_proposals = ["aes128gcm16-prfsha256-x25519", "aes256-sha256-prfsha384-modp2048", "aes128-sha256-prfsha256-ecp256"]
		esp_proposals = ["aes128gcm16", "aes256gcm16", "aes128-sha256", "aes128gcm16-esn", "aes256gcm16-esn", "aes128-sha256-esn"${MORE_ESP:+, $MORE_ESP}]

		[[secret]]
		id = "cl"
		psk_file = "secrets/cl.psk"
		TOML
		cat "$LAB/extra.toml" 2>/dev/null
	} > "$LAB/conf/cluster.toml"
	mkdir -p "$LAB/data"
	chmod 700 "$LAB/data"
	"$BATON" check --config "$LAB/conf/cluster.toml" > "$LAB/check.log" 2>&1 ||
		{ cat "$LAB/check.log" >&2; die "baton check refuses the lab's configuration"; }
}

# LAB_SLEPT=SECONDS: as on a host that has slept so long since it booted.
node_start() {
	background "$1" ip netns exec "$(ns "$1")" ${LAB_SLEPT:+unshare -T --boottime "$LAB_SLEPT"} "$BATON" run --config "$LAB/conf/cluster.toml" --node "$1"
}
# order VERB NODE ARGS...: baton end, revoke, allow or prune at a node.
order() {
	local verb=$1 node=$2; shift 2
	"$BATON" "$verb" "$@" --control "$LAB/$node.sock"
}
node_signal() { kill "-$2" "$(pid_of "$1")"; }
node_kill() { node_signal "$1" KILL; await_end "$1" 5; rm -f "$LAB/$1.pid"; }
node_term() { node_signal "$1" TERM; await_end "$1" "${2:-10}" || die "$1 does not end on SIGTERM"; rm -f "$LAB/$1.pid"; }

# api NODE PATH: a GET at the node's status endpoint.
api() { at "$1" curl -s -m 2 "http://127.0.0.1:9505$2"; }
api_code() { at "$1" curl -s -m 2 -o /dev/null -w '%{http_code}' "http://127.0.0.1:9505$2"; }
node_ready() { [ "$(api_code "$1" /readyz)" = 200 ]; }
status() { api "$1" /v1/status | jq -r "$2"; }

nodes_start() {
	local n
	for n in $LAB_NODES; do node_start "$n"; done
	nodes_ready "${1:-30}"
}
nodes_ready() {
	local n
	for n in $LAB_NODES; do
		alive "$n" || continue
		until_ok "${1:-30}" node_ready "$n" ||
			{ tail -n 20 "$LAB/$n.log" >&2; die "$n is not ready in ${1:-30} s"; }
	done
}
# leader / holder: the node's name, or nothing. The owner of the first session:
# owner; every live node is asked until one answers.
ask_any() {
	local n out
	for n in $LAB_NODES; do
		alive "$n" || continue
		out=$(api "$n" "$1" | jq -er "$2" 2>/dev/null) && [ -n "$out" ] && { echo "$out"; return 0; }
	done
	return 1
}
leader() { ask_any /v1/status '.leader // empty | select(. != "")'; }
owner() { ask_any /v1/sessions '(if type == "array" then . else .sessions end)[0].owner // empty'; }
# other NAME...: the first node that is none of these.
other() {
	local n
	for n in $LAB_NODES; do
		case " $* " in *" $n "*) ;; *) echo "$n"; return 0 ;; esac
	done
	return 1
}
# events: the events of all live nodes, and those saved earlier, as one array by time.
events_save() { api "$1" /v1/events > "$LAB/events-$1-$(now_ms).json"; }
events() {
	local n
	for n in $LAB_NODES; do alive "$n" && events_save "$n"; done
	cat "$LAB"/events-*.json | jq -s '[.[] | .events[]?] | unique | sort_by(.at_ms)'
}

# ---- the client ----------------------------------------------------------

# client_conf [NAME] [ID] [SECRET]: a road warrior; variables change details.
client_conf() {
	local dir=$LAB/${1:-cl} id=${2:-cl} secret
	secret=${3:-$(cat "$LAB/conf/secrets/cl.psk")}
	mkdir -p "$dir"
	cat > "$dir/swanctl.conf" <<-CONF
	connections {
		gw {
			version = 2
			remote_addrs = $VIP
			vips = 0.0.0.0
			proposals = ${IKE_PROPOSAL:-aes128gcm16-prfsha256-x25519}
			dpd_delay = ${DPD_DELAY:-0s}
			rekey_time = 0
			local {
				auth = psk
				id = $id
			}
			remote {
				auth = psk
				id = gw
			}
			children {
				net {
					remote_ts = 10.20.0.0/16
					esp_proposals = ${ESP_PROPOSAL:-aes128gcm16}
					rekey_time = 0
				}
			}
		}
	}
	secrets {
		ike-1 {
			id = $id
			secret = "$secret"
		}
	}
	CONF
}
swan() { local c=$1; shift; "$LAB_HERE/strongswan.sh" "$(ns cl)" "$LAB/$c" "$@"; }
client_start() { swan "${1:-cl}" start || die "the client does not start"; }
client_up() {
	swan "${1:-cl}" ctl --initiate --child net --timeout "${2:-20}" > "$LAB/${1:-cl}-initiate.log" 2>&1
}
# client_spis: IKE and ESP SPIs as the client shows them, on one line; then each kind alone, Child SAs' sorted.
spis_listed() { swan "$1" ctl --list-sas --raw | grep -oE "($2)=[0-9a-f]+"; }
client_spis() { spis_listed "${1:-cl}" 'initiator-spi|responder-spi|spi-in|spi-out' | tr '\n' ' '; }
client_ike_spis() { spis_listed cl 'initiator-spi|responder-spi' | tr '\n' ' '; }
client_child_spis() { spis_listed cl 'spi-in|spi-out' | sort | tr '\n' ' '; }
client_vip() { swan "${1:-cl}" ctl --list-sas --raw | grep -oE 'local-vips=\[[0-9.]+' | grep -oE '[0-9.]+$'; }
# client_exchanges: which of these three the client has started, by its own log.
client_exchanges() {
	grep -oE 'generating (IKE_SA_INIT|IKE_AUTH|CREATE_CHILD_SA) request' "$LAB/${1:-cl}/run/charon.log" |
		awk '{ print $2 }' | sort | uniq -c | awk '{ printf "%s=%s ", $2, $1 }'
}

# ---- traffic -------------------------------------------------------------

TRAFFIC=$LAB_HERE/traffic.py
server_start() {
	background server ip netns exec "$(ns sv)" "$PYTHON" "$TRAFFIC" server --out "$LAB/server.json"
	until_ok 10 grep -q listening "$LAB/server.log" || die "the traffic server does not start"
}
server_end() { kill -TERM "$(pid_of server)"; await_end server 5; }
# traffic NAME WHERE MODE ARGS...: in the background, result in $LAB/NAME.json.
traffic() {
	local name=$1 where=$2; shift 2
	background "$name" ip netns exec "$(ns "$where")" "$PYTHON" "$TRAFFIC" "$@" --out "$LAB/$name.json"
}
result() { jq -r "$2" "$LAB/$1.json"; }

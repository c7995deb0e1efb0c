#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What a handshake costs by each method, beside a stock strongSwan gateway in the same run: a leader's processor
# time, that of all nodes, and the control loop's longest stand-still.
#
#   methods.sh [SECS [CLIENTS [ROUNDS]]]              5 s, 16 at a time, 3 rounds
#
# METHODS="psk eap-radius": only these. Needs root. In each round each method is measured with three fresh
# nodes, and then with a fresh strongSwan. That has no kernel with ESP here; in its place a process says yes
# (xfrm_mute.py), whose time does not count. Neither does freeradius's. methods.py makes the tables; the
# results stay in build/bench/methods.
set -u
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/../netns/pki.sh"
. "$(dirname "$0")/../netns/radius.sh"
secs=${1:-5} clients=${2:-16} rounds=${3:-3}
methods=${METHODS:-psk pubkey-ecdsa pubkey-rsa eap-mschapv2 eap-radius}
command -v freeradius > /dev/null || methods=${methods/eap-radius/}
bench_made handshakes
make -s -C "$LAB_ROOT" build/netns/ipsec_preload.so || exit 1
out=$LAB_ROOT/build/bench/methods
rm -rf "$out"
mkdir -p "$out"
RADIUS_SECRET=only-for-this-lab-0123456789
THEIRS=10.79.0.101

lab_new
lab_net 3
host ss
cable wan ss wan 02:00:00:79:65
at ss ip addr add $THEIRS/24 dev wan
# One CA, and for each kind of key one certificate of the gateways and one of the client.
pki() (
	mkdir -p "$LAB/pki" && cd "$LAB/pki" || exit 1
	KEY=ec issue root root "/O=lab/CN=root" "TRUE;keyUsage=critical,keyCertSign,cRLSign" 30
	for KEY in ec rsa; do
		issue "gw-$KEY" root "/O=lab/CN=gw" "FALSE;subjectAltName=$(printf 'DNS:%s,' $methods | sed 's/,$//');extendedKeyUsage=serverAuth" 30
		issue "cl-$KEY" root "/O=lab/CN=cl" "FALSE;subjectAltName=DNS:cl" 30
		cat "cl-$KEY.pem" "cl-$KEY.key" > "load-$KEY.pem"
	done
	cp gw-ec.pem radius.pem
	cp gw-ec.key radius.key
)
pki > "$LAB/pki.log" 2>&1 || { cat "$LAB/pki.log"; die "openssl makes no PKI"; }
key_of() { if [ "$1" = pubkey-rsa ]; then echo rsa; else echo ec; fi; }
kind_of() { echo "${1%-ecdsa}" | sed 's/-rsa$//'; }
password="in wonderland"
(umask 077; echo "$password" > "$LAB/pw"; echo "$RADIUS_SECRET" > "$LAB/radius-secret")

# ---- Ours: a connection for each method, which clients name as IDr ----

connection() {
	printf '\n[[connection]]\nname = "%s"\nlocal_id = "%s"\nauth = "%s"\n' "$1" "$1" "$(kind_of "$1")"
	printf 'local_ts = ["10.20.0.0/16"]\npool = "10.30.0.0/16"\n'
	printf 'ike_proposals = ["aes128gcm16-prfsha256-x25519"]\nesp_proposals = ["aes128gcm16"]\n'
	[ "$1" = psk ] || printf 'cert_file = "%s"\nkey_file = "%s"\n' "$LAB/pki/gw-$(key_of "$1").pem" "$LAB/pki/gw-$(key_of "$1").key"
	[ "$(kind_of "$1")" != pubkey ] || printf 'client_ca_file = "%s"\n' "$LAB/pki/root.pem"
}
lab_config "$MODE" 3
sed -i '/^\[\[connection\]\]/,$d' "$LAB/conf/cluster.toml"
{
	for m in $methods; do connection "$m"; done
	printf '\n[[secret]]\nid = "cl"\npsk_file = "secrets/cl.psk"\n'
	case " $methods " in *" eap-mschapv2 "*) printf '\n[[user]]\nname = "cl"\npassword_file = "%s"\n' "$LAB/pw" ;; esac
	case " $methods " in *" eap-radius "*) printf '\n[[radius]]\naddress = "%s:1812"\nsecret_file = "%s"\n' $SERVER "$LAB/radius-secret" ;; esac
} >> "$LAB/conf/cluster.toml"
"$BATON" check --config "$LAB/conf/cluster.toml" > "$LAB/check.log" 2>&1 || { cat "$LAB/check.log"; die "baton check refuses the configuration"; }

# ---- Theirs ----

swan=$LAB/swan
swan_do() { PLUGINS="eap-identity eap-mschapv2 eap-radius" USER_SPACE_ESP='' "$LAB_HERE/strongswan.sh" "$(ns ss)" "$swan" "$@"; }
swan_connection() {
	local by=$1
	case $1 in pubkey-*) by=pubkey ;; esac
	cat <<-CONF
	$1 {
		version = 2
		local_addrs = $THEIRS
		pools = road
		mobike = no
		unique = never
		proposals = aes128gcm16-prfsha256-x25519
		rekey_time = 0
		local {
			auth = $([ "$1" = psk ] && echo psk || echo pubkey)
			id = $1
			$([ "$1" = psk ] || echo "certs = gw-$(key_of "$1").pem")
		}
		remote {
			auth = $by
			$([ $by != pubkey ] || echo "cacerts = root.pem")
		}
		children {
			net {
				local_ts = 10.20.0.0/16
				esp_proposals = aes128gcm16
				rekey_time = 0
			}
		}
	}
	CONF
}
swan_conf() {
	mkdir -p "$swan/x509" "$swan/x509ca" "$swan/private"
	cp "$LAB/pki/root.pem" "$swan/x509ca/"
	cp "$LAB"/pki/gw-*.pem "$swan/x509/"
	cp "$LAB"/pki/gw-*.key "$swan/private/"
	{
		echo "connections {"
		for m in $methods; do swan_connection "$m"; done
		printf '}\npools {\n\troad {\n\t\taddrs = 10.30.0.0/16\n\t}\n}\n'
		printf 'secrets {\n\tike-1 {\n\t\tsecret = "%s"\n\t}\n\teap-1 {\n\t\tid = cl\n\t\tsecret = "%s"\n\t}\n}\n' "$(cat "$LAB/conf/secrets/cl.psk")" "$password"
	} > "$swan/swanctl.conf"
	# As its manual has it for many clients.
	cat > "$swan/charon.conf" <<-CONF
	threads = 16
	dos_protection = no
	ikesa_table_size = 4096
	ikesa_table_segments = 16
	plugins {
		eap-radius {
			servers {
				one {
					address = 10.79.0.70
					secret = "$RADIUS_SECRET"
					sockets = 8
				}
			}
		}
	}
	CONF
}
swan_conf
swan_up() {
	: > "$LAB/ss-kernel.log"
	rm -f "$swan/kernel.sock"
	background ss-kernel ip netns exec "$(ns ss)" "$PYTHON" "$LAB_ROOT/test/bench/xfrm_mute.py" "$swan/kernel.sock"
	until_ok 10 grep -q ready "$LAB/ss-kernel.log" || die "what stands for strongSwan's kernel does not start"
	LOGLEVEL=${LOGLEVEL:-0} LD_PRELOAD="$LAB_ROOT/build/netns/ipsec_preload.so" IPSEC_KERNEL="$swan/kernel.sock" swan_do start || die "strongSwan does not start"
}
swan_down() { swan_do kill; kill "$(pid_of ss-kernel)"; await_end ss-kernel 5; rm -f "$LAB/ss-kernel.pid"; }

# ---- The RADIUS server, for both ----

case " $methods " in
*" eap-radius "*)
	cable wan sv wan 02:00:00:79:70
	at sv ip addr add 10.79.0.70/24 dev wan
	radius_conf one 1812
	"$PYTHON" - "$LAB/one/radiusd.conf" <<-PY
	import sys
	path = sys.argv[1]
	text = open(path).read()
	password = 'update control {\nCleartext-Password := "$password"\n}\n'
	for old, new in (("default_eap_type = ttls", "default_eap_type = mschapv2"), ("ipaddr = $SERVER\n", "ipaddr = *\n"),
	                 ("modules {", 'client swan {\nipaddr = $THEIRS\nsecret = "$RADIUS_SECRET"\n}\nmodules {'),
	                 ("authorize {\n", "authorize {\n" + password), ("authenticate {\n", "authenticate {\nAuth-Type MS-CHAP {\nmschap\n}\n")):
	    assert old in text, old
	    text = text.replace(old, new, 1)
	open(path, "w").write(text)
	PY
	radius_start one
	;;
esac

# ---- One measurement ----

hz=$(getconf CLK_TCK)
cpu() { awk -v hz="$hz" '{ sub(/.*\) /, ""); print ($12 + $13) / hz }' "/proc/$1/stat"; }
metric() { at "$1" curl -s "http://127.0.0.1:9505/metrics" | awk -v k="$2" '$1 == k { print $2 }'; }
# load METHOD ADDRESS FILE
load() {
	local file=$LAB/pw ca=$LAB/pki/root.pem
	case $1 in psk) file=$LAB/conf/secrets/cl.psk ca= ;; pubkey-*) file=$LAB/pki/load-$(key_of "$1").pem ;; esac
	at cl "$LOAD" rate "$2" cl "$file" "$secs" "$clients" "$(kind_of "$1" | sed  's/eap-radius/eap-mschapv2/')" "$1" $ca > "$3" || { cp "$LAB"/*.log "$swan"/run/charon.log "$out" 2> /dev/null; die "$1: the generator failed: $(cat "$3"), logs in $out"; }
}
ours() {
	local n lead now file=$out/$1.$2.baton.json
	declare -A before
	for n in $LAB_NODES; do rm -rf "$LAB/data/$n" "$LAB/$n.log"; done
	nodes_start 30
	until_ok 20 ask_any /v1/status 'if any(.nodes[]; .holds_address) then "yes" else empty end' || die "nobody holds the address"
	at cl ping -c 1 -W 2 $VIP > /dev/null 2>&1
	sleep $((secs < 20 ? 21 - secs : 1)) # What the start took is no longer told.
	lead=$(leader)
	for n in $LAB_NODES; do before[$n]=$(cpu "$(pid_of "$n")"); done
	load "$1" $VIP "$LAB/rate.json"
	[ "$(leader)" = "$lead" ] || die "leadership moved"
	for n in $LAB_NODES; do echo "$n $(cpu "$(pid_of "$n")") ${before[$n]}"; done > "$LAB/cpu"
	jq --arg lead "$lead" --rawfile cpu "$LAB/cpu" --argjson wall "$(metric "$lead" baton_loop_stall_recent_us)" --argjson stall "$(metric "$lead" baton_loop_stall_recent_cpu_us)" \
		'. + {nodes: ($cpu | split("\n") | map(select(. != "") | split(" ") | {(.[0]): ((.[1] | tonumber) - (.[2] | tonumber))}) | add), stall_us: $wall, stall_cpu_us: $stall} | . + {leader_s: .nodes[$lead]}' "$LAB/rate.json" > "$file"
	for n in $LAB_NODES; do node_kill "$n"; done
}
theirs() {
	local pid before file=$out/$1.$2.strongswan.json
	swan_up
	pid=$(swan_do pid)
	at cl ping -c 1 -W 2 $THEIRS > /dev/null 2>&1
	before=$(cpu "$pid")
	load "$1" $THEIRS "$LAB/rate.json"
	jq --argjson a "$before" --argjson b "$(cpu "$pid")" '. + {leader_s: ($b - $a)}' "$LAB/rate.json" > "$file"
	swan_down
}
for round in $(seq "$rounds"); do
	for m in $methods; do
		ours "$m" "$round"
		theirs "$m" "$round"
	done
done
"$PYTHON" "$LAB_ROOT/test/bench/methods.py" "$out"

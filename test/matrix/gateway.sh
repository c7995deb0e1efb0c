# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# The gateway of a row: three nodes with one [[connection]], which has the proposals of `baton init`
# and the row's additions; the secrets of two clients, "cl" and "cl2". To be sourced.

# init_says KEY: that list of the file that init writes, on one line.
init_says() {
	awk -v key="$1" '$1 == key { on = 1; sub(/^[^[]*\[/, "") } on { text = text $0 } on && /\]/ { exit } END { sub(/\].*/, "", text); gsub(/[ \t]+/, " ", text); print text }' \
		"$LAB/conf/init.toml"
}
row_pki() (
	mkdir -p "$LAB/pki" && cd "$LAB/pki" || exit 1
	issue root root "/O=lab/CN=root" "TRUE;keyUsage=critical,keyCertSign,cRLSign" 30
	for KEY in ${GATEWAY_KEYS:-}; do
		issue "gw-$KEY" root "/O=lab/CN=gw" "FALSE;subjectAltName=DNS:$LOCAL_ID;extendedKeyUsage=serverAuth" 30
	done
	KEY=${CLIENT_KEY:-ec}
	issue cl root "/O=lab/CN=cl" "FALSE;subjectAltName=DNS:cl.example.org" 30
	issue cl2 root "/O=lab/CN=cl2" "FALSE;subjectAltName=DNS:cl2.example.org" 30
	chmod 755 "$LAB" "$LAB/pki"
)
# files SUFFIX: a TOML list of the gateway's certificates or keys.
files() { local k text=; for k in $GATEWAY_KEYS; do text="$text${text:+, }\"$LAB/pki/gw-$k.$1\""; done; echo "[$text]"; }
secret_of() {
	local name=$1 id=$2
	case $AUTH in
	psk) printf '[[secret]]\nid = "%s"\npsk_file = "secrets/%s.psk"\n' "$id" "$name" ;;
	eap-mschapv2) printf '[[user]]\nname = "%s"\npassword_file = "secrets/%s.pw"\n' "$id" "$name" ;;
	esac
}
connection() {
	cat <<-TOML
	[[connection]]
	name = "row"
	local_id = "$LOCAL_ID"
	auth = "$AUTH"
	local_ts = ["10.20.0.0/16"]
	pool = "10.30.0.0/16"
	dns = ["10.20.0.53"]
	dpd_delay_ms = 3000
	# rekeying
	ike_proposals = [$(init_says ike_proposals)${OPT_IN_IKE:+, $OPT_IN_IKE}]
	esp_proposals = [$(init_says esp_proposals)${OPT_IN_ESP:+, $OPT_IN_ESP}]
	TOML
	[ -z "${GATEWAY_KEYS:-}" ] || printf 'cert_file = %s\nkey_file = %s\n' "$(files pem)" "$(files key)"
	[ "$AUTH" != pubkey ] || printf 'client_ca_file = "%s"\n' "$LAB/pki/root.pem"
	secret_of cl "$CLIENT_ID"
	secret_of cl2 "$GHOST_ID"
}
# Short limits, so that a row need not wait for a give-up at its end. A path that a node removes must lie where it may.
times() {
	mkdir -m 777 "$LAB/die"
	chmod 711 "$LAB"
	cat <<-TOML

	[log]
	level = "debug"
	[timing]
	heartbeat_ms = 20
	heartbeats_missed = 8
	retransmit_ms = 250
	retransmit_tries = 5
	[test]
	die_file = "$LAB/die/die"
	TOML
}
gateway_up() {
	local conf=$LAB/conf/cluster.toml name
	lab_net 3
	# When an address goes, the younger one of its subnet stays.
	at cl sysctl -qw net.ipv4.conf.wan.promote_secondaries=1
	host cl2
	cable wan cl2 wan 02:00:00:79:60
	at cl2 ip addr add 10.79.0.60/24 dev wan
	"$BATON" init "$LAB/try" --nodes 1 > /dev/null || die "baton init"
	if [ -n "${GATEWAY_KEYS:-}" ]; then row_pki > "$LAB/pki.log" 2>&1 || { cat "$LAB/pki.log"; die "openssl makes no PKI"; }; fi
	lab_config "$MODE"
	cp "$LAB/try/cluster.toml" "$LAB/conf/init.toml"
	for name in cl cl2; do
		(umask 077; for kind in psk pw; do head -c 12 /dev/urandom | od -An -tx1 | tr -d ' \n' > "$LAB/conf/secrets/$name.$kind"; done)
	done
	# The lab's own connection and secret make room.
	sed -i '/^\[\[connection\]\]/,$d' "$conf"
	{ connection; times; } >> "$conf"
	"$BATON" check --config "$conf" > "$LAB/check.log" 2>&1 || { cat "$LAB/check.log"; die "baton check refuses the row's configuration"; }
	capture_outer
	capture wan-cl2 wan-cl2 in
	nodes_start 30
}
# hurry SECONDS: from the next start on the gateway rekeys all that is so old, but at least 15 s: what
# it makes then lives through the next steps.
hurry() {
	local s=$(($1 < 15 ? 15 : $1))
	sed -i "s/^# rekeying/rekey_time_s = $s\nike_rekey_time_s = $s/" "$LAB/conf/cluster.toml"
}

# sessions_at ADDRESS-PREFIX JQ: any live node's data on the sessions of clients there.
sessions_at() { ask_any /v1/sessions "[.[] | select(.remote | startswith(\"$1\"))] | $2"; }
# seen_by NODE: the SPIs of the client's sessions as that node sees them, sorted, a line; those of IKE
# SAs are only counted where the peer does not tell its own.
seen_by() {
	local ike='.ike_spi_i, .ike_spi_r'
	[ "${PEER_IKE_SPIS:-yes}" = yes ] || ike='"ike", "ike"'
	api "$1" /v1/sessions | jq -r ".[] | select(.remote | startswith(\"10.79.0.5\")) | $ike, (.children[] | .spi_in, .spi_out)" |
		sort | tr '\n' ' '
}
dead() {
	local n
	for n in $LAB_NODES; do alive "$n" || { echo "$n"; return 0; }; done
	return 1
}
# back NODE: it is started again, and ready.
back() { rm -f "$LAB/$1.pid"; node_start "$1"; until_ok 30 node_ready "$1" || { echo "$1 does not come back"; return 1; }; }

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# modes: socket
# Stock clients that two freeradius servers let in: EAP-TTLS, while the leader is lost with a request
# open there, and EAP-TLS; a tunnel survives the loss of its owner; a wrong password is one line in
# the log; accounting has a Start and a Stop of a session, though the leader is lost in between; when the first server is gone the
# second is asked; radclient ends a session as a server may.
set -u
. "$(dirname "$0")/steps.sh"
. "$(dirname "$0")/radius.sh"
command -v freeradius > /dev/null || skip "no freeradius"
command -v radclient > /dev/null || skip "no radclient"
export PLUGINS="eap-identity eap-ttls eap-tls eap-mschapv2"
RADIUS_SECRET=only-for-this-lab-0123456789
servers() {
	(umask 077; mkdir -p "$LAB/pw"; echo "$RADIUS_SECRET" > "$LAB/pw/radius"; echo the-gateway-shows-this > "$LAB/pw/gw")
	cat <<-TOML

	[[radius]]
	address = "$SERVER:1812"
	secret_file = "$LAB/pw/radius"
	accounting = true
	coa = "0.0.0.0:3799"

	[[radius]]
	address = "$SERVER:1822"
	secret_file = "$LAB/pw/radius"

	[[secret]]
	id = "gw"
	psk_file = "$LAB/pw/gw"

	[[connection]]
	name = "phones"
	local_id = "gw"
	auth = "eap-radius"
	local_ts = ["10.20.0.0/16"]
	pool = "10.30.0.0/16"
	ike_proposals = ["aes128gcm16-prfsha256-x25519"]
	esp_proposals = ["aes128gcm16"]
	TOML
}
EXTRA=servers cluster_up
radius_pki > "$LAB/pki.log" 2>&1 || { cat "$LAB/pki.log" >&2; die "openssl makes no PKI"; }
radius_conf one 1812
radius_conf two 1822
radius_start one
radius_start two

# eap_conf NAME USER PASSWORD: a client that says it is "laptop", and in EAP who it is.
eap_conf() {
	client_conf "$1"
	mkdir -p "$LAB/$1/x509ca" "$LAB/$1/x509" "$LAB/$1/private"
	cp "$LAB/pki/root.pem" "$LAB/$1/x509ca/"
	cp "$LAB/pki/alice.pem" "$LAB/$1/x509/"
	cp "$LAB/pki/alice.key" "$LAB/$1/private/alice.pem"
	sed -i "0,/auth = psk/s//auth = ${EAP:-eap-ttls}\n\t\t\t\teap_id = $2\n\t\t\t\taaa_id = radius/; 0,/id = cl/s//id = ${ID:-laptop}/" "$LAB/$1/swanctl.conf"
	[ -z "${EAP:-}" ] || sed -i "0,/aaa_id/s//certs = alice.pem\n\t\t\t\taaa_id/" "$LAB/$1/swanctl.conf"
	sed -i '/^secrets {/,$d' "$LAB/$1/swanctl.conf"
	cat >> "$LAB/$1/swanctl.conf" <<-CONF
	secrets {
		ike-1 {
			id = gw
			secret = "the-gateway-shows-this"
		}
		eap-1 {
			id = $2
			secret = "$3"
		}
	}
	CONF
}
who() { same "$(ask_any /v1/sessions 'map(.peer_id) | join(" ")')" "$1"; }
pinged() { until_ok 5 at cl ping -c 1 -W 1 -q $SERVER; }

# ---- The leader is lost while the server's answer is under way ----
asked() { grep -q 'Access-Request' "$LAB/one.log"; }
silent() { at sv nft "add table ip mute; add chain ip mute out { type filter hook output priority 0; }; add rule ip mute out udp sport 1812 drop"; }
heard() { at sv nft delete table ip mute; }
log=$LAB/cl/run/charon.log
requests() { grep -c 'Access-Request' "$LAB/one.log"; }
eap_conf cl alice "in wonderland"
client_start
silent
victim=$(leader)
background initiate "$LAB_HERE/strongswan.sh" "$(ns cl)" "$LAB/cl" ctl --initiate --child net --timeout 40
until_ok 10 eval '[ "$(requests)" -ge 1 ]' || die "the server is not asked"
node_kill "$victim"
heard
check "EAP-TTLS, and the leader is lost with a request open: a tunnel" until_ok 30 who alice
check "packets pass" pinged
await_end initiate 45
begun() { grep -c 'initiating IKE_SA' "$log"; }
check "the client never began anew" same "$(begun)" 1
node_gone_and_back "$victim"

# ---- The tunnel's owner is lost ----
spis=$(client_spis) exchanges=$(client_exchanges)
until_ok 20 all_nodes_up
victim=$(owner)
node_kill "$victim"
check "another node owns it" until_ok 10 moved "$victim"
check "packets pass again" pinged
unharmed "after the loss of its owner"
node_gone_and_back "$victim"
until_ok 20 all_nodes_up

# ---- Accounting: the leader is lost with a Stop untold ----
deaf() { at sv nft "add table ip deaf; add chain ip deaf in { type filter hook input priority 0; }; add rule ip deaf in udp dport 1813 drop"; }
accounts() { grep -c "Acct-Status-Type = $1" "$LAB/one/detail"; }
number_of() { sed -n "s/^\\tAcct-$1 = //p" "$LAB/one/detail"; }
check "accounting: a Start" until_ok 5 eval 'same "$(accounts Start)" 1'
deaf
swan cl stop
gone() { same "$(ask_any /v1/sessions length)" 0; }
until_ok 10 gone || die "the session does not end"
waits() { api "$(leader)" /metrics | grep -q '^baton_accounting_reports_waiting 1$'; }
check "accounting: /metrics says that a report waits" until_ok 5 waits
victim=$(leader)
node_kill "$victim"
at sv nft delete table ip deaf
check "accounting: the next leader tells the Stop" until_ok 10 eval 'same "$(accounts Stop)" 1'
check "accounting: Start and Stop, once each, of one Acct-Session-Id" same "$(number_of Session-Id | sort | uniq -c | awk '{ print $1 }')" 2
counted() { local in; in=$(number_of Input-Octets); [ "$in" -ge 84 ] && [ "$in" -le 8400 ]; }
check "accounting: it says what was carried" counted
node_gone_and_back "$victim"

# ---- A wrong password ----
eap_conf cl-wrong alice wrong
client_start cl-wrong
client_up cl-wrong 10
swan cl-wrong stop
rejected() { same "$(cat "$LAB"/n?.log | grep -c "refused $CLIENT:[0-9]*: AUTHENTICATION_FAILED: authentication of 'alice' failed: RADIUS server $SERVER:1812 rejects it")" 1; }
check "wrong password: one line says who, from where, and why" until_ok 3 rejected
check "wrong password: the client is told that it failed" grep -q 'received AUTHENTICATION_FAILED notify error' "$LAB/cl-wrong/run/charon.log"

# ---- The first server is gone; EAP-TLS ----
radius_stop one
EAP=eap-tls ID=alice eap_conf cl-tls alice none
client_start cl-tls
client_up cl-tls 20 || cat "$LAB/cl-tls-initiate.log" >&2
check "EAP-TLS by the second server: a tunnel" until_ok 5 who alice
check "EAP-TLS: packets pass" pinged
dead() { same "$(cat "$LAB"/n?.log | grep -c "RADIUS server $SERVER:1812 does not answer")" 1; }
check "one line says that the first is silent" dead

# ---- A server ends a session, at a node that does not lead ----
# ask_for KIND ATTRIBUTES [AGE]: what radclient says of it.
ask_for() {
	echo "Message-Authenticator = 0x00, Event-Timestamp = $(($(date +%s) - ${3:-0})), $2" |
		at sv radclient -x -r 1 -t 3 "$node:3799" "$1" "$RADIUS_SECRET" 2>&1
}
hears() { local want=$1; shift; ask_for "$@" | grep -q "$want"; }
for n in $LAB_NODES; do alive "$n" && [ "$n" != "$(leader)" ] && node=10.20.0.1${n#n}; done
check "CoA: whatever is not Session-Timeout is refused" hears 'Error-Cause = Unsupported-Attribute' coa 'User-Name = "alice", Filter-Id = "x"'
check "CoA: Session-Timeout" hears 'Received CoA-ACK' coa 'User-Name = "alice", Session-Timeout = 3600'
check "Disconnect: an old one gets no answer" hears 'No reply' disconnect 'User-Name = "alice"' 400
check "Disconnect: of nobody is refused" hears 'Error-Cause = Session-Context-Not-Found' disconnect 'User-Name = "bob"'
check "Disconnect: an ACK" hears 'Received Disconnect-ACK' disconnect 'User-Name = "alice"'
check "Disconnect: the client is told" until_ok 5 grep -q 'received DELETE for IKE_SA' "$LAB/cl-tls/run/charon.log"
unspoken() { ! grep -qF -- "$RADIUS_SECRET" "$LAB"/n?.log; }
check "no log holds the secret" unspoken
outer_clean
finish

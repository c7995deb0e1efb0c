#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# modes: socket
# Certificates, with a stock client and a PKI made by openssl: an ECDSA and an RSA client by an
# intermediate CA, the gateway's certificate for a client with a key (mixed), a takeover; an
# expired, revoked, wrong-purpose or wrong-name certificate is refused with a line that says so, and
# a CRL that comes while the nodes run counts.
set -u
. "$(dirname "$0")/steps.sh"
. "$(dirname "$0")/pki.sh"

# revoke CA NAME...: pki/crl.pem has a CRL of the root and one of the CA that names these.
revoke() {
	local by=$1 name; shift
	for name; do openssl ca -config ca.cnf -cert "$by.pem" -keyfile "$by.key" -revoke "$name.pem"; done
	openssl ca -config ca.cnf -cert "$by.pem" -keyfile "$by.key" -gencrl -crldays 2 -out "$by.crl"
	openssl ca -config ca.cnf -cert root.pem -keyfile root.key -gencrl -crldays 2 -out root.crl
	cat root.crl "$by.crl" > crl.new && chmod 644 crl.new && mv crl.new crl.pem
}
pki() (
	mkdir -p "$LAB/pki" && cd "$LAB/pki" || exit 1
	: > index; echo 01 > number
	cat > ca.cnf <<-CNF
	[ca]
	default_ca = it
	[it]
	database = index
	crlnumber = number
	default_md = sha256
	CNF
	issue root root "/O=lab/CN=root" "TRUE;keyUsage=critical,keyCertSign,cRLSign" 30
	issue ca root "/O=lab/CN=ca" "TRUE;keyUsage=critical,keyCertSign,cRLSign" 30
	issue gw root "/O=lab/CN=gw" "FALSE;subjectAltName=DNS:vpn.example.org,DNS:mixed.example.org" 30
	issue second root "/O=lab/CN=second" "FALSE;subjectAltName=DNS:second.example.org" 9
	KEY=rsa issue gwrsa root "/O=lab/CN=gw" "FALSE;subjectAltName=DNS:vpn.example.org" 30
	issue alice ca "/O=lab/CN=alice" "FALSE;subjectAltName=DNS:alice.example.org" 30
	KEY=rsa issue bob ca "/O=lab/CN=bob" "FALSE;extendedKeyUsage=clientAuth" 30
	issue carol ca "/O=lab/CN=carol" "FALSE;subjectAltName=DNS:carol.example.org" 30
	issue gone ca "/O=lab/CN=gone" "FALSE;subjectAltName=DNS:gone.example.org" 30
	issue web ca "/O=lab/CN=web" "FALSE;subjectAltName=DNS:web.example.org;extendedKeyUsage=serverAuth" 30
	issue other ca "/O=lab/CN=other" "FALSE;subjectAltName=DNS:other.example.com" 30
	# As in t_refusals: how a certificate of the past is made depends on openssl.
	issue old ca "/O=lab/CN=old" "FALSE;subjectAltName=DNS:old.example.org" 30
	past=(-days -1)
	openssl x509 -help 2>&1 | grep -q -- '-not_after' && past=(-not_before 20200101000000Z -not_after 20210101000000Z)
	openssl x509 -req -in old.csr -CA ca.pem -CAkey ca.key -set_serial 99 "${past[@]}" -extfile old.ext -out old.pem
	revoke ca gone
)
connections() {
	local suites='ike_proposals = ["aes128gcm16-prfsha256-x25519"]
	esp_proposals = ["aes128gcm16"]
	local_ts = ["10.20.0.0/16"]
	pool = "10.30.0.0/16"'
	pki > "$LAB/pki.log" 2>&1 || { cat "$LAB/pki.log" >&2; die "openssl makes no PKI"; }
	# A node reads CRLs again as its own user.
	chmod 755 "$LAB" "$LAB/pki"
	cat <<-TOML
	[[connection]]
	name = "cert"
	local_id = "vpn.example.org"
	auth = "pubkey"
	cert_file = ["$LAB/pki/gw.pem", "$LAB/pki/gwrsa.pem"]
	key_file = ["$LAB/pki/gw.key", "$LAB/pki/gwrsa.key"]
	client_ca_file = "$LAB/pki/root.pem"
	crl_file = "$LAB/pki/crl.pem"
	client_ids = ["*.example.org", "O=lab, CN=*"]
	$suites
	[[connection]]
	name = "second"
	local_id = "second.example.org"
	auth = "pubkey"
	cert_file = "$LAB/pki/second.pem"
	key_file = "$LAB/pki/second.key"
	client_ca_file = "$LAB/pki/root.pem"
	crl_file = "$LAB/pki/crl.pem"
	$suites
	[[connection]]
	name = "mixed"
	local_id = "mixed.example.org"
	auth = "psk"
	cert_file = "$LAB/pki/gw.pem"
	key_file = "$LAB/pki/gw.key"
	$suites
	TOML
}
EXTRA=connections
cluster_up

# cert_client NAME ID [GATEWAY]: a client with pki/NAME; without a certificate: "" and its PSK.
cert_client() {
	local dir=$LAB/$1 gateway=${3:-vpn.example.org}
	client_conf "$1" "$2"
	sed -i "s/id = gw\$/id = $gateway/; s/^\\(.*\\)remote {/\\1remote {\n\\1\tcacerts = root.pem/" "$dir/swanctl.conf"
	sed -i '/remote {/,/}/s/auth = psk/auth = pubkey/' "$dir/swanctl.conf"
	mkdir -p "$dir/x509" "$dir/x509ca" "$dir/private"
	cp "$LAB/pki/root.pem" "$LAB/pki/ca.pem" "$dir/x509ca/"
	[ -e "$LAB/pki/$1.pem" ] || return 0
	sed -i "/local {/,/}/s/auth = psk/auth = pubkey\n\t\t\tcerts = $1.pem/" "$dir/swanctl.conf"
	sed -i '/^\t*secrets {/,$d' "$dir/swanctl.conf"
	cp "$LAB/pki/$1.pem" "$dir/x509/"
	cp "$LAB/pki/$1.key" "$dir/private/"
}
logged() { grep -hqF -- "$1" "$LAB"/n?.log; }
# comes NAME ID TEXT: it gets its tunnel, and traffic passes.
comes() {
	cert_client "$1" "$2" "${4:-vpn.example.org}"
	client_start "$1"
	check "$3: gets its tunnel" client_up "$1"
	check "$3: traffic passes" until_ok 5 at cl ping -c 1 -W 1 $SERVER
}
goes() { swan "$1" stop; until_ok 10 gone || note "a session is left"; }
gone() { [ "$(ask_any /v1/sessions length)" = 0 ]; }
# is_refused NAME ID WHY: and the client hears AUTHENTICATION_FAILED and nothing else.
is_refused() {
	cert_client "$1" "$2"
	client_start "$1"
	client_up "$1" 10
	swan "$1" stop
	check "$1 hears AUTHENTICATION_FAILED" grep -q 'AUTH_FAILED' "$LAB/$1/run/charon.log"
	check "$1: \"$3\"" until_ok 3 logged "AUTHENTICATION_FAILED: authentication of '$2' failed: $3"
}

comes alice alice.example.org "ECDSA, by name"
said() { grep -q "$2" "$LAB/$1/run/charon.log"; }
check "the gateway has signed with ECDSA" said alice "authentication of 'vpn.example.org' with ECDSA_WITH_SHA256_DER successful"
spis=$(spis_listed alice 'initiator-spi|responder-spi|spi-in|spi-out' | tr '\n' ' ')
until_ok 20 owner_apart || note "leader and owner stay together"
victim=$(owner)
node_kill "$victim"
check "after kill -9 of $victim traffic passes" until_ok 10 at cl ping -c 1 -W 1 $SERVER
check "by the same SAs" same "$(spis_listed alice 'initiator-spi|responder-spi|spi-in|spi-out' | tr '\n' ' ')" "$spis"
node_start "$victim"
nodes_ready 30
check "the leader is killed" test -n "$(leader)"
node_kill "$(leader)"
check "traffic passes still" until_ok 10 at cl ping -c 1 -W 1 $SERVER
for n in $LAB_NODES; do alive "$n" || node_start "$n"; done
nodes_ready 30
goes alice
comes bob "O=lab, CN=bob" "RSA, by subject"
goes bob
comes mixed cl "a key, and the gateway's certificate" mixed.example.org
goes mixed
is_refused old old.example.org "its certificate has expired"
is_refused gone gone.example.org "its certificate is revoked"
is_refused web web.example.org "its certificate: its extended key usage is for another purpose"
is_refused other other.example.com "client_ids has no such identity"
comes carol carol.example.org "before it is revoked"
goes carol
(cd "$LAB/pki" && revoke ca carol) >> "$LAB/pki.log" 2>&1
read_anew() { [ "$(cat "$LAB"/n?.log | grep -c "the CRLs of connection \"$1\" were read anew")" -ge 3 ]; }
check "the new CRL is read by all nodes" until_ok 30 read_anew cert
check "at once for each connection that has the file" until_ok 4 read_anew second
is_refused carol carol.example.org "its certificate is revoked"

# ---- what will expire
check "the log says what expires soon" logged 'connection "second": "cert_file": /O=lab/CN=second expires in 8 days'
ends() { api n1 /metrics | grep "^baton_certificate_expires_seconds{connection=\"$1\",key=\"$2\"}" | cut -d ' ' -f 2; }
check "/metrics shows when a certificate expires" test "$(ends second cert_file)" -gt $((8 * 86400))
check "and a CRL" test "$(ends cert crl_file)" -lt $((2 * 86400))
check "and the link's own certificate" test "$(ends '' cert_file)" -gt $((1000 * 86400))
check "/v1/status has it, too" same "$(api n1 /v1/status | jq '[.certificates[] | select(.connection == "second")] | length')" 3

# ---- by baton reload: a CRL that only root may read, and another certificate of the gateway
all_reload() {
	local n
	for n in $LAB_NODES; do "$BATON" reload --control "$LAB/$n.sock" > "$LAB/reload.log" 2>&1 || return 1; done
}
reload_says() { grep -qF "$1" "$LAB/reload.log" || { cat "$LAB/reload.log"; return 1; }; }
(cd "$LAB/pki" && revoke ca bob && chmod 600 crl.pem) >> "$LAB/pki.log" 2>&1
check "a CRL that the nodes' user may not read is taken" all_reload
is_refused bob "O=lab, CN=bob" "its certificate is revoked"
serial() { openssl x509 -in "$LAB/pki/gw.pem" -noout -serial; }
before=$(serial)
(cd "$LAB/pki" && issue gw root "/O=lab/CN=gw2" "FALSE;subjectAltName=DNS:vpn.example.org,DNS:mixed.example.org" 30) >> "$LAB/pki.log" 2>&1
check "the gateway has another certificate" test "$(serial)" != "$before"
check "it is taken" all_reload
check "as a different policy" reload_says 'in force: 4 connections'
comes alice alice.example.org "with the gateway's new certificate"
check "which the client has seen" said alice 'received end entity cert "O=lab, CN=gw2"'
secrets_said() { grep -qE 'PRIVATE KEY' "$LAB"/n?.log; }
check_not() { local t=$1; shift; check "$t" not "$@"; }
not() { ! "$@"; }
check_not "no log holds a key" secrets_said
outer_clean
finish

# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Libreswan, configured as a row says, as a peer (row.sh). To be sourced. It follows its addresses
# only while it learns its own from the default route; it names its IKE SAs by its own numbers, and
# no command shows their SPIs.
. "$(dirname "${BASH_SOURCE[0]}")/stand_in.sh"
PEER_IKE_SPIS=no

peer_possible() { stand_in_possible; }
pluto_do() { local n=$1 what=$2; shift 2; at "$n" env LD_LIBRARY_PATH="$PEERS_LIB" "$PEERS/usr/libexec/ipsec/$what" "$@"; }
whack_at() { local n=$1; shift; timeout 20 ip netns exec "$(ns "$n")" env LD_LIBRARY_PATH="$PEERS_LIB" "$PEERS/usr/libexec/ipsec/whack" --rundir "$LAB/$n/run" "$@"; }

# nss NAME: its certificates and key.
nss() {
	local dir=$LAB/$1 db=sql:$LAB/$1/nss
	mkdir -p "$dir/nss"
	LD_LIBRARY_PATH=$PEERS_LIB "$PEERS/usr/bin/certutil" -N -d "$db" --empty-password
	[ "$AUTH" != psk ] || return 0
	LD_LIBRARY_PATH=$PEERS_LIB "$PEERS/usr/bin/certutil" -A -d "$db" -n root -t CT,, -i "$LAB/pki/root.pem"
	openssl pkcs12 -export -name "$1" -in "$LAB/pki/$1.pem" -inkey "$LAB/pki/$1.key" -out "$dir/$1.p12" -passout pass:
	LD_LIBRARY_PATH=$PEERS_LIB "$PEERS/usr/bin/pk12util" -i "$dir/$1.p12" -d "$db" -W ''
}
# peer_new NAME ID: configured and running, not connected.
peer_new() {
	local name=$1 id=$2 dir=$LAB/$1
	mkdir -p "$dir/run"
	nss "$name" > "$dir/nss.log" 2>&1 || { cat "$dir/nss.log"; return 1; }
	cat > "$dir/updown" <<-SH
	#!/bin/sh
	case \$PLUTO_VERB in
	up-client) ip addr replace \$PLUTO_MY_SOURCEIP/32 dev esp0; echo "\$PLUTO_PEER_DNS_INFO" > $dir/dns ;;
	down-client) ip addr del \$PLUTO_MY_SOURCEIP/32 dev esp0 ;;
	esac
	exit 0
	SH
	chmod 755 "$dir/updown"
	cat > "$dir/ipsec.conf" <<-CONF
	config setup
	    uniqueids=no
	conn gw
	    ikev2=insist
	    left=%defaultroute
	    leftid=@$id
	    leftsubnet=0.0.0.0/0
	    leftmodecfgclient=yes
	    leftupdown=$dir/updown
	    right=$VIP
	    rightid=@$REMOTE_ID
	    rightsubnet=${REMOTE_TS:-0.0.0.0/0}
	    narrowing=yes
	    mobike=$([ "$MOBIKE" = no ] && echo no || echo yes)
	    rekey=no
	    auto=add
	CONF
	case $AUTH in
	psk) printf '    authby=secret\n' ;;
	pubkey) printf '    leftcert=%s\n' "$name" ;;
	esac >> "$dir/ipsec.conf"
	[ -z "${LIBRESWAN:-}" ] || sed 's/^/    /' <<< "$LIBRESWAN" >> "$dir/ipsec.conf"
	(umask 077; printf '@%s @%s : PSK "%s"\n' "$id" "$REMOTE_ID" "$(cat "$LAB/conf/secrets/$name.psk")" > "$dir/ipsec.secrets")
	at "$name" ip route replace default via 10.79.0.1 dev wan
	stand_in_start "$name" || return 1
	with_stand_in "$name" "$PEERS/usr/libexec/ipsec/pluto" --nofork --config "$dir/ipsec.conf" --rundir "$dir/run" --dumpdir "$dir" \
		--nssdir "$dir/nss" --secretsfile "$dir/ipsec.secrets" --ipsecdir "$dir" --logfile "$LAB/$name-pluto.log" --no-dnssec ${PLUTO_DEBUG:+--debug $PLUTO_DEBUG}
	until_ok 10 test -S "$dir/run/pluto.ctl" || { tail -n 5 "$LAB/$name-pluto.log"; return 1; }
	pluto_do "$name" addconn --config "$dir/ipsec.conf" --ctlsocket "$dir/run/pluto.ctl" gw && whack_at "$name" --listen
}
states() { whack_at "$1" --showstates; }
up() { states "$1" | grep -q 'ESTABLISHED_CHILD_SA'; }
peer_connect() { whack_at "$1" --initiate --name gw; until_ok 20 up "$1"; }
peer_disconnect() { whack_at "$1" --terminate --name gw; }
peer_rekey() { if [ "$2" = child ]; then whack_at "$1" --rekey-ipsec --name gw; else whack_at "$1" --rekey-ike --name gw; fi; }
peer_kill() { stand_in_kill "$1"; }
# peer_spis NAME: two words for its IKE SA, and its SPIs of ESP.
peer_spis() {
	states "$1" | awk '/ESTABLISHED_IKE_SA/ { print "ike-i" $2; print "ike-r" $2 }
		{ for (i = 1; i <= NF; i++) if ($i ~ /^esp\.[0-9a-f]+@/) { split($i, part, /[.@]/); printf "%8s\n", part[2] } }' |
		tr ' :' '0_' | sort | tr '\n' ' '
}
peer_address() { at "$1" ip -o -4 addr show dev esp0 scope global | awk '{ sub(/\/.*/, "", $4); print $4 }'; }
peer_begun() { grep -c 'initiating IKEv2 connection' "$LAB/$1-pluto.log"; }
peer_dns() { cat "$LAB/$1/dns"; }

# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# OpenIKED, configured as a row says, as a peer (row.sh). To be sourced. It rekeys a Child
# SA when the kernel says that its soft lifetime is over; no command makes it rekey an IKE SA.
. "$(dirname "${BASH_SOURCE[0]}")/stand_in.sh"
PEER_REKEYS=child

peer_possible() { stand_in_possible; }
iked_do() { local n=$1; shift; at "$n" env LD_LIBRARY_PATH="$PEERS_LIB" "$PEERS/usr/sbin/ikectl" -s "$LAB/$n/iked.sock" "$@"; }

# iked_keys NAME: what it looks for in /etc/iked. It needs a key of its own also where it uses none.
iked_keys() {
	local dir=$LAB/$1/etc
	if [ "$AUTH" = psk ]; then
		openssl ecparam -genkey -name prime256v1 -noout -out "$dir/private/local.key"
		return
	fi
	cp "$LAB/pki/root.pem" "$dir/ca/ca.crt"
	cp "$LAB/pki/$1.pem" "$dir/certs/local.crt"
	cp "$LAB/pki/$1.key" "$dir/private/local.key"
}
# peer_new NAME ID: configured and running, not connected.
peer_new() {
	local name=$1 id=$2 dir=$LAB/$1
	mkdir -p "$dir/etc/private" "$dir/etc/ca" "$dir/etc/certs" "$dir/etc/crls" "$dir/etc/pubkeys"
	iked_keys "$name"
	stand_in_start "$name" || return 1
	(
		umask 077
		cat > "$dir/iked.conf" <<-CONF
		${OPENIKED_SETS:-}
		ikev2 "gw" active esp from 0.0.0.0/0 to ${REMOTE_TS:-10.20.0.0/16} \\
			local $(at "$name" ip -o -4 addr show dev wan | awk '{ sub(/\/.*/, "", $4); print $4; exit }') peer $VIP \\
			srcid $id dstid $REMOTE_ID$([ "$AUTH" != psk ] || echo " psk \"$(cat "$LAB/conf/secrets/$name.psk")\"") \\
			request address any request name-server any iface esp0
		CONF
	)
	export IPSEC_ETC=$dir/etc
	with_stand_in "$name" "$PEERS/usr/sbin/iked" -S -d -v -v ${OPENIKED_OPTIONS:-} -f "$dir/iked.conf" -s "$dir/iked.sock"
	until_ok 10 iked_do "$name" show sa || { tail -n 5 "$LAB/$name-ike.log"; return 1; }
}
up() { [ "$(peer_spis "$1" | wc -w)" = 4 ]; }
# In passive mode it does not re-create SAs that were ended.
peer_connect() {
	iked_do "$1" active && until_ok 40 up "$1"
	local rc=$?
	iked_do "$1" passive
	return $rc
}
peer_disconnect() { iked_do "$1" reset id "FQDN/$REMOTE_ID"; }
peer_rekey() { kill -USR1 "$(pid_of "$1-kernel")"; }
peer_kill() { stand_in_kill "$1"; }
# peer_spis NAME: of all its SAs, IKE and ESP, sorted, a line.
peer_spis() {
	iked_do "$1" show sa | awk '/^iked_sas:/ && / ESTABLISHED / { for (i = 1; i < NF; i++) if ($i ~ /^[ri]spi$/) print $(i + 1) }
		/^ *sa_childsas:/ && /\(L/ { print $4 }' | sed 's/^0x//' | sort | tr '\n' ' '
}
peer_address() { at "$1" ip -o -4 addr show dev esp0 scope global | awk '{ sub(/\/.*/, "", $4); print $4 }'; }
peer_begun() { grep -c 'send IKE_SA_INIT req' "$LAB/$1-ike.log"; }
peer_dns() { grep -oE 'name-server [0-9.]+|dns [0-9.]+|10\.20\.0\.53' "$LAB/$1-ike.log" | tail -n 1; }

# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# strongSwan, configured as a row says, as a peer (row.sh). To be sourced.
export PLUGINS="eap-identity eap-mschapv2 resolve"

peer_possible() { command -v charon-systemd > /dev/null || [ -x /usr/sbin/charon-systemd ] || echo "charon-systemd is not installed"; }
swan_at() { local n=$1; shift; "$LAB_HERE/strongswan.sh" "$(ns "$n")" "$LAB/$n" "$@"; }

# swan_auth NAME ID: this side's of local {}.
swan_auth() {
	case $AUTH in
	psk) printf 'auth = psk\nid = %s\n' "$2" ;;
	pubkey) printf 'auth = pubkey\ncerts = %s.pem\nid = %s\n' "$1" "$2" ;;
	eap-mschapv2) printf 'auth = eap-mschapv2\nid = %s\neap_id = %s\n' "${IDI:-$2}" "$2" ;;
	esac
}
swan_secret() {
	case $AUTH in
	psk) printf 'ike-1 {\nid = %s\nsecret = "%s"\n}\n' "$2" "$(cat "$LAB/conf/secrets/$1.psk")" ;;
	eap-mschapv2) printf 'eap-1 {\nid = %s\nsecret = "%s"\n}\n' "$2" "$(cat "$LAB/conf/secrets/$1.pw")" ;;
	esac
}
# peer_new NAME ID: configured and running, not connected.
peer_new() {
	local name=$1 id=$2 dir=$LAB/$1 theirs=pubkey
	[ "$AUTH" = psk ] && [ -z "${GATEWAY_KEYS:-}" ] && theirs=psk
	mkdir -p "$dir/x509" "$dir/x509ca" "$dir/private"
	if [ -e "$LAB/pki/root.pem" ]; then
		cp "$LAB/pki/root.pem" "$dir/x509ca/"
		cp "$LAB/pki/$name.pem" "$dir/x509/"
		cp "$LAB/pki/$name.key" "$dir/private/"
	fi
	cat > "$dir/swanctl.conf" <<-CONF
	connections {
		gw {
			version = 2
			remote_addrs = $VIP
			vips = ${VIPS:-0.0.0.0}
			rekey_time = 0
			${IKE:+proposals = $IKE}
			${SWAN_IKE:-}
			local {
	$(swan_auth "$name" "$id")
			}
			remote {
				auth = $theirs
				id = $REMOTE_ID
				$([ $theirs = psk ] || echo "cacerts = root.pem")
			}
			children {
				net {
					remote_ts = ${REMOTE_TS:-10.20.0.0/16}
					rekey_time = 0
					${ESP:+esp_proposals = $ESP}
				}
			}
		}
	}
	secrets {
	$(swan_secret "$name" "$id")
	}
	CONF
	{
		printf '%s\n' "${CHARON:-}"
		printf 'plugins {\n\tresolve {\n\t\tfile = %s/resolv.conf\n\t\tresolvconf {\n\t\t\tpath = /nonexistent\n\t\t}\n\t}\n}\n' "$dir"
	} > "$dir/charon.conf"
	swan_at "$name" start
}
# peer_connect NAME: until it is connected, or has failed.
peer_connect() { swan_at "$1" ctl --initiate --child net --timeout 40; }
peer_disconnect() { swan_at "$1" ctl --terminate --ike gw; }
peer_rekey() { if [ "$2" = child ]; then swan_at "$1" ctl --rekey --child net; else swan_at "$1" ctl --rekey --ike gw; fi; }
peer_kill() { swan_at "$1" kill; }
# peer_spis NAME: of all its SAs, IKE and ESP, sorted, a line.
peer_spis() {
	swan_at "$1" ctl --list-sas --raw | grep -oE '(initiator-spi|responder-spi|spi-in|spi-out)=[0-9a-f]+' |
		sed 's/.*=//' | sort | tr '\n' ' '
}
peer_address() { swan_at "$1" ctl --list-sas --raw | grep -oE 'local-vips=\[[0-9.]+' | grep -oE '[0-9.]+$'; }
peer_begun() { grep -c 'initiating IKE_SA' "$LAB/$1/run/charon.log"; }
peer_dns() { grep -oE 'installing DNS server [0-9.]+' "$LAB/$1/run/charon.log" | head -n 1; }
# It follows its addresses by itself.
peer_moved() { :; }

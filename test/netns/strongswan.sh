#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# One private strongSwan in a network namespace, as client or as gateway.
#
#   strongswan.sh NETNS DIR start          run it with DIR/swanctl.conf, wait until ready
#   strongswan.sh NETNS DIR ctl ARGS...    swanctl ARGS... on it
#   strongswan.sh NETNS DIR stop | kill    clean end with DELETE | SIGKILL
#   strongswan.sh NETNS DIR pid
#
# ESP runs in user space (kernel-libipsec: ESP in UDP over a TUN device), so no
# kernel with ESP is needed. Everything an instance would share with the host's
# own strongSwan is private to DIR/run: vici socket, configuration, log, and the
# two binaries. The copies are there for AppArmor, whose profiles go by path and
# let neither program read a directory of ours; a profile of the host is never
# touched. DIR/charon.conf, when it exists, is put into the charon section, for
# retransmission timers and the like. LOGLEVEL (1; 4 prints keys too). USER_SPACE_ESP= (nothing):
# ESP is the kernel's.
set -u

if [ $# -lt 3 ] || [ ! -d "$2" ]; then
	sed -n '3,9s/^# \{0,1\}//p' "$0" >&2
	exit 2
fi
ns=$1 dir=$(cd "$2" && pwd) verb=$3
shift 3
run=$dir/run
socket=unix://$run/vici
fail() {
	echo "strongswan.sh: $*" >&2
	tail -n 15 "$run/out" "$run/charon.log" 2>/dev/null >&2
	exit 1
}
pid() {
	local p
	p=$(cat "$run/pid" 2>/dev/null) && kill -0 "$p" 2>/dev/null && echo "$p"
}
ctl() {
	ip netns exec "$ns" env STRONGSWAN_CONF="$run/strongswan.conf" SWANCTL_DIR="$dir" \
		"$run/swanctl" "$@" --uri "$socket"
}

# A copy of a program, or the program itself where the directory is noexec.
private_copy() {
	local from
	from=$(command -v "$1" || command -v "/usr/sbin/$1") || fail "$1 is not installed"
	rm -f "$run/$1"
	cp "$from" "$run/$1"
	[ -x "$run/$1" ] || ln -sf "$from" "$run/$1"
}

# The order of plugins matters: the first that offers "kernel-ipsec" is taken,
# so libipsec stands before netlink, which keeps addresses and routes. Plugins
# that would touch the host (resolve, updown, bypass-lan, ...) are not listed.
# The mark lets the daemon's own packets bypass the tunnel's routes.
write_conf() {
	cat > "$run/strongswan.conf" <<-CONF
	charon-systemd {
		journal {
			default = -1
		}
	}
	charon {
		load = random nonce openssl aes sha1 sha2 hmac kdf gcm curve25519 gmp mgf1 pem pkcs1 pkcs8 pubkey x509 constraints ${USER_SPACE_ESP-kernel-libipsec} kernel-netlink socket-default vici ${PLUGINS:-}
		filelog {
			log {
				path = $run/charon.log
				time_format = %s
				time_add_ms = yes
				flush_line = yes
				default = ${LOGLEVEL:-1}
			}
		}
		plugins {
			vici {
				socket = $socket
			}
			kernel-netlink {
				fwmark = !0x51
			}
			socket-default {
				fwmark = 0x51
			}
			kernel-libipsec {
				allow_peer_ts = yes
			}
		}
	$(cat "$dir/charon.conf" 2>/dev/null)
	}
	CONF
}

start() {
	[ -z "$(pid)" ] || fail "runs already"
	[ ${#run} -lt 95 ] || fail "path too long for a socket: $run"
	mkdir -p "$run" || exit 1
	rm -f "$run/vici" "$run/charon.log"
	private_copy charon-systemd
	private_copy swanctl
	write_conf
	STRONGSWAN_CONF=$run/strongswan.conf setsid ip netns exec "$ns" \
		"$run/charon-systemd" < /dev/null > "$run/out" 2>&1 &
	echo $! > "$run/pid"
	local tries=150
	until [ -S "$run/vici" ] && ctl --stats > /dev/null 2>&1; do
		[ -n "$(pid)" ] || fail "charon has ended"
		tries=$((tries - 1))
		[ $tries -gt 0 ] || fail "not ready in 15 s"
		sleep 0.1
	done
	ctl --load-all --noprompt --file "$dir/swanctl.conf" >> "$run/out" 2>&1 ||
		{ finish KILL; fail "swanctl.conf does not load"; }
}

finish() {
	local p tries=50
	p=$(pid)
	[ -n "$p" ] || return 0
	kill "-$1" "$p" 2>/dev/null
	while kill -0 "$p" 2>/dev/null && [ $tries -gt 0 ]; do
		tries=$((tries - 1))
		sleep 0.1
	done
	kill -KILL "$p" 2>/dev/null
	rm -f "$run/pid" "$run/vici"
}

case $verb in
start) start ;;
ctl) [ -n "$(pid)" ] || fail "does not run"; ctl "$@" ;;
stop) finish TERM ;;
kill) finish KILL ;;
pid) pid ;;
*) fail "unknown verb $verb" ;;
esac
exit

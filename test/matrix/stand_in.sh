# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Shared by peers that use the kernel's IPsec: its stand-in (kernel/), and Debian's packages,
# unpacked (fetch.sh). To be sourced.
PEERS=$LAB_ROOT/build/peers/root
PEERS_LIB=$PEERS/usr/lib/$(gcc -print-multiarch 2> /dev/null || echo x86_64-linux-gnu)

# stand_in_possible: it prints why not.
stand_in_possible() {
	[ -c /dev/net/tun ] || { echo "no /dev/net/tun"; return; }
	[ -e "$LAB_ROOT/build/netns/ipsec_preload.so" ] || { echo "build/netns/ipsec_preload.so is not made"; return; }
	"$LAB_ROOT/test/matrix/fetch.sh" 2>&1 | tail -n 1
}
# stand_in_start NAME: for the daemon in that namespace; packets for the server leave by it, or not at all.
stand_in_start() {
	local name=$1 dir=$LAB/$1
	mkdir -p "$dir"
	rm -f "$dir/kernel.sock"
	at "$name" ip rule del pref 50 2> /dev/null
	at "$name" ip route replace unreachable 10.20.0.0/16
	: > "$LAB/$name-kernel.log"
	background "$name-kernel" ip netns exec "$(ns "$name")" "$PYTHON" "$LAB_ROOT/test/matrix/kernel/kernel.py" "$dir/kernel.sock" esp0
	until_ok 10 grep -q ready "$LAB/$name-kernel.log" || { echo "the stand-in for the kernel does not start"; return 1; }
}
# with_stand_in NAME COMMAND...: started there in the background, as NAME-ike.
with_stand_in() {
	local name=$1; shift
	background "$name-ike" ip netns exec "$(ns "$name")" env LD_LIBRARY_PATH="$PEERS_LIB" IPSEC_KERNEL="$LAB/$name/kernel.sock" \
		LD_PRELOAD="$LAB_ROOT/build/netns/ipsec_preload.so" "$@"
}
# stand_in_kill NAME: daemon and kernel, as when a machine loses power.
stand_in_kill() {
	local what
	for what in ike kernel; do
		kill -KILL "$(pid_of "$1-$what")" 2> /dev/null
		await_end "$1-$what" 5
	done
}

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# modes: socket xdp
# A start is no race: the node waits for things the host lacks yet (interfaces, addresses, room on the
# disk, the right time). It says once what it waits for, /readyz names it,
# and it goes on by itself. And no signal meant for other daemons ends a node.
set -u
. "$(dirname "$0")/steps.sh"
[ -x "$BATON" ] || skip "no $BATON"
make -s -C "$LAB_ROOT" build/netns/chaos_preload.so > /dev/null || exit 1
lab_new
lab_net 1
relaxed >> "$LAB/extra.toml"
lab_config "$MODE" 1
conf=$LAB/conf/cluster.toml
cp "$conf" "$LAB/good.toml"
under=() # What runs the node.
node_start() { : > "$LAB/$1.log"; background "$1" ip netns exec "$(ns "$1")" "${under[@]}" "$BATON" run --config "$conf" --node "$1"; }
says() { grep -q "$1" "$LAB/n1.log"; }
lines() { grep -c "$1" "$LAB/n1.log"; }
waits() { api n1 /readyz | grep -q "$1" && [ "$(api_code n1 /readyz)" = 503 ]; }
# waited TEXT REASON PATTERN COMMAND...: the node waits for that, and once the command gave it, is ready.
waited() {
	local text=$1 reason=$2 pattern=$3; shift 3
	check "$text: /readyz names it" until_ok 15 waits "^$reason: .*$pattern"
	check "$text: /livez is well" same "$(api_code n1 /livez)" 200
	check "$text: the log says it once" same "$(lines "unready $reason: .*$pattern")" 1
	alive n1 || { tail -n 3 "$LAB/n1.log"; die "$text: the node has ended"; }
	"$@" || die "$text: $*"
	check "$text: it goes on by itself" until_ok 20 node_ready n1
	check "$text: the log says that, too" says "no longer $reason"
	[ "$MODE" = auto ] || check "$text: the data path is $MODE" same "$(status n1 .datapath.mode)" "$MODE"
}

# ---- interfaces
at n1 ip link set lan name later
node_start n1
waited "no inner interface" interface 'inner_interface "lan" does not exist yet' at n1 ip link set later name lan
node_term n1
at n1 ip link set wan down
node_start n1
waited "the outer interface is down" interface 'outer_interface "wan" is down' at n1 ip link set wan up
node_term n1
lan_again() { cable lan n1 lan 02:00:00:20:11; at n1 ip addr add 10.20.0.11/24 dev lan; }
at n1 ip link del lan
node_start n1
waited "made while it waits" interface '"lan" does not exist yet' lan_again
at n1 ip route replace default via 10.79.0.1 dev wan
server_start
client_joins
check "a client's packets pass" at cl ping -q -c 5 -i 0.1 -W 2 $SERVER
node_term n1

# ---- addresses
at n1 ip addr del 10.77.0.11/24 dev ctl
node_start n1
waited "no link address" link_address '10.77.0.11 is no address of this host yet' at n1 ip addr add 10.77.0.11/24 dev ctl
node_term n1
sed -i 's/^http = .*/http = "10.77.0.99:9505"/' "$conf"
node_start n1
check "no address for the status: said" until_ok 10 says 'http 10.77.0.99:9505 is no address of this host yet'
check "no address for the status: it starts" until_ok 10 says ' leads term '
at n1 ip addr add 10.77.0.99/32 dev ctl
answers() { at n1 curl -s -m 2 http://10.77.0.99:9505/readyz | grep -q ok; }
check "no address for the status: it answers there when there is one" until_ok 10 answers
at n1 ip addr del 10.77.0.99/32 dev ctl
node_term n1
cp "$LAB/good.toml" "$conf"

# ---- an end while it waits
at n1 ip link set wan down
node_start n1
check "it waits" until_ok 10 waits '^interface: '
node_signal n1 TERM
check "SIGTERM while it waits: it ends" await_end n1 5
check "and says so" says 'SIGTERM: the start is given up'
at n1 ip link set wan up
at n1 ip route replace default via 10.79.0.1 dev wan

weather() { printf "%-39s\n" "$*" | dd of="$LAB/weather" conv=notrunc 2> /dev/null; } # Overwrites: it is mapped.
preloaded=(env CHAOS_CONTROL="$LAB/weather" CHAOS_DATA="$LAB/data/n1" LD_PRELOAD="$LAB_ROOT/build/netns/chaos_preload.so")

# ---- the disk: no data_dir yet, then no room for its lock; a folder takes one of the tmpfs's inodes
disk() { mount -t tmpfs -o "$1,mode=755" baton "$LAB/disk"; }
fill() { dd if=/dev/zero of="$LAB/disk/ballast" bs=4k 2> /dev/null; :; }
inodes() { mount -o "remount,nr_inodes=$1" "$LAB/disk"; }
is_folder() { [ -d "$LAB/disk/$1" ]; }
trap 'rc=$?; umount -l "$LAB/disk" 2> /dev/null; (exit $rc); lab_clean' EXIT
mkdir "$LAB/disk"
sed -i "s|^data_dir = .*|data_dir = \"$LAB/disk/baton/n1\"|" "$conf"
disk size=16m,nr_inodes=1
node_start n1
check "a full disk, no data_dir: it says so" until_ok 10 says 'unready disk: data_dir .* cannot be created: No space left on device; make room'
check "a full disk, no data_dir: nobody is served, as root" same "$(api_code n1 /readyz)" 000
sleep 1
alive n1 || { tail -n 3 "$LAB/n1.log"; die "a full disk, no data_dir: the node has ended"; }
check "... and says so once" same "$(lines 'unready disk')" 1
inodes 2
check "room for one folder: it is made" until_ok 5 is_folder baton
sleep 0.5
alive n1 || { tail -n 3 "$LAB/n1.log"; die "room for one folder: the node has ended"; }
inodes 3
waited "data_dir is made, and the disk is full" disk 'not writable: No space left on device; make room' inodes 1000
node_term n1
check "SIGTERM: no folder, no complaint" same "$(lines ' error ')" 0
umount "$LAB/disk"
disk size=16m,nr_inodes=1
node_start n1
check "it waits" until_ok 10 says 'unready disk'
node_signal n1 TERM
check "SIGTERM while it waits for data_dir: it ends" await_end n1 5
check "and says so" says 'SIGTERM: the start is given up'
umount "$LAB/disk"

# ---- a new store: no room at all, and too little of it, whatever write that cuts short
disk size=16m
for pages in 0 1 2 3 4 5; do
	rm -rf "$LAB/disk/baton"
	fill
	truncate -s "-$((pages * 4096))" "$LAB/disk/ballast"
	node_start n1
	waited "a full disk but for $pages pages, no store yet" disk 'No space left on device; make room' rm "$LAB/disk/ballast"
	node_term n1
done

# ---- at run time: it ends, saying so, comes back by its unit, and goes on when there is room
nodes_start 15
fill
write_some() { for ((i = 0; i < 60; i++)); do order revoke n1 cl && order allow n1 cl || return; done; } > /dev/null 2>&1
write_some
check "a full disk at run time: it ends" await_end n1 5
check "and says so" says 'error n1 store writing to the store .*: No space left on device; make room on that disk'
node_start n1
waited "and then, at its start" disk 'No space left on device; make room' rm "$LAB/disk/ballast"
write_some
check "and is well" same "$i" 60
node_term n1

# ---- an existing store, on a disk that copies on write
weather 0 0 1
preloaded[2]=CHAOS_DATA=$LAB/disk
under=("${preloaded[@]}")
node_start n1
waited "a full disk, with a store" disk 'No space left on device; make room' weather 0 0 0
node_term n1
under=()
umount "$LAB/disk"
cp "$LAB/good.toml" "$conf"

# ---- the clock
weather -1000000000 0 0 # 11 days early
under=("${preloaded[@]}")
node_start n1
waited "the clock is not set" clock 'n1.pem is valid from ' weather 0 0 0
node_term n1

# ---- /proc/sys: read-only, with the right values; then with a wrong one
cat > "$LAB/readonly" <<-'SH'
	#!/bin/sh
	exec unshare -m --propagation private sh -c 'mount --bind /proc/sys /proc/sys && mount -o remount,ro,bind /proc/sys && exec "$@"' sh "$@"
SH
chmod +x "$LAB/readonly"
under=("$LAB/readonly")
at n1 sysctl -qw net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.default.send_redirects=0
node_start n1
check "/proc/sys read-only, its values right: ready" until_ok 15 node_ready n1
node_term n1
at n1 sysctl -qw net.ipv4.conf.lan.arp_ignore=0
node_start n1
check "/proc/sys read-only, a value wrong: it ends" await_end n1 10
check "and names it" says 'sysctl net.ipv4.conf.lan.arp_ignore is 0 and must be 1: Read-only file system'
under=()

# ---- signals
nodes_start 15
for s in HUP USR1 USR2; do node_signal n1 $s; done
check "SIGHUP, SIGUSR1 and SIGUSR2: each is told" until_ok 5 says 'signal SIGUSR2 is ignored'
check "SIGHUP has cluster.toml read again" until_ok 5 says 'reload nothing has changed'
check "and it is there" node_ready n1
node_term n1
check "no assertion" same "$(grep -c Assertion "$LAB/n1.log")" 0

# ---- the unit
unit=$LAB_ROOT/deploy/baton@.service
check "the unit never gives up" same "$(grep -cxE 'Restart=always|StartLimitIntervalSec=0' "$unit")" 2
check "the container neither" same "$(grep -cxE 'Restart=always|StartLimitIntervalSec=0' "$LAB_ROOT/deploy/baton@.container")" 2
finish

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# modes: socket xdp
# An intruder is inside the process: in each thread of a running node he tries to get further
# (inside_preload.c). No attempt may succeed, and the node still serves its client. Outside a node
# most attempts succeed, which shows that they are real.
set -u
. "$(dirname "$0")/steps.sh"
make -s -C "$LAB_ROOT" build/netns/inside_preload.so > /dev/null || exit 1
LIBRARY=$LAB_ROOT/build/netns/inside_preload.so
[ -x "$BATON" ] || skip "no $BATON"
lab_new
lab_net 1
relaxed >> "$LAB/extra.toml"
lab_config "$MODE" 1
chmod 711 "$LAB" "$LAB/data" # So that folder permissions are not what stops him.
node_start() {
	background "$1" ip netns exec "$(ns "$1")" env LD_PRELOAD="$LIBRARY" INSIDE_OUT="$LAB/tries" INSIDE_DIR="$LAB/data/$1" \
		INSIDE_SECRET="$LAB/conf/secrets/storage.key" "$BATON" run --config "$LAB/conf/cluster.toml" --node "$1"
}
server_start
nodes_start 30
client_joins
pid=$(pid_of n1)
# strike PID TID: SIGURG to one thread.
strike() { "$PYTHON" -c 'import ctypes, signal, sys; sys.exit(ctypes.CDLL(None).syscall(234, int(sys.argv[1]), int(sys.argv[2]), int(signal.SIGURG)) != 0)' "$1" "$2"; }
[ "$(uname -m)" = x86_64 ] || skip "no number of tgkill for $(uname -m)"

# ---- a positive control: a process of root's without fences, in namespaces of its own
mkdir "$LAB/control"
: > "$LAB/control/lock"
background control unshare -mnpuf --propagation private env LD_PRELOAD="$LIBRARY" INSIDE_OUT="$LAB/control-tries" INSIDE_DIR="$LAB/control" \
	INSIDE_SECRET="$LAB/conf/secrets/storage.key" "$PYTHON" -c 'import os, signal, time; print("ready", flush=True); os.kill(os.getpid(), signal.SIGURG); time.sleep(60)'
tried() { grep -q ' execve\(at\)\? ' "$1" || ! alive control; }
until_ok 10 tried "$LAB/control-tries"
worked=$(awk '$3 >= 0 { print $2 }' "$LAB/control-tries" 2> /dev/null | sort -u | grep -c .)
check "outside of a node $worked of the tries succeed" [ "$worked" -ge 40 ]

# ---- inside
all_done() { [ "$(grep -c ' end ' "$LAB/tries")" = "$(find /proc/"$pid"/task -mindepth 1 -maxdepth 1 | wc -l)" ]; }
for t in /proc/"$pid"/task/*; do strike "$pid" "${t##*/}" || die "no thread ${t##*/}"; done
check "every thread has tried" until_ok 20 all_done
tries=$(awk '$2 != "end"' "$LAB/tries" | wc -l)
passed() { ! awk '$2 != "end" && !($3 < 0 && ($4 == "EPERM" || $4 == "EACCES" || $4 == "ENOSYS" && $2 == "clone3"))' "$LAB/tries" | grep .; }
check "none of $tries tries succeeds, or gets as far as another error" passed

# ---- what the kernel says
fences() {
	local t k
	for t in /proc/"$pid"/task/*; do
		awk -v t="$t" '
			/^Name:/ { name = $2 }
			/^[UG]id:/ { for (i = 2; i <= 5; i++) if ($i == 0) bad = bad " " $1 "0" }
			/^Groups:/ && NF > 1 { bad = bad " " $0 }
			/^Cap(Inh|Amb|Bnd):/ && $2 !~ /^0*$/ { bad = bad " " $1 $2 }
			/^Cap(Prm|Eff):/ {
				want = name == "baton-address" ? "0000000000005000" : name == "baton" || name == "baton-worker" ? "0000008000004000" : "0000000000004000"
				if ($2 != want) bad = bad " " $1 $2 " not " want
			}
			/^NoNewPrivs:/ && $2 != 1 || /^Seccomp:/ && $2 != 2 { bad = bad " " $0 }
			END { if (bad) { print t, name ":" bad; exit 1 } }' "$t/status" || return 1
	done
}
check "every thread: no root, the capabilities it needs, a filter" fences
check "it owns its data, and nobody else may look" same "$(stat -c '%u %a' "$LAB/data/n1")" "$(awk '/^Uid:/ { print $2 }' /proc/"$pid"/status) 700"
check "no core dumps" grep -qE '^Max core file size +0 +0 ' "/proc/$pid/limits"
check "and the client goes on" at cl ping -q -c 10 -i 0.05 -W 2 $SERVER
unharmed "afterwards"
node_term n1
check "it ends in peace" same "$(grep -cE 'Assertion|ERROR: AddressSanitizer' "$LAB/n1.log")" 0
[ $bad -gt 0 ] || note "$tries tries in $(grep -c ' end ' "$LAB/tries") threads, none succeeds; $worked of them do outside"
finish

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The demonstration: three nodes and an unmodified strongSwan client in network
# namespaces of this machine; the node that serves the client is killed with
# SIGKILL; the script measures and prints what happens. Installs, builds, cleans up.
#
#   sudo deploy/demo.sh [--json] [--mode auto|xdp|socket] [--no-install]
#
# Exit status 0 only if the tunnel has survived. --json prints the same as JSON
# and nothing else on the standard output.
set -u
cd "$(dirname "$0")/.." || exit 1
json='' mode=auto install=1
while [ $# -gt 0 ]; do
	case $1 in
	--json) json=--json ;;
	--mode) mode=${2:?}; shift ;;
	--no-install) install='' ;;
	*) sed -n '3,10s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
	esac
	shift
done
[ "$(id -u)" = 0 ] || { echo "demo.sh: needs root, for network namespaces: sudo $0" >&2; exit 1; }
tell() { if [ -n "$json" ]; then echo "$*" >&2; else echo "$*"; fi; }

# shellcheck source=test/netns/lib.sh
. test/netns/lib.sh
command -v ip > /dev/null && lab_possible # Before anything is installed or built.

if [ -n "$install" ]; then
	tell "Installing what is missing, building ..."
	deploy/deps.sh >&2 || exit 1
	make -s -j"$(nproc)" >&2 || exit 1
fi
lab_new
LAB_LOGS=${LAB_LOGS:-$PWD/build/demo}
lab_net 3
lab_config "$mode"
capture_outer
tell "Three nodes start ..."
nodes_start 30
client_conf
client_start
client_up || { cat "$LAB/cl-initiate.log" >&2; die "the client does not get its tunnel"; }
client_up_ms=$(now_ms)
spis_before=$(client_spis)
until_ok 10 owner || die "no node owns the session"
tell "The client is up. Ping through the tunnel, 125 packets a second ..."
traffic ping cl ping $SERVER --rate 125 --secs 8 --linger 0.5
sleep 3
victim=$(owner)
was_leader=false
[ "$(leader)" = "$victim" ] && was_leader=true
events_save "$victim"
tell "kill -9 $victim"
victim_pid=$(pid_of "$victim")
killed_at_ms=$(now_ms)
kill -KILL "$victim_pid"
await_end "$victim" 5
rm -f "$LAB/$victim.pid"
await_end ping 30 || die "ping does not end"
sleep 1
spis_after=$(client_spis)
events > "$LAB/events.json"
capture_end
observe --json > "$LAB/outer.json"
next=$(owner || other "$victim")
jq -n --arg killed "$victim" --argjson was_leader $was_leader --argjson at "$killed_at_ms" \
	--argjson up "$client_up_ms" --arg before "$spis_before" --arg after "$spis_after" --arg address "$VIP" \
	--argjson status "$(api "$next" /v1/status || echo null)" \
	'{killed: $killed, was_leader: $was_leader, killed_at_ms: $at, client_up_ms: $up,
	  spis_before: $before, spis_after: $after, address: $address, status_after: $status}' > "$LAB/run.json"
[ -n "$json" ] || echo
"$PYTHON" deploy/demo_report.py $json "$LAB"

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The control plane's figures with three nodes: commit latency, and handshakes a
# second on the one leader, with the processor time of each part.
#
#   handshakes.sh [SECS [CLIENTS [REQUESTS]]]         10 s, 32 at a time, 1000 requests
#
# Needs root. Generator and nodes share this machine: the figures come with its cores.
set -u
. "$(dirname "$0")/lib.sh"
secs=${1:-10} clients=${2:-32} requests=${3:-1000}
bench_made handshakes
lab_new
lab_net 3
lab_config "$MODE" 3
nodes_start 30
until_ok 20 ask_any /v1/status 'if any(.nodes[]; .holds_address) then "yes" else empty end' || die "nobody holds the address"

hz=$(getconf CLK_TCK)
cpu() { awk -v hz="$hz" '{ sub(/.*\) /, ""); print ($12 + $13) / hz }' "/proc/$(pid_of "$1")/stat"; }
at cl ping -c 1 -W 2 $VIP > /dev/null 2>&1

say "commit latency, $requests requests one after the other, by the way of the address's holder:"
at cl "$LOAD" commit $VIP cl "$LAB/conf/secrets/cl.psk" "$requests" > "$LAB/commit.json" || exit 1
jq -r '"  new request      p50 \(.committed_p50_ms) ms  p99 \(.committed_p99_ms) ms
  answered again   p50 \(.cached_p50_ms) ms  p99 \(.cached_p99_ms) ms
  the commit alone p50 \(.commit_p50_ms) ms  p99 \(.commit_p99_ms) ms  (less the cached p50; lost \(.lost))"' "$LAB/commit.json"

declare -A before
lead=$(leader)
for n in $LAB_NODES; do before[$n]=$(cpu "$n"); done
say "handshakes, $clients at a time for $secs s:"
at cl "$LOAD" rate $VIP cl "$LAB/conf/secrets/cl.psk" "$secs" "$clients" > "$LAB/rate.json" || exit 1
jq -r '"  \(.per_s) a second (\(.handshakes) in \(.secs) s), each p50 \(.p50_ms) ms p99 \(.p99_ms) ms; failed \(.failed), requests repeated \(.repeated)"' "$LAB/rate.json"
say "  processor time, of $(nproc) cores:"
jq -r '"    generator \(.cpu_s) s"' "$LAB/rate.json"
for n in $LAB_NODES; do
	role=follower
	[ "$n" = "$lead" ] && role=leader
	say "    $n $role $(cpu "$n" | awk -v b="${before[$n]}" '{ printf "%.2f", $1 - b }') s"
done
[ "$(leader)" = "$lead" ] || say "  note: leadership moved during the run"

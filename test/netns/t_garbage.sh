#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# modes: socket xdp
# Random bytes go to every listening port, with and without a header's shape: no state, no crash,
# the counters move, and the client does not notice.
set -u
. "$(dirname "$0")/steps.sh"
cluster_up
client_joins
drops() { local n; for n in $LAB_NODES; do api "$n" /metrics; done | awk '/^baton_[a-z_]*(drop|reject|refus|malform)/ { s += $NF } END { printf "%d\n", s }'; }
before=$(drops)
traffic_begin ping 6
at cl "$PYTHON" "$LAB_HERE/garbage.py" $VIP --secs 3
for n in $LAB_NODES; do at "$n" "$PYTHON" "$LAB_HERE/garbage.py" --tcp "10.77.0.1${n#n}:7500" --tcp 127.0.0.1:9505 --secs 1; done
traffic_came_back ping
for n in $LAB_NODES; do check "$n lives and is ready" node_ready "$n"; done
check "one session, no more" same "$(api "$(owner)" /v1/sessions | jq length)" 1
counted() { [ "$(drops)" -gt "$before" ] || { echo "still $before"; return 1; }; }
check "counters move" counted
unharmed "after"
finish

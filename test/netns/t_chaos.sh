#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# alone
# timeout: 200
# A short chaos.sh, with a seed that has each kind of fault in its first nine
# episodes; `make chaos` runs for any time. Both rungs are in it: the nodes
# are not all on the same one, and each new process of a node is on the other one.
# Snapshots are made every few seconds, so that a node that was wiped joins by one.
exec "$(dirname "$0")/chaos.sh" --brisk --seed "${CHAOS_SEED:-2920}" --seconds 75 --mode "${ONLY_MODE:-mixed}" --lease 1000 --snapshot 8192

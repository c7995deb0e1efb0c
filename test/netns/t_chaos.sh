#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# alone
# timeout: 200
# A short chaos.sh, with a seed that deals out each kind of fault in its first nine
# episodes; `make chaos` has as much of it as one wants. Both rungs are in it: the nodes
# are not all at the same, and each process is at the other one than the one before it.
# Snapshots are made every few seconds, so that a node that was wiped joins by one.
exec "$(dirname "$0")/chaos.sh" --brisk --seed "${CHAOS_SEED:-2920}" --seconds 75 --mode "${ONLY_MODE:-mixed}" --lease 1000 --snapshot 8192

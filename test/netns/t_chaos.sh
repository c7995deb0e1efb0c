#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# alone
# timeout: 200
# A short chaos.sh, with a seed that deals out each kind of fault in its first eight
# episodes; `make chaos` has as much of it as one wants. One rung a run: xdp, or ONLY_MODE.
exec "$(dirname "$0")/chaos.sh" --brisk --seed "${CHAOS_SEED:-139}" --seconds 75 --mode "${ONLY_MODE:-xdp}"

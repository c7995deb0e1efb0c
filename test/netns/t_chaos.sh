#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# alone
# timeout: 200
# Two minutes of chaos.sh, each kind of fault at least once; `make chaos` has as much
# of it as one wants. One rung a run, ONLY_MODE=socket for the other.
exec "$(dirname "$0")/chaos.sh" --brisk --seed "${CHAOS_SEED:-1}" --seconds 75 --mode "${ONLY_MODE:-xdp}"

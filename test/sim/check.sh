#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs the simulator on fixed seeds; the last line counts. A failure prints the
# command that repeats it. SIM_SEEDS=N runs N seeds of each kind instead.
sim=${1:?usage: check.sh BIN}
passed=0
failed=0

run() { # kind, first seed, how many
	kind=$1
	seed=$2
	end=$((seed + ${SIM_SEEDS:-$3}))
	while [ "$seed" -lt "$end" ]; do
		n=$((end - seed < 20 ? end - seed : 20))
		# shellcheck disable=SC2086
		if "$sim" $kind --seed "$seed" --count "$n"; then
			passed=$((passed + n))
		else
			failed=$((failed + 1))
		fi
		seed=$((seed + n))
	done
}

run --toy 1 100
run "" 1 20
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]

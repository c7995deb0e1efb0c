#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs the simulator on fixed seeds, for the whole, for Raft alone, and one sweep run in 31; the last line counts. A
# failure prints the command that repeats it. SIM_SEEDS=N runs N seeds of each kind instead.
sim=${1:?usage: check.sh BIN}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

run() { # name, kind, how many: from seed 1 on, in lots of ten, each lot in its own process
	local seed=1 end=$((1 + ${SIM_SEEDS:-$3})) n passed=0 failed=0
	while [ "$seed" -lt "$end" ]; do
		n=$((end - seed < 10 ? end - seed : 10))
		# shellcheck disable=SC2086
		if "$sim" $2 --seed "$seed" --count "$n"; then
			passed=$((passed + n))
		else
			failed=$((failed + 1))
		fi
		seed=$((seed + n))
	done
	echo "$passed $failed" > "$work/$1"
}

sweep() { # one fault at one datagram: every 31st of the runs
	local runs
	if runs=$("$sim" --seed 1 --sweep 31 | tee "$work/sweep.out" | sed -n 's/^sweep: \([0-9]*\) runs$/\1/p') && [ -n "$runs" ]; then
		echo "$runs 0" > "$work/sweep"
	else
		cat "$work/sweep.out"
		echo "0 1" > "$work/sweep"
	fi
}

{ run toy --toy 100; sweep; } &
run whole "" 20 &
wait
passed=0 failed=0
for kind in toy sweep whole; do
	read -r p f < "$work/$kind" || { p=0 f=1; }
	passed=$((passed + p)) failed=$((failed + f))
done
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]

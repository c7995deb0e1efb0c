#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Fuzzing for a long time: FUZZ_SECONDS of processor time for each target, one after the
# other on each of FUZZ_JOBS cores (all). New inputs are kept in build/fuzz/corpus, which is
# where the next run starts; a crash is kept in build/fuzz/crash and the target goes on.
# Each target's line, and at the end the sum of all runs so far, comes from
# build/fuzz/long.log. `make fuzz-coverage` says which lines all of it has reached.
#
#   make fuzz-long FUZZ_SECONDS=600 [FUZZ_JOBS=1] [FUZZ_NAMES="sk esp"]
set -u
cd "$(dirname "$0")/../.." || exit 1
seconds=${FUZZ_SECONDS:-600}
jobs=${FUZZ_JOBS:-$(nproc 2>/dev/null || echo 2)}
log=build/fuzz/long.log
names=${FUZZ_NAMES:-$(for f in test/fuzz/*_fuzz.c; do basename "$f" _fuzz.c; done)}
mkdir -p build/fuzz/crash

one() {
	local name=$1 own=build/fuzz/corpus/$1 out=build/fuzz/$1.out end=$((SECONDS + seconds))
	local runs=0 crashes=0 start=$SECONDS tries=0 last= dict=()
	[ ! -f "test/fuzz/$name.dict" ] || dict=(-dict="test/fuzz/$name.dict")
	mkdir -p "$own"
	while [ $SECONDS -lt $end ] && [ $tries -lt 20 ]; do
		tries=$((tries + 1))
		"build/fuzz/${name}_fuzz" "${dict[@]}" -max_total_time=$((end - SECONDS)) -timeout=60 \
			-rss_limit_mb=3000 -print_final_stats=1 -max_len=16384 -reduce_inputs=1 \
			-artifact_prefix="build/fuzz/crash/$name-" "$own" "test/fuzz/corpus/$name" \
			> "$out" 2>&1 < /dev/null || crashes=$((crashes + 1))
		runs=$((runs + $(sed -n 's/^stat::number_of_executed_units: *//p' "$out" | tail -n 1) + 0))
		last=$(grep -aoE 'cov: [0-9]+ ft: [0-9]+ corp: [0-9]+' "$out" | tail -n 1)
		[ $crashes -eq 0 ] || cp "$out" "build/fuzz/crash/$name.out"
	done
	printf '%s %d %d %d %s\n' "$name" $((SECONDS - start)) $runs $crashes "$last" >> $log
	printf '%-16s %6d s %12d runs %3d crashes  %s\n' "$name" $((SECONDS - start)) $runs $crashes "$last"
	[ $crashes -eq 0 ]
}
export -f one
export seconds log
printf '%s\n' $names | xargs -P "$jobs" -I{} bash -c 'one {}'
rc=$?
awk '{ s += $2; n += $3; c += $4 } END {
	printf "all runs so far: %.1f hours, %d executions, %d crashes\n", s / 3600, n, c }' $log
[ $rc -eq 0 ]

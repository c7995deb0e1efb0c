#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The fuzz targets. Each is run over all files of its corpus, then for a short time over
# mutations of them, always the same ones: the seed is fixed, and the number of runs is
# the target's own ("runs: N" in its source), so a slow machine only takes longer, up to
# the limit below. Crashes stay in build/fuzz/crash.
#
#   test/fuzz/run.sh [NAME...]     FUZZ_LIMIT: seconds of mutation for each (10)
#                                  FUZZ_SEED: other mutations (1)
set -u
cd "$(dirname "$0")/../.." || exit 1
limit=${FUZZ_LIMIT:-10}
seed=${FUZZ_SEED:-1}
jobs=$(nproc 2>/dev/null || echo 2)
clang=${CLANG:-clang}
names=("$@")
if [ $# -eq 0 ]; then
	for f in test/fuzz/*_fuzz.c; do names+=("$(basename "$f" _fuzz.c)"); done
fi
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

echo 'int LLVMFuzzerTestOneInput(const unsigned char *d, unsigned long n) { return d && n > 9; }' > "$work/probe.c"
if ! "$clang" -fsanitize=fuzzer,address -o "$work/probe" "$work/probe.c" > /dev/null 2>&1; then
	echo "SKIPPED fuzz targets: $clang builds no libFuzzer program (deploy/deps.sh --test installs it)"
	echo "0 passed, 0 failed, ${#names[@]} skipped"
	exit 0
fi
targets=("${names[@]/#/build/fuzz/}")
make -s -j"$jobs" "${targets[@]/%/_fuzz}" || exit 1
mkdir -p build/fuzz/crash

# one NAME: prints its line; a failure is shown completely.
one() {
	local name=$1 bin=build/fuzz/${1}_fuzz corpus=test/fuzz/corpus/$1 runs rc files
	local out=$work/$name.out dict=()
	[ ! -f "test/fuzz/$name.dict" ] || dict=(-dict="test/fuzz/$name.dict")
	runs=$(sed -nE 's|^/\* runs: ([0-9]+) \*/$|\1|p' "test/fuzz/${name}_fuzz.c")
	mkdir "$work/$name"
	files=("$corpus"/*)
	"$bin" -timeout=60 -rss_limit_mb=2048 -artifact_prefix="build/fuzz/crash/$name-" \
		"${files[@]}" > "$out" 2>&1 < /dev/null
	rc=$?
	if [ $rc -eq 0 ]; then
		"$bin" "${dict[@]}" -seed="$seed" -runs="${runs:-10000}" -max_total_time="$limit" -timeout=60 \
			-rss_limit_mb=2048 -print_final_stats=1 \
			-artifact_prefix="build/fuzz/crash/$name-" "$work/$name" "$corpus" \
			> "$out" 2>&1 < /dev/null
		rc=$?
	fi
	if [ $rc -eq 0 ]; then
		printf 'ok    %-16s %3d seeds, %7d runs, %s\n' "$name" ${#files[@]} \
			"$(sed -n 's/^stat::number_of_executed_units: *//p' "$out")" \
			"$(sed -nE 's/^#[0-9]+\tDONE +(cov: [0-9]+ ft: [0-9]+).*/\1/p' "$out")"
	else
		printf 'FAIL  %-16s exit %d\n' "$name" $rc
		tail -n 80 "$out"
	fi
	return $rc
}
export -f one
export work limit seed
printf '%s\n' "${names[@]}" |
	xargs -P "$jobs" -I{} bash -c 'one {} > "$work/{}.line"; echo $? > "$work/{}.rc"'
passed=0 failed=0
for name in "${names[@]}"; do
	cat "$work/$name.line"
	if [ "$(cat "$work/$name.rc")" = 0 ]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
	fi
done
echo "$passed passed, $failed failed, 0 skipped"
[ $failed -eq 0 ]

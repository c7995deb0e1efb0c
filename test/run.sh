#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Everything, from a bare machine: install what is missing, build, run what
# needs no privilege (`make check`), then the namespace tests (`make
# check-root`), which need root and are skipped without it. The last line is
# "N passed, N failed, N skipped"; the exit status is 0 only if nothing failed.
set -u
cd "$(dirname "$0")/.." || exit 1
passed=0 failed=0 skipped=0
start=$SECONDS
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
trap 'exit 130' INT TERM

# step NAME COMMAND...: run it, show what it prints; count the summaries in it,
# or the step itself as one test where it prints none or fails beside them.
step() {
	local name=$1 rc n before=$failed; shift
	echo "== $name ($((SECONDS - start)) s)"
	"$@" 2>&1 | tee "$log"
	rc=${PIPESTATUS[0]}
	n=0
	while read -r p f s; do
		passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s)) n=$((n + 1))
	done < <(sed -nE 's/^([0-9]+) passed, ([0-9]+) failed, ([0-9]+) skipped$/\1 \2 \3/p' "$log")
	if [ "$rc" -ne 0 ]; then
		[ "$failed" -gt "$before" ] || failed=$((failed + 1))
		echo "FAIL  $name (exit $rc)"
	elif [ $n -eq 0 ]; then
		passed=$((passed + 1))
		echo "ok    $name"
	fi
	return "$rc"
}
summary() { echo "$passed passed, $failed failed, $skipped skipped"; }

jobs=$(nproc 2>/dev/null || echo 2)
if ! step "dependencies" deploy/deps.sh --test || ! step "build" make -s -j"$jobs"; then
	summary
	exit 1
fi
step "tidy" make -s check-tidy
step "unit tests" make -s -j"$jobs" check-unit
step "simulator" make -s -j"$jobs" check-sim
step "fuzz targets" make -s check-fuzz
if [ "$(id -u)" = 0 ]; then
	step "namespace tests" make -s check-root
else
	echo "SKIPPED  namespace tests: not root"
	skipped=$((skipped + 1))
fi
echo "took $((SECONDS - start)) s"
summary
[ $failed -eq 0 ]

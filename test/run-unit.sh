#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Run the given test programs (cmocka), as many at a time as there are processors, one
# line each; a failing one's output is shown whole. The last line is "N passed, N failed,
# N skipped" and counts test cases; a program that dies without a summary counts as one
# failure. UNIT_JOBS: how many at a time; UNIT_TIMEOUT: seconds for each (300).
set -u
passed=0 failed=0 skipped=0
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
export work CMOCKA_MESSAGE_OUTPUT=stdout
export ASAN_OPTIONS=${ASAN_OPTIONS:-abort_on_error=0:detect_leaks=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1:halt_on_error=1}

one() {
	local name=${1##*/}
	timeout "${UNIT_TIMEOUT:-300}" "$1" > "$work/$name.out" 2>&1 < /dev/null
	echo $? > "$work/$name.rc"
}
export -f one
printf '%s\0' "$@" | xargs -0 -P "${UNIT_JOBS:-$(nproc 2>/dev/null || echo 2)}" -I{} bash -c 'one "$1"' - {}

for bin; do
	name=${bin##*/} out=$work/${bin##*/}.out
	rc=$(cat "$work/$name.rc" 2>/dev/null || echo 1)
	touch "$out"
	ok=$(grep -c '^\[       OK \]' "$out")
	ko=$(grep -c '^\[  FAILED  \] [^0-9]' "$out")
	sk=$(grep -c '^\[  SKIPPED \] [^0-9]' "$out")
	# cmocka names each failure twice: where it happens and in the summary.
	[ "$ko" -gt 1 ] && ko=$(grep '^\[  FAILED  \] [^0-9]' "$out" | sort -u | wc -l)
	[ "$sk" -gt 1 ] && sk=$(grep '^\[  SKIPPED \] [^0-9]' "$out" | sort -u | wc -l)
	[ "$rc" -ne 0 ] && [ "$ko" -eq 0 ] && ko=1
	[ "$rc" -eq 0 ] && [ $((ok + ko + sk)) -eq 0 ] && ok=1
	passed=$((passed + ok)) failed=$((failed + ko)) skipped=$((skipped + sk))
	if [ "$rc" -eq 0 ] && [ "$ko" -eq 0 ]; then
		printf 'ok    %-28s %3d cases\n' "$name" "$ok"
	else
		printf 'FAIL  %-28s exit %d\n' "$name" "$rc"
		cat "$out"
	fi
done
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Run the given test programs (cmocka), one line each; a failing one's output is
# shown whole. The last line is "N passed, N failed, N skipped" and counts test
# cases; a program that dies without a summary counts as one failure.
set -u
passed=0 failed=0 skipped=0
out=$(mktemp) || exit 1
trap 'rm -f "$out"' EXIT
export CMOCKA_MESSAGE_OUTPUT=stdout
export ASAN_OPTIONS=${ASAN_OPTIONS:-abort_on_error=0:detect_leaks=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1:halt_on_error=1}

for bin; do
	name=${bin##*/}
	timeout "${UNIT_TIMEOUT:-300}" "$bin" > "$out" 2>&1 < /dev/null
	rc=$?
	ok=$(grep -c '^\[       OK \]' "$out")
	ko=$(grep -c '^\[  FAILED  \] [^0-9]' "$out")
	sk=$(grep -c '^\[  SKIPPED \] [^0-9]' "$out")
	# cmocka names each failure twice: where it happens and in the summary.
	[ "$ko" -gt 1 ] && ko=$(grep '^\[  FAILED  \] [^0-9]' "$out" | sort -u | wc -l)
	[ "$sk" -gt 1 ] && sk=$(grep '^\[  SKIPPED \] [^0-9]' "$out" | sort -u | wc -l)
	[ $rc -ne 0 ] && [ "$ko" -eq 0 ] && ko=1
	[ $rc -eq 0 ] && [ $((ok + ko + sk)) -eq 0 ] && ok=1
	passed=$((passed + ok)) failed=$((failed + ko)) skipped=$((skipped + sk))
	if [ $rc -eq 0 ] && [ "$ko" -eq 0 ]; then
		printf 'ok    %-28s %3d cases\n' "$name" "$ok"
	else
		printf 'FAIL  %-28s exit %d\n' "$name" $rc
		cat "$out"
	fi
done
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]

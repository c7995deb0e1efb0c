#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Run the namespace tests one after another, one line each: test/netns/t_*.sh
# and test/interop/selftest.sh, or those named. A script that exits 77 has been
# skipped and says why in its last line. What a failing one printed is shown; its
# logs and captures stay in build/netns/NAME. A script with a line "# modes: a b"
# runs once for each, with MODE set. The last line is the summary.
#
#   test/netns/run.sh [NAME...]       NETNS_TIMEOUT: seconds per script (240), where
#                                  it has no line "# timeout: N" of its own
#                                  ONLY_MODE=socket or xdp
set -u
cd "$(dirname "$0")/../.." || exit 1
passed=0 failed=0 skipped=0
tests=()
if [ $# -gt 0 ]; then
	for name; do tests+=("test/netns/${name%.sh}.sh"); done
else
	tests=(test/interop/selftest.sh)
	for t in test/netns/t_*.sh; do [ -e "$t" ] && tests+=("$t"); done
fi
summary() { echo "$passed passed, $failed failed, $skipped skipped"; }
if [ "$(id -u)" != 0 ]; then
	for t in "${tests[@]}"; do echo "SKIPPED $(basename "$t" .sh): not root"; done
	skipped=${#tests[@]}
	summary
	exit 0
fi

child=
trap '[ -z "$child" ] || { kill -TERM "$child" 2>/dev/null; wait "$child"; }; exit 130' INT TERM
mkdir -p build/netns
run_one() {
	local t=$1 mode=$2 name rc start took out limit
	name=$(basename "$t" .sh)${mode:+-$mode}
	out=build/netns/$name.out
	limit=$(sed -n 's/^# timeout: //p' "$t")
	limit=${limit:-${NETNS_TIMEOUT:-240}}
	rm -rf "build/netns/$name"
	start=$SECONDS
	MODE=$mode LAB_LOGS=$PWD/build/netns/$name timeout -k 20 "$limit" "$t" > "$out" 2>&1 < /dev/null &
	child=$!
	wait $child
	rc=$?
	child=
	took=$((SECONDS - start))
	case $rc in
	0)
		passed=$((passed + 1))
		printf 'ok      %-24s %3d s  %s\n' "$name" $took "$(grep '^note: ' "$out" | tail -n 1 | cut -c 7-)"
		;;
	77)
		skipped=$((skipped + 1))
		printf 'SKIPPED %-24s %3d s  %s\n' "$name" $took "$(tail -n 1 "$out")"
		;;
	*)
		failed=$((failed + 1))
		[ $rc = 124 ] && echo "timed out" >> "$out"
		printf 'FAIL    %-24s %3d s\n' "$name" $took
		tail -n 60 "$out" | sed 's/^/        /'
		;;
	esac
}
for t in "${tests[@]}"; do
	modes=$(sed -n 's/^# modes: //p' "$t")
	for mode in $modes; do
		[ -n "${ONLY_MODE:-}" ] && [ "$mode" != "$ONLY_MODE" ] && continue
		run_one "$t" "$mode"
	done
	[ -n "$modes" ] || run_one "$t" ""
done
summary
[ $failed -eq 0 ]

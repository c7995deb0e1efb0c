#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Run the namespace tests, one line each: test/netns/t_*.sh
# and test/interop/selftest.sh, or those named. A script that exits 77 has been
# skipped and says why in its last line. The output of a failing one is shown; its
# logs and captures stay in build/netns/NAME. A script with a line "# modes: a b"
# runs once for each, with MODE set. The last line is the summary.
#
#   test/netns/run.sh [NAME...]    NETNS_JOBS: so many scripts at a time (3); one
#                                  with a line "# alone" has the machine to itself
#                                  NETNS_TIMEOUT: seconds per script (400), where
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

declare -A name_of=() start_of=()
trap 'for p in "${!name_of[@]}"; do kill -TERM "$p" 2>/dev/null; done; wait; exit 130' INT TERM
mkdir -p build/netns
# begin SCRIPT MODE: in the background.
begin() {
	local t=$1 mode=$2 name limit
	name=$(basename "$t" .sh)${mode:+-$mode}
	limit=$(sed -n 's/^# timeout: //p' "$t")
	limit=${limit:-${NETNS_TIMEOUT:-400}}
	rm -rf "build/netns/$name"
	MODE=$mode LAB_LOGS=$PWD/build/netns/$name timeout -k 20 "$limit" "$t" > "build/netns/$name.out" 2>&1 < /dev/null &
	name_of[$!]=$name start_of[$!]=$SECONDS
}
# finish_one: wait until one has ended, and print its line.
finish_one() {
	local child rc name took out
	wait -n -p child "${!name_of[@]}"
	rc=$?
	name=${name_of[$child]} took=$((SECONDS - start_of[$child]))
	out=build/netns/$name.out
	unset "name_of[$child]" "start_of[$child]"
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
# room N: until fewer than N run.
room() { while [ ${#name_of[@]} -ge "$1" ]; do finish_one; done; }
# Those that load the machine go last, one by one; the others mostly wait.
together=() alone=()
for t in "${tests[@]}"; do
	modes=$(sed -n 's/^# modes: //p' "$t")
	for mode in ${modes:-none}; do
		[ "$mode" != none ] && [ -n "${ONLY_MODE:-}" ] && [ "$mode" != "$ONLY_MODE" ] && continue
		if grep -q '^# alone' "$t"; then alone+=("$t $mode"); else together+=("$t $mode"); fi
	done
done
for job in "${together[@]}"; do
	room "${NETNS_JOBS:-3}"
	begin "${job% *}" "$(sed 's/^none$//' <<< "${job##* }")"
done
room 1
for job in "${alone[@]}"; do
	begin "${job% *}" "$(sed 's/^none$//' <<< "${job##* }")"
	room 1
done
summary
[ $failed -eq 0 ]

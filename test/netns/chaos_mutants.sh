#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Are chaos.sh and its observers of any use? Nodes with a planted bug (proto/mutant.h,
# MUTANT_PLANT) run through it; each bug must be noticed, from packets alone. One line
# each: what noticed it. `make chaos-mutants` builds the nodes. With names, only those.
set -u
cd "$(dirname "$0")/../.." || exit 1
export BATON=$PWD/build/mutants/baton CHAOS_NO_CONTROL=1
[ -x "$BATON" ] || { echo "no $BATON: make chaos-mutants" >&2; exit 1; }
mutants=${*:-NONE REPLAY_UNCHECKED NO_MARKS NO_HEARD_MARKS LEASE_SHARED SAME_EPOCH RESTART_GOES_ON}
mkdir -p build/netns
survived=0 caught=0

# noticed FILE: what failed, in a few words.
noticed() {
	sed -nE 's/^FAIL  (I[12]),.*/\1/p; s/^FAIL  episode [0-9]+: (.*)/\1/p; s/^FAIL: (.*)/\1/p' "$1" | sort | uniq -c |
		awk '{ n = $1; $1 = ""; printf "%s%s (%d)", sep, substr($0, 2, 70), n; sep = "; " }'
}
for m in $mutants; do
	for seed in 3 4 5; do
		out=build/netns/chaos-$m.out
		MUTANT_PLANT=$m timeout -k 20 240 test/netns/chaos.sh --brisk --seed $seed --seconds 45 --mode socket > "$out" 2>&1 < /dev/null
		rc=$?
		[ $rc = 0 ] || break
		[ "$m" != NONE ] || break
	done
	if [ "$m" = NONE ]; then
		[ "$rc" = 0 ] && { echo "none    NONE: content"; continue; }
		echo "WRONG   NONE: $(noticed "$out")"
		survived=$((survived + 1))
	elif [ "$rc" = 0 ]; then
		echo "MISSED  $m"
		survived=$((survived + 1))
	else
		caught=$((caught + 1))
		echo "caught  $m (seed $seed): $(noticed "$out")"
		grep -E '^      (repeated|back|ike|[0-9.]+ n[123] deliver)' "$out" | head -n 1
	fi
done
echo "$caught caught, $survived not"
[ $survived = 0 ]

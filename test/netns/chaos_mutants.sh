#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Are chaos.sh and its observers of any use? Nodes with a planted bug (proto/mutant.h,
# MUTANT_PLANT) run through it; each bug must be noticed, from packets alone. One line
# each: what noticed it. `make chaos-mutants` builds the nodes. With names, only those.
set -u
cd "$(dirname "$0")/../.." || exit 1
export BATON=$PWD/build/mutants/baton CHAOS_NO_CONTROL=1
[ -x "$BATON" ] || { echo "no $BATON: make chaos-mutants" >&2; exit 1; }
mutants=${*:-NONE REPLAY_UNCHECKED NO_MARKS NO_HEARD_MARKS LEASE_SHARED SAME_EPOCH RESTART_GOES_ON NEXT_KEPT IV_GOES_BACK RENEW_BY_STEP}
mkdir -p build/netns
survived=0 caught=0

# noticed FILE: what failed, in a few words.
noticed() {
	sed -nE 's/^FAIL  (I[12]),.*/\1/p; s/^FAIL  episode [0-9]+: (.*)/\1/p; s/^FAIL: (.*)/\1/p' "$1" | sort | uniq -c |
		awk '{ n = $1; $1 = ""; printf "%s%s (%d)", sep, substr($0, 2, 70), n; sep = "; " }'
}
# faults MUTANT: where it takes a certain order of things, only faults that bring it about.
faults() {
	case $1 in
	# A process that owned once owns again, and soon stands where another has begun.
	NEXT_KEPT) echo "--kinds back_owner --lease 64" ;;
	# What an owner has as its lease is not what its heir believes, for want of a renewal.
	RENEW_BY_STEP) echo "--kinds back_owner" ;;
	# A process leads twice, and has something to say to the same client both times.
	IV_GOES_BACK) echo "--kinds back_leader" ;;
	esac
}
# run MUTANT SEED OPTIONS...
run() {
	local m=$1 seed=$2; shift 2
	out=build/netns/chaos-$m.out
	MUTANT_PLANT=$m timeout -k 20 240 test/netns/chaos.sh --brisk --seed "$seed" --seconds 45 --mode mixed "$@" > "$out" 2>&1 < /dev/null
}
# content OPTIONS...: with nothing planted, there is nothing to notice.
content() {
	if run NONE 3 "$@"; then
		echo "none    NONE $*: content"
	else
		echo "WRONG   NONE $*: $(noticed "$out")"
		survived=$((survived + 1))
	fi
}
for m in $mutants; do
	# shellcheck disable=SC2046
	[ "$m" != NONE ] || { content; content $(faults NEXT_KEPT); content $(faults IV_GOES_BACK); continue; }
	seen=
	for seed in 3 4 5; do
		# shellcheck disable=SC2046
		run "$m" $seed $(faults "$m") || { seen=yes; break; }
	done
	[ -n "$seen" ] || { echo "MISSED  $m"; survived=$((survived + 1)); continue; }
	caught=$((caught + 1))
	echo "caught  $m (seed $seed): $(noticed "$out")"
	grep -E '^      (repeated|back|ike|[0-9.]+ n[123] deliver)' "$out" | head -n 1
done
echo "$caught caught, $survived not"
[ $survived = 0 ]

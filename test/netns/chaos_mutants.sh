#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Are chaos.sh and its observers of any use? Nodes with a planted bug (proto/mutant.h and
# MUTANT_PLANT, or a patch of test/sim/patches) run through it; the observers must notice each bug from
# packets alone. One line each: which one noticed it. `make chaos-mutants` builds
# the nodes and names them.
set -u
cd "$(dirname "$0")/../.." || exit 1
export BATON CHAOS_NO_CONTROL=1
[ $# -gt 0 ] || { echo "usage: chaos_mutants.sh NAME..., see test/test.mk" >&2; exit 2; }
mutants=$*
mkdir -p build/netns

# node MUTANT: sets BATON and plant.
node() {
	BATON=$PWD/build/mutants/baton plant=$1
	[ ! -e "test/sim/patches/$1.patch" ] || BATON=$PWD/build/mutants/patched/$1/baton plant=NONE
	[ -x "$BATON" ] || { echo "no $BATON: make chaos-mutants MUTANT=$1" >&2; exit 1; }
}
for m in $mutants; do node "$m"; done
survived=0 caught=0

# noticed FILE: the failure, in a few words.
noticed() {
	sed -nE 's/^FAIL  (I[12]),.*/\1/p; s/^FAIL  episode [0-9]+: (.*)/\1/p; s/^FAIL: (.*)/\1/p' "$1" | sort | uniq -c |
		awk '{ n = $1; $1 = ""; printf "%s%s (%d)", sep, substr($0, 2, 70), n; sep = "; " }'
}
# faults MUTANT: if a bug needs a certain order of events, only faults that cause it.
faults() {
	case $1 in
	# A process owns again, and soon reaches numbers with which another has begun.
	NEXT_KEPT) echo "--kinds back_owner --lease 64" ;;
	# An owner's lease is not the one that its successor assumes, for a renewal is missing.
	RENEW_BY_STEP) echo "--kinds back_owner" ;;
	# A process leads twice, with a request for the same client both times.
	IV_GOES_BACK) echo "--kinds back_leader" ;;
	esac
}
# run MUTANT SEED OPTIONS...
run() {
	local m=$1 seed=$2; shift 2
	out=build/netns/chaos-$m.out
	node "$m"
	MUTANT_PLANT=$plant timeout -k 20 240 test/netns/chaos.sh --brisk --seed "$seed" --seconds 45 --mode mixed "$@" > "$out" 2>&1 < /dev/null
}
# content OPTIONS...: without a planted bug nothing is noticed.
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

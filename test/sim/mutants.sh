#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Plants each bug of proto/mutant.h in turn and runs seeds until an invariant
# breaks. A mutant that survives them all is a failure: a checker that cannot fail
# proves nothing. MUTANT_SEEDS=N: seeds for each (300); MUTANT=M: only this one.
sim=${1:?usage: mutants.sh BIN}
seeds=${MUTANT_SEEDS:-300}
passed=0
failed=0
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT

# Without a bug nothing may fail, or catching one means nothing.
if [ -z "${MUTANT:-}" ] && ! "$sim" --seed 1 --count 10; then
	failed=$((failed + 1))
fi

# Sets seed to the first one that fails; false if none does.
hunt() { # mutant, kind
	seed=1
	while [ "$seed" -le "$seeds" ]; do
		# shellcheck disable=SC2086
		"$sim" --mutant "$1" --seed "$seed" $2 >"$log" 2>&1 || return 0
		seed=$((seed + 1))
	done
	return 1
}

"$sim" --mutants | while read -r id text; do
	[ -z "${MUTANT:-}" ] || [ "$MUTANT" = "$id" ] || continue
	if hunt "$id" "" || hunt "$id" --toy; then
		echo "caught   $id: $text"
		echo "         seed $seed: $(sed -n 's/^FAIL seed [0-9]* at //p;/Assertion/p' "$log" | head -n 1)"
	else
		echo "SURVIVED $id: $text"
	fi
done >"$log.table"
cat "$log.table"
passed=$(grep -c '^caught' "$log.table")
failed=$((failed + $(grep -c '^SURVIVED' "$log.table")))
rm -f "$log.table"
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]

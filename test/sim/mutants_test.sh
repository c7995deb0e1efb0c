#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Does mutants.sh take only a test's verdict for "caught"? Programs that only return an exit code
# stand in for a unit test that notices DELETED_ASKS.
set -u
cd "$(dirname "$0")/../.." || exit 1
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
mkdir "$dir/unit"
unit=$dir/unit/ike_child_test
bad=0

# row WANT WHAT: the verdict on that program is WANT.
row() {
	local got
	got=$(MUTANT_HUNT='' test/sim/mutants.sh "$dir" --one "DELETED_ASKS asks" | cut -f 1)
	[ "$got" = "$1" ] || { echo "mutants.sh: $2: $got, not $1"; bad=$((bad + 1)); }
}
program() { # BODY
	printf '#!/bin/sh\n%s\n' "$1" > "$unit" && chmod 755 "$unit"
}
failed='echo "[  FAILED  ] a_deleted_ike_sa_asks_no_more"; exit 1'

row ERROR "a program that is not there"
program "$failed" && chmod 644 "$unit"
row ERROR "a program that may not be run"
program "exit 126"
row ERROR "a program that cannot be run"
program "exit 127"
row ERROR "a program that lacks a library"
program "exit 2"
row ERROR "a program that does not know the mutant"
program "kill -KILL \$\$"
row ERROR "a program that was killed"
program "$failed"
row ERROR "a test that fails without the mutant too"
# shellcheck disable=SC2016
program '[ -z "$MUTANT_PLANT" ] || { '"$failed; }"
row caught "a test that fails with the mutant alone"

[ $bad -eq 0 ] && echo "mutants.sh: ok"

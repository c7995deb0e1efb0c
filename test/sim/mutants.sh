#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Plants each bug of proto/mutant.h in turn and looks for who notices: a checker of the
# simulator (which one, with which seed), or a unit test. One that nobody notices is a
# failure: a checker that cannot fail proves nothing. Prints the table of test/README.md.
#
# test/sim/mutants.txt remembers who noticed, and with which seed, counted from 1 on; these
# are tried first. If none of them notices any more, all are, from seed 1 on.
# MUTANT=NAME      only this one
# MUTANT_HUNT=1    begin with seed 1, whatever is remembered
# MUTANT_WRITE=1   write what was found into mutants.txt
# MUTANT_SEEDS=N   how many seeds of each kind are tried (100)
# MUTANT_JOBS=N    how many at once (the number of processors)
set -u
export LC_ALL=C CMOCKA_MESSAGE_OUTPUT=stdout
bin=${1:?usage: mutants.sh DIR}
here=$(cd "$(dirname "$0")" && pwd)
known=$here/mutants.txt
seeds=${MUTANT_SEEDS:-100}

# run_sim NAME KIND SEED; run_unit NAME PROGRAM: true if it notices; sets checker, how. A
# seed that fails without the bug too shows nothing.
run_sim() {
	local kind='' out line
	[ "$2" = toy ] && kind=--toy
	out=$(timeout 120 "$bin/sim" --mutant "$1" --seed "$3" $kind 2>&1) && return 1
	timeout 120 "$bin/sim" --seed "$3" $kind > /dev/null 2>&1 || return 1
	how="$2 $3"
	line=$(grep -m1 -E '^FAIL|Assertion' <<< "$out") || return 1 # Out of time.
	text=$(sed -E 's/^FAIL seed [0-9]+( at [0-9.]+ s)?: //' <<< "$line")
	checker=$(sed -nE 's/^(I[0-9]+|log)\b.*/\1/p' <<< "$text")
	[ -n "$checker" ] || checker=$(sed -nE 's/.* ([a-z0-9_]+): Assertion.*/assert in \1()/p' <<< "$line")
	[ -n "$checker" ] || checker="?"
}
run_unit() {
	local out rc
	out=$(MUTANT_PLANT=$1 timeout 120 "$bin/unit/$2" 2>&1 < /dev/null)
	rc=$?
	[ $rc -ne 0 ] && [ $rc -ne 124 ] || return 1 # 124: out of time, which shows nothing.
	how="unit $2"
	text=$(grep -m1 -oE '^\[  FAILED  \] [a-z][a-z0-9_]*$|Assertion .*' <<< "$out" | sed 's/^\[  FAILED  \] //')
	checker="unit test $2"
}

# One mutant: a line "caught|SURVIVED, name, what, checker, where, runs, text".
hunt() {
	local name=$1 what=$2 tried=0 kind where unit
	checker='' how='' text=''
	while [ -z "${MUTANT_HUNT:-}" ] && read -r kind where; do
		tried=$((tried + 1))
		if [ "$kind" = unit ]; then
			run_unit "$name" "$where" && break
		else
			run_sim "$name" "$kind" "$where" && break
		fi
	done < <(sed -n "s/^$name //p" "$known")
	[ -n "$checker" ] || for kind in full toy; do
		for ((seed = 1; seed <= seeds; seed++)); do
			tried=$((tried + 1))
			run_sim "$name" $kind $seed && break 2
		done
	done
	[ -n "$checker" ] || for unit in "$bin"/unit/*_test; do
		[ -x "$unit" ] || continue
		tried=$((tried + 1))
		run_unit "$name" "${unit##*/}" && break
	done
	printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$([ -n "$checker" ] && echo caught || echo SURVIVED)" \
		"$name" "$what" "${checker:-}" "${how:-}" "$tried" "${text:-}"
}

if [ "${2:-}" = --one ]; then
	hunt "${3%% *}" "${3#* }"
	exit
fi

# Without a bug nothing may fail, or catching one means nothing.
failed=0
if [ -z "${MUTANT:-}" ]; then
	"$bin/sim" --seed 1 --count 5 && "$bin/sim" --toy --seed 1 --count 5 || failed=1
	for unit in "$bin"/unit/*_test; do
		[ ! -x "$unit" ] || "$unit" > /dev/null 2>&1 < /dev/null || { echo "FAIL  $unit without a mutant"; failed=1; }
	done
fi

result=$(mktemp) || exit 1
trap 'rm -f "$result"' EXIT
"$bin/sim" --mutants | grep -E "^${MUTANT:-[A-Z_0-9]+} " | tr '\n' '\0' |
	xargs -0 -P "${MUTANT_JOBS:-$(nproc)}" -n 1 "$0" "$bin" --one > "$result"

# In the order of the list.
order() {
	"$bin/sim" --mutants | while read -r name _; do
		awk -F '\t' -v name="$name" '$2 == name' "$result"
	done
}
if [ -n "${MUTANT_WRITE:-}" ]; then
	[ -z "${MUTANT:-}" ] && : > "$known.new" || grep -v "^$MUTANT " "$known" > "$known.new"
	order | awk -F '\t' '$1 == "caught" { print $2, $5 }' >> "$known.new" && mv "$known.new" "$known"
fi
order | awk -F '\t' '$1 != "caught" { print "SURVIVED  " $2 ": " $3 " (" $6 " runs)" }
	$1 == "caught" { print "caught    " $2 " by " $4 " (" $5 "): " $7 }'
echo
echo "| Mutant | What it breaks | Caught by | First seed |"
echo "|---|---|---|---|"
order | awk -F '\t' '{ split($5, how, " "); seed = how[1] == "unit" ? "-" : how[2] (how[1] == "toy" ? " (Raft alone)" : "")
	print "| `" $2 "` | " $3 " | " ($1 == "caught" ? $4 : "nobody") " | " ($1 == "caught" ? seed : "-") " |" }'
echo
passed=$(grep -c '^caught' "$result")
failed=$((failed + $(grep -c '^SURVIVED' "$result")))
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]

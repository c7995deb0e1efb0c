#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Plants each bug of proto/mutant.h and of test/sim/patches in turn and finds which test notices: a checker of the
# simulator (which one, with which seed), or a unit test. A bug that no test notices is a
# failure: a checker that cannot fail proves nothing. Prints the table of test/README.md.
#
# test/sim/mutants.txt remembers which test noticed, and with which seed, counted from 1 on; these
# are tried first. If none of them notices any more, all are, from seed 1 on. The script builds what
# it needs. A program that cannot be built or started, dies without saying what is wrong, or fails
# without the bug too has noticed nothing: that is an ERROR of the run, and fails it.
# MUTANT=NAMES     only these
# MUTANT_HUNT=1    begin with seed 1, whatever is remembered
# MUTANT_WRITE=1   write what was found into mutants.txt
# MUTANT_SEEDS=N   how many seeds of each kind are tried (100)
# MUTANT_JOBS=N    how many at once (the number of processors)
# MUTANT_ROWS=FILE keep what was found there, and go on behind it
set -u
export LC_ALL=C CMOCKA_MESSAGE_OUTPUT=stdout
unset MAKEFLAGS MAKELEVEL
bin=${1:?usage: mutants.sh DIR, as build/mutants}
cd "$(dirname "$0")/../.." || exit 1
known=test/sim/mutants.txt patches=test/sim/patches
seeds=${MUTANT_SEEDS:-100}
jobs=${MUTANT_JOBS:-$(nproc)}

# build TARGET...: false, with what was said, if that fails. One at a time.
build() {
	mkdir -p "$bin"
	flock "$bin/.lock" make -s -j"$jobs" "$@" >&2
}

# The ways to notice: run_sim KIND SEED, run_unit PROGRAM. True if the search is over:
# noticed (checker, how, text say by whom), or the run is broken (error says how). A bug that is a
# patch has programs of its own, in which nothing else is planted.
from() {
	plant=$1 from=$bin patched=
	[ ! -e "$patches/$1.patch" ] || plant=NONE from=$bin/patched/$1 patched=yes
}
run_sim() {
	local kind='' out line rc
	[ "$1" = toy ] && kind=--toy
	out=$(timeout 120 "$from/sim" --mutant "$plant" --seed "$2" $kind 2>&1)
	rc=$?
	case $rc in
	0 | 124) return 1 ;; # 124: out of time, which shows nothing.
	2 | 126 | 127)
		error="$from/sim: exit $rc: ${out:0:200}"
		return 0
		;;
	esac
	line=$(grep -m1 -E '^FAIL|Assertion' <<< "$out") || return 1
	timeout 120 "$bin/sim" --seed "$2" $kind > /dev/null 2>&1 || return 1
	how="$1 $2"
	text=$(sed -E 's/^FAIL seed [0-9]+( at [0-9.]+ s)?: //' <<< "$line")
	checker=$(sed -nE 's/^(I[0-9]+|log|accounting)\b.*/\1/p' <<< "$text")
	[ -n "$checker" ] || checker=$(sed -nE 's/.* ([a-z0-9_]+): Assertion.*/assert in \1()/p' <<< "$line")
	[ -n "$checker" ] || checker="?"
}
run_unit() {
	local unit=$from/unit/$1 out rc
	if [ ! -x "$unit" ]; then
		error="$unit is not there"
		return 0
	fi
	out=$(MUTANT_PLANT=$plant timeout 120 "$unit" 2>&1 < /dev/null)
	rc=$?
	[ $rc -ne 0 ] && [ $rc -ne 124 ] || return 1
	text=$(grep -m1 -oE '^\[  FAILED  \] [a-z][a-z0-9_]*$|Assertion .*' <<< "$out" | sed 's/^\[  FAILED  \] //')
	if [ -z "$text" ]; then
		error="$unit: exit $rc, and no test failed: ${out:0:200}"
	elif ! timeout 120 "$bin/unit/$1" > /dev/null 2>&1 < /dev/null; then
		error="$bin/unit/$1 fails without a mutant"
	else
		how="unit $1" checker="unit test $1"
	fi
}

# All unit tests that could notice. Those of node/ are left out where proto/ or cluster/ is patched.
units() {
	local unit
	for unit in test/unit/*_test.c; do
		case $patched$unit in yes*/config_* | yes*/ready_* | yes*/store_lmdb_*) continue ;; esac
		unit=${unit##*/}
		echo "${unit%.c}"
	done
}

# One mutant: a line "caught|SURVIVED|ERROR, name, what, checker, where, runs, text".
hunt() {
	local name=$1 what=$2 tried=0 kind where verdict=caught
	checker='' how='' text='' error=''
	from "$name"
	while [ -z "${MUTANT_HUNT:-}" ] && read -r kind where; do
		tried=$((tried + 1))
		if [ "$kind" = unit ]; then
			run_unit "$where" && break
		else
			run_sim "$kind" "$where" && break
		fi
	done < <(sed -n "s/^$name //p" "$known")
	[ -n "$checker$error" ] || build "$from/sim" || error="make $from/sim fails"
	[ -n "$checker$error" ] || for kind in full toy; do
		for ((seed = 1; seed <= seeds; seed++)); do
			tried=$((tried + 1))
			run_sim $kind $seed && break 2
		done
	done
	if [ -z "$checker$error" ]; then
		build mutants-unit ${patched:+"mutants-unit-$name"} || error="make mutants-unit fails"
		for where in $(units); do
			[ -z "$error" ] || break
			tried=$((tried + 1))
			run_unit "$where" && break
		done
	fi
	[ -n "$checker" ] || verdict=SURVIVED
	[ -z "$error" ] || verdict=ERROR text=${error//[$'\t\n']/ }
	printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\n' $verdict "$name" "$what" "$checker" "$how" $tried "$text"
}

if [ "${2:-}" = --one ]; then
	hunt "${3%% *}" "${3#* }"
	exit
fi

# planted: the list, lines "NAME what"; wanted: those that MUTANT asks for.
build "$bin/sim" || exit 1
planted=$("$bin/sim" --mutants && awk 'FNR == 2 { gsub(/.*\/|\.patch$/, "", FILENAME); print FILENAME, $0 }' "$patches"/*.patch)
wanted=$(awk -v names="${MUTANT:-}" '
	BEGIN { n = split(names, a, " "); for (i in a) want[a[i]] = 1 }
	n == 0 || $1 in want { print; delete want[$1] }
	END { if (n > 0) for (name in want) print "ERROR", name }' <<< "$planted")
if grep '^ERROR ' <<< "$wanted"; then
	echo "there is no such mutant"
	exit 1
fi
# The test that noticed before; a unit test also runs without the bug.
programs() {
	while read -r name kind where; do
		from "$name"
		[ "$kind" = unit ] && echo "$bin/unit/$where" "$from/unit/$where" || echo "$from/sim"
	done < <(awk 'NR == FNR { want[$1] = 1; next } $1 in want' <(echo "$wanted") "$known") | tr ' ' '\n' | sort -u
}
# shellcheck disable=SC2046
build $(programs) || exit 1

# Without a bug nothing may fail, or catching one means nothing.
failed=0
if [ -z "${MUTANT:-}" ]; then
	"$bin/sim" --seed 1 --count 5 && "$bin/sim" --toy --seed 1 --count 5 || failed=1
	for unit in $(sed -n 's/^[A-Z_0-9]* unit //p' "$known" | sort -u); do
		"$bin/unit/$unit" > /dev/null 2>&1 < /dev/null || { echo "FAIL  $unit without a mutant"; failed=1; }
	done
fi

result=${MUTANT_ROWS:-$(mktemp)} || exit 1
[ -n "${MUTANT_ROWS:-}" ] || trap 'rm -f "$result"' EXIT
touch "$result" && sed -i '/^ERROR/d' "$result"
awk -v rows="$result" '
	BEGIN { while ((getline row < rows) > 0) { split(row, a, "\t"); done[a[2]] = 1 } }
	!($1 in done)' <<< "$wanted" | tr '\n' '\0' | xargs -0 -r -P "$jobs" -n 1 test/sim/mutants.sh "$bin" --one >> "$result"

# In the order of the list.
order() {
	awk -F '\t' 'NR == FNR { row[$2] = $0; next } { split($0, a, " ") } a[1] in row { print row[a[1]] }' "$result" - <<< "$planted"
}
if [ -n "${MUTANT_WRITE:-}" ]; then
	# First the test that noticed now, then those remembered before.
	order | awk -F '\t' '$1 == "caught" { print $2, $5 }' | awk -v known="$known" '
		{ found[$1] = $0; names[++n] = $1 }
		function say(name) { if (name in found && !(name in said)) print found[name]; said[name] = 1 }
		END {
			while ((getline row < known) > 0) {
				split(row, a, " ")
				say(a[1])
				if (row != found[a[1]]) print row
			}
			for (i = 1; i <= n; i++) say(names[i]) }' > "$known.new" && mv "$known.new" "$known"
fi
order | awk -F '\t' '$1 == "SURVIVED" { print "SURVIVED  " $2 ": " $3 " (" $6 " runs)" }
	$1 == "ERROR" { print "ERROR     " $2 ": " $7 }
	$1 == "caught" { print "caught    " $2 " by " $4 " (" $5 "): " $7 }'
echo
echo "| Mutant | What it breaks | Caught by | First seed |"
echo "|---|---|---|---|"
order | awk -F '\t' '{ split($5, how, " "); seed = how[1] == "unit" ? "-" : how[2] (how[1] == "toy" ? " (Raft alone)" : "")
	print "| `" $2 "` | " $3 " | " ($1 == "caught" ? $4 : "nobody") " | " ($1 == "caught" ? seed : "-") " |" }'
echo
passed=$(grep -c '^caught' "$result")
failed=$((failed + $(grep -c -v '^caught' "$result")))
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]

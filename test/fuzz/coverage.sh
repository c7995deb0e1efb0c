#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Which lines the corpora reach: those of the tree, and those that `make fuzz-long` found.
# Runs every file of them once, without sanitizers, and prints a table of the sources
# that read foreign bytes; all files are in build/fuzz-cov/all.txt. Nothing fails here.
set -u
cd "$(dirname "$0")/../.." || exit 1
dir=build/fuzz-cov
objects=()
rm -rf $dir/raw
mkdir -p $dir/raw
for f in test/fuzz/*_fuzz.c; do
	name=$(basename "$f" _fuzz.c)
	objects+=(-object "$dir/${name}_fuzz")
	find "test/fuzz/corpus/$name" "build/fuzz/corpus/$name" -type f -print0 2>/dev/null |
		LLVM_PROFILE_FILE="$dir/raw/$name-%m.profraw" xargs -0 "$dir/${name}_fuzz" \
			> "$dir/$name.out" 2>&1 || echo "$name: a file of its corpus fails: $dir/$name.out"
done
find $dir/raw -name '*.profraw' > $dir/raw.list
llvm-profdata merge -sparse -f $dir/raw.list -o $dir/all.profdata || exit 1
llvm-cov report "${objects[@]:1}" -instr-profile=$dir/all.profdata proto cluster xdp node > $dir/all.txt 2> $dir/err.txt

# Columns 8 to 10: lines, missed, covered.
awk -v parsers="$(tr '\n' ' ' < test/fuzz/parsers)" '
	BEGIN { n = split(parsers, list, " "); for (i = 1; i <= n; i++) wanted[list[i]] = 1 }
	$1 in wanted { printf "%-32s %5d lines %8s\n", $1, $8, $10; lines += $8; missed += $9; delete wanted[$1] }
	END { for (f in wanted) printf "%-32s not built into any target\n", f
		printf "%-32s %5d lines %7.2f%%\n", "all of these", lines, 100 * (lines - missed) / lines }' \
	$dir/all.txt
grep '^TOTAL' $dir/all.txt | awk '{ printf "%-32s %5d lines %8s\n", "all that is built in", $8, $10 }'

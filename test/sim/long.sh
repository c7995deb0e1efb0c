#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs many seeds on all processors and adds up what was done and checked. Results stay in DIR: run
# it again with the same DIR, and it goes on where it stopped.
#   long.sh BIN DIR SEEDS [BASE]     BASE: the first seed; drawn and kept if not given.
# SIM_JOBS=N: N at once. Status 1 if a seed failed; the commands that repeat them are in DIR/failed.
set -u
[ $# -ge 3 ] || { echo "usage: long.sh BIN DIR SEEDS [BASE]" >&2; exit 2; }
bin=$1 dir=$2 seeds=$3
chunk=50
mkdir -p "$dir" || exit 1
[ -n "${4:-}" ] && echo "$4" >"$dir/base"
[ -s "$dir/base" ] || od -An -N4 -tu4 /dev/urandom | tr -d ' ' >"$dir/base"
base=$(cat "$dir/base")

# A chunk as a whole; if something in it fails, seed by seed.
run_chunk() { # first seed
	local seed=$1 end=$(($1 + chunk)) out=$dir/$1
	[ -e "$out.done" ] && return
	if "$bin" --seed "$seed" --count $chunk -s >"$out.part" 2>&1; then
		mv "$out.part" "$out.done"
		return
	fi
	: >"$out.part"
	while [ "$seed" -lt "$end" ]; do
		if ! timeout 600 "$bin" --seed "$seed" -s >"$out.one" 2>&1; then
			mv "$out.one" "$dir/$seed.log"
			echo "$bin --seed $seed -v" >>"$dir/failed"
		else
			cat "$out.one" >>"$out.part"
		fi
		seed=$((seed + 1))
	done
	rm -f "$out.one"
	mv "$out.part" "$out.done"
}
export -f run_chunk
export bin dir chunk

seq "$base" $chunk $((base + seeds - 1)) |
	xargs -P "${SIM_JOBS:-$(nproc)}" -I{} bash -c 'run_chunk {}'

echo "base seed $base, $(basename "$bin") $(cat "$dir/failed" 2>/dev/null | wc -l) failures"
cat "$dir"/*.done | awk '
	/ [0-9]+$/ { n = $NF; sub(/ [0-9]+$/, ""); if (!($0 in sum)) name[++names] = $0; sum[$0] += n }
	END {
		for (i = 1; i <= names; i++) {
			if (name[i] == "virtual_ms") printf "simulated hours %.1f\n", sum[name[i]] / 3600000
			else if (name[i] ~ /^fault: /) faults += sum[name[i]]
			if (name[i] != "virtual_ms") print name[i], sum[name[i]]
		}
		print "faults injected", faults
	}'
if [ -s "$dir/failed" ]; then
	cat "$dir/failed"
	exit 1
fi

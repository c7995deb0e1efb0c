#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The fixed seeds (each of which once found something, see seeds), then fresh ones.
#   run.sh BIN [FRESH [BASE]]     so many fresh seeds (60); BASE repeats the run.
sim=${1:?usage: run.sh BIN [FRESH [BASE]]}
here=$(dirname "$0")
fresh=${2:-60}
base=${3:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}
failed=0

while read -r kind seed why; do
	case $kind in toy | full) ;; *) continue ;; esac
	[ "$kind" = toy ] && flag=--toy || flag=
	# shellcheck disable=SC2086
	"$sim" $flag --seed "$seed" || { echo "(seed $seed: $why)"; failed=$((failed + 1)); }
done <"$here/seeds"
echo "fresh seeds $base and on; again with: $0 $sim $fresh $base"
"$sim" --seed "$base" --count "$fresh" -s || failed=$((failed + 1))
[ "$failed" -eq 0 ]

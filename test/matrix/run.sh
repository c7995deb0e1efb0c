#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The matrix: which kind of client passes which step, as one table.
#
#    run.sh [ROW...]     all of rows/, or these; ROWS_JOBS at a time (2); STEPS="connect move": only
#                        these steps, by their names below; needs root
#
# Each row has its own laboratory. Its output, its steps and, if one of them failed, the logs of all
# sides stay in build/matrix/ROW. The exit status is 1 if a cell failed.
set -u
cd "$(dirname "$0")/../.." || exit 1
rows=("$@")
if [ $# = 0 ]; then
	for r in test/matrix/rows/*.sh; do rows+=("$(basename "$r" .sh)"); done
fi
[ "$(id -u)" = 0 ] || { echo "SKIPPED matrix: not root"; exit 0; }
for r in "${rows[@]}"; do
	[ -e "test/matrix/rows/$r.sh" ] || { echo "run.sh: there is no row \"$r\"; there are: $(cd test/matrix/rows && echo *.sh | sed 's/\.sh//g')" >&2; exit 2; }
done
trap 'kill $(jobs -p) 2> /dev/null; wait; exit 130' INT TERM

one_row() {
	local dir=build/matrix/$1
	rm -rf "$dir"
	mkdir -p "$dir"
	MODE=${MODE:-socket} LAB_LOGS=$PWD/$dir/logs timeout -k 20 "${ROW_TIMEOUT:-600}" test/matrix/row.sh "$1" "$dir" > "$dir/out" 2>&1 < /dev/null
	echo $? > "$dir/rc"
	echo "row $1: $(tail -n 1 "$dir/out")" >&2
}
for r in "${rows[@]}"; do
	while [ "$(jobs -rp | wc -l)" -ge "${ROWS_JOBS:-2}" ]; do wait -n; done
	one_row "$r" &
done
wait

# step NAME TEXT: a line of the table, if it was run.
failed=0
step() {
	local r cell why line
	case " ${STEPS:-$1} " in *" $1 "*) ;; *) return ;; esac
	line=$(printf '%-44s' "$2")
	for r in "${rows[@]}"; do
		cell=$(awk -F '\t' -v s="$1" '$1 == s { print $2 }' "build/matrix/$r/cells" 2> /dev/null)
		[ "$cell" != fail ] || cell=FAIL
		line+=$(printf ' %-*s' $((${#r} > 5 ? ${#r} : 5)) "${cell:--}")
	done
	printf '%s\n' "$line"
}
printf '%-44s' ""
for r in "${rows[@]}"; do printf ' %-5s' "$r"; done
echo
step connect   "connects"
step first_ke  "without a second IKE_SA_INIT, or a stronger"
step config    "gets address and DNS"
step traffic   "traffic both ways"
step c_child   "rekeys its Child SA"
step c_ike     "rekeys its IKE SA"
step move      "address changes (MOBIKE)"
step nat       "NAT mapping changes, twice"
step owner     "owner killed: taken over"
step leader    "leader killed: idle"
step midrekey  "leader killed: rekey not yet answered"
step dpd       "who is dead is found dead"
step power     "all nodes killed at once"
step g_child   "gateway rekeys the Child SA"
step g_ike     "gateway rekeys the IKE SA"
step delete    "deletes"
step again     "comes back to the same address"
step midauth   "leader killed: IKE_AUTH not yet answered"
step end       "hears that the gateway ends it"
step numbers   "no number twice, nothing in clear"
echo
for r in "${rows[@]}"; do
	rc=$(cat "build/matrix/$r/rc")
	while IFS=$'\t' read -r name result why; do
		case $result in
		-) ;;
		fail) echo "$r: $name: FAIL: $why (build/matrix/$r/$name.log, build/matrix/$r/logs)" ;;
		*) [ -z "$why" ] || echo "$r: $name: $result: $why" ;;
		esac
	done < "build/matrix/$r/cells"
	[ "$rc" = 0 ] || [ "$rc" = 77 ] || { failed=1; echo "$r: exit $rc: $(tail -n 1 "build/matrix/$r/out") (build/matrix/$r/out)"; }
	[ "$rc" != 77 ] || echo "SKIPPED $r: $(tail -n 1 "build/matrix/$r/out")"
done
exit $failed

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# How long a client gets no answers when a gateway is killed: baton, and as anchors, on the same
# machine in the same run, two stock strongSwan set-ups.
#
#   failover.sh [--kills N] [--anchor-kills N] [--kinds LIST] [--rates LIST]
#               [--warm SECS] [--mode auto|xdp|socket] [--out DIR] [--json]
#
#   --kills 20                        of each kind at each rate
#   --anchor-kills 20                 of each anchor (default: as --kills)
#   --kinds "owner leader both cut ha standby"    see kill.sh and anchor.sh
#   --rates "125 2000"                packets/s through the tunnel
#   --warm 5                          seconds of traffic before each kill: the HA
#                                     pair's black-out grows with it
# Needs root. Raw results stay in DIR (build/bench/failover), report.py reads them.
set -u
cd "$(dirname "$0")/../.." || exit 1
kills=20 anchor_kills='' kinds='owner leader both cut ha standby' rates='125 2000'
warm=5 out=build/bench/failover json=''
export MODE=auto
while [ $# -gt 0 ]; do
	case $1 in
	--json) json=--json; shift; continue ;;
	--kills | --anchor-kills | --kinds | --rates | --warm | --mode | --out) [ $# -ge 2 ] || exec "$0" --help ;;
	*) sed -n '3,17s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
	esac
	case $1 in
	--kills) kills=$2 ;;
	--anchor-kills) anchor_kills=$2 ;;
	--kinds) kinds=$2 ;;
	--rates) rates=$2 ;;
	--warm) warm=$2 ;;
	--mode) MODE=$2 ;;
	--out) out=$2 ;;
	esac
	shift 2
done
[ "$(id -u)" = 0 ] || { echo "failover.sh: needs root" >&2; exit 1; }
make -s all build/bench/pinger || exit 1
mkdir -p "$out"
# shellcheck source=test/bench/group.sh
. test/bench/group.sh
bad=0
for rate in $rates; do
	for kind in $kinds; do
		rm -rf "${out:?}/$kind-$rate"
		case $kind in
		owner | leader | both | cut) run=kill.sh n=$kills ;;
		*) run=anchor.sh n=${anchor_kills:-$kills} ;;
		esac
		echo "$n x $kind at $rate packets/s ..." >&2
		LAB_LOGS=$out/logs-$kind-$rate "test/bench/$run" "$kind" "$rate" "$n" "$warm" "$(realpath "$out")" 1>&2 ||
			{ echo "failover.sh: $kind at $rate packets/s ended early" >&2; bad=1; }
	done
done
python3 test/bench/report.py $json "$out" || bad=1
exit $bad

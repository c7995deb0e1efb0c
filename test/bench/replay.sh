#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What replay = "exact" costs, beside the default, in one run: round-trip time of single
# packets through the tunnel, and the throughput of one TCP stream from the client. Three
# nodes and a stock client in namespaces, MODE=socket or xdp. Needs root and a quiet machine.
#   test/bench/replay.sh      make bench-replay
set -u
here=$(cd "$(dirname "$0")" && pwd)

# one REPLAY: a line "REPLAY p50_us p99_us octets".
one() {
	. "$here/../netns/steps.sh"
	MODE=${MODE:-socket}
	CONNECTION_KEYS="replay = \"$1\"" cluster_up >&2
	client_joins >&2
	at cl ping -c "${PINGS:-2000}" -i 0.003 -W 1 $SERVER > "$LAB/ping.txt"
	traffic up cl up $SERVER --secs 8 --linger 1 >&2
	await_end up 60 >&2
	sed -nE 's/.*time=([0-9.]+) ms/\1/p' "$LAB/ping.txt" | sort -n | awk -v mode="$1" -v total="$(jq .total "$LAB/up.json")" '
		{ v[NR] = $1 * 1000 }
		END { printf "%s %d %d %d\n", mode, v[int(NR * .5) + 1], v[int(NR * .99) + 1], total }'
}
if [ $# -eq 1 ]; then one "$1"; exit; fi
for replay in marks exact; do "$0" $replay | tail -n 1; done | awk '
	{ p50[$1] = $2; p99[$1] = $3; total[$1] = $4
	  printf "replay = \"%s\": round trip p50 %d us, p99 %d us; %.1f MB/s\n", $1, $2, $3, $4 / 8e6 }
	END { printf "exact adds p50 %d us, p99 %d us; throughput ratio %.2f\n",
		p50["exact"] - p50["marks"], p99["exact"] - p99["marks"], total["exact"] / total["marks"] }'

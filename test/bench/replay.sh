#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What replay = "exact" costs, beside the default, in one run: round-trip time of single
# packets through the tunnel, and the throughput of one TCP stream from the client. Three
# nodes and a stock client in namespaces, MODE=socket or xdp. ROUNDS=N (3): N times
# one after the other, and the median of the differences. Needs root and a quiet machine.
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
for ((i = 0; i < ${ROUNDS:-3}; i++)); do
	for replay in marks exact; do "$0" $replay | tail -n 1; done
done | awk '
	function median(v, n,   i, k, t) { # of v[1..n], sorted here: n is small
		for (i = 2; i <= n; i++)
			for (k = i; k > 1 && v[k] < v[k - 1]; k--) { t = v[k]; v[k] = v[k - 1]; v[k - 1] = t }
		return n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2
	}
	function range(v, n) { return v[1] " to " v[n] }
	{ printf "replay = \"%s\": round trip p50 %d us, p99 %d us; %.1f MB/s\n", $1, $2, $3, $4 / 8e6 }
	$1 == "marks" { p50 = $2; p99 = $3; total = $4 }
	$1 == "exact" { n++; d50[n] = $2 - p50; d99[n] = $3 - p99; ratio[n] = sprintf("%.2f", $4 / total) + 0 }
	END { if (!n) exit 1
		printf "exact adds, median of %d rounds: p50 %d us", n, median(d50, n); printf " (%s)", range(d50, n)
		printf ", p99 %d us", median(d99, n); printf " (%s)", range(d99, n)
		printf "; throughput ratio %.2f", median(ratio, n); printf " (%s)\n", range(ratio, n) }'

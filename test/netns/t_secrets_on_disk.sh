#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# modes: socket xdp
# With every node link captured and the raw data directories in hand, neither the
# PSK nor any SK_* or ESP key of the run, as the client's debug log has them, is
# found there, before and after a takeover. A planted key shows that the search works.
set -u
. "$(dirname "$0")/steps.sh"
export LOGLEVEL=4
SNAPLEN=65535 cluster_up
for n in $LAB_NODES; do SNAPLEN=65535 capture "ctl-$n" "ctl-$n"; done
client_joins
at cl ping -q -c 50 -i 0.02 -W 2 $SERVER > /dev/null
swan cl ctl --rekey --child net > /dev/null 2>&1
sleep 1
swan cl ctl --rekey --ike gw > /dev/null 2>&1
sleep 1
victim=$(owner)
node_kill "$victim"
sleep 2
for n in $LAB_NODES; do events_save "$n" 2> /dev/null; done
for n in $LAB_NODES; do alive "$n" && node_term "$n"; done
capture_end
"$PYTHON" "$LAB_HERE/keys.py" "$LAB/cl/run/charon.log" "$LAB/conf/secrets/cl.psk" > "$LAB/keys.txt"
count=$(wc -l < "$LAB/keys.txt")
check "the client's log names keys ($count)" [ "$count" -ge 10 ]
head -c 100 /dev/urandom > "$LAB/planted"
"$PYTHON" "$LAB_HERE/keys.py" --binary "$LAB/keys.txt" >> "$LAB/planted"
check "the search finds a planted key" "$PYTHON" "$LAB_HERE/keys.py" --search "$LAB/keys.txt" "$LAB/planted"
clean() { ! "$PYTHON" "$LAB_HERE/keys.py" --search "$LAB/keys.txt" "$@"; }
check "no key in the data directories" clean "$LAB/data"
check "no key on the node links" clean "$LAB"/ctl-*.pcap
check "no key in the logs" clean "$LAB"/n?.log "$LAB"/events-*.json
finish

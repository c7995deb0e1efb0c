#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# modes: socket xdp
# The control of t_secrets_on_disk: a build that does not seal. The same search finds
# SK_* and ESP keys of the run in its data directories, of each exchange; and a key that
# crosses a node link in clear is found in the capture of that link.
set -u
make -s build/unsealed/baton || exit 1
. "$(dirname "$0")/steps.sh"
export LOGLEVEL=4 BATON=$LAB_ROOT/build/unsealed/baton
forbidden() { ! env -u BATON_TEST_UNSEALED "$BATON" "$@" 2>&1; }
check "the build does not run outside of tests" forbidden check --config none
check "and says what it is" grep -q 'NOTHING IS SEALED' <(forbidden check --config none)
export BATON_TEST_UNSEALED=1
cluster_up
check "each node says it as well" grep -q 'NOTHING IS SEALED' "$LAB/n1.log" "$LAB/n2.log" "$LAB/n3.log"
SNAPLEN=65535 capture ctl-n1 ctl-n1
client_joins
keys() { "$PYTHON" "$LAB_HERE/keys.py" "$@"; }
log=$LAB/cl/run/charon.log
# known NAME: the keys that the client's log has gained since the last call.
known() {
	keys "$log" "$LAB/conf/secrets/cl.psk" | sort > "$LAB/all.txt"
	touch "$LAB/before.txt"
	comm -13 "$LAB/before.txt" "$LAB/all.txt" > "$LAB/$1.keys"
	cp "$LAB/all.txt" "$LAB/before.txt"
}
found() { keys --search "$LAB/$1.keys" "$LAB/data/n1" "$LAB/data/n2" "$LAB/data/n3"; }
finds() { local n; n=$(found "$1" | wc -l); [ "$n" -ge "$2" ] || { echo "$n of $(wc -l < "$LAB/$1.keys") keys"; return 1; }; }
known first
check "keys of IKE_AUTH are found in all three data directories" finds first 9
swan cl ctl --rekey --child net > /dev/null 2>&1
sleep 1
known child
check "keys of a Child SA's rekey, too" finds child 6
swan cl ctl --rekey --ike gw > /dev/null 2>&1
sleep 1
known ike
check "keys of an IKE SA's rekey, too" finds ike 9
for n in $LAB_NODES; do node_term "$n"; done
check "and when the nodes have ended" finds ike 9
keys --binary "$LAB/first.keys" > "$LAB/planted"
at n1 "$PYTHON" -c 'import socket, sys
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(open(sys.argv[1], "rb").read(), ("10.77.0.12", 7500))' "$LAB/planted"
sleep 1 # tcpdump gets packets a block at a time
capture_end
check "a key in clear on a node link is found" keys --search "$LAB/first.keys" "$LAB/ctl-n1.pcap"
note "$(cat "$LAB"/{first,child,ike}.keys | wc -l) keys looked for, $( (found first; found child; found ike) | wc -l) finds"
finish

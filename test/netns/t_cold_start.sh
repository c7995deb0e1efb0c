#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# modes: socket xdp
# A cold start from data older than max_store_age_s is refused with a clear message,
# also the second time, unless --accept-old-store says that there is no newer copy. If only one node
# was away for long, it just joins: the others have newer data. A cluster of three, then one of one.
set -u
. "$(dirname "$0")/steps.sh"
AGE=5
old() { sleep $((AGE + 2)); }
# refused: all nodes are started, and each ends with status 1 and says why.
refused() {
	local n rc
	for n in $LAB_NODES; do
		timeout 60 ip netns exec "$(ns "$n")" "$BATON" run --config "$LAB/conf/cluster.toml" --node "$n" \
			> "$LAB/refused-$n.log" 2>&1 &
		echo $! > "$LAB/refused-$n.pid"
	done
	for n in $LAB_NODES; do
		wait "$(cat "$LAB/refused-$n.pid")"
		rc=$?
		check "$1: $n ends with status 1" same $rc 1
		check "$1: it names its data, the key and the way out" grep -q "data_dir.*$n is .*max_store_age_s.*--accept-old-store" "$LAB/refused-$n.log"
		check "$1: nobody led" same "$(grep -c ' leads term ' "$LAB/refused-$n.log")" 0
	done
}
accepted() {
	local n
	for n in $LAB_NODES; do
		background "$n" ip netns exec "$(ns "$n")" "$BATON" run --config "$LAB/conf/cluster.toml" --node "$n" --accept-old-store
	done
	nodes_ready 30
}
story() {
	local n
	CLUSTER_KEYS="max_store_age_s = $AGE" cluster_up "$1"
	client_joins
	if [ "$1" = 3 ]; then
		n=$(other "$(owner)" "$(leader)")
		node_kill "$n"
		old
		node_gone_and_back "$n"
		check "a node that was away for long joins the living" until_ok 20 all_nodes_up
	fi
	for n in $LAB_NODES; do node_kill "$n"; done
	old
	refused "$1 nodes"
	refused "$1 nodes, again"
	accepted
	check "with --accept-old-store packets pass again" until_ok 10 at cl ping -c 1 -W 1 $SERVER
	check "it is logged" grep -q ' old_store ' "$LAB/n1.log"
	unharmed "afterwards"
	for n in $LAB_NODES; do node_kill "$n"; done
	nodes_start 30
	check "a cold start from young data needs no word" until_ok 10 at cl ping -c 1 -W 1 $SERVER
	unharmed "at the end"
	outer_clean
	finish
}
(story 3) && (story 1)

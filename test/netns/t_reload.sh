#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# modes: socket
# A user is added to cluster.toml while a client's traffic goes on: `baton reload` on each node lets
# him in, no node restarts or turns unready, no SAs change. A bad file, or one with another fact, is
# refused naming the key, and the policy stays. SIGHUP does the same. All nodes route a new pool
# before a client has an address of it, and the old one as long as a client has one. A follower that
# starts with a newer file than the leader's is ready.
set -u
. "$(dirname "$0")/steps.sh"
second() { printf '\n[[secret]]\nid = "cl2"\npsk_file = "secrets/cl2.psk"\n'; }
conf() { echo "$LAB/conf/cluster.toml"; }
other_client() { "$LAB_HERE/strongswan.sh" "$(ns cl2)" "$LAB/cl2" "$@"; }
other_up() { other_client ctl --initiate --child net --timeout 10 > "$LAB/cl2-initiate.log" 2>&1; }
other_pings() { at cl2 ping -q -c 3 -i 0.2 -W 2 $SERVER; }
refused() { ! other_up && grep -q AUTHENTICATION_FAILED "$LAB/cl2-initiate.log"; }
reload() { "$BATON" reload --control "$LAB/$1.sock" > "$LAB/reload.log" 2>&1; }
all_reload() { local n; for n in $LAB_NODES; do reload "$n" || { cat "$LAB/reload.log"; return 1; }; done; }
says() { grep -qF "$1" "$LAB/reload.log" || { cat "$LAB/reload.log"; return 1; }; }
# not_taken TEXT WORDS: every node refuses the file, and says these.
not_taken() {
	local n
	for n in $LAB_NODES; do
		check "$1: $n refuses it" bash -c "! '$BATON' reload --control '$LAB/$n.sock' > '$LAB/reload.log' 2>&1"
		check "$1: $n says where" says "$2"
	done
}
pids() { local n; for n in $LAB_NODES; do pid_of "$n"; done | tr '\n' ' '; }
# Asks as fast as possible until it is told to stop: keeps each answer that is not 200.
watch_ready() {
	while [ -d "$LAB/conf" ] && [ ! -e "$LAB/watched" ]; do
		at "$1" curl -s -m 5 -o "$LAB/readyz-$1" -w '%{http_code}\n' http://127.0.0.1:9505/readyz | grep -qx 200 ||
			{ date +%T; cat "$LAB/readyz-$1"; }
	done >> "$LAB/unready-$1.log" 2>&1
}
never_unready() { local n; for n in $LAB_NODES; do [ ! -s "$LAB/unready-$n.log" ] || { cat "$LAB/unready-$n.log"; return 1; }; done; }
# all_route POOL...: at no node does a packet for one leave by another route.
all_route() {
	local n p
	for n in $LAB_NODES; do
		for p in "$@"; do
			at "$n" ip route show type blackhole | grep -q "^blackhole $p " || { echo "$n does not route $p"; return 1; }
		done
	done
}
other_has() { other_up; other_client ctl --list-sas --raw | grep -q "local-vips=\[$1"; }
policies() { status n1 '[.nodes[].policy] | unique | length'; }

cluster_up
client_joins
host cl2
cable wan cl2 wan 02:00:00:79:51
at cl2 ip addr add 10.79.0.51/24 dev wan
client_conf cl2 cl2
other_client start || die "the other client does not start"
cp "$LAB/conf/secrets/cl.psk" "$LAB/conf/secrets/cl2.psk" # client_conf() gives it cl's key.
chmod 600 "$LAB/conf/secrets/cl2.psk"
check "a user who is in no file does not get in" refused
before=$(pids)
watchers=()
for n in $LAB_NODES; do watch_ready "$n" & watchers+=($!); done
traffic_begin ping 30
cp "$(conf)" "$LAB/good.toml"

# ---- refused files
sed -i 's/^local_id = .*/&\npol = "10.30.0.0\/16"/' "$(conf)"
not_taken "an unknown key" 'unknown key "pol"; did you mean "pool"?'
cp "$LAB/good.toml" "$(conf)"
second >> "$(conf)"
mv "$LAB/conf/secrets/cl2.psk" "$LAB/kept.psk"
not_taken "a file that is not there" '"psk_file"'
mv "$LAB/kept.psk" "$LAB/conf/secrets/cl2.psk"
sed -i 's/^heartbeat_ms = .*/heartbeat_ms = 25/' "$(conf)"
not_taken "another fact" '"heartbeat_ms" of [timing] is not what this node runs with'
check "the policy has stayed" refused
cp "$LAB/good.toml" "$(conf)"
reload n1
check "a file that is as it was changes nothing" says 'nothing has changed'
sed -i 's/^\[cluster\]$/&\ncookie_above = 7/' "$(conf)"
check "a limit is taken" all_reload
check "and in force at once" same "$(status n1 .limits.half_open_without_cookie)" 7
sed -i 's/^level = .*/level = "error"/' "$(conf)"
reload n1
check "another log level is not nothing" says 'in force: a new [log] level; nothing else has changed'
lines=$(wc -l < "$LAB/n1.log")
reload n1
check "the log's level, too" same "$(wc -l < "$LAB/n1.log")" "$lines"
cp "$LAB/good.toml" "$(conf)"
check "and back" all_reload

# ---- what is
second >> "$(conf)"
check "the file with one user more is taken" all_reload
say "      $(cat "$LAB/reload.log")"
check "all nodes have one policy" until_ok 10 same "$(policies)" 1
check "he gets in" until_ok 5 other_up
check "with traffic" until_ok 5 other_pings

# ---- another pool, while the clients have addresses of the old one
sed -i 's/^pool = .*/pool = "10.31.0.0\/24"/' "$(conf)"
check "the file with another pool is taken by one node" reload "$(leader)"
check "all nodes route both pools" until_ok 5 all_route 10.30.0.0/16 10.31.0.0/24
check "and by the others" all_reload
other_client ctl --terminate --ike gw > /dev/null 2>&1
check "a client that comes has an address of the new pool" until_ok 10 other_has 10.31.0.
check "with traffic" until_ok 5 other_pings
sed -i 's/^pool = .*/pool = "10.30.0.0\/16"/' "$(conf)"
check "and back" all_reload
check "who is here keeps his, with traffic" other_pings
check "no node has started anew" same "$(pids)" "$before"
cp "$LAB/good.toml" "$(conf)"
for n in $LAB_NODES; do kill -HUP "$(pid_of "$n")"; done
sessions() { ask_any /v1/status '.sessions | tostring'; }
prune_counts() { "$BATON" prune --control "$LAB/n1.sock" | grep -q '^1 of 2 sessions'; }
check "SIGHUP: he is in the file no longer" until_ok 10 prune_counts
check "one of two is too many to end unasked" same "$(sessions)" 2
check "baton prune --yes ends him" bash -c "'$BATON' prune --yes --control '$LAB/n1.sock' | grep -q '^1 session is ended'"
check "and he gets in no more" until_ok 10 refused
touch "$LAB/watched"
wait "${watchers[@]}"
check "no node was unready for a moment" never_unready
traffic_came_back ping
unharmed "after all that"

# ---- a start with a newer file
second >> "$(conf)"
f=$(other "$(leader)" "$(owner)")
node_term "$f"
node_gone_and_back "$f"
check "a follower with a newer file is ready" node_ready "$f"
check "and says who has another policy" grep -q 'has a different policy in force' "$LAB/$f.log"
check "the leader's counts: he does not get in" refused
unharmed "at the end"
outer_clean
finish

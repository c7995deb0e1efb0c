#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# modes: socket
# A thief with a stolen node's certificate and key, but not the storage key, is at the link
# ports: the nodes take nothing from him. A peer with the storage key as well, but whom the core
# refuses, reaches no data path either; an admitted peer does, which shows that this test would see
# it. And a node with another storage key is told what to do.
set -u
. "$(dirname "$0")/steps.sh"
make -s -C "$LAB_ROOT" build/netns/link_peer > /dev/null || exit 1
cluster_up
client_joins
s=$LAB/conf/secrets
# n1 is the one whose certificate was stolen: of two nodes the first one dials.
node_term n1
until_ok 20 moved n1 || die "n1's client stays with it"
own=$(owner)
host at
cable ctl at ctl 02:00:00:77:66
at at ip addr add 10.77.0.66/24 dev ctl
counter() { api "${2:-$own}" /metrics | awk -v k="baton_$1" '$1 == k { print $2 }'; }
SESSION=$(api "$own" /v1/sessions | jq -r '.[0].id') DESTINATION=$virtual
export SESSION DESTINATION
thief() { at at "$LAB_ROOT/build/netns/link_peer" "10.77.0.1${own#n}:7500" "$s/ca.pem" "$s/n1.pem" "$s/n1.key" n1 "$own" "$@"; }
# packets_in: how many of the thief's packets the data path and the client got.
packets_in() { echo $(($(counter injected_total) + 0)); }
state() { api "$own" /v1/status | jq -c '[.leader, .term, .sessions, .half_open, (.nodes[] | .name, .state, .sessions_owned)]'; }
view() { counter ike_out_total; packets_in; state; }

before=$(view) unproved=$(counter link_unproved_total)
for proof in none random echo; do
	said=$(thief $proof all)
	case $said in "closed" | "closed 66") said="closed, nothing but a proof" ;; esac
	check "a certificate and $([ $proof = none ] && echo no proof || echo "a proof that is $proof"): closed, and nothing is said to it" \
		same "$said" "closed, nothing but a proof"
done
check "nothing was taken: no packet, no datagram, no vote, no node" same "$(view)" "$before"
check "each was counted" same "$(counter link_unproved_total)" $((${unproved:-0} + 3))
check "and said, with what to do" grep -q 'link n1: refused: .*does not prove that it holds the storage key.*storage_key_file.*its certificate is stolen: change the CA' "$LAB/$own.log"
check "and is an event" jq -e '[.events[] | select(.text | startswith("n1: refused: "))] | length > 0' <(api "$own" /v1/events)

# A copy of the owner's own data directory: proved, but refused by the core.
said=$(thief "$s/storage.key" copy)
check "proved but refused: it is told so" grep -q ' 3\b' <<< "$said"
check "proved but refused: no packet goes to the client" same "$(packets_in)" "$(sed -n 2p <<< "$before")"

# While n1 is there, the thief cannot cut its link.
node_start n1
until_ok 30 node_ready n1 || die "n1 does not come back"
until_ok 10 all_nodes_up || die "n1's links do not come back"
links=$(counter link_connections_total)
for _ in 1 2 3 4 5; do thief random all > /dev/null; done
check "a thief cuts no link" same "$(counter link_connections_total)" "$links"
check "n1 is linked and up" all_nodes_up

# Another storage key, with an empty store: all nodes say what to do, and the others go on.
node_term n1
until_ok 20 moved n1 || die "n1's client stays with it"
cp -r "$LAB/conf" "$LAB/conf1"
od -An -tx1 -N32 /dev/urandom | tr -d ' \n' > "$LAB/conf1/secrets/storage.key"
mkdir -p "$LAB/data1"
sed -i "s|$LAB/data/n1|$LAB/data1/n1|" "$LAB/conf1/cluster.toml"
background n1 ip netns exec "$(ns n1)" "$BATON" run --config "$LAB/conf1/cluster.toml" --node n1
fix='does not prove that it holds the storage key. Give it the storage_key_file that this node has'
check "a node with another storage key: it says so" until_ok 10 grep -q "$fix" "$LAB/n1.log"
check "the others say so" until_ok 10 grep -q "link n1: refused: .*$fix" "$LAB/$own.log"
tries=$(counter link_unproved_total)
sleep 4
check "it is not tried all the time" [ "$(counter link_unproved_total)" -le $((tries + 2)) ]
check "it is not let in" same "$(api n1 /v1/status | jq -r .ready)" false
node_kill n1
unharmed "after all of it"

# The control: a peer that also has the storage key, and is let in.
packets=$(packets_in)
said=$(thief "$s/storage.key" join)
check "the control, with the storage key and let in: its packets reach the data path" [ "$(packets_in)" -gt "$packets" ]
check "no assertion, no crash" same "$(cat "$LAB"/n?.log | grep -cE 'Assertion|ERROR: AddressSanitizer')" 0
finish

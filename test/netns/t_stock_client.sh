#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# modes: socket
# The unchanged output of `baton init`, and a stock client that names no proposals: it ends in
# AEAD suites with an elliptic curve, and its first guess of a group is right.
set -u
. "$(dirname "$0")/steps.sh"
lab_new
lab_net 1
"$BATON" init "$LAB/conf" --nodes 1 > "$LAB/init.log" || die "baton init"
sed -i "s|^data_dir = .*|data_dir = \"$LAB/var/lib/n1\"|; s|^mode = \"auto\"|mode = \"$MODE\"|" "$LAB/conf/cluster.toml"

check "baton check has nothing to say of it" same "$("$BATON" check --config "$LAB/conf/cluster.toml" 2>&1 | grep -vc ': good;')" 0
# The next step that init prints, word for word, on a machine that has other interfaces and on one
# that has these.
next() { sed -n "s/^ *\(.* $1 --config .*\)/\1/p" "$LAB/init.log"; }
no_wan() { at cl bash -c "$(next check)" 2>&1 | grep -q 'outer_interface.*has no "wan2"; it has: .*wan'; }
sed -i 's/"wan"/"wan2"/' "$LAB/conf/cluster.toml"
check "init's next step names the interfaces to fill in" no_wan
sed -i 's/"wan2"/"wan"/' "$LAB/conf/cluster.toml"
check "init's next step has nothing to say when they are" same "$(at n1 bash -c "$(next check)" 2>&1 | grep -vc ': good;')" 0
next_run() { background n1 ip netns exec "$(ns n1)" bash -c "exec $(next run)"; nodes_ready; }
check "its last step runs the node" next_run
# The client is the README's, word for word but for its key; then it names no proposals.
mkdir -p "$LAB/cl"
sed -n '/^ *connections {$/,/^   and /p' "$LAB_ROOT/README.md" | sed "\$d; s|the line in secrets/cl.psk|$(cat "$LAB/conf/secrets/cl.psk")|" > "$LAB/cl/swanctl.conf"
sed -i '/proposals = /d' "$LAB/cl/swanctl.conf"
client_start
check "a client without proposals gets its tunnel" client_up
suites() { swan cl ctl --list-sas --raw; }
check "IKE: AES-GCM with x25519 or ECP-256" bash -c "grep -qE 'encr-alg=AES_GCM_16 .*dh-group=(CURVE_25519|ECP_256)' <<< '$(suites)'"
check "ESP: AES-GCM" bash -c "grep -qE 'protocol=ESP .*encr-alg=AES_GCM_16' <<< '$(suites)'"
check "no second IKE_SA_INIT" same "$(client_exchanges)" "IKE_AUTH=1 IKE_SA_INIT=1 "
note "$(suites | grep -oE '(encr-alg|encr-keysize|prf-alg|dh-group)=[A-Z0-9_]+' | tr '\n' ' ')"
check "packets pass" at cl ping -c 1 -W 2 -q $SERVER
finish

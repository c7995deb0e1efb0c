#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# modes: socket xdp
# A node whose data directory was restored from an older copy is refused; the
# others go on.
set -u
. "$(dirname "$0")/steps.sh"
cluster_up
client_joins
victim=$(other "$(owner)" "$(leader)")
node_term "$victim"
cp -a "$LAB/data/$victim" "$LAB/old"
node_gone_and_back "$victim"
swan cl ctl --rekey --child net > /dev/null 2>&1
sleep 4
node_kill "$victim"
rm -rf "$LAB/data/$victim"
mv "$LAB/old" "$LAB/data/$victim"
: > "$LAB/$victim.log"
node_start "$victim"
refused() { grep -qiE 'old(er)? copy|wipe it' "$LAB/$victim.log"; }
check "it is refused, and says why" until_ok 15 refused
check "it is not ready" differ "$(api_code "$victim" /readyz)" 200
check "the others go on" at cl ping -q -c 10 -i 0.05 -W 2 $SERVER
outer_clean
finish

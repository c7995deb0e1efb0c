#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# modes: socket
# A part of `make matrix`: stock clients that no other script here has, and the steps that such a
# client is bought for. It connects, gets its address, talks, rekeys, and does not notice that its
# owner is killed; no number is used twice. OpenIKED and Libreswan are Debian's own.
set -u
cd "$(dirname "$0")/../.." || exit 1
rows=(openiked libreswan)
export STEPS="connect first_ke config traffic c_child owner delete numbers" ROWS_JOBS=1
test/matrix/run.sh "${rows[@]}" || exit 1
ran=0
for row in "${rows[@]}"; do
	[ "$(cat "build/matrix/$row/rc")" = 77 ] || ran=$((ran + $(grep -c '	pass' "build/matrix/$row/cells")))
done
[ $ran -gt 0 ] || { echo "none of the clients is here: ${rows[*]}"; exit 77; }
echo "note: $ran cells of ${#rows[@]} clients"

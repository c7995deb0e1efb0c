#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# IKE daemons from Debian, for the rows that need them, unpacked into build/peers/root and not
# installed: installing would start them, and make them the machine's own.
#
#    fetch.sh        needs apt, and at the first time a mirror
set -eu
cd "$(dirname "$0")/../.."
dir=$PWD/build/peers
[ ! -e "$dir/complete" ] || exit 0
rm -rf "$dir"
mkdir -p "$dir/debs/partial" "$dir/root"
# With all their dependencies that the machine lacks.
get() {
	apt-get install -qq -y --no-install-recommends --reinstall --download-only -o Dir::Cache::archives="$dir/debs" \
		-o Debug::NoLocking=1 libreswan libnss3-tools openiked < /dev/null > "$dir/log" 2>&1
}
get || { apt-get -qq update > "$dir/log" 2>&1 && get; } || { tail -n 3 "$dir/log" >&2; exit 1; }
for deb in "$dir"/debs/*.deb; do dpkg -x "$deb" "$dir/root"; done
touch "$dir/complete"

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Debian builds libraft without its asserts. Builds it with them, from the source package
# of the version that is installed, into DIR/libraft.a. If that source is not available, it prints
# SKIPPED and why, and ends with status 3.
#   libraft_asserts.sh DIR
dir=${1:?usage: libraft_asserts.sh DIR}
skip() { echo "SKIPPED: $1"; exit 3; }
mkdir -p "$dir" && cd "$dir" || exit 1
[ -s libraft.a ] && exit 0

command -v apt-get >/dev/null && command -v dpkg-query >/dev/null || skip "this is no Debian"
version=$(dpkg-query -W -f '${Version}' libraft-dev 2>/dev/null) || skip "libraft-dev is not a package here"
source=$(dpkg-query -W -f '${source:Package}=${source:Version}' libraft-dev)

# The archive that the package came from, for sources; its lists stay in DIR.
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
[ -e "$keyring" ] && signed="[signed-by=$keyring] " || signed=
apt-cache policy libraft-dev | awk -v version="$version" -v signed="$signed" '
	$1 == "***" { on = $2 == version; next }
	on && $2 ~ /^https?:/ { split($3, suite, "/"); print "deb-src " signed $2, suite[1], suite[2]; exit }' >sources.list
[ -s sources.list ] || skip "no archive has libraft-dev $version"
mkdir -p lists/partial cache/archives/partial
apt() {
	apt-get -qq -o Dir::Etc::SourceList="$PWD/sources.list" -o Dir::Etc::SourceParts=/dev/null \
		-o Dir::State::Lists="$PWD/lists" -o Dir::Cache="$PWD/cache" \
		-o APT::Sandbox::User=root "$@" >apt.log 2>&1
}
apt update && apt --tar-only source "$source" || skip "the source of $source cannot be had: $(grep -m 1 '^[EW]:' apt.log)"

rm -rf source && mkdir source && tar -xf raft_*.orig.tar.* -C source --strip-components 1 ||
	skip "the source of $source cannot be unpacked"
cp /usr/include/raft.h source/include/ # As configured for the installed library.
mkdir -p obj
for file in source/src/*.c; do
	case ${file##*/} in uv*.c | fixture.c) continue ;; esac
	${CC:-cc} -std=gnu11 -g -O2 -UNDEBUG -D_GNU_SOURCE -DV0_ENABLED -Isource/include -w \
		-c "$file" -o "obj/$(basename "$file" .c).o" || skip "$file cannot be compiled"
done
ar rcs libraft.a.new obj/*.o && mv libraft.a.new libraft.a
nm libraft.a | grep -q __assert_fail || skip "the library was built without asserts"

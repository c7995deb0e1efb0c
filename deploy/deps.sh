#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Install what baton needs to build, run and be tested on Debian 12 or 13.
#
#   deploy/deps.sh            what the build and the demo need
#   deploy/deps.sh --test     and what only the tests need
#
# It installs nothing twice, and touches nothing when everything is there. Debian 12 has a libraft
# that can lose committed entries (0.15.0), so there libraft and BoringSSL come from
# bookworm-backports, on the mirror that apt already uses.
set -eu

build=(build-essential pkg-config clang llvm libuv1-dev liblmdb-dev libxdp-dev
	libbpf-dev libmicrohttpd-dev libjansson-dev libtomlplusplus-dev
	libmnl-dev libseccomp-dev uthash-dev zlib1g-dev bpftool)
run=(procps iproute2 iputils-ping tcpdump jq curl charon-systemd strongswan-swanctl
	libcharon-extra-plugins libstrongswan-standard-plugins
	libstrongswan-extra-plugins libcharon-extauth-plugins python3 ethtool)
test=(libcmocka-dev python3-scapy python3-cryptography nftables iperf3
	libclang-rt-dev openssl netcat-openbsd freeradius freeradius-utils)

case "${1:-}" in
'') want=("${build[@]}" "${run[@]}") ;;
--test) want=("${build[@]}" "${run[@]}" "${test[@]}") ;;
*) sed -n '3,6s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac

installed() { dpkg-query -W -f '${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed; }
# recent PACKAGE VERSION: it is installed in that version or a later one.
recent() { installed "$1" && dpkg --compare-versions "$(dpkg-query -W -f '${Version}\n' "$1" | head -n 1)" ge "$2"; }

missing=()
for p in "${want[@]}"; do installed "$p" || missing+=("$p"); done
backported=()
recent libraft-dev 0.22 || backported+=(libraft-dev)
recent android-libboringssl-dev 14 || backported+=(android-libboringssl-dev)
[ ${#missing[@]} -eq 0 ] && [ ${#backported[@]} -eq 0 ] && exit 0

. /etc/os-release
case "${VERSION_ID:-}" in
12|13) ;;
*) echo "deps.sh: needs Debian 12 or 13, this is ${PRETTY_NAME:-unknown}" >&2; exit 1 ;;
esac
[ "$(id -u)" = 0 ] || { echo "deps.sh: must be root to install: ${missing[*]} ${backported[*]}" >&2; exit 1; }
echo "installing: ${missing[*]} ${backported[*]}"

# charon-systemd and freeradius come with a service of the host; demo and tests run private
# instances only. So it is not started while we install, and if the package
# is new here, it is not enabled later either. A host that had it keeps it as it
# was. Outside a booted system nothing may be started at all.
policy=/usr/sbin/policy-rc.d
mark='# made by baton, deploy/deps.sh, while it runs'
new_services=()
installed charon-systemd || new_services+=(charon-systemd:strongswan.service)
installed freeradius || new_services+=(freeradius:freeradius.service)
disable_new_service() {
	[ -e "/lib/systemd/system/$2" ] || return 0
	if command -v systemctl > /dev/null; then
		systemctl -q disable "$2" 2> /dev/null || true
		[ ! -d /run/systemd/system ] || systemctl -q stop "$2" || true
	else
		DPKG_MAINTSCRIPT_PACKAGE=$1 deb-systemd-helper disable "$2" > /dev/null || true
	fi
}
clean() {
	for new in "${new_services[@]}"; do disable_new_service "${new%%:*}" "${new#*:}"; done
	! grep -qsxF "$mark" $policy || rm -f $policy
}
trap clean EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
if [ ! -e $policy ] || grep -qxF "$mark" $policy; then
	printf '%s\n' '#!/bin/sh' "$mark" '[ -d /run/systemd/system ] || exit 101' \
		'case $1 in strongswan*|freeradius*) exit 101 ;; esac' > $policy
	chmod 755 $policy
fi

export DEBIAN_FRONTEND=noninteractive
apt() {
	apt-get -qq -o Dpkg::Use-Pty=0 -o APT::Install-Recommends=false -o DPkg::Lock::Timeout=300 \
		-o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@" < /dev/null > /dev/null
}

# Goes on with an interrupted installation.
[ -z "$(ls -A /var/lib/dpkg/updates)" ] || dpkg --configure -a < /dev/null > /dev/null || true
apt update
target=()
if [ "$VERSION_ID" = 12 ] && [ ${#backported[@]} -gt 0 ]; then
	target=(-t bookworm-backports)
	if ! apt-get indextargets --format '$(CODENAME)' | grep -qx bookworm-backports; then
		mirror=$(apt-get indextargets --format '$(ORIGIN)|$(CODENAME)|$(COMPONENT)|$(REPO_URI)' 'Created-By: Packages' |
			awk -F'|' '$1 == "Debian" && $2 == "bookworm" && $3 == "main" && $4 !~ /^cdrom:/ { print $4; exit }')
		[ -n "$mirror" ] || { echo "deps.sh: apt has no mirror of Debian bookworm; add one, then run this again" >&2; exit 1; }
		printf '%s\n' "# made by baton, deploy/deps.sh" "Types: deb" "URIs: $mirror" "Suites: bookworm-backports" \
			"Components: main" "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg" \
			> /etc/apt/sources.list.d/baton-backports.sources
		apt update
	fi
fi
[ ${#missing[@]} -eq 0 ] || apt install "${missing[@]}"
[ ${#backported[@]} -eq 0 ] || apt install "${target[@]}" "${backported[@]}"
recent libraft-dev 0.22 || { echo "deps.sh: libraft $(dpkg-query -W -f '${Version}' libraft-dev) is too old, 0.22 is needed" >&2; exit 1; }

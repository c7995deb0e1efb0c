#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Install what baton needs to build, run and be tested on Debian 12 or 13.
#
#   deploy/deps.sh            what the build and the demo need
#   deploy/deps.sh --test     and what only the tests need
#
# Nothing is installed twice, and nothing at all is touched when everything is
# there. Debian 12 has a libraft that can lose committed entries (0.15.0), so
# there libraft and BoringSSL come from bookworm-backports, on the mirror that
# apt already uses.
set -eu

build=(build-essential pkg-config clang llvm libuv1-dev liblmdb-dev libxdp-dev
	libbpf-dev libmicrohttpd-dev libjansson-dev libtomlplusplus-dev
	libmnl-dev uthash-dev zlib1g-dev bpftool)
backported=(libraft-dev android-libboringssl-dev)
run=(iproute2 iputils-ping tcpdump jq curl charon-systemd strongswan-swanctl
	libcharon-extra-plugins libstrongswan-standard-plugins
	libstrongswan-extra-plugins libcharon-extauth-plugins python3 ethtool)
test=(libcmocka-dev python3-scapy python3-cryptography nftables iperf3
	libclang-rt-dev openssl netcat-openbsd)

want=("${build[@]}" "${run[@]}")
[ "${1:-}" = --test ] && want+=("${test[@]}")

installed() { dpkg-query -W -f '${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed; }
libraft_ok() { dpkg --compare-versions "$(dpkg-query -W -f '${Version}' libraft-dev 2>/dev/null || echo 0)" ge 0.22; }

missing=()
for p in "${want[@]}"; do installed "$p" || missing+=("$p"); done
missing_back=()
for p in "${backported[@]}"; do installed "$p" || missing_back+=("$p"); done
libraft_ok || missing_back+=(libraft-dev)
[ ${#missing[@]} -eq 0 ] && [ ${#missing_back[@]} -eq 0 ] && exit 0

. /etc/os-release
case "${VERSION_ID:-}" in
12|13) ;;
*) echo "deps.sh: needs Debian 12 or 13, this is ${PRETTY_NAME:-unknown}" >&2; exit 1 ;;
esac
[ "$(id -u)" = 0 ] || { echo "deps.sh: must be root to install: ${missing[*]} ${missing_back[*]}" >&2; exit 1; }

export DEBIAN_FRONTEND=noninteractive
apt=(apt-get -qq -o Dpkg::Use-Pty=0 -o APT::Install-Recommends=false)

# The strongSwan packages start a service of the host; the tests run private
# instances only. What was not running before is not running after.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
	printf '#!/bin/sh\nexit 101\n' > $policy
	chmod 755 $policy
	trap 'rm -f $policy' EXIT
fi

"${apt[@]}" update
target=()
if [ "$VERSION_ID" = 12 ]; then
	target=(-t bookworm-backports)
	if ! apt-get indextargets --format '$(RELEASE)' | grep -qx bookworm-backports; then
		mirror=$(apt-get indextargets --format '$(RELEASE) $(REPO_URI)' 'Created-By: Packages' |
			awk '$1 == "bookworm" { print $2; exit }')
		[ -n "$mirror" ] || { echo "deps.sh: apt has no source for Debian bookworm; add one, then run this again" >&2; exit 1; }
		printf '%s\n' "Types: deb" "URIs: $mirror" "Suites: bookworm-backports" \
			"Components: main" "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg" \
			> /etc/apt/sources.list.d/bookworm-backports.sources
		"${apt[@]}" update
	fi
fi
[ ${#missing[@]} -eq 0 ] || "${apt[@]}" install "${missing[@]}" >/dev/null
[ ${#missing_back[@]} -eq 0 ] || "${apt[@]}" install "${target[@]}" "${missing_back[@]}" >/dev/null
libraft_ok || { echo "deps.sh: libraft $(dpkg-query -W -f '${Version}' libraft-dev) is too old, 0.22 is needed" >&2; exit 1; }

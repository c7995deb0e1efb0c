# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Libreswan as it comes from Debian, by pre-shared key: proposals, PFS and timers are its own. ESP
# goes in UDP, so that a NAT can be put in between. Its IKE SA forgets MOBIKE when it is rekeyed (4.10).
PEER=libreswan AUTH=psk
CLIENT_ID=cl GHOST_ID=cl2 LOCAL_ID=vpn.example.org REMOTE_ID=vpn.example.org
MOBIKE=unrekeyed
LIBRESWAN="encapsulation=yes"

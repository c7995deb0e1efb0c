# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# OpenIKED as it comes from Debian, by pre-shared key, with its own proposals; ESP as IP protocol 50.
PEER=openiked AUTH=psk MOBIKE=no ESP_IN_UDP=no
CLIENT_ID=cl GHOST_ID=cl2 LOCAL_ID=vpn.example.org REMOTE_ID=vpn.example.org

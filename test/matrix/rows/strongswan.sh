# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# strongSwan as it comes, by pre-shared key.
PEER=strongswan AUTH=psk
CLIENT_ID=cl GHOST_ID=cl2 LOCAL_ID=vpn.example.org REMOTE_ID=vpn.example.org

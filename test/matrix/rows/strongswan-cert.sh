# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# strongSwan as it comes, by certificate with an ECDSA key, signatures by RFC 7427.
PEER=strongswan AUTH=pubkey CLIENT_KEY=ec GATEWAY_KEYS="ec rsa"
CLIENT_ID=cl.example.org GHOST_ID=cl2.example.org LOCAL_ID=vpn.example.org REMOTE_ID=vpn.example.org

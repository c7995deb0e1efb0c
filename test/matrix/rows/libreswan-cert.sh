# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Libreswan by certificate, with an RSA key, which it keeps in NSS's database; the gateway's is by the same CA.
. "$ROWS/libreswan.sh"
AUTH=pubkey CLIENT_KEY=rsa GATEWAY_KEYS="ec rsa" CLIENT_ID=cl.example.org GHOST_ID=cl2.example.org

# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# OpenIKED by certificate, with an ECDSA key. With -t its ESP goes in UDP, so that a NAT can be put in between.
. "$ROWS/openiked.sh"
AUTH=pubkey CLIENT_KEY=ec GATEWAY_KEYS="ec rsa" CLIENT_ID=cl.example.org GHOST_ID=cl2.example.org
ESP_IN_UDP=yes OPENIKED_OPTIONS=-t

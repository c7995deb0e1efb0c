# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# iOS and macOS with a certificate of its own, with an RSA key.
. "$ROWS/apple.sh"
AUTH=pubkey CLIENT_KEY=rsa CLIENT_ID=cl.example.org GHOST_ID=cl2.example.org

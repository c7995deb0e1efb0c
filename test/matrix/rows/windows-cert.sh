# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Windows with a machine certificate, which names it by its subject.
. "$ROWS/windows.sh"
AUTH=pubkey CLIENT_KEY=rsa CLIENT_ID="O=lab, CN=cl" GHOST_ID="O=lab, CN=cl2"

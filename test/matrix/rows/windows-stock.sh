# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Windows as it comes: MODP-1024 and, for ESP, HMAC-SHA1, to which the connection must opt in.
. "$ROWS/windows.sh"
IKE="3des-sha1-modp1024, aes256-sha1-modp1024, 3des-sha256-modp1024, aes256-sha256-modp1024, 3des-sha384-modp1024, aes256-sha384-modp1024"
ESP="aes256-sha1-noesn, aes128-sha1-noesn, 3des-sha1-noesn"
OPT_IN_IKE='"aes256-sha256-modp1024"' OPT_IN_ESP='"aes256-sha1"'

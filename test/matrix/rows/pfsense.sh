# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# pfSense with the defaults of its forms: addresses as identities, a pre-shared key, AES-CBC with
# MODP-2048, PFS; no MOBIKE.
PEER=strongswan AUTH=psk MOBIKE=no
CLIENT_ID=10.79.0.50 GHOST_ID=10.79.0.60 LOCAL_ID=10.79.0.100 REMOTE_ID=10.79.0.100
IKE="aes128-sha256-modp2048" ESP="aes128-sha256-modp2048, aes128gcm16-modp2048"
SWAN_IKE="mobike = no"

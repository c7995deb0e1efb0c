# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# iOS and macOS: EAP-MSCHAPv2 and the gateway's certificate, for which it sends no CERTREQ; a proposal
# for each group, MODP-2048 first; no PFS.
PEER=strongswan AUTH=eap-mschapv2 GATEWAY_KEYS="ec rsa"
CLIENT_ID=alice GHOST_ID=ghost IDI=phone LOCAL_ID=vpn.example.org REMOTE_ID=vpn.example.org
IKE="aes256-sha256-modp2048, aes256-sha256-ecp256, aes256-sha256-modp1536, aes128-sha1-modp1024, 3des-sha1-modp1024"
ESP="aes256-sha256-noesn, aes128-sha1-noesn, 3des-sha1-noesn"
VIPS="0.0.0.0, ::" REMOTE_TS="0.0.0.0/0, ::/0"
SWAN_IKE="send_certreq = no"

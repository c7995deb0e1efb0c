# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Windows 10 and 11 with NegotiateDH2048_AES256 in its registry and GCMAES256 by
# Set-VpnConnectionIPsecConfiguration: EAP-MSCHAPv2; names itself by its address, and the gateway not
# at all (no IDr); RSA signatures as RFC 7296 has them, without RFC 7427.
PEER=strongswan AUTH=eap-mschapv2 GATEWAY_KEYS=rsa
CLIENT_ID=alice GHOST_ID=ghost IDI=%any LOCAL_ID=vpn.example.org REMOTE_ID="*.example.org"
IKE="aes256-sha384-modp2048, aes256-sha256-modp2048, aes256-sha1-modp2048"
ESP="aes256gcm16-noesn"
VIPS="0.0.0.0, ::" REMOTE_TS="0.0.0.0/0, ::/0"
CHARON='signature_authentication = no'

# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# The strongSwan app for Android: EAP-MSCHAPv2 and the gateway's certificate; AEADs first; all traffic,
# IPv4 and IPv6, to be narrowed; it repeats after 2 s and gives up after 14.
PEER=strongswan AUTH=eap-mschapv2 GATEWAY_KEYS="ec rsa"
CLIENT_ID=alice GHOST_ID=ghost LOCAL_ID=vpn.example.org REMOTE_ID=vpn.example.org
IKE="aes256gcm16-aes128gcm16-chacha20poly1305-prfsha512-prfsha384-prfsha256-x25519-ecp256-ecp384-ecp521-modp3072-modp4096-modp2048, default"
ESP="aes256gcm16-aes128gcm16-chacha20poly1305-x25519-ecp384-ecp521-modp3072-modp4096, aes256-sha512-sha384-sha256-x25519-ecp384-ecp521-modp3072-modp4096, aes256gcm16-aes128gcm16-chacha20poly1305, aes256-sha512-sha384-sha256"
VIPS="0.0.0.0, ::" REMOTE_TS="0.0.0.0/0, ::/0"
CHARON='retransmit_timeout = 2.0
retransmit_base = 1.4
retransmit_tries = 3'

# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Android's own client (12 and later, Ikev2VpnProfile): EAP-MSCHAPv2 and the gateway's certificate.
# AES-CTR and -CBC before AEADs, MODP-4096 as its guess; IPv4, IPv6 and DNS of both; the gateway's
# identity must be what it asked for; no ESN; it repeats after 0.5 s and gives up after 15.5.
PEER=strongswan AUTH=eap-mschapv2 GATEWAY_KEYS="ec rsa"
CLIENT_ID=alice GHOST_ID=ghost LOCAL_ID=vpn.example.org REMOTE_ID=vpn.example.org
android_rest=prfsha512-prfsha384-prfsha256-prfaesxcbc-prfaescmac-modp4096-x25519-modp3072-modp2048
IKE="aes256ctr-aes256-aes192ctr-aes192-aes128ctr-aes128-sha512-sha384-sha256-aesxcbc-aescmac-$android_rest, chacha20poly1305-aes256gcm16-aes256gcm12-aes256gcm8-aes192gcm16-aes192gcm12-aes192gcm8-aes128gcm16-aes128gcm12-aes128gcm8-$android_rest"
ESP="aes256ctr-aes256-aes192ctr-aes192-aes128ctr-aes128-sha512-sha384-sha256-aesxcbc-aescmac-noesn, chacha20poly1305-aes256gcm16-aes256gcm12-aes256gcm8-aes192gcm16-aes192gcm12-aes192gcm8-aes128gcm16-aes128gcm12-aes128gcm8-noesn"
VIPS="0.0.0.0, ::" REMOTE_TS="0.0.0.0/0, ::/0"
CHARON='retransmit_timeout = 0.5
retransmit_base = 2.0
retransmit_tries = 5'

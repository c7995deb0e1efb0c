#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# modes: socket
# IKE messages in fragments (RFC 7383), of 256 octets at most, with a stock client: it gets in,
# survives a takeover, and both sides rekey. The client's log shows fragments in both directions;
# the switch's captures show no longer datagram, and no IP fragment.
set -u
. "$(dirname "$0")/steps.sh"
SERVICE_KEYS='fragment_size = 256'
EXTRA=long_leases cluster_up
mkdir -p "$LAB/cl"
echo 'fragment_size = 256' > "$LAB/cl/charon.conf"
# Its rekeys of the Child SA have a KE payload of 256 octets, and so have the answers.
ESP_PROPOSAL=aes128gcm16-modp2048 client_joins

said() { grep -q "$1" "$LAB/cl/run/charon.log" || { grep -i fragment "$LAB/cl/run/charon.log"; return 1; }; }
check "IKE_AUTH leaves in fragments" said 'generating IKE_AUTH request 1 \[ EF(1/'

ike=$(client_ike_spis) old=$(client_child_spis)
traffic_begin ping 6
handed_over
asked() { [ "$(cat "$LAB"/n?.log | grep -c ' child_rekey ')" -ge "$1" ]; }
check "after a takeover the gateway rekeys" until_ok 5 asked 1
rekeyed() { [ "$(client_child_spis)" != "$old" ] && [ "$(client_child_spis | wc -w)" = 2 ]; }
check "both have the new Child SA alone" until_ok 10 rekeyed
check "the same IKE SA" same "$(client_ike_spis)" "$ike"
traffic_came_back ping
check "the client rekeys the Child SA" swan cl ctl --rekey --child net
check "... and is answered in fragments" said 'parsed CREATE_CHILD_SA response [0-9]* \[ EF(1/'
check "the gateway's own request comes in fragments" said 'parsed CREATE_CHILD_SA request [0-9]* \[ EF(1/'
check "the client rekeys the IKE SA" swan cl ctl --rekey --ike gw
ike_rekeyed() { [ "$(client_ike_spis)" != "$ike" ] && [ "$(client_ike_spis | wc -w)" = 2 ]; }
check "there is another IKE SA" until_ok 10 ike_rekeyed
check "and packets pass" at cl ping -c 10 -i 0.05 -W 1 -q $SERVER

capture_end
seen() { local f; for f in "$LAB"/wan-*.pcap; do tcpdump -nr "$f" "$1" 2> /dev/null; done | wc -l; }
check "there was IKE" differ "$(seen 'udp port 4500 and udp[8:4] = 0')" 0
check "no IKE datagram behind IKE_SA_INIT has more than 256 octets" same \
	"$(seen 'udp port 4500 and udp[8:4] = 0 and ip[2:2] > 256')" 0
check "no packet is an IP fragment" same "$(seen 'ip[6:2] & 0x3fff != 0')" 0
check "outer side: only IKE and ESP, no number twice, no ICMP error" observe
finish

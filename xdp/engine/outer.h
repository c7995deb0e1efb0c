/* SPDX-License-Identifier: Apache-2.0 */
/* Input of the outer side: UDP payloads (RFC 3948) and whole Ethernet frames, both sorted into ESP,
 * IKE and the rest. */
#ifndef XDP_ENGINE_OUTER_H
#define XDP_ENGINE_OUTER_H

#include "proto/wire/drop.h"
#include "proto/esp/sad.h"

#define OUTER_L2_MAX 22u /* Ethernet and two VLAN tags. */
#define NON_ESP_MARKER_LEN 4u

enum encap_kind { ENCAP_ESP, ENCAP_IKE, ENCAP_KEEPALIVE, ENCAP_SHORT };

/* The payload of a datagram on port 4500, RFC 3948 2.1 to 2.3. For ENCAP_IKE
 * *skip is the length of the non-ESP marker, else 0. */
enum encap_kind encap_demux(const uint8_t *data, size_t len, size_t *skip);

struct outer_frame {
	size_t l2_len;        /* Ethernet with its VLAN tags. */
	size_t esp_offset;    /* Where the ESP header is in the frame. */
	size_t esp_len;       /* To the end of the IP packet. */
	struct sad_path path; /* local: destination; remote: source. */
};

/* A frame that the XDP program sent to us. Anything but an unfragmented ESP
 * packet, bare or in UDP 4500, is DROP_MALFORMED or DROP_SHORT. Reads only. */
enum drop outer_parse(struct outer_frame *f, const uint8_t *data, size_t len);

/* Puts Ethernet (l2[0..l2_len), addresses as they must stand on the wire), IP
 * and, if path->udp_encap, UDP in front of esp[0..len). There must be room
 * before esp for OUTER_HEADERS_MAX octets. Returns the frame's start. */
#define OUTER_HEADERS_MAX (OUTER_L2_MAX + 40u + 8u)
uint8_t *outer_build(const uint8_t *l2, size_t l2_len, const struct sad_path *path, uint8_t tos,
		     uint8_t *esp, size_t len);

/* The longest inner packet that goes in one piece over an outer link of that MTU, whatever
 * its suite, in UDP or bare. family: 4 or 6, of the outer addresses. */
size_t outer_inner_max(size_t mtu, uint8_t family);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What a NIC would do for the kernel, done for the TUN device: runs of packets of one flow are
 * written as one superpacket, and superpackets that are read are split into packets. Pure: only
 * octets and the virtio header that describes them. */
#ifndef XDP_PORT_OFFLOAD_H
#define XDP_PORT_OFFLOAD_H

#include "xdp/engine/engine.h"

#include <linux/virtio_net.h>

#ifndef VIRTIO_NET_HDR_GSO_UDP_L4 /* Linux 6.2 */
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

#define SUPER_MAX 65535u /* Octets of a superpacket, as IPv4 counts them. */

/* One or more packets of a burst that are written as one. */
struct super {
	struct virtio_net_hdr header;
	uint8_t first, last; /* Indices into the burst. */
	uint8_t count;
	bool closed;         /* Nothing more may be added. */
	bool udp, v6;
	uint16_t ip_len, header_len; /* IP header; IP and transport header. */
	uint32_t segment;    /* Payload of each packet but the last. */
	uint32_t next_seq;   /* TCP */
	uint32_t len;        /* The whole's. */
};

struct coalescer {
	struct super supers[BURST];
	size_t n;
	uint8_t next[BURST]; /* The packet that follows in its super. */
};

/* Sorts a burst of inner packets into supers, in an order that keeps each flow's.
 * Packets with a wrong checksum stay alone, as they are. udp: also UDP (the kernel
 * must know VIRTIO_NET_HDR_GSO_UDP_L4). Writes into the first packet of each. */
void coalesce(struct coalescer *c, struct packet **packets, size_t n, bool udp);
/* What to write of packet i of a super: all of the first, the payload of others. */
size_t super_skip(const struct super *s, uint8_t i);

/* Finishes the checksum of a whole packet, if header says that it was left to us.
 * False: it says so of octets that are not there. */
bool offload_finish(const struct virtio_net_hdr *header, uint8_t *data, size_t len);

/* Cuts the superpacket data[0..len) that header describes (gso_type is not NONE)
 * into packets of out, the at-th one next, each in a buffer with PACKET_HEAD_ROOM.
 * Returns how many it made, at most n, and sets *at to where to go on, 0 at the
 * end. Malformed: returns 0 with *at 0. */
size_t segment(const struct virtio_net_hdr *header, const uint8_t *data, size_t len, size_t *at,
	       struct packet *out, uint8_t (*buffers)[PACKET_BUFFER], size_t n);

#endif

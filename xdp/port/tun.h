/* SPDX-License-Identifier: Apache-2.0 */
/* The inner side: one queue of a TUN device. The kernel routes what is written to it and delivers
 * packets for clients. */
#ifndef XDP_PORT_TUN_H
#define XDP_PORT_TUN_H

#include "xdp/port/offload.h"

struct tun {
	int fd;
	unsigned ifindex;
	bool udp;        /* The kernel takes and gives UDP superpackets. */
	struct virtio_net_hdr header; /* The superpacket's that is being cut. */
	uint8_t *super;  /* SUPER_MAX octets. */
	size_t super_len;
	size_t at;       /* Its next packet, 0: none is waiting. */
	struct coalescer coalescer;
};

/* Makes the device and brings it up. 0, or a negative errno. It vanishes when the
 * last descriptor is closed, with its addresses and routes. */
int tun_open(struct tun *t, const char *name, uint32_t mtu);
void tun_close(struct tun *t);

/* Reads at most n packets into buffers of PACKET_BUFFER octets, leaving
 * PACKET_HEAD_ROOM before each. Returns how many; while tun_waiting(), read again
 * without waiting for the descriptor. *dropped counts what could not be taken. */
size_t tun_read(struct tun *t, struct packet *packets, uint8_t (*buffers)[PACKET_BUFFER], size_t n,
		uint64_t *dropped);
bool tun_waiting(const struct tun *t);
/* engine_output.inner, with ctx = struct tun. */
void tun_write(void *ctx, struct packet **packets, size_t n);

#endif

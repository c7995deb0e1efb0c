/* SPDX-License-Identifier: Apache-2.0 */
/* The inner side: one queue of a TUN device. The kernel routes what is written
 * to it and delivers what clients are sent. */
#ifndef XDP_TUN_H
#define XDP_TUN_H

#include "xdp/engine.h"

struct tun {
	int fd;
	unsigned ifindex;
};

/* Makes the device and brings it up. 0, or a negative errno. It vanishes when the
 * last descriptor is closed, with its addresses and routes. */
int tun_open(struct tun *t, const char *name, uint32_t mtu);
void tun_close(struct tun *t);

/* Reads at most n packets into buffers of PACKET_BUFFER octets, leaving
 * PACKET_HEAD_ROOM before each. Returns how many. */
size_t tun_read(struct tun *t, struct packet *packets, uint8_t (*buffers)[PACKET_BUFFER], size_t n);
/* engine_output.inner, with ctx = struct tun. */
void tun_write(void *ctx, struct packet **packets, size_t n);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The AF_XDP port: sockets on the queues of the outer interface, fed by the XDP program. Inbound
 * ESP arrives through it; outbound ESP leaves through it if the link-layer address of the peer is
 * known, else through the sockets of the slow path. */
#ifndef XDP_PORT_XSK_H
#define XDP_PORT_XSK_H

#include "xdp/datapath.h"
#include "xdp/engine/engine.h"
#include "xdp/port/loader.h"

#include <xdp/xsk.h>

#define XSK_QUEUES_MAX 16u
#define XSK_MODE_LEN 32u

struct xsk_queue {
	struct xsk_umem *umem;
	struct xsk_socket *socket;
	struct xsk_ring_prod fill, tx;
	struct xsk_ring_cons rx, completion;
	uint8_t *area;
	uint64_t *tx_free; /* Frames to send from. */
	uint32_t n_tx_free;
	uint64_t taken[BURST]; /* Frames of the burst that is being worked on. */
	size_t n_taken;
	bool unsent; /* The kernel has not taken all that is in tx. */
};

struct xsk {
	struct loader loader;
	struct xsk_queue queues[XSK_QUEUES_MAX];
	size_t n; /* 0: not open. */
	_Atomic uint32_t mtu; /* The interface's; it may change. */
};

/* Tries zero-copy, native and generic mode, in this order. True: mode names the
 * rung. Each failure and its reason are appended to why in either case. */
bool xsk_open(struct xsk *x, const char *interface, uint32_t sa_max, const struct prefix *services,
	      size_t n, char mode[XSK_MODE_LEN], char why[DATAPATH_ERR_LEN]);
void xsk_close(struct xsk *x); /* Detaches. */
int xsk_fd(const struct xsk *x, size_t queue);

/* Takes at most BURST frames and parses them; the ESP packets among them go into
 * packets, the rest are dropped through e. xsk_return() gives the frames back. */
size_t xsk_read(struct xsk *x, size_t queue, struct packet packets[BURST], struct engine *e);
void xsk_return(struct xsk *x, size_t queue);

/* Frames that the kernel dropped because the worker was behind. */
uint64_t xsk_overflow(const struct xsk *x);

/* Sends the packets that can go this way; the others are moved to the front of
 * packets and their number is returned. */
size_t xsk_write(struct xsk *x, struct packet **packets, size_t n);
/* What the kernel did not take at once waits for a kick: true, one is due. */
bool xsk_unsent(const struct xsk *x);
void xsk_kick(struct xsk *x);

#endif

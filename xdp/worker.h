/* SPDX-License-Identifier: Apache-2.0 */
/* The packet worker: an engine, its ports, and the thread that runs them. */
#ifndef XDP_WORKER_H
#define XDP_WORKER_H

#include "xdp/mailbox.h"
#include "xdp/port/sockets.h"
#include "xdp/port/tun.h"
#include "xdp/port/xsk.h"
#include "xdp/thread/contact.h"
#include "xdp/thread/stop_watch.h"

struct worker {
	struct engine engine;
	struct mailbox mailbox;
	struct mail mail;
	struct tun tun;
	struct sockets sockets;
	struct xsk xsk; /* n is 0 on the socket rung. */
	uint32_t isolation_ms;
	const struct contact *contact;
	struct stop_watch watch;
	uint8_t (*buffers)[PACKET_BUFFER]; /* BURST of them, for the TUN side. */
	int epoll;
	pthread_t thread;
	bool started;
	_Atomic bool stop;
};

void worker_init(struct worker *w); /* Nothing is open; worker_stop() may follow. */
/* Where the engine's bursts leave: the worker's ports. */
void worker_output(struct worker *w, struct engine_output *out);
/* Tun, sockets and (if wanted) xsk are open and belong to the worker from here on. 0 or a negative
 * errno; in either case worker_stop() is to be called. */
int worker_start(struct worker *w);
void worker_stop(struct worker *w);

#endif

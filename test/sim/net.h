/* SPDX-License-Identifier: Apache-2.0 */
/* Links between hosts, and the network outside.
 *
 * A link stands for a TLS connection over TCP: frames arrive in order or the link ends. A direction
 * that is blocked holds frames back, as TCP would, and delivers them when it is open again; if that
 * takes too long the link ends. A crashed process's kernel resets its links; a host that lost power
 * says nothing. Datagrams have none of these guarantees.
 *
 * A link carries two kinds of frames, as node/link/connection.c has them: urgent ones (heartbeats,
 * forwarded packets) do not wait behind others, say a snapshot. */
#ifndef TEST_SIM_NET_H
#define TEST_SIM_NET_H

#include "test/sim/world.h"

struct net;

struct net_fault {
	unsigned loss, duplicate, reorder; /* Of datagrams, per mille. */
	uint64_t delay_min_us, delay_max_us;
};

struct net *net_new(struct world *w);
void net_free(struct net *n);
void net_host_started(struct host *h);
/* A process that ends has its links reset by its kernel: a reachable peer sees the end, and that
 * nothing listens any more. A host without power is just silent. */
void net_host_stopped(struct host *h, bool power_lost);

/* Over the link; lost if it is down. Borrows frame. */
void net_send(struct host *from, unsigned to, struct blob *frame, bool urgent);
bool net_linked(const struct world *w, unsigned a, unsigned b);
/* Would a frame arrive within milliseconds? */
bool net_is_prompt(struct world *w, unsigned from, unsigned to);

/* ---- Faults ---- */
void net_block(struct world *w, unsigned from, unsigned to, bool blocked); /* One way. */
void net_reset(struct world *w, unsigned a, unsigned b);                   /* The link ends. */
void net_slow(struct world *w, unsigned from, unsigned to, uint64_t extra_us);
/* Something large is in the way: non-urgent frames arrive then. */
void net_fill(struct world *w, unsigned from, unsigned to, uint64_t until_us);
void net_set_fault(struct world *w, const struct net_fault *f);
void net_clog(struct world *w, uint64_t until_us); /* Datagrams wait until then. */
void net_heal(struct world *w); /* Nothing blocked, slow or lost from now on. */

/* ---- Datagrams: 0, 1 or 2 calls of fn after some time; adopts data. ---- */
void net_datagram(struct world *w, world_fn fn, void *ctx, uint64_t a, struct blob *data);

#endif

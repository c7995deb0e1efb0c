/* SPDX-License-Identifier: Apache-2.0 */
/* Lanes, for exchange*.c and lane.c alone: see exchange.c. */
#ifndef CLUSTER_CORE_LANE_H
#define CLUSTER_CORE_LANE_H

#include "cluster/core/rooms.h"
#include "proto/ike/ike.h"

#define LANE_ROOM 5u
#define LANES_MAX 20000u

struct received {
	struct endpoint local, remote;
	uint32_t via;
	struct ike_datagrams *message; /* Complete. */
};

struct lane_key {
	uint64_t a, b; /* (session id, 0), or the SPI pair of a half-open SA */
};

struct lane {
	struct lane_key key;
	struct received received[LANE_ROOM];
	unsigned n;
	bool busy;              /* A command of this session is on its way. */
	bool own;               /* ... it is a request of our own, not the message at the head. */
	bool answered;          /* ... it is a response to us: nothing to send afterwards. */
	bool asks;              /* The message at the head waits: for an answer from outside, or for
	                         * what the others know of its half-open SA. */
	bool makes_session;
	uint32_t owners;        /* ... whose workers must have it before the answer leaves: bits. */
	const char *what;       /* ... for the log and for tests that stop a leader just here. */
	struct address address; /* ... it takes this virtual IP; family 0 = none. */
	UT_hash_handle by_address;
	uint64_t wait_index, wait_until_us; /* For the owners to have applied it. */
	UT_hash_handle hh;
};

struct exchange {
	struct lane *lanes, *by_address;
	size_t n_lanes;
	uint64_t next_us;
	struct iv_source iv;
	uint8_t cookie_key[32];
};

struct lane *lane_find(const struct core *c, uint64_t a, uint64_t b);
struct lane *lane_get(struct core *c, uint64_t a, uint64_t b); /* NULL: too many. */
void lane_pop(struct lane *l);
/* Its first datagram: its header is that of all, and it identifies a repeated request. */
const struct blob *received_first(const struct received *t);
void lane_free(struct core *c, struct lane *l);
uint32_t lane_owner(const struct core *c, uint64_t raft_id); /* As a bit of lane.owners; 0: none. */
/* Nobody else may be given this address while the lane's command is on its way. */
void lane_take_address(struct core *c, struct lane *l, const struct address *a);
void lane_drop_address(struct core *c, struct lane *l);

/* ---- exchange_propose.c: a command for what the head of the lane asks ---- */
void lane_propose_put(struct core *c, struct lane *l, struct ike_outcome *out);
void lane_propose_step(struct core *c, struct lane *l, const struct session *s,
		       struct ike_outcome *out);
void lane_propose_del(struct core *c, struct lane *l, const struct session *s,
		      struct ike_outcome *out);

#endif

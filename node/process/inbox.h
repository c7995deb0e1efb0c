/* SPDX-License-Identifier: Apache-2.0 */
/* Messages from other threads to the control loop: bounded queues, one for each rank, and a wake-up. */
#ifndef NODE_PROCESS_INBOX_H
#define NODE_PROCESS_INBOX_H

#include "cluster/core/event.h"
#include "cluster/link/frame.h"
#include "cluster/raft/store.h"
#include "xdp/datapath.h"

#include <pthread.h>

enum inbox_kind {
	INBOX_EVENT,   /* event; its borrowed pointers point into data */
	INBOX_FORWARD, /* forward: an SA's packet for its owner; its packet is data */
	INBOX_LINK,    /* link */
	INBOX_STORED,  /* update: durable, to be freed on the control thread */
	INBOX_IDENTITY, /* identity: likewise */
	INBOX_LEAVE    /* data: why the node must end, a text */
};

/* Each kind with a limit has one of its own, so that a flood of one kind takes no room from the
 * others. */
enum inbox_class {
	INBOX_OTHER,   /* No limit here. */
	INBOX_FRAMES,  /* From the links. */
	INBOX_IKE,     /* IKE datagrams, relayed ones too: from anybody ... */
	INBOX_INIT,    /* ... but new clients do not delay existing ones. */
	INBOX_PACKETS, /* For other owners. */
	INBOX_CLASSES
};

/* What goes first. Within a rank all stays in order. */
enum inbox_rank {
	INBOX_URGENT,  /* What the failure detector, the disk, the workers and the host say. */
	INBOX_CLUSTER, /* From the links, and their coming and going. */
	INBOX_CLIENTS, /* IKE datagrams of clients that are known, packets. */
	INBOX_NEW,     /* New clients. */
	INBOX_RANKS
};

struct inbox_item { /* heap */
	struct inbox_item *next;
	enum inbox_kind kind;
	enum inbox_class class;
	union {
		struct event event;
		struct datapath_forward forward;
		struct {
			uint32_t node;
			bool up;
			uint64_t generation; /* Names this connection to link_send(). */
		} link;
		struct store_update *update;
		struct blob *identity;
	};
	size_t len;
	uint8_t data[] __attribute__((aligned(16)));
};

struct inbox {
	pthread_mutex_t lock;
	struct inbox_queue {
		struct inbox_item *first, **end;
	} rank[INBOX_RANKS];
	size_t octets[INBOX_CLASSES]; /* Waiting, items and all ... */
	size_t max[INBOX_CLASSES];    /* ... and how many may. */
	_Atomic uint64_t lost[INBOX_CLASSES]; /* Refused because too much was waiting. */
	void (*wake)(void *ctx); /* Any thread. Costs little if it was called already. */
	void *ctx;
};

/* Octets that may wait. Frames: the longest snapshot, and what comes beside it. IKE: what takes some
 * 20 ms each, for a client repeats what waits longer. */
#define INBOX_FRAMES_MAX ((size_t)FRAME_LEN_MAX + (64u << 20))
#define INBOX_IKE_MAX (1u << 20)
#define INBOX_INIT_MAX (1u << 20)
#define INBOX_PACKETS_MAX (8u << 20)

void inbox_init(struct inbox *b, void (*wake)(void *ctx), void *ctx);
void inbox_fini(struct inbox *b); /* Frees what was never taken. */

struct inbox_item *inbox_item_new(enum inbox_kind kind, const void *data, size_t len);
void inbox_item_free(struct inbox_item *i);

/* Adopts the item. False: its class is full, it was dropped. */
bool inbox_put(struct inbox *b, struct inbox_item *i, enum inbox_class class);
/* The same for the first of several: inbox_wake() follows the last one. */
bool inbox_add(struct inbox *b, struct inbox_item *i, enum inbox_class class);
void inbox_wake(struct inbox *b);
/* Is more than half of its class's room taken? */
bool inbox_is_crowded(struct inbox *b, enum inbox_class class);
const char *inbox_class_name(enum inbox_class class); /* For metrics. */
/* What a round of the loop has taken so far: begins with {0}. */
struct inbox_round {
	uint32_t ranks; /* Bits. */
};

/* The first one of the most urgent rank. Once a round is `over`, it takes what is urgent, and one of each rank of
 * which it has had none; then NULL. */
struct inbox_item *inbox_next(struct inbox *b, struct inbox_round *r, bool over);
bool inbox_is_empty(struct inbox *b);

#endif

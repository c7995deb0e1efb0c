/* SPDX-License-Identifier: Apache-2.0 */
/* What other threads have to tell the control loop, in order: a bounded queue
 * and a wake-up. */
#ifndef NODE_INBOX_H
#define NODE_INBOX_H

#include "cluster/event.h"
#include "cluster/store.h"
#include "xdp/datapath.h"

#include <pthread.h>

enum inbox_kind {
	INBOX_EVENT,   /* event; its borrowed pointers point into data */
	INBOX_FORWARD, /* forward: an SA's packet for its owner; its packet is data */
	INBOX_LINK,    /* link */
	INBOX_STORED,  /* update: durable, to be freed on the control thread */
	INBOX_IDENTITY /* identity: likewise */
};

struct inbox_item { /* heap */
	struct inbox_item *next;
	enum inbox_kind kind;
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
	struct inbox_item *first, **end;
	size_t octets;  /* Of data, waiting. */
	uint64_t lost;  /* Items refused because too much was waiting. */
	void (*wake)(void *ctx); /* Any thread; called when the queue stops being empty. */
	void *ctx;
};

#define INBOX_PACKETS_MAX (8u << 20)   /* Datagrams and packets: above this they are dropped. */
#define INBOX_FRAMES_MAX (544u << 20)  /* Frames: two snapshots and something. */

void inbox_init(struct inbox *b, void (*wake)(void *ctx), void *ctx);
void inbox_fini(struct inbox *b); /* Frees what was never taken. */

struct inbox_item *inbox_item_new(enum inbox_kind kind, const void *data, size_t len);
void inbox_item_free(struct inbox_item *i);

/* Adopts the item. max: octets that may wait; false: more do, it was dropped. 0 = no limit. */
bool inbox_put(struct inbox *b, struct inbox_item *i, size_t max);
/* All that waits, in order, as a list. */
struct inbox_item *inbox_take(struct inbox *b);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* A few cores in one process, without faults of their own: frames and
 * transactions take no time, the clock moves by hand. For tests that tell a
 * story; the simulator (test/sim) is for what no story foresees. */
#ifndef TEST_LIB_CLUSTER_STORY_H
#define TEST_LIB_CLUSTER_STORY_H

#include "cluster/core.h"
#include "test/lib/initiator.h"

#define STORY_NODES 3u
#define STORY_SAS 32u

struct story_frame { /* Something to happen next, in order. */
	uint32_t from, to;
	struct blob *data;   /* A frame; NULL: a transaction of `to` is durable. */
	uint64_t stored;     /* Its seq; 0: the identity. */
	const void *life;    /* The core that waits for it. */
	struct story_frame *next;
};

struct story_node {
	struct core *core;
	bool linked[STORY_NODES];
	uint64_t raft_id;
	struct blob *identity;
	struct store_image image; /* What is stored. */
	struct sad_entry *sad[STORY_SAS];
	bool holds;
	int exited;               /* -1 = runs */
	char exit_text[240];
};

struct story {
	struct cluster_config config[STORY_NODES];
	uint32_t n;
	struct story_node node[STORY_NODES];
	struct story_frame *first, **last;
	uint64_t now_us;
	uint32_t draws;
	struct initiator client;
	struct blob *to_client[16]; /* Datagrams that came out of the cluster. */
	unsigned n_to_client;
	bool verbose;
};

void story_init(struct story *l, uint32_t n);
void story_fini(struct story *l);
void story_start(struct story *l, uint32_t node);  /* With whatever its store holds. */
void story_kill(struct story *l, uint32_t node);   /* Links drop, memory is gone; the store stays. */
void story_suspect(struct story *l, uint32_t node); /* All others find it silent. */
void story_run(struct story *l, uint64_t ms);      /* Lets time pass. */
uint32_t story_leader(const struct story *l);      /* STORY_NODES: none */
uint32_t story_holder(const struct story *l);      /* Who holds the addresses; STORY_NODES: none */

/* The client's datagram to the holder; afterwards it has consumed what came back.
 * Adopts data. */
void story_client_send(struct story *l, struct blob *data);
/* Handshake from nothing. */
void story_client_connect(struct story *l);
struct sad_entry *story_sad(struct story *l, uint32_t node, uint32_t spi_in);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* A simulated node: what node/ and xdp/ are in production, in three hundred
 * lines, around the same core, detector and SAD entries. */
#ifndef TEST_SIM_NODE_H
#define TEST_SIM_NODE_H

#include "test/sim/full.h"

#include <uthash.h>

#define HELD_MAX 32u
#define WAITING_MAX 64u
#define REPORTS_MAX 2048u
#define FORWARD_HEADER (2u + sizeof(struct endpoint))

struct sim_sa {
	uint32_t spi_in;
	struct sad_entry entry;
	struct held_packet {
		struct blob *data;
		struct endpoint remote;
		bool hostile;
	} held[HELD_MAX];
	unsigned n_held;
	struct waiting_packet { /* Exact: until a majority has its mark. */
		uint64_t seq;
		int64_t epoch;
		struct blob *inner;
	} waiting[WAITING_MAX];
	unsigned n_waiting;
	bool first_in;
	int64_t first_in_epoch;
	struct heard heard[HOSTS_MAX]; /* See struct acceptance; of the present epoch. */
	uint32_t inner;                /* The client's inner address; key of by_inner. */
	UT_hash_handle hh, hh_inner;
};

struct update { /* On its way to the worker. */
	struct sa_update update;
	struct child_sa child;
	struct heard heard[HOSTS_MAX]; /* When it was made. */
	struct update *next;
};

struct node {
	struct host *host;
	struct full *full;
	struct cluster_config config;
	struct core *core;
	struct actions actions;
	struct detector detector;
	uint64_t incarnation, heartbeat_us;
	bool holds;       /* The addresses, by its core's word. */
	bool step_relays; /* The event at hand is a frame to be sent on: not ours to check. */
	bool hostile;     /* It was made by who holds no key (i8_attack.c). */
	int exit_status;  /* -1 = runs on. */
	char exit_text[240];

	struct sim_sa *sas, *by_inner;
	struct update *updates, **updates_tail;
	struct sa_report reports[REPORTS_MAX];
	size_t n_reports;
	bool reports_due;
	struct heard heard[HOSTS_MAX]; /* Newest marks from each host. */
};

enum { /* DELIVER_OWN */
	OWN_UPDATE = 1,
	OWN_REPORTS,
	OWN_ANNOUNCE,
	OWN_SHUTDOWN,
	OWN_EXIT
};

/* ---- node.c ---- */
void node_event(struct node *n, struct event *e);
void node_send_frame(struct node *n, unsigned to, const uint8_t *data, size_t len);

/* ---- worker.c: the model of the packet workers ---- */
void worker_update(struct node *n, const struct sa_update *u); /* Queued; takes effect later. */
void worker_run_update(struct node *n);
void worker_run_reports(struct node *n);
/* n->hostile: the packet was made by who holds no key. */
void worker_inbound(struct node *n, const struct endpoint *remote, struct blob *packet,
		    bool forwarded);
void worker_outbound(struct node *n, struct blob *inner, bool forwarded);
const char *worker_differs(const struct node *n); /* See node_differs(). */
void worker_fini(struct node *n);

#endif

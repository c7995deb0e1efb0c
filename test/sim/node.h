/* SPDX-License-Identifier: Apache-2.0 */
/* A simulated node: it replaces node/ and xdp/ around the same core, detector and packet engine. */
#ifndef TEST_SIM_NODE_H
#define TEST_SIM_NODE_H

#include "test/sim/full.h"
#include "test/sim/worker.h"

struct node {
	struct host *host;
	struct full *full;
	struct cluster_config config;
	struct core *core;
	struct actions actions;
	struct detector detector;
	uint64_t incarnation, heartbeat_us;
	uint64_t clock_us; /* When it looks at its wall clock. */
	bool holds;       /* It holds the addresses, as its core says. */
	bool step_relays; /* The event at hand is a frame to be sent on: not ours to check. */
	bool shuts_down;  /* It was told to end. */
	bool hostile;     /* It was made without keys (i8_attack.c). */
	int exit_status;  /* -1 = runs on. */
	char exit_text[240];

	struct prefix_list routes; /* Those in place, if the core has asked for others than at its start. */
	struct worker worker;
	struct heard heard[HOSTS_MAX]; /* Newest marks from each host. */
};

#define NEVER_US UINT64_MAX

enum { /* DELIVER_OWN */
	OWN_WAKE = 1,
	OWN_MARKS,
	OWN_REPORTS,
	OWN_ANNOUNCE,
	OWN_SHUTDOWN,
	OWN_CONTROL,
	OWN_FITNESS,
	OWN_ANSWER, /* To what is asked or computed outside. */
	OWN_ROUTES,
	OWN_EXIT
};

/* ---- node.c ---- */
void node_event(struct node *n, struct event *e);
uint64_t node_accepted_until(const struct node *n); /* In the marks that leave now. */
void node_send_frame(struct node *n, unsigned to, const uint8_t *data, size_t len);

/* ---- ask.c ---- */
void node_ask(struct node *n, const struct action *a);        /* ..._AUTH_ASK, ..._DH, ..._ROUTES */
void node_answered(struct node *n, const struct blob *data);  /* OWN_ANSWER */
void node_routes_laid(struct node *n, const struct blob *data); /* OWN_ROUTES */

/* ---- beat.c ---- */
void node_read_clocks(struct node *n); /* Before each step. */
void node_look(struct node *n); /* What the detector sees becomes events. */
void node_beat(struct node *n); /* A heartbeat to each node that is linked. */
void node_hear_heartbeat(struct node *n, unsigned from, const uint8_t *data, size_t len);
void node_on_timer(struct node *n);
uint64_t node_deadline_us(const struct node *n);

#endif

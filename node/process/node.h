/* SPDX-License-Identifier: Apache-2.0 */
/* The running process: the core, and the edges that feed it and do what it says. */
#ifndef NODE_PROCESS_NODE_H
#define NODE_PROCESS_NODE_H

#include "cluster/core/core.h"
#include "node/control/control_socket.h"
#include "node/process/die.h"
#include "node/process/events.h"
#include "node/http/http.h"
#include "node/process/inbox.h"
#include "node/link/link.h"
#include "node/process/loop_watch.h"
#include "node/process/ready.h"
#include "node/process/reload.h"
#include "node/process/wakeup.h"
#include "node/http/status_json.h"
#include "node/store/store_thread.h"

#include <uv.h>

#define NODE_ERR_LEN 1100u
#define PERFORM_UPDATES_MAX 256u

struct node {
	const struct node_config *config;
	struct events *events;
	struct ready *ready;        /* Why the host makes us unready. */
	uv_loop_t loop;
	struct wakeup wake;         /* The inbox has something, or the link thread asks. */
	uv_poll_t timer;            /* On timer_fd. */
	int timer_fd;               /* timerfd: uv's own timers count milliseconds. */
	uint64_t armed_us;          /* 0: not armed. */
	bool in_round;              /* More events follow at once. */
	uv_signal_t signals[5];
	uv_timer_t pause;           /* Until a start that waits tries again. */
	uv_timer_t look;            /* For what makes us unready. */
	uint32_t unready_told;      /* core_unready(), as the log has it. */
	uv_timer_t patience;        /* After a signal: the end comes anyway. */
	struct inbox inbox;
	struct actions actions;
	struct core *core;
	struct core_start start;
	struct store *store;        /* Until the storage thread adopts it. */
	struct store_thread *store_thread;
	struct tls_context *tls;
	struct link *link;
	uint64_t generation[CLUSTER_NODES_MAX]; /* The link that the core knows; 0 = none. */
	struct datapath *datapath;
	struct status_view view;
	struct http *http;
	struct crl_watch *crl_watch;
	uint64_t expiry_us;         /* When to look again what expires: expiry_watch.h */
	struct control_socket *control;
	struct reload *reload;
	struct loop_watch watch;
	bool running;               /* The start is over: there are a core and a store. */
	bool shutting_down, ended;
	bool failed;                /* It leaves because of the host: exit_status stays 1. */
	enum die_when die; /* Only in tests. */
	int exit_status;
	struct sa_update updates[PERFORM_UPDATES_MAX]; /* Collected by perform(). */
	size_t n_updates;
	uint64_t sas_refused;       /* Child SAs without room there, as last reported. */
	uint64_t ticket;            /* The last updates posted to the packet workers ... */
	_Atomic uint64_t in_effect; /* ... and of the last that they have applied. */
	_Atomic bool awaited;       /* Something waits for them: wake the loop. */
	struct deferred *deferred, **deferred_end;
};

/* node_start.c: opens everything, in the order that lets the commonest mistakes be
 * told first. reader: config_reader_start()'s, adopted. false: err is a sentence for the operator. */
bool node_start(struct node *n, const struct node_config *config, int reader, char err[NODE_ERR_LEN]);
void node_stop(struct node *n); /* Also after a failed start. */

/* The routes of pools that exist, for the core. Any thread. */
void node_routes(struct node *n, const struct prefix_list *laid);

/* loop.c: runs until the core says exit; returns the exit status. */
void loop_init(struct node *n);
int loop_run(struct node *n);
void loop_fini(struct node *n);
uint64_t loop_now_us(void);  /* The clock of the core's events. */
void loop_seed(uint8_t seed[ENTROPY_SEED_LEN]); /* Fresh from the system. */

void loop_control(struct node *n, const struct control_request *r); /* An operator asks. */
void loop_policy(struct node *n, struct cluster_policy *policy); /* In force from now on. */

/* To an ACTION_DH of ours. */
void loop_dh_result(struct node *n, uint64_t id, const struct dh_result *result);
/* To an ACTION_AUTH_ASK of ours. */
void loop_auth_answer(struct node *n, const struct auth_question *question, const struct blob *answer);

/* control_node.c: the control socket. False: err is a sentence for the operator. */
bool control_open(struct node *n, char err[NODE_ERR_LEN]);  /* Before the user id changes. */
bool control_serve(struct node *n, char err[NODE_ERR_LEN]); /* Once there is a core. */

/* perform.c: does what was queued, in order, and clears it. */
void perform_actions(struct node *n);
/* The last event of a round was handled: the other threads learn what the core says now, and what it has for them. */
void perform_round(struct node *n);
/* What had to wait for the packet workers. */
void perform_deferred(struct node *n);
void perform_fini(struct node *n);
/* A packet for its owner, over its link. */
void perform_forward(struct node *n, const struct datapath_forward *f);

#endif

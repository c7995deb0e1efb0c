/* SPDX-License-Identifier: Apache-2.0 */
/* What a node is to do. cluster_step() queues actions; after it has returned, the edge performs
 * them in that order, then calls actions_clear(). */
#ifndef CLUSTER_CORE_ACTION_H
#define CLUSTER_CORE_ACTION_H

#include "cluster/core/auth_question.h"
#include "cluster/raft/store.h"
#include "proto/auth/auth_clock.h"
#include "proto/crypto/dh_desk.h"
#include "proto/ike/ike_sa.h"
#include "proto/wire/address.h"
#include "proto/wire/blob.h"
#include "proto/wire/prefix_list.h"
#include "proto/esp/sad.h"

#define ACTION_CONTROL_TEXT_LEN (IKE_ID_TEXT_LEN + 144u) /* An identity is in some. */

enum action_type {
	ACTION_SEND_DATAGRAM,  /* An IKE datagram, from one of the service addresses. */
	ACTION_SEND_FRAME,     /* To a node, over its link; lost if the link is down. */
	ACTION_STORE,          /* Make durable, then EVENT_STORED. */
	ACTION_STORE_IDENTITY, /* Keep this record beside the log, then EVENT_IDENTITY_STORED. */
	ACTION_DH,             /* Compute what takes long, then EVENT_DH. */
	ACTION_AUTH_ASK,       /* An authentication method asks, then EVENT_AUTH_ANSWER. */
	ACTION_SA,             /* For the packet workers. */
	ACTION_HOLD,           /* Take the service addresses, or release them. */
	ACTION_ROUTES,         /* These pools' routes shall stand, and no other pool's; then EVENT_ROUTES. */
	ACTION_EVENT,          /* Something worth a line in the log and in /v1/events. */
	ACTION_CONTROL,        /* The answer to an operator. */
	ACTION_EXIT            /* End the process. */
};

/* Holds secrets: dh_work_free(). */
struct dh_work {
	struct dh_task task;
	uint8_t seed[ENTROPY_SEED_LEN]; /* What is drawn comes of it. */
};

struct action {
	enum action_type type;
	union {
		struct {
			struct endpoint local, remote;
			struct blob *data; /* Without non-ESP marker. */
		} datagram;
		struct {
			uint32_t node; /* Index in cluster_config.node. */
			struct blob *data;
		} frame;
		struct store_update *store; /* Owned by the action; set to NULL to take it. */
		struct blob *identity;
		struct {
			uint64_t id; /* EVENT_DH brings it back. */
			struct dh_work *work; /* heap: owned by the action; set to NULL to take it. */
		} dh;
		struct {
			struct auth_question question;
			struct blob *data; /* Whom and what to ask: the method decides. May hold secrets. */
			struct auth_clock clock; /* Dates are judged by it, not by when the answer is made. */
		} auth_ask;
		struct {
			struct sa_update update; /* .child points to child when it is a PUT. */
			struct child_sa *child;
		} sa;
		struct {
			bool hold;
		} hold;
		struct prefix_list routes;
		struct {
			const char *kind;  /* "node_down", "session_up", ... a literal */
			char text[480];    /* No secrets. */
		} event;
		struct {
			uint64_t from;     /* See struct control_request. */
			bool done;
			uint32_t sessions; /* Sessions that it ended; PRUNE: would end. */
			char text[ACTION_CONTROL_TEXT_LEN]; /* A sentence, for people. */
		} control;
		struct {
			int status;        /* Exit status: 0 clean, 1 with the reason in text. */
			char text[240];
		} exit;
	};
};

struct actions {
	struct action *list;
	size_t n, room;
};

void actions_init(struct actions *a);
void actions_clear(struct actions *a); /* Drops all that was not taken. */
void actions_fini(struct actions *a);

/* Producers. Blobs are adopted; NULL data is a programmer's error. */
void action_send_datagram(struct actions *a, const struct endpoint *local,
			  const struct endpoint *remote, struct blob *data);
void action_send_frame(struct actions *a, uint32_t node, struct blob *data);
void action_store(struct actions *a, struct store_update *u);
void action_store_identity(struct actions *a, struct blob *identity);
/* Both are borrowed; a seed is drawn from e. */
void action_dh(struct actions *a, uint64_t id, const struct dh_task *task, struct entropy *e);
void dh_work_run(const struct dh_work *w, struct dh_result *result); /* In any thread. */
void dh_work_free(struct dh_work *w);                                /* NULL is allowed. */
/* data is borrowed. */
void action_auth_ask(struct actions *a, const struct auth_question *question, struct blob *data,
		     const struct auth_clock *clock);
void action_sa(struct actions *a, const struct sa_update *u); /* Copies, with the child. */
void action_hold(struct actions *a, bool hold);
void action_routes(struct actions *a, const struct prefix_list *pools);
void action_event(struct actions *a, const char *kind, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void action_control(struct actions *a, uint64_t from, bool done, uint32_t sessions,
		    const char *text);
void action_exit(struct actions *a, int status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif

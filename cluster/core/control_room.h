/* SPDX-License-Identifier: Apache-2.0 */
/* The rooms of the operator's word and of the policy: control.c and policy.c. A part of
 * core_internal.h. */
#ifndef CLUSTER_CORE_CONTROL_ROOM_H
#define CLUSTER_CORE_CONTROL_ROOM_H

#include "cluster/core/core.h"

/* Through all sessions, a few at a time: how many are of what is configured, and of what is not. */
struct policy_walk {
	uint64_t after, seen, gone;
	bool over;
	uint32_t n; /* The last ones that are not; the caller takes them. */
	uint64_t session[SESSIONS_END_MAX];
};

struct known;
struct policy { /* policy.c */
	struct known *known; /* By identity: who has a [[secret]]. */
	enum { POLICY_REST, POLICY_COUNT, POLICY_END } stage;
	struct policy_walk walk;
	uint64_t again_us;
	bool held; /* They were too many. */
};

#define CONTROLS_MAX 8u
struct control { /* control.c */
	struct control_asked {
		struct control_request request; /* from 0: nobody asks. */
		uint64_t ticket;
		uint64_t again_us, until_us;    /* Proposed again; given up. */
		struct policy_walk walk;        /* PRUNE */
		uint32_t ended;
	} asked[CONTROLS_MAX];
};

/* ---- control.c ---- */
void control_request(struct core *c, const struct control_request *r);
/* A SessionsEnd or an Identity was applied, or refused. */
void control_applied(struct core *c, const struct command *x, const struct apply_result *r);
void control_tick(struct core *c);

/* ---- policy.c ---- */
void policy_init(struct core *c);
bool policy_knows(const struct core *c, const struct ike_id *id); /* Has it a [[secret]]? */
bool policy_is_shown(const struct core *c); /* Has a majority of voters our configuration? */
bool policy_is_held(uint64_t gone, uint64_t seen); /* Too many to end without being asked to? */
void policy_walk(const struct core *c, struct policy_walk *w); /* Further; never if it is over. */
void policy_propose(struct core *c, struct policy_walk *w, uint64_t ticket);
void policy_look(struct core *c); /* Nodes changed. */
void policy_role(struct core *c);
void policy_tick(struct core *c);
void policy_fini(struct core *c);

#endif

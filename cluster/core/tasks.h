/* SPDX-License-Identifier: Apache-2.0 */
/* The tasks of all sessions: which are awake, and have their turn within a second, and which rest. */
#ifndef CLUSTER_CORE_TASKS_H
#define CLUSTER_CORE_TASKS_H

#include "cluster/core/requests_internal.h"

#define TASKS_REST_S 64u /* A rest is shorter: what should have ended it and did not costs no more. */

struct tasks {
	struct task *by_session;
	struct task *awake; /* In the order of their turns. */
	size_t n_awake;
	struct task *resting[TASKS_REST_S]; /* By the second in which they wake. */
	uint64_t second;    /* Whoever was to wake in it, or before, is awake. */
};

struct task *tasks_find(struct tasks *t, uint64_t session);
struct task *tasks_get(struct tasks *t, uint64_t session); /* Awake from now on; a new one if there is none. */
void tasks_free(struct tasks *t, struct task *e);
/* Whose turn it is; it is the last one's turn from then on. NULL: all rest. */
struct task *tasks_next(struct tasks *t);
void tasks_rest(struct tasks *t, struct task *e, uint64_t until_us); /* It stays awake if that is soon. */
void tasks_pass(struct tasks *t, uint64_t now_us); /* Time: whose rest is over is awake. */
void tasks_wake_all(struct tasks *t);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Between requests.c and requests_child.c. */
#ifndef CLUSTER_CORE_REQUESTS_INTERNAL_H
#define CLUSTER_CORE_REQUESTS_INTERNAL_H

#include "cluster/core/rooms.h"
#include "proto/ike/ike.h"

/* The leader's memory of a session's outstanding request, and of what it is to ask next. */
struct task {
	uint64_t session;
	struct ike_datagrams *request; /* The outstanding one; NULL = none. */
	uint32_t purpose;
	uint64_t next_us;      /* Repeat; NEVER = given up until the client shows itself. */
	uint32_t tries;
	uint64_t alive_us;     /* Last authenticated sign of life. */
	uint64_t marks;        /* Sum of its marks then. */
	bool probing;          /* A notice in place of dead peer detection: its silence counts. */
	uint32_t rekey;        /* spi_in of a Child SA that is to be rekeyed; 0 = none. */
	uint64_t rekey_us;     /* Not (again) before. */
	uint32_t rekey_tries;
	uint32_t ended;        /* spi_in of a Child SA that has no numbers left, to be deleted; or 0. */
	uint64_t notice_us;    /* No other notice before. */
	bool greeted;          /* Its cached response was resent in this epoch. */
	int64_t greeted_epoch;
	UT_hash_handle hh;
};

struct task *task_get(struct core *c, uint64_t session); /* Makes it where there is none. */
/* The request goes into the log, to be sent once it is committed. False: the session has
 * one outstanding, or a command on its way. */
bool requests_make(struct core *c, const struct session *s, const struct ike_request *r);

/* What the session's Child SAs need, at its turn (requests_child.c). False: nothing. */
bool requests_child_turn(struct core *c, const struct session *s, struct task *e);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What an operator asks of the cluster, at any node: see control.c. */
#ifndef CLUSTER_CORE_CONTROL_H
#define CLUSTER_CORE_CONTROL_H

#include "proto/ike/ike_sa.h"

enum control_verb {
	CONTROL_END = 1,      /* One session. */
	CONTROL_END_IDENTITY, /* All sessions of an identity. */
	CONTROL_REVOKE,       /* The same, and it is no longer let in. */
	CONTROL_ALLOW,        /* ... but now it is. */
	CONTROL_PRUNE,        /* How many sessions belong to nobody who is configured? */
	CONTROL_PRUNE_YES     /* They end. */
};

struct control_request {
	enum control_verb verb;
	uint64_t from;    /* The asker's number, which the answer carries; not 0. */
	uint64_t session; /* END */
	struct ike_id id; /* END_IDENTITY, REVOKE, ALLOW */
};

#endif

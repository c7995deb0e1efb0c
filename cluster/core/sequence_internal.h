/* SPDX-License-Identifier: Apache-2.0 */
/* What sequence.c and sequence_frames.c share: the lists of marks. */
#ifndef CLUSTER_CORE_SEQUENCE_INTERNAL_H
#define CLUSTER_CORE_SEQUENCE_INTERNAL_H

#include "cluster/core/core_internal.h"
#include "cluster/core/sequence.h"

struct sequence {
	struct owned_sa *changed; /* Ours, not yet sent to the others. */
	struct owned_sa *fresh;   /* Newer than the log's, as far as we know; oldest first. */
	struct owned_sa *proposed; /* For the log, lately: it may be lost with who led. */
	uint64_t send_at_us;     /* Marks to the nodes' memory; NEVER = none changed. */
	uint64_t heartbeat_at_us; /* The holder's next frame of marks, changed or not. */
	struct heard_marks heard[CLUSTER_NODES_MAX][2]; /* Of each node, and of its process before. */
};

/* ---- sequence.c ---- */
void sequence_changed(struct core *c, struct owned_sa *sa); /* `own` is to be told. */
void sequence_unchanged(struct core *c, struct owned_sa *sa);
void sequence_fresh(struct core *c, struct owned_sa *sa); /* It may be newer than the log's. */

/* ---- sequence_frames.c ---- */
void sequence_send(struct core *c); /* What changed, to all nodes. */

#endif

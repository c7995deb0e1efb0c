/* SPDX-License-Identifier: Apache-2.0 */
/* What sequence.c and sequence_frames.c share: the lists of marks. */
#ifndef CLUSTER_CORE_SEQUENCE_INTERNAL_H
#define CLUSTER_CORE_SEQUENCE_INTERNAL_H

#include "cluster/core/rooms.h"
#include "cluster/core/owned_sa.h"

struct sequence {
	uint64_t send_at_us;     /* Marks to the nodes' memory; NEVER = none changed. */
	uint64_t heartbeat_at_us; /* The holder's next frame of marks, changed or not. */
};

/* ---- sequence.c ---- */
void sequence_fresh(struct core *c, struct owned_sa *sa); /* It may be newer than the log's. */

/* ---- sequence_frames.c ---- */
void sequence_send(struct core *c); /* What changed, to all nodes. */

#endif

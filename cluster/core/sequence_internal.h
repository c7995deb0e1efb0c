/* SPDX-License-Identifier: Apache-2.0 */
/* What sequence.c and sequence_frames.c share: the lists of marks. */
#ifndef CLUSTER_CORE_SEQUENCE_INTERNAL_H
#define CLUSTER_CORE_SEQUENCE_INTERNAL_H

#include "cluster/core/core_internal.h"

/* ---- sequence.c ---- */
void sequence_changed(struct core *c, struct owned_sa *sa); /* `own` is to be told. */
void sequence_unchanged(struct core *c, struct owned_sa *sa);
void sequence_fresh(struct core *c, struct owned_sa *sa); /* It may be newer than the log's. */

/* ---- sequence_frames.c ---- */
void sequence_send(struct core *c); /* What changed, to all nodes. */

#endif

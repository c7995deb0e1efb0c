/* SPDX-License-Identifier: Apache-2.0 */
/* What sequence.c and sequence_frames.c share: the marks that this node knows. */
#ifndef CLUSTER_CORE_SEQUENCE_INTERNAL_H
#define CLUSTER_CORE_SEQUENCE_INTERNAL_H

#include "cluster/core/core_internal.h"

struct mark_entry {
	uint32_t spi_in;
	struct mark_memory known; /* By whomever. */
	struct mark own;     /* Accepted here: the last epoch's. */
	bool ended;          /* That epoch is over for us: `own` has to get around. */
	uint8_t unknown;     /* Looked at so often without an SA for it ... */
	uint32_t told_by;    /* ... and told by these nodes: bits of config indices. */
	uint64_t commit_us;  /* On the list of the fresh: to be looked at then. */
	uint64_t again_us;   /* On the list of the proposed: to be looked at then. */
	struct mark_entry *previous_changed, *next_changed;
	struct mark_entry *previous_fresh, *next_fresh;
	struct mark_entry *previous_proposed, *next_proposed;
	UT_hash_handle hh;
};

/* ---- sequence.c ---- */
struct mark_entry *sequence_find(const struct core *c, uint32_t spi_in); /* NULL: none. */
struct mark_entry *sequence_get(struct core *c, uint32_t spi_in);        /* Made if need be. */
void sequence_changed(struct core *c, struct mark_entry *m); /* `own` is to be told. */
void sequence_unchanged(struct core *c, struct mark_entry *m);
void sequence_fresh(struct core *c, struct mark_entry *m);   /* It may be newer than the log's. */

/* ---- sequence_frames.c ---- */
void sequence_send(struct core *c); /* What changed, to all nodes. */

#endif

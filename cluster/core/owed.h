/* SPDX-License-Identifier: Apache-2.0 */
/* The mark ages that other owners have yet to publish (DESIGN section 6): who takes over from
 * one that may not have done so publishes what that one owed. */
#ifndef CLUSTER_CORE_OWED_H
#define CLUSTER_CORE_OWED_H

#include "cluster/cluster_config.h"
#include "cluster/state/state.h"

struct core;
struct frame;

#define OWED_NOTHING INT64_MAX
#define OWNERS_MAX (STATE_NODES_MAX + 1u) /* Each node, and nobody. */

struct owed { /* owed.c; times may lie before the clock's own beginning. */
	struct owed_slot { /* Of each slot, who owned it when we looked last. */
		uint64_t node, incarnation;
		int64_t epoch;
	} slot[STATE_SLOTS_ALL];
	struct owed_by { /* Those that own sessions, in no order; node 0: slots of nobody. */
		uint64_t node, incarnation;
		int64_t from_us;   /* What was accepted since then is not published; OWED_NOTHING. */
		uint64_t index;    /* It knows of it when it has applied so much, ... */
		uint64_t shown_us; /* ... and said so at that time; 0: it has not. */
	} by[OWNERS_MAX];
	uint32_t n;
	int64_t ours_us;           /* What came to us in this step: accepted since then. */
};

void owed_init(struct core *c);
/* Slots may have changed: what follows from that. Before takeovers are noted. */
void owed_slots(struct core *c, bool changed);
/* A frame of marks of the node's own: it says what it has applied. */
void owed_shown(struct core *c, uint32_t node, const struct frame *f);

#endif

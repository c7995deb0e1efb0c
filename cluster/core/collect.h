/* SPDX-License-Identifier: Apache-2.0 */
/* Exact SAs: who has forgotten what, and what a successor does (DESIGN section 5). */
#ifndef CLUSTER_CORE_COLLECT_H
#define CLUSTER_CORE_COLLECT_H

#include "cluster/state/state.h"

struct core;
struct frame;

void collect_init(struct core *c);
void collect_slots(struct core *c); /* Slots changed, or a snapshot came. Before grants. */
void collect_down(struct core *c); /* NodeDown was applied. */
uint8_t collect_known(const struct core *c, uint32_t slot); /* FRAME_INFORMED, FRAME_COMPLETE. */
void collect_done(struct core *c, uint32_t node, const struct frame *f);
/* A mark from these nodes, of an SA that our state does not show yet, is not kept. */
void collect_forgot(struct core *c, uint32_t nodes);
/* Is the session ours, and do we not know yet what was accepted before? */
bool collect_awaits(const struct core *c, const struct session *s);
bool collect_is_open(const struct core *c); /* The same for any session that is ours. */
/* Does the node need the marks of that slot: does it or do we own it? */
bool collect_concerns(const struct core *c, const struct slot *slot, uint32_t node);
/* What is known by now about slots of ours; NOTHING: too few could say. */
enum collected { COLLECTED_NOT, COLLECTED_WHOLLY, COLLECTED_NOTHING };
/* True: for some, waiting is over; how[slot], then set, is an enum collected. */
bool collect_tick(struct core *c, uint8_t how[STATE_SLOTS_ALL]);
uint64_t collect_deadline_us(const struct core *c);
void collect_fini(struct core *c);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What this process takes over: whose marks it waits for, how old they were (DESIGN section 6). */
#ifndef CLUSTER_CORE_TAKEOVER_H
#define CLUSTER_CORE_TAKEOVER_H

#include "cluster/state/mark.h"
#include "cluster/state/state.h"

struct core;

/* NodeDown was applied, at that index, and moved slots or not. Before grants. */
void takeover_down(struct core *c, const struct node_down *down, uint64_t index, bool moved);
/* It is ours, since just now, and there are sessions in it. */
void takeover_slot(struct core *c, const struct slot *slot);
void takeover_marks_done(struct core *c, uint32_t node, uint64_t index);
/* It is ours: are marks of the process that was lost still to come? */
bool takeover_awaits(const struct core *c, const struct slot *slot);
/* Of a process none are any more, since this was asked last: held packets go. */
bool takeover_releases(struct core *c);
/* It is ours, and that was accepted in another epoch: what is below is refused. */
void takeover_floor(struct core *c, uint32_t spi_in, struct mark mark);
void takeover_first_in(struct core *c, uint32_t spi_in); /* A packet came in by it. */
uint64_t takeover_last_age_us(const struct core *c);
uint64_t takeover_last_gap_us(const struct core *c);
uint64_t takeover_held_expired(const struct core *c);
void takeover_tick(struct core *c);
uint64_t takeover_deadline_us(const struct core *c);
void takeover_init(struct core *c);
void takeover_fini(struct core *c);

#endif

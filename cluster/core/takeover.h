/* SPDX-License-Identifier: Apache-2.0 */
/* What this process takes over: whose marks it waits for, how old they were (DESIGN section 6). */
#ifndef CLUSTER_CORE_TAKEOVER_H
#define CLUSTER_CORE_TAKEOVER_H

#include "cluster/state/mark.h"
#include "cluster/state/state.h"

struct core;

/* NodeDown was applied, at that index, and moved slots or not. Before grants. */
void takeover_down(struct core *c, const struct node_down *down, uint64_t index, bool moved);
/* The slot has just become ours, and has sessions in it. */
void takeover_slot(struct core *c, const struct slot *slot);
void takeover_marks_done(struct core *c, uint32_t node, uint64_t index);
/* For a slot of ours: are marks of the lost process still to come? */
bool takeover_awaits(const struct core *c, const struct slot *slot);
/* Since the last call, the marks of some process are no longer awaited: deferred packets
 * go on. */
bool takeover_resumes(struct core *c);
/* For an SA of ours: this number was accepted in another epoch; numbers up to it are refused. */
void takeover_floor(struct core *c, uint32_t spi_in, struct mark mark);
void takeover_first_in(struct core *c, uint32_t spi_in); /* A packet came in by it. */
uint64_t takeover_last_age_us(const struct core *c);
uint64_t takeover_last_gap_us(const struct core *c);
uint64_t takeover_deferred_expired(const struct core *c);
void takeover_tick(struct core *c);
uint64_t takeover_deadline_us(const struct core *c);
void takeover_init(struct core *c);
void takeover_fini(struct core *c);

#endif

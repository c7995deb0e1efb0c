/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes up and down, and who could take over (DESIGN section 6). */
#ifndef CLUSTER_CORE_MEMBERSHIP_H
#define CLUSTER_CORE_MEMBERSHIP_H

#include <stdbool.h>
#include <stdint.h>

struct core;
struct event;
struct node_down;

void membership_suspect(struct core *c, const struct event *e);
void membership_role(struct core *c);
void membership_applied(struct core *c);     /* Nodes, slots or the holder changed. */
/* NodeDown was applied: an event, unless it is of the past. */
void membership_tell_down(struct core *c, const struct node_down *down);
void membership_tick(struct core *c);
uint64_t membership_leader_since_us(const struct core *c); /* When we came to lead last. */
/* Does the applied state show that process as up? */
bool membership_is_up(const struct core *c, uint64_t id, uint64_t incarnation);
bool membership_can_own(const struct core *c, uint32_t node); /* Sessions, as far as we see. */
/* Heir for a node's slots: an up voter, not `lost`, not ourselves if there is another. */
uint64_t membership_heir(const struct core *c, uint64_t lost);
uint64_t membership_slots_heir(const struct core *c, uint64_t lost); /* 0: by rendezvous. */
/* The configuration that heirs should have, ours; 0: all that are up have it. */
uint64_t membership_slots_hash(const struct core *c);
void membership_init(struct core *c);
void membership_fini(struct core *c);

#endif

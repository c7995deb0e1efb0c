/* SPDX-License-Identifier: Apache-2.0 */
/* The leader is gone (DESIGN section 9). */
#ifndef CLUSTER_CORE_ELECTION_H
#define CLUSTER_CORE_ELECTION_H

#include <stdint.h>

struct core;
struct frame;

void election_look(struct core *c); /* The detector has spoken: tell the others at once. */
void election_suspicion(struct core *c, uint32_t node, const struct frame *f);
void election_role(struct core *c);
void election_tick(struct core *c); /* At a node that does not lead. */
uint64_t election_deadline_us(const struct core *c);
void election_init(struct core *c);
void election_fini(struct core *c);

#endif

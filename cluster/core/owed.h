/* SPDX-License-Identifier: Apache-2.0 */
/* The mark ages that other owners have yet to publish (DESIGN section 6): an owner that takes over
 * from one that may not have published its own also publishes what that one owed. */
#ifndef CLUSTER_CORE_OWED_H
#define CLUSTER_CORE_OWED_H

#include "cluster/state/state.h"

struct core;
struct frame;

#define OWED_NOTHING INT64_MAX

void owed_init(struct core *c);
/* Packets of SAs that came to us in this step may have been accepted since then. */
int64_t owed_ours_us(const struct core *c);
/* Slots may have changed. Call it before takeovers are noted. */
void owed_slots(struct core *c, bool changed);
/* A frame of marks of the node's own: it says what it has applied. */
void owed_shown(struct core *c, uint32_t node, const struct frame *f);
void owed_fini(struct core *c);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Exact SAs: what a majority holds is delivered (DESIGN section 5). */
#ifndef CLUSTER_CORE_QUORUM_H
#define CLUSTER_CORE_QUORUM_H

#include "cluster/state/state.h"
#include "cluster/core/owned_sa.h"

struct core;
struct frame;
struct frame_mark;

/* An exact SA of that session; its mark counts if the session is ours. */
void quorum_marked(struct core *c, const struct session *s, const struct sa_report *r);
void quorum_acknowledged(struct core *c, uint32_t node, const struct frame *f);
void quorum_tick(struct core *c);
uint64_t quorum_deadline_us(const struct core *c);
void quorum_init(struct core *c);
void quorum_fini(struct core *c);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Exact SAs: what a majority holds is delivered (DESIGN section 5). */
#ifndef CLUSTER_CORE_QUORUM_H
#define CLUSTER_CORE_QUORUM_H

#include "cluster/state/state.h"
#include "cluster/core/owned_sa.h"

struct core;
struct frame;
struct frame_mark;

uint32_t quorum_majority(const struct core *c); /* Of all nodes. */
/* The applied state shows this process as up: it lags behind none that was here before. */
bool quorum_may_vote(const struct core *c);
void quorum_marked(struct core *c, const struct session *s, const struct sa_report *r);
void quorum_acknowledged(struct core *c, uint32_t node, const struct frame *f);
/* May we say that we hold this mark, which came from the node in that incarnation? */
bool quorum_acknowledges(const struct core *c, uint32_t node, uint64_t incarnation,
			 const struct frame_mark *row);
void quorum_gone(struct core *c, struct owned_sa *sa);
void quorum_tick(struct core *c);
uint64_t quorum_deadline_us(const struct core *c);
void quorum_init(struct core *c);
void quorum_fini(struct core *c);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What owners report to the leader about their clients. */
#ifndef CLUSTER_CORE_ACTIVITY_H
#define CLUSTER_CORE_ACTIVITY_H

#include "cluster/link/frame.h"
#include "cluster/core/owned_sa.h"

struct core;

void activity_send(struct core *c, enum session_activity what, const struct sa_report *r);
void activity_receive(struct core *c, const struct frame *f); /* At the leader. */
/* A client stays below the horizon: repeated until its Child SA has a successor. */
void activity_below_horizon(struct core *c, const struct sa_report *r);
void activity_tick(struct core *c);
void activity_init(struct core *c);
void activity_fini(struct core *c);

#endif

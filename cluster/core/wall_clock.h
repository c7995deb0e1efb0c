/* SPDX-License-Identifier: Apache-2.0 */
/* Whose wall clock is wrong. The leader judges the dates of certificates by its wall clock, and
 * nothing else: cluster time is independent of it (cluster_time.c). ClusterTime contains it for the Event-Timestamp
 * of RADIUS accounting alone. */
#ifndef CLUSTER_CORE_WALL_CLOCK_H
#define CLUSTER_CORE_WALL_CLOCK_H

#include "proto/auth/auth_clock.h"

#include <stdbool.h>

struct core;
struct core_start;

#define WALL_CLOCK_APART_S 60u

/* EVENT_CLOCK, and a node's FRAME_CLOCK: seconds since 1970. */
void wall_clock_set(struct core *c, int64_t unix_s);
void wall_clock_heard(struct core *c, uint32_t node, int64_t unix_s);
void wall_clock_greet(struct core *c, uint32_t node); /* It has connected. */
/* Is it before this program was built, or more than WALL_CLOCK_APART_S from the clocks of a majority
 * of all nodes? Only clocks heard lately count, so a node that hears too few is not judged. */
bool wall_clock_is_wrong(const struct core *c, uint32_t node);
/* By which certificates are judged now: what the wall clock showed last (EVENT_CLOCK), and the time
 * that has passed since. It counts if it is not wrong, and a majority of all nodes, we among them,
 * is within WALL_CLOCK_APART_S of it. */
struct auth_clock wall_clock_judge(const struct core *c);
/* What ours shows; 0: it is not known, or wrong. */
uint64_t wall_clock_unix_s(const struct core *c);
void wall_clock_init(struct core *c);
void wall_clock_begin(struct core *c, const struct core_start *start);
void wall_clock_fini(struct core *c);

#endif

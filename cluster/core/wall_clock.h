/* SPDX-License-Identifier: Apache-2.0 */
/* Whose wall clock is wrong. The leader judges the dates of certificates by its wall clock, and
 * nothing else: cluster time is independent of it (cluster_time.c). ClusterTime contains it for the Event-Timestamp
 * of RADIUS accounting alone. */
#ifndef CLUSTER_CORE_WALL_CLOCK_H
#define CLUSTER_CORE_WALL_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

struct core;

#define WALL_CLOCK_APART_S 60u

/* EVENT_CLOCK, and a node's FRAME_CLOCK: seconds since 1970. */
void wall_clock_set(struct core *c, int64_t unix_s);
void wall_clock_heard(struct core *c, uint32_t node, int64_t unix_s);
/* Is it more than WALL_CLOCK_APART_S from the clocks of a majority of all nodes? Only clocks heard
 * lately count, so a node that hears too few is not judged. */
bool wall_clock_is_wrong(const struct core *c, uint32_t node);
/* What ours shows; 0: it is not known, or wrong. */
uint64_t wall_clock_unix_s(const struct core *c);
void wall_clock_init(struct core *c);
void wall_clock_fini(struct core *c);

#endif

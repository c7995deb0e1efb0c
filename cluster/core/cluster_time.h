/* SPDX-License-Identifier: Apache-2.0 */
/* The time that all agree on (DESIGN section 7). */
#ifndef CLUSTER_CORE_CLUSTER_TIME_H
#define CLUSTER_CORE_CLUSTER_TIME_H

#include <stdint.h>

struct core;

void cluster_time_lead(struct core *c);    /* We lead from now on, and count from now on. */
void cluster_time_advance(struct core *c); /* Leader. */
/* Leader: the level that is committed, or on its way to be. A node that reads less cannot join. */
uint8_t cluster_time_level(const struct core *c);
void cluster_time_init(struct core *c);
void cluster_time_fini(struct core *c);

#endif

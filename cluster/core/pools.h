/* SPDX-License-Identifier: Apache-2.0 */
/* Pools that run dry. */
#ifndef CLUSTER_CORE_POOLS_H
#define CLUSTER_CORE_POOLS_H

struct core;

void pools_init(struct core *c);
void pools_tick(struct core *c);
void pools_fini(struct core *c);

#endif

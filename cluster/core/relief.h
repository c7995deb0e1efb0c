/* SPDX-License-Identifier: Apache-2.0 */
/* The leader takes from unfit nodes what they own. */
#ifndef CLUSTER_CORE_RELIEF_H
#define CLUSTER_CORE_RELIEF_H

struct core;

void relief_tick(struct core *c); /* Leader. */
void relief_init(struct core *c);
void relief_fini(struct core *c);

#endif

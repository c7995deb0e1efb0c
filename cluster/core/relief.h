/* SPDX-License-Identifier: Apache-2.0 */
/* What unfit nodes own is taken from them. */
#ifndef CLUSTER_CORE_RELIEF_H
#define CLUSTER_CORE_RELIEF_H

struct core;

void relief_tick(struct core *c); /* Leader. */
void relief_init(struct core *c);
void relief_fini(struct core *c);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What follows from applied commands, and in which order. */
#ifndef CLUSTER_CORE_FOLLOW_H
#define CLUSTER_CORE_FOLLOW_H

struct core;

void follow_all(struct core *c); /* Until nothing is left to look at. */
void follow_init(struct core *c);
void follow_fini(struct core *c);

#endif

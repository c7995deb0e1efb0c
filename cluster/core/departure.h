/* SPDX-License-Identifier: Apache-2.0 */
/* Leadership handed on, and a node that ends. */
#ifndef CLUSTER_CORE_DEPARTURE_H
#define CLUSTER_CORE_DEPARTURE_H

struct core;

void departure_begin(struct core *c);    /* This node was told to end. */
void departure_transfer(struct core *c); /* Leader: the node that should lead instead, if any. */
void departure_applied(struct core *c);  /* Nodes, slots or the holder changed. */
void departure_role(struct core *c);
void departure_tick(struct core *c);     /* At a node that was told to end. */
void departure_init(struct core *c);
void departure_fini(struct core *c);

#endif

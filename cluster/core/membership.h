/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes up and down (DESIGN section 6). */
#ifndef CLUSTER_CORE_MEMBERSHIP_H
#define CLUSTER_CORE_MEMBERSHIP_H

#include <stdbool.h>
#include <stdint.h>

struct core;
struct event;
struct node_down;

void membership_suspect(struct core *c, const struct event *e);
void membership_role(struct core *c);
void membership_say_again(struct core *c); /* Its policy or its routes are others: they are said at once. */
void membership_applied(struct core *c);     /* Nodes, slots or the holder changed. */
/* NodeDown was applied: an event, unless it is of the past. */
void membership_tell_down(struct core *c, const struct node_down *down);
void membership_tick(struct core *c);
void membership_init(struct core *c);
void membership_fini(struct core *c);

#endif

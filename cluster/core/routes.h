/* SPDX-License-Identifier: Apache-2.0 */
/* The routes of pools: which ones stand at this host, and whether they do at all others. */
#ifndef CLUSTER_CORE_ROUTES_H
#define CLUSTER_CORE_ROUTES_H

#include "proto/wire/prefix_list.h"

struct core;

void routes_init(struct core *c);
void routes_look(struct core *c); /* The policy or nodes changed. */
void routes_laid(struct core *c, const struct prefix_list *laid); /* EVENT_ROUTES */
void routes_tick(struct core *c);
const struct prefix_list *routes_shown(const struct core *c); /* What NodeUp is to say of this node. */
/* May an address of that pool be given to a client? Its route stands here and at all that are up. */
bool routes_everywhere(const struct core *c, const struct prefix *pool);
/* Has that other node the route of each pool that sessions may have an address of? */
bool routes_reach(const struct core *c, uint32_t node);
void routes_fini(struct core *c);

#endif

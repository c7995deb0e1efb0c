/* SPDX-License-Identifier: Apache-2.0 */
/* Who holds the service addresses (DESIGN section 6). */
#ifndef CLUSTER_CORE_HOLDER_H
#define CLUSTER_CORE_HOLDER_H

#include <stdbool.h>

struct core;

bool holder_holds(const struct core *c); /* This node does: ACTION_HOLD(true) stands. */
void holder_assign(struct core *c);      /* Leader: to somebody that is up. */
void holder_applied(struct core *c);     /* The holder, nodes or our isolation changed. */
void holder_init(struct core *c);
void holder_fini(struct core *c);

#endif

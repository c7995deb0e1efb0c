/* SPDX-License-Identifier: Apache-2.0 */
/* What an operator asks for: the room behind control.h. */
#ifndef CLUSTER_CORE_CONTROL_ROOM_H
#define CLUSTER_CORE_CONTROL_ROOM_H

#include "cluster/core/control.h"
#include "cluster/state/state.h"

struct core;

void control_request(struct core *c, const struct control_request *r);
/* A SessionsEnd or an Identity was applied, or refused. */
void control_applied(struct core *c, const struct command *x, const struct apply_result *r);
/* The state was replaced by a snapshot. */
void control_restored(struct core *c);
void control_tick(struct core *c);
void control_init(struct core *c);
void control_fini(struct core *c);

#endif

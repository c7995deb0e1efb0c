/* SPDX-License-Identifier: Apache-2.0 */
/* What a step of the key exchange may draw and ask, and which resources its command takes. */
#ifndef CLUSTER_CORE_EXCHANGE_ENV_H
#define CLUSTER_CORE_EXCHANGE_ENV_H

#include "cluster/state/command.h"
#include "proto/ike/ike.h"

struct core;

/* For a step of this event. */
struct ike_env exchange_env(struct core *c);
struct room exchange_room(const struct core *c); /* For a command that may take some. */
/* The parts of a SessionPut that follow from the session and the state: supersedes, takes_from,
 * room. */
void exchange_put_terms(const struct core *c, const struct ike_session *next, struct session_put *p);
/* Moves the next session out of an outcome; what it leaves is cleansed. */
void exchange_take_next(struct ike_session *to, struct ike_outcome *out);

#endif

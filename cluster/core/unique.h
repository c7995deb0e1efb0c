/* SPDX-License-Identifier: Apache-2.0 */
/* How many sessions an identity may have: unique_ids and sessions_per_identity. */
#ifndef CLUSTER_CORE_UNIQUE_H
#define CLUSTER_CORE_UNIQUE_H

#include "proto/ike/ike_config.h"
#include "proto/ike/ike_sa.h"

#include <stdbool.h>
#include <stdint.h>

struct core;
struct session;
struct session_put;

/* For the command that puts a session: how many its identity may have then. 0: any number. */
uint32_t unique_limit(const struct ike_connection *connection);
/* Why an authenticated client gets no further session; NULL: it may have it. put: the terms of the
 * command that would put it (exchange_put_terms()). */
const char *unique_refuses(const struct core *c, const struct ike_connection *connection,
			   const struct session_put *put, const struct ike_session *next);
/* Has this session been replaced by a newer one of its identity, so that it is to end? */
/* Looks at a few newer ones, from *after (0: the first) on, and says in it where to go on. */
bool unique_is_replaced(const struct core *c, const struct session *s, uint64_t *after);

/* Does its connection let an identity have one session, the newest? */
bool unique_replaces(const struct core *c, const struct session *s);

#endif

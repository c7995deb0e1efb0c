/* SPDX-License-Identifier: Apache-2.0 */
/* How many sessions one client (an identity, by one kind of proof: proto/auth/realm.h) may have at a time; its
 * connection says so. The names are strongSwan's:
 *
 *   "no"       any number; INITIAL_CONTACT ends the others (RFC 7296 2.4)
 *   "never"    any number, and INITIAL_CONTACT ends none
 *   "replace"  one: the newest; the others end, and their clients are told
 *   "keep"     one: the oldest; who comes beside it is refused, but with INITIAL_CONTACT
 *
 * A client that re-authenticates makes its new session before it ends the old one. The two count as
 * one, here as everywhere (cluster/state/capacity.c): so "keep" does not refuse it, and "replace" leaves
 * the old one to the client, which is about to end it. Such a client is recognised by its unchanged
 * address.
 *
 * An identity with an address of its own ("address") has that in the newest of its sessions, wherever that
 * comes from: the one that had it ends likewise, also behind one NAT, where only a client that keeps its
 * socket counts as one that re-authenticates.
 *
 * "keep" and sessions_per_identity are bounds, checked where the grant is made, by apply() too: of two
 * clients that authenticate together, the first one's command finds room. "replace" needs no such
 * check: any leader sees two sessions, and ends the older one, now or later. */
#include "cluster/core/unique.h"

#include "cluster/core/policy.h"
#include "cluster/core/rooms.h"
#include "proto/mutant.h"

#define NEWER_LOOK 16u

uint32_t unique_limit(const struct ike_connection *connection)
{
	if (connection->unique == IKE_UNIQUE_KEEP)
		return 1;
	return connection->sessions_per_identity;
}

const char *unique_refuses(const struct core *c, const struct ike_connection *connection,
			   const struct session_put *put, const struct ike_session *next)
{
	uint32_t limit = unique_limit(connection);

	if (limit == 0 || state_identity_sessions(c->state, put, next) <= limit)
		return NULL;
	return connection->unique == IKE_UNIQUE_KEEP
		       ? "it has a session already (unique_ids = \"keep\")"
		       : "it has as many sessions as it may have (sessions_per_identity)";
}

static bool anybody_replaces(const struct core *c)
{
	const struct ike_config *ike = &c->in_force->ike;

	for (size_t i = 0; i < ike->n_connections; i++)
		if (ike->connections[i].unique == IKE_UNIQUE_REPLACE)
			return true;
	return false;
}

bool unique_replaces(const struct core *c, const struct session *s)
{
	const struct ike_connection *connection = core_connection(c, s);

	return connection && connection->unique == IKE_UNIQUE_REPLACE;
}

/* The session that follows it, if that is the newest. */
static const struct session *newest_after(const struct core *c, const struct session *s)
{
	const struct session *next = s->followed_by ? state_session(c->state, s->followed_by) : NULL;

	return next && !next->followed_by ? next : NULL;
}

/* Only a session from the same address follows it: the client will end the old one. */
static bool is_reauthenticated(const struct core *c, const struct session *s)
{
	const struct session *next = newest_after(c, s);

	return next && address_equal(&next->ike.remote.address, &s->ike.remote.address);
}

/* Its address is its identity's own, and has passed to another session. Behind one NAT may be another device
 * of that identity: only a client that keeps its socket is known to be the same. */
static bool has_passed_its_own(const struct core *c, const struct session *s)
{
	const struct ike_connection *connection = core_connection(c, s);
	const struct session *next = newest_after(c, s);
	struct address own;

	return s->followed_by && connection && policy_address_of(c, connection, &s->ike.peer_id, &own) &&
	       address_equal(&own, &s->ike.virtual_ip) &&
	       !(next && endpoint_equal(&next->ike.remote, &s->ike.remote));
}

/* Newer sessions that end, or came by a connection that replaces nothing, may be very many: a few at a time. */
static bool has_unique_newer(const struct core *c, const struct session *s, uint64_t *after)
{
	const struct session *newer;
	uint64_t at = *after > s->id ? *after : s->id;

	for (unsigned i = 0; i < NEWER_LOOK; i++) {
		newer = state_next_session_of(c->state, ike_session_client(&s->ike), at);
		if (!newer) {
			*after = 0;
			return false;
		}
		if (!session_ends(newer) && unique_replaces(c, newer))
			return true;
		*after = at = newer->id;
	}
	return false;
}

bool unique_is_replaced(const struct core *c, const struct session *s, uint64_t *after)
{
	if (MUTANT(MUTANT_UNIQUE_BOTH))
		return false;
	if (session_ends(s))
		return false;
	if (has_passed_its_own(c, s))
		return true;
	return !is_reauthenticated(c, s) && anybody_replaces(c) && has_unique_newer(c, s, after);
}

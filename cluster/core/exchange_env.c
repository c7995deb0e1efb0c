/* SPDX-License-Identifier: Apache-2.0 */
/* What a step of the key exchange may draw and ask: SPIs and virtual IPs that are free in the
 * applied state, whether a client may have another IKE SA, and IVs that this node has never used.
 * Another command may commit the same draw first; then this command is refused and the message is
 * executed once more. */
#include "cluster/core/exchange_env.h"

#include "cluster/core/lane.h"
#include "cluster/core/lane_reserve.h"
#include "cluster/core/policy.h"
#include "cluster/core/slow_dh.h"
#include "cluster/core/radius_client.h"
#include "cluster/core/routes.h"
#include "cluster/core/unique.h"
#include "cluster/core/wall_clock.h"
#include "proto/ike/ike_message.h"
#include "proto/ike/select.h"
#include "proto/mutant.h"

static uint32_t draw_spi(void *ctx, struct entropy *e)
{
	const struct core *c = ctx;
	uint32_t spi;

	do {
		spi = entropy_u32(e);
		if (MUTANT(MUTANT_SPI_REUSED))
			spi = 0x1000 + spi % 64;
	} while (spi < 256 || state_session_by_spi(c->state, spi, NULL));
	return spi;
}

static uint8_t draw_radius_id(void *ctx, const struct endpoint *server)
{
	return radius_draw_id(ctx, server);
}

static bool is_taken(const void *ctx, const struct address *a)
{
	return exchange_takes(ctx, a) || policy_is_reserved(ctx, a);
}

static bool is_kept(const void *ctx, const struct address *a)
{
	return policy_is_reserved(ctx, a);
}

static bool is_on_its_way(const void *ctx, const struct address *a)
{
	return exchange_takes(ctx, a);
}

/* Make before break: a client asks for the address of its own session, from that session's outer address.
 * One client may be several devices: a device at another address gets another virtual IP, unless its
 * INITIAL_CONTACT ends all existing sessions. An address that is assigned to the identity goes to the
 * device that came last; but with "keep" the one that has it stays, and the other is refused (unique.c). */
static bool gives(const struct session *old, const struct ike_address_wish *wish, bool assigned)
{
	bool keeps = wish->keeps && !session_ends(old);

	return ike_client_equal(ike_session_client(&old->ike), wish->client) &&
	       (wish->replaces || (assigned && !keeps) ||
		address_equal(&old->ike.remote.address, &wish->remote->address));
}

static bool is_own(const struct core *c, const struct ike_address_wish *wish)
{
	const struct session *old =
		state_session(c->state, state_address_user(c->state, wish->address, NULL, 0));

	return old && gives(old, wish, wish->assigned);
}

/* The address that belongs to the client, of whichever session of its it is now; it is no other one's
 * once who had it before that was configured has gone. */
static bool assign_own(const struct core *c, const struct prefix *pool, const struct ike_address_wish *wish,
		       const struct address *own, struct address *out)
{
	const struct session *old = state_session(c->state, state_address_user(c->state, own, NULL, 0));
	const struct pool_taken taken = { .is = is_on_its_way, .ctx = c };

	*out = *own;
	if (old)
		return !exchange_takes(c, own) && gives(old, wish, true);
	return state_pool_pick(c->state, pool, &(struct pool_wish){ own, wish->client },
			       10ull * c->config->timing.isolation_ms, &taken, out) &&
	       address_equal(out, own);
}

static bool assign_address(void *ctx, const struct ike_connection *connection,
			   const struct ike_address_wish *wish, struct address *out)
{
	const struct core *c = ctx;
	const struct pool_taken taken = { is_taken, c, is_kept };
	const struct address *wanted = wish->address;
	struct address own;

	if (!connection->has_pool || !routes_everywhere(c, &connection->pool))
		return false;
	/* What RADIUS assigns counts more than what the file says. */
	if (policy_address_of(c, connection, wish->client.id, &own) && prefix_contains(&connection->pool, &own) &&
	    (!wish->assigned || address_equal(wanted, &own)))
		return assign_own(c, &connection->pool, wish, &own, out);
	if (wanted && !is_taken(c, wanted) && prefix_contains(&connection->pool, wanted) &&
	    is_own(c, wish)) {
		*out = *wanted;
		return true;
	}
	return state_pool_pick(c->state, &connection->pool, &(struct pool_wish){ wanted, wish->client },
			       10ull * c->config->timing.isolation_ms, &taken, out) &&
	       (!wish->assigned || address_equal(out, wanted));
}

static uint16_t claim_address(void *ctx, const struct ike_address_wish *wish)
{
	const struct core *c = ctx;

	if (exchange_takes(c, wish->address)) /* Whose it will be is not known yet. */
		return IKE_NOTIFY_TEMPORARY_FAILURE;
	return state_address_user(c->state, wish->address, NULL, 0) == 0 || is_own(c, wish)
		       ? 0 : IKE_NOTIFY_TS_UNACCEPTABLE;
}

/* Each IKE SA will leave a tombstone: there must not be too many of them. */
static bool admit(void *ctx, struct ike_client client)
{
	const struct core *c = ctx;

	if (MUTANT(MUTANT_TOMBSTONES_UNBOUNDED))
		return true;
	return state_tombstones(c->state, (struct ike_client){0}) < c->in_force->limits.tombstones_max &&
	       state_tombstones(c->state, client) < c->in_force->limits.tombstones_per_identity;
}

/* ---- Room: asked before the command is proposed; apply() has the last word ---- */

struct room exchange_room(const struct core *c)
{
	return (struct room){ c->config->sessions_max, cluster_config_child_sas(c->config) };
}

static void supersede(struct session_put *p, const struct session *old)
{
	for (uint32_t i = 0; i < p->n_supersedes; i++)
		if (p->supersedes[i] == old->id)
			return;
	p->supersedes[p->n_supersedes++] = old->id;
}

void exchange_put_terms(const struct core *c, const struct ike_session *next, struct session_put *p)
{
	uint64_t user = state_address_user(c->state, &next->virtual_ip, NULL, 0);
	const struct session *old = state_session(c->state, user);
	bool contact = next->features & IKE_INITIAL_CONTACT;
	const struct ike_connection *connection = ike_connection_find(&c->in_force->ike, next->connection);
	struct ike_client client = ike_session_client(next);

	p->room = exchange_room(c);
	p->identity_max = connection ? unique_limit(connection) : 0;
	if (contact && old && ike_client_equal(ike_session_client(&old->ike), client))
		supersede(p, old); /* First of all: its address is wanted. */
	/* If there are more, contact_turn() ends them. */
	old = contact ? state_next_session_of(c->state, client, 0) : NULL;
	for (; old && p->n_supersedes < COMMAND_SUPERSEDES_MAX;
	     old = state_next_session_of(c->state, client, old->id))
		supersede(p, old);
	p->takes_from = state_follows(c->state, p, next);
}

static const char *one_too_many(void *ctx, const struct ike_connection *connection,
				const struct ike_session *next)
{
	struct session_put put = {.n_supersedes = 0};
	struct core *c = ctx;
	const char *why;

	exchange_put_terms(c, next, &put);
	why = unique_refuses(c, connection, &put, next);
	if (why)
		core_drop(c, DROP_IDENTITY_FULL);
	return why;
}

static bool has_places(void *ctx, unsigned more)
{
	struct core *c = ctx;

	if (state_places(c->state) + more <= cluster_config_child_sas(c->config))
		return true;
	core_drop(c, DROP_CHILD_SAS_FULL);
	return false;
}

static bool has_room(void *ctx, const struct ike_session *next)
{
	struct session_put put = {.n_supersedes = 0};
	struct room now, then, limit;
	struct core *c = ctx;

	exchange_put_terms(c, next, &put);
	now = state_taken(c->state);
	then = state_taken_with(c->state, &put, next);
	limit = exchange_room(c);
	if (capacity_lacks(limit.sessions, now.sessions, then.sessions))
		core_drop(c, DROP_SESSIONS_FULL);
	else if (capacity_lacks(limit.places, now.places, then.places))
		core_drop(c, DROP_CHILD_SAS_FULL);
	else
		return true;
	return false;
}

static bool revoked(void *ctx, const struct ike_id *peer)
{
	struct core *c = ctx;
	bool is = state_is_revoked(c->state, peer);

	c->refused_revoked += is;
	return is;
}

struct ike_env exchange_env(struct core *c)
{
	c->exchange->iv.term = consensus_term(c->consensus);
	if (MUTANT(MUTANT_IV_GOES_BACK))
		c->exchange->iv.term = 0;
	if (MUTANT(MUTANT_IV_WITHOUT_TERM))
		c->exchange->iv.term = 0;
	return (struct ike_env){
		.config = &c->in_force->ike,
		.entropy = &c->entropy,
		.dh = slow_dh_desk(c),
		.iv = &c->exchange->iv,
		.now_ms = state_time_ms(c->state),
		.unix_now = wall_clock_unix_s(c),
		.addresses = c->config->service,
		.n_addresses = c->config->n_service,
		.cookie_key = c->exchange->cookie_key,
		.ctx = c,
		.draw_spi = draw_spi,
		.draw_radius_id = draw_radius_id,
		.assign_address = assign_address,
		.claim_address = claim_address,
		.admit = admit,
		.one_too_many = one_too_many,
		.has_room = has_room,
		.has_places = has_places,
		.revoked = revoked,
	};
}

/* Nothing of it may stay behind on the heap: there are keys in it. */
void exchange_take_next(struct ike_session *to, struct ike_outcome *out)
{
	*to = *out->next;
	OPENSSL_cleanse(out->next, sizeof(*out->next));
	free(out->next);
	out->next = NULL;
}

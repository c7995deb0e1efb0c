/* SPDX-License-Identifier: Apache-2.0 */
/* How much of struct room the sessions take, and would take after a command.
 *
 * A client that re-authenticates makes its new session before it ends the old one. There must be
 * room for that even at the bound, or the client would be refused for ever. So of two sessions of
 * which one follows the other (pool_pass()), only the greater counts. Only the last two in a row of
 * followers share like this: each client may have one session more than is counted, and at most
 * twice as many Child SAs, which is what the tables are sized for.
 *
 * The end of a session never makes the count grow, whether it is the older, the newer, or one
 * between. */
#include "cluster/state/state_internal.h"
#include "proto/ike/ike_config.h"
#include "proto/mutant.h"

bool exempt_contains(const struct exempt *x, const struct session_entry *e)
{
	for (uint32_t i = 0; i < x->n; i++)
		if (x->entry[i] == e)
			return true;
	return false;
}

struct exempt exempt_of(const struct state *s, const struct session_put *c)
{
	struct exempt gone = {.n = 0};

	for (uint32_t i = 0; i < c->n_supersedes && i < COMMAND_SUPERSEDES_MAX; i++) {
		struct session_entry *e = session_find(s, c->supersedes[i]);

		/* Gone already, or named twice: nothing to do. */
		if (e && !exempt_contains(&gone, e))
			gone.entry[gone.n++] = e;
	}
	return gone;
}

#define FOLLOWS_LOOK 8u /* Sessions of the client, newest first. */

/* ---- Pairs ---- */

static uint32_t places(const struct session_entry *e)
{
	return ike_session_places(&e->s.ike);
}

static struct room share(const struct ike_session *a, const struct ike_session *b)
{
	uint32_t x = a ? ike_session_places(a) : 0, y = b ? ike_session_places(b) : 0;

	if (!a || !b)
		return (struct room){0, 0};
	if (MUTANT(MUTANT_FOLLOWER_COUNTS))
		return (struct room){0, 0};
	return (struct room){1, x < y ? x : y};
}

/* The newer one of the pair that e is in; NULL: it is in none. */
static struct session_entry *pair_of(const struct state *s, struct session_entry *e)
{
	struct session_entry *newer = e->s.followed_by ? session_find(s, e->s.followed_by) : e;

	return newer && !newer->s.followed_by && newer->before ? newer : NULL;
}

bool capacity_pair_breaks(struct state *s, struct session_entry *e)
{
	struct session_entry *newer = pair_of(s, e);
	struct room shared;

	if (!newer)
		return false;
	shared = share(&newer->s.ike, &newer->before->s.ike);
	s->shared.sessions -= shared.sessions;
	s->shared.places -= shared.places;
	return true;
}

void capacity_pair_forms(struct state *s, struct session_entry *e)
{
	struct session_entry *newer = pair_of(s, e);
	struct room shared;

	if (!newer)
		return;
	shared = share(&newer->s.ike, &newer->before->s.ike);
	s->shared.sessions += shared.sessions;
	s->shared.places += shared.places;
}

struct room state_taken(const struct state *s)
{
	return (struct room){(uint32_t)state_sessions(s) - s->shared.sessions,
			     (uint32_t)s->n_places - s->shared.places};
}

/* ---- Whom a new session follows ---- */

static bool may_follow(const struct ike_session *next, const struct session_entry *e,
		       const struct exempt *gone)
{
	return next->virtual_ip.family == 0 && e->s.ike.virtual_ip.family == 0 && !e->s.followed_by &&
	       !e->before && !exempt_contains(gone, e);
}

struct session_entry *capacity_followed(const struct state *s, const struct session_put *c,
				    const struct ike_session *next, const struct exempt *gone)
{
	struct session_entry *e;

	if (next->virtual_ip.family != 0) {
		uint64_t user = state_address_user(s, &next->virtual_ip, c->supersedes, c->n_supersedes);

		return user ? session_find(s, user) : NULL;
	}
	e = c->takes_from ? session_find(s, c->takes_from) : NULL;
	if (!e || !may_follow(next, e, gone))
		return NULL;
	return ike_client_equal(ike_session_client(&e->s.ike), ike_session_client(next)) ? e : NULL;
}

uint64_t state_follows(const struct state *s, const struct session_put *c, const struct ike_session *next)
{
	struct exempt gone = exempt_of(s, c);
	const struct session_entry *e;

	if (next->virtual_ip.family != 0)
		return state_address_user(s, &next->virtual_ip, c->supersedes, c->n_supersedes);
	e = session_last_of(s, ike_session_client(next));
	for (unsigned i = 0; e && i < FOLLOWS_LOOK; i++, e = e->peer[PEER_CLIENT].previous)
		if (may_follow(next, e, &gone) &&
		    address_equal(&e->s.ike.remote.address, &next->remote.address) &&
		    strcmp(e->s.ike.connection, next->connection) == 0)
			return e->s.id;
	return 0;
}

/* ---- After a command ---- */

/* The newest in the row of sessions that e is in; a row without an address has at most two. */
static struct session_entry *newest(const struct state *s, struct session_entry *e)
{
	struct session_entry *user = NULL;

	if (!e->s.followed_by)
		return e;
	if (e->s.ike.virtual_ip.family != 0)
		user = pool_user(s, &e->s.ike.virtual_ip);
	else
		user = session_find(s, e->s.followed_by);
	return user ? user : e;
}

/* What the last two of the row share, after `gone` have gone and next (or NULL) has come. */
static struct room share_then(const struct session_entry *e, const struct exempt *gone,
			      const struct ike_session *next)
{
	const struct ike_session *last[2] = {next, NULL};
	unsigned n = next ? 1 : 0;

	for (; e && n < 2; e = e->before)
		if (!exempt_contains(gone, e))
			last[n++] = &e->s.ike;
	return share(last[0], last[1]);
}

struct room state_taken_with(const struct state *s, const struct session_put *c,
			     const struct ike_session *next)
{
	struct exempt gone = exempt_of(s, c), rows = {.n = 0};
	struct session_entry *from = capacity_followed(s, c, next, &gone);
	struct room then = state_taken(s), shared;

	for (uint32_t i = 0; i < gone.n; i++) {
		struct session_entry *row = newest(s, gone.entry[i]);

		then.sessions--;
		then.places -= places(gone.entry[i]);
		if (!exempt_contains(&rows, row))
			rows.entry[rows.n++] = row;
	}
	from = from ? newest(s, from) : NULL;
	if (from && !exempt_contains(&rows, from))
		rows.entry[rows.n++] = from;
	then.sessions++;
	then.places += ike_session_places(next);
	for (uint32_t i = 0; i < rows.n; i++) {
		shared = share_then(rows.entry[i], &(struct exempt){.n = 0}, NULL);
		then.sessions += shared.sessions;
		then.places += shared.places;
		shared = share_then(rows.entry[i], &gone, rows.entry[i] == from ? next : NULL);
		then.sessions -= shared.sessions;
		then.places -= shared.places;
	}
	return then;
}

/* The last two of a row count as one: is e the older of these, after `gone` have gone and a new one
 * has come behind `from`? */
static bool is_followed(const struct state *s, const struct session_entry *e, const struct exempt *gone,
			const struct session_entry *from)
{
	unsigned after = e == from;

	while (e->s.followed_by && (e = session_find(s, e->s.followed_by)) != NULL) {
		after += !exempt_contains(gone, e) && !session_ends(&e->s);
		after += e == from;
	}
	return after == 1;
}

uint32_t state_identity_sessions(const struct state *s, const struct session_put *c,
				 const struct ike_session *next)
{
	struct exempt gone = exempt_of(s, c);
	const struct session_entry *from = capacity_followed(s, c, next, &gone);
	uint32_t n = 1;

	if (next->features & IKE_INITIAL_CONTACT)
		return n; /* All others end, by this command or soon after. */
	for (const struct session_entry *e = session_last_of(s, ike_session_client(next)); e;
	     e = e->peer[PEER_CLIENT].previous)
		n += !is_followed(s, e, &gone, from) && !session_ends(&e->s) && !exempt_contains(&gone, e);
	return n;
}

/* For session_replace(): nobody comes or goes. */
struct room capacity_after_step(const struct state *s, struct session_entry *e, const struct ike_session *next)
{
	struct session_entry *newer = pair_of(s, e);
	struct room then = state_taken(s), shared;

	then.places += ike_session_places(next) - places(e);
	if (!newer)
		return then;
	then.places += share(&newer->s.ike, &newer->before->s.ike).places;
	shared = newer == e ? share(next, &newer->before->s.ike) : share(&newer->s.ike, next);
	then.places -= shared.places;
	return then;
}

bool capacity_lacks(uint32_t limit, uint32_t now, uint32_t then)
{
	return limit != 0 && then > now && then > limit;
}

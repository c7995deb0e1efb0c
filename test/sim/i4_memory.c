/* SPDX-License-Identifier: Apache-2.0 */
/* I4: what a client was told exists survives. While the run lasts: no client is told that its IKE
 * SA is gone unless it or the operator asked for that, and none is left without a Child SA. No SA
 * that the client has leaves the state before the client was asked to end it: an SA that the
 * gateway rekeys stays until the client has confirmed the rekey (DESIGN section 4). When all is
 * over: every node knows each IKE SA and each Child SA that a client believes to have, also a
 * client that died long ago and never asked for anything. */
#include "test/sim/full.h"

#define LEVEL_MS 1000u /* At the end nothing else happens. */

void i4_ended(struct i4_memory *c, unsigned client, bool asked_for)
{
	if (!asked_for && !c->full->orders.of[client].touched && !c->full->checkers.i1.rolled_back)
		world_fail(&c->full->world, "I4: the gateway ends client %u's IKE SA", client);
}

void i4_lost_child(struct i4_memory *c, unsigned client)
{
	if (!c->full->checkers.i1.rolled_back)
		world_fail(&c->full->world, "I4: client %u lost its Child SA", client);
}

/* Has the gateway a request about that Child SA outstanding? Either it tells the client to delete
 * it, and the client has not answered that: it may have died before it could. Or it still asks for
 * what the client has already made. */
static bool is_under_way(const struct session *s, const struct belief *b)
{
	for (unsigned i = 0; s && i < IKE_SA_MAX; i++) {
		const struct ike_sa *sa = &s->ike.ike[i];

		if (sa->window.outstanding &&
		    ((sa->purpose == IKE_PURPOSE_DELETE_CHILD && sa->purpose_arg == b->spi_in) ||
		     (sa->purpose == IKE_PURPOSE_REKEY_CHILD && !b->settled)))
			return true;
	}
	return false;
}

/* The session that has it, or will: the gateway still asks for the IKE SA that the client has made. */
static const struct session *session_of(const struct state *s, const struct belief *b)
{
	const struct session *session = state_session_by_ike(s, b->spi_i, b->spi_r);

	if (session || !b->before_i)
		return session;
	session = state_session_by_ike(s, b->before_i, b->before_r);
	return session && session->ike.ike[0].window.outstanding && session->ike.ike[0].purpose == IKE_PURPOSE_REKEY_IKE
		       ? session : NULL;
}

static void check_belief(struct full *f, const struct belief *b)
{
	if (word_has_ended_sa(f, b->client, b->spi_i, b->spi_r))
		return;
	for (unsigned i = 0; i < f->world.n_hosts; i++) {
		const struct state *s = core_state(node_core(&f->world.host[i]));
		const struct session *session = session_of(s, b);

		if (!session)
			world_fail(&f->world, "I4: n%u knows nothing of client %u's IKE SA", i + 1,
				   b->client);
		if (b->spi_in && !state_session_by_spi(s, b->spi_in, NULL) &&
		    !is_under_way(session, b))
			world_fail(&f->world, "I4: n%u knows nothing of client %u's Child SA %08x",
				   i + 1, b->client, b->spi_in);
		f->checkers.i4.n_checked++;
	}
}

/* While the client has it and was not asked to end it, no state may lose it. */
static void stays(struct full *f, uint64_t a, uint64_t b, bool there)
{
	struct i4_memory *c = &f->checkers.i4;
	bool fresh;
	uint64_t *index = seen_get(&c->there, a, b, 0, &fresh);

	if (there)
		index[0] = c->index > index[0] ? c->index : index[0];
	else if (index[0] != 0 && c->index > index[0])
		world_fail(&f->world,
			   "I4: %s %08llx is gone at index %llu, and its client was not asked",
			   b ? "IKE SA" : "Child SA", (unsigned long long)a,
			   (unsigned long long)c->index);
}

static void check_stays(struct full *f, const struct belief *b)
{
	const struct state *s = f->checkers.i4.state;

	if (f->orders.of[b->client].touched || f->checkers.i1.rolled_back || b->ends)
		return;
	if (b->spi_in) {
		stays(f, b->spi_in, 0, state_session_by_spi(s, b->spi_in, NULL) != NULL);
		return;
	}
	stays(f, b->spi_i, b->spi_r, state_session_by_ike(s, b->spi_i, b->spi_r) != NULL);
	if (b->before_i)
		stays(f, b->before_i, b->before_r, state_session_by_ike(s, b->before_i, b->before_r) != NULL);
}

void i4_state(struct i4_memory *c, uint64_t index, const struct state *s)
{
	c->index = index;
	c->state = s;
	clients_believe(c->full, check_stays);
	c->state = NULL;
}

/* A node learns of a commit with the leader's next message. */
static bool is_level(const struct full *f)
{
	for (unsigned i = 1; i < f->world.n_hosts; i++)
		if (core_applied(node_core(&f->world.host[i])) != core_applied(node_core(&f->world.host[0])))
			return false;
	return true;
}

void i4_end(struct i4_memory *c)
{
	struct world *w = &c->full->world;

	/* The gateway may have rekeyed a moment ago. */
	for (unsigned i = 0; i < LEVEL_MS && !is_level(c->full); i++)
		world_run(w, w->now_us + MS);
	clients_believe(c->full, check_belief);
}

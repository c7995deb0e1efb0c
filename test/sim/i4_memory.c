/* SPDX-License-Identifier: Apache-2.0 */
/* I4: what a client was told exists survives. While the run lasts: no client is told
 * that its IKE SA is gone unless it asked for that, or the operator did, and none is left without a Child SA.
 * When all is over: every node knows each IKE SA and each Child SA that a client
 * believes to have, also a client that died long ago and never asked for anything. */
#include "test/sim/full.h"

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

/* Is the gateway about to say the last word on that Child SA? Either it tells the client to
 * delete it, and the client has not answered that: it may have died before it could. Or it
 * still asks for what the client has already made. */
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

static void check_belief(struct full *f, const struct belief *b)
{
	if (word_has_ended(f, b->client))
		return;
	for (unsigned i = 0; i < f->world.n_hosts; i++) {
		const struct state *s = core_state(node_core(&f->world.host[i]));
		const struct session *session = state_session_by_ike(s, b->spi_i, b->spi_r);

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

void i4_end(struct i4_memory *c)
{
	clients_believe(c->full, check_belief);
}

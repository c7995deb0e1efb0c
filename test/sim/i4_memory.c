/* SPDX-License-Identifier: Apache-2.0 */
/* I4: what a client was told exists survives. While the run lasts: no client is told
 * that its IKE SA is gone unless it asked for that, and none is left without a Child SA.
 * When all is over: every node knows each IKE SA and each Child SA that a client
 * believes to have, also a client that died long ago and never asked for anything. */
#include "test/sim/full.h"

void i4_ended(struct i4_memory *c, unsigned client, bool asked_for)
{
	if (!asked_for && !c->full->checkers.i1.rolled_back)
		world_fail(&c->full->world, "I4: the gateway ends client %u's IKE SA", client);
}

void i4_lost_child(struct i4_memory *c, unsigned client)
{
	if (!c->full->checkers.i1.rolled_back)
		world_fail(&c->full->world, "I4: client %u lost its Child SA", client);
}

/* It is to delete the SA, and has not answered that: it may have died before it could. */
static bool is_told(const struct session *s, uint32_t spi_in)
{
	for (unsigned i = 0; s && i < IKE_SA_MAX; i++)
		if (s->ike.ike[i].outstanding && s->ike.ike[i].purpose == IKE_PURPOSE_DELETE_CHILD &&
		    s->ike.ike[i].purpose_arg == spi_in)
			return true;
	return false;
}

static void check_belief(struct full *f, unsigned client, uint64_t spi_i, uint64_t spi_r,
			 uint32_t spi_in)
{
	for (unsigned i = 0; i < f->world.n_hosts; i++) {
		const struct state *s = core_state(node_core(&f->world.host[i]));

		if (!state_session_by_ike(s, spi_i, spi_r))
			world_fail(&f->world, "I4: n%u knows nothing of client %u's IKE SA", i + 1,
				   client);
		if (spi_in && !state_session_by_spi(s, spi_in, NULL) &&
		    !is_told(state_session_by_ike(s, spi_i, spi_r), spi_in))
			world_fail(&f->world, "I4: n%u knows nothing of client %u's Child SA %08x",
				   i + 1, client, spi_in);
		f->checkers.i4.n_checked++;
	}
}

void i4_end(struct i4_memory *c)
{
	clients_believe(c->full, check_belief);
}

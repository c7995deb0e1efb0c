/* SPDX-License-Identifier: Apache-2.0 */
/* I9: an ended session stays ended. In no state does an ending session have a Child SA, or a
 * revoked identity a session that is not ending. Once a node has applied the end, it lets no packet
 * of that session pass, apart from the time until its workers hear of it. `isolation` after the
 * operator got the answer to a revocation, no node does: a node that has not applied it by then is
 * silent. When all is over every node knows exactly which identities are revoked. */
#include "test/sim/node.h"

#define HEARD_US (1 * MS)          /* Until a worker has heard of its SA's end. */
#define SILENT_SLACK_US (150 * MS) /* As in I7. */

/* The client whose session it is; NULL: none that the operator knows. */
static const struct order *order_of(const struct full *f, const struct session *x)
{
	for (unsigned i = 0; i < f->n_clients; i++)
		if (f->orders.of[i].revoked && ike_id_equal(&f->secret[i].id, &x->ike.peer_id))
			return &f->orders.of[i];
	return NULL;
}

void i9_passes(struct i9_revoked *c, const struct node *n, struct watched_sa *s, uint64_t session)
{
	struct full *f = c->full;
	const struct session *x = state_session(core_state(n->core), session);
	uint64_t now = f->world.now_us, allowed = f->config.timing.isolation_ms * MS + SILENT_SLACK_US;
	const struct order *w = x && f->plan.orders ? order_of(f, x) : NULL;

	if (f->checkers.i1.rolled_back)
		return;
	c->n_checked++;
	if (w && now > w->since_us + allowed)
		world_fail(&f->world, "I9: n%u lets a packet pass of one who is revoked since %.6f",
			   n->host->index + 1, (double)w->since_us / 1e6);
	if (!x || !session_ends(x))
		return;
	if (s->over_us == 0)
		s->over_us = now;
	if (now > s->over_us + HEARD_US)
		world_fail(&f->world, "I9: n%u lets a packet of session %llu pass, which it ended",
			   n->host->index + 1, (unsigned long long)x->id);
}

void i9_state(struct i9_revoked *c, unsigned host, const struct state *s)
{
	if (c->full->checkers.i1.rolled_back)
		return;
	for (const struct session *x = state_next_session(s, 0); x; x = state_next_session(s, x->id)) {
		if (session_ends(x) && x->ike.n_child > 0)
			world_fail(&c->full->world, "I9: session %llu at n%u ends and has Child SAs",
				   (unsigned long long)x->id, host + 1);
		if (!session_ends(x) && state_is_revoked(s, &x->ike.peer_id))
			world_fail(&c->full->world, "I9: session %llu at n%u is of a revoked identity",
				   (unsigned long long)x->id, host + 1);
	}
}

void i9_end(struct i9_revoked *c)
{
	struct full *f = c->full;

	for (unsigned i = 0; i < f->world.n_hosts; i++) {
		const struct state *s = core_state(node_core(&f->world.host[i]));

		i9_state(c, i, s);
		for (unsigned k = 0; k < f->n_clients; k++) {
			bool is = state_is_revoked(s, &f->secret[k].id);

			if (f->orders.of[k].revoked && !is)
				world_fail(&f->world, "I9: n%u has forgotten that client %u is revoked",
					   i + 1, k);
			if (!word_is_out(f, k) && is)
				world_fail(&f->world, "I9: n%u still finds client %u revoked", i + 1, k);
		}
	}
}

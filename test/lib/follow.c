/* SPDX-License-Identifier: Apache-2.0 */
/* Random commands hardly ever make a session that follows another of the same client: these do.
 * Also counts, in the plainest way, the room (struct room) that such sessions take. */
#include "test/lib/follow.h"
#include "test/lib/sample.h"

void follow_some(const struct state *s, struct command *c, uint64_t *random)
{
	struct ike_session *next = &c->session_put.ike;
	const struct session *x;

	if (c->type != COMMAND_SESSION_PUT || sample_random(random) % 2 == 0)
		return;
	if (sample_random(random) % 4 == 0) /* One that may be followed without. */
		next->virtual_ip = (struct address){.family = 0};
	x = state_next_session(s, sample_random(random) % 40);
	if (!x || sample_random(random) % 4 == 0)
		return;
	next->peer_id = x->ike.peer_id;
	next->realm = sample_random(random) % 8 == 0 ? x->ike.realm + 1 : x->ike.realm; /* Or a namesake. */
	next->virtual_ip = x->ike.virtual_ip;
	c->session_put.takes_from = state_follows(s, &c->session_put, next);
	if (!c->session_put.takes_from)
		c->session_put.takes_from = x->id;
}

struct room follow_taken(const struct state *s, unsigned *pairs)
{
	struct room taken = {0, 0};

	for (const struct session *x = state_next_session(s, 0); x; x = state_next_session(s, x->id)) {
		const struct session *y = state_session(s, x->followed_by);
		unsigned mine = ike_session_places(&x->ike), next = y ? ike_session_places(&y->ike) : 0;

		taken.sessions++;
		taken.places += mine;
		if (!y || y->followed_by)
			continue;
		taken.sessions--; /* The greater of the last two in a row counts. */
		taken.places -= mine < next ? mine : next;
		(*pairs)++;
	}
	return taken;
}

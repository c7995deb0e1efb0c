/* SPDX-License-Identifier: Apache-2.0 */
/* I6: a session that its client was told is gone is in no node's state when all is over, whatever
 * was replayed since; and no state ever has two sessions with one inner address.
 *
 * An IKE SPI pair belongs to one session for good: if it is seen with another, an old IKE_AUTH has
 * brought it back, with its old keys. An inner address rests before another identity gets it: a
 * node that has not heard of the old session's end may still send packets to the old client. The
 * rest is counted in cluster time, from the newest state that had the old session. */
#include "test/sim/full.h"

#include <string.h>

#define REST 10u /* Times `isolation`. */

void i6_told(struct i6_deleted *c, uint64_t spi_i, uint64_t spi_r)
{
	bool fresh;

	seen_get(&c->dead, spi_i, spi_r, 0, &fresh);
}

static void check_pairs(struct i6_deleted *c, unsigned host, const struct session *x)
{
	for (unsigned i = 0; i < IKE_SA_MAX; i++) {
		const struct ike_sa *sa = &x->ike.ike[i];
		uint64_t *v;
		bool fresh;

		if (sa->state == 0)
			continue;
		v = seen_get(&c->pair, sa->spi_i, sa->spi_r, 0, &fresh);
		if (!fresh && v[0] != x->id)
			world_fail(&c->full->world,
				   "I6: n%u has an IKE SA of session %llu in session %llu", host + 1,
				   (unsigned long long)v[0], (unsigned long long)x->id);
		v[0] = x->id;
	}
}

static void check_rest(struct i6_deleted *c, unsigned host, uint64_t index, const struct state *s,
		       const struct session *x)
{
	uint64_t rest_ms = REST * c->full->config.timing.isolation_ms, *v;
	uint64_t peer = seen_hash(x->ike.peer_id.data, x->ike.peer_id.len);
	bool fresh;

	v = seen_get(&c->user, address_to_ipv4(&x->ike.virtual_ip), 0, 0, &fresh);
	if (!fresh && index <= v[2])
		return; /* An older state. */
	if (!fresh && v[0] != x->id && v[3] != peer && state_time_ms(s) - v[1] < rest_ms)
		world_fail(&c->full->world,
			   "I6: n%u gives the address of session %llu to session %llu after %llu ms",
			   host + 1, (unsigned long long)v[0], (unsigned long long)x->id,
			   (unsigned long long)(state_time_ms(s) - v[1]));
	v[0] = x->id;
	v[1] = state_time_ms(s);
	v[2] = index;
	v[3] = peer;
}

static void check_passed(struct i6_deleted *c, unsigned host, const struct state *s,
			 const struct session *x)
{
	const struct session *y = state_session(s, x->followed_by);

	if (!y || y->ike.peer_id.len != x->ike.peer_id.len ||
	    memcmp(y->ike.peer_id.data, x->ike.peer_id.data, x->ike.peer_id.len) != 0 ||
	    !address_equal(&y->ike.virtual_ip, &x->ike.virtual_ip))
		world_fail(&c->full->world, "I6: n%u has passed the address of session %llu to another client",
			   host + 1, (unsigned long long)x->id);
}

void i6_state(struct i6_deleted *c, unsigned host, uint64_t index, const struct state *s)
{
	struct seen taken = { NULL, 0, 0 };

	for (const struct session *x = state_next_session(s, 0); x;
	     x = state_next_session(s, x->id)) {
		uint64_t a, *v;
		bool fresh;

		check_pairs(c, host, x);
		if (x->ike.virtual_ip.family == 0)
			continue; /* No address was left for it. */
		if (x->followed_by) { /* It only receives: the next one has the address. */
			check_passed(c, host, s, x);
			continue;
		}
		a = address_to_ipv4(&x->ike.virtual_ip);
		v = seen_get(&taken, a, 0, 0, &fresh);
		if (!fresh)
			world_fail(&c->full->world,
				   "I6: n%u has address %llx in sessions %llu and %llu", host + 1,
				   (unsigned long long)a, (unsigned long long)v[0],
				   (unsigned long long)x->id);
		v[0] = x->id;
		check_rest(c, host, index, s, x);
	}
	seen_fini(&taken);
}

/* Have all nodes applied the same? */
static bool level(const struct world *w)
{
	for (unsigned i = 1; i < w->n_hosts; i++)
		if (core_applied(node_core(&w->host[i])) != core_applied(node_core(&w->host[0])))
			return false;
	return true;
}

void i6_end(struct i6_deleted *c)
{
	struct full *f = c->full;

	/* A client may have left just now, and followers learn of a commit a moment later. */
	for (unsigned k = 0; k < 1000 && !level(&f->world); k++)
		world_run(&f->world, f->world.now_us + MS / 4);
	for (unsigned i = 0; i < f->world.n_hosts; i++) {
		const struct core *core = node_core(&f->world.host[i]);
		const struct state *s = core_state(core);

		i6_state(c, i, core_applied(core), s);
		for (const struct session *x = state_next_session(s, 0); x;
		     x = state_next_session(s, x->id))
			/* An ending session waits for an answer that may be lost. */
			if (!session_ends(x) &&
			    seen_find(&c->dead, x->ike.ike[0].spi_i, x->ike.ike[0].spi_r, 0))
				world_fail(&f->world, "I6: n%u still has session %llu, or again",
					   i + 1, (unsigned long long)x->id);
	}
}

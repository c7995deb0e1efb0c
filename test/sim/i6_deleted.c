/* SPDX-License-Identifier: Apache-2.0 */
/* I6: a session that its client was told is gone is in no node's state when all is
 * over, whatever was replayed since; and in no state, ever, have two sessions one inner
 * address. */
#include "test/sim/full.h"

void i6_told(struct i6_deleted *c, uint64_t spi_i, uint64_t spi_r)
{
	bool fresh;

	seen_get(&c->dead, spi_i, spi_r, 0, &fresh);
}

void i6_addresses(struct i6_deleted *c, unsigned host, const struct state *s)
{
	struct seen taken = { NULL, 0, 0 };

	for (const struct session *x = state_next_session(s, 0); x;
	     x = state_next_session(s, x->id)) {
		uint64_t a = address_to_ipv4(&x->ike.virtual_ip), *v;
		bool fresh;

		v = seen_get(&taken, a, 0, 0, &fresh);
		if (!fresh)
			world_fail(&c->full->world,
				   "I6: n%u has address %llx in sessions %llu and %llu", host + 1,
				   (unsigned long long)a, (unsigned long long)v[0],
				   (unsigned long long)x->id);
		v[0] = x->id;
	}
	seen_fini(&taken);
}

void i6_end(struct i6_deleted *c)
{
	struct full *f = c->full;

	for (unsigned i = 0; i < f->world.n_hosts; i++) {
		const struct state *s = core_state(node_core(&f->world.host[i]));

		i6_addresses(c, i, s);
		for (const struct session *x = state_next_session(s, 0); x;
		     x = state_next_session(s, x->id))
			if (seen_find(&c->dead, x->ike.ike[0].spi_i, x->ike.ike[0].spi_r, 0))
				world_fail(&f->world, "I6: n%u still has session %llu, or again",
					   i + 1, (unsigned long long)x->id);
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
/* I11: no state says that an SA has carried more than all its owners together have. (It may miss
 * the last second of each owner: core_volume_test.) */
#include "test/sim/full.h"

void i11_passed(struct i11_volume *c, uint32_t spi_in, const struct volume *v)
{
	bool fresh;
	uint64_t *all = seen_get(&c->carried, spi_in, 0, 0, &fresh);

	all[0] += v->octets_in;
	all[1] += v->packets_in;
	all[2] += v->octets_out;
	all[3] += v->packets_out;
}

static bool is_true(const struct i11_volume *c, const struct session *x, unsigned i)
{
	const uint64_t *all = seen_find(&c->carried, x->ike.child[i].spi_in, 0, 0);
	const struct volume *v = &x->seq[i].volume;

	if (!all)
		return volume_is_zero(v);
	return v->octets_in <= all[0] && v->packets_in <= all[1] && v->octets_out <= all[2] &&
	       v->packets_out <= all[3];
}

void i11_state(struct i11_volume *c, unsigned host, const struct state *s)
{
	for (const struct session *x = state_next_session(s, 0); x; x = state_next_session(s, x->id))
		for (unsigned i = 0; i < x->ike.n_child; i++) {
			c->n_checked += !volume_is_zero(&x->seq[i].volume);
			if (!is_true(c, x, i))
				world_fail(&c->full->world, "I11: SA %08x has carried more, says n%u, than it has",
					   x->ike.child[i].spi_in, host + 1);
		}
}

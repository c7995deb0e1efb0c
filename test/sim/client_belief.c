/* SPDX-License-Identifier: Apache-2.0 */
/* What a client believes to have: its IKE SAs and Child SAs, and which of them the gateway may not know yet, or
 * no longer. */
#include "test/sim/client.h"

static bool asks_for_end(const struct initiator *ike, enum initiator_purpose purpose, uint32_t arg)
{
	for (unsigned i = 0; i < IKE_SA_MAX; i++)
		if (ike->ike[i].state != 0 && ike->ike[i].purpose == purpose && ike->ike[i].purpose_arg == arg)
			return true;
	return false;
}

static void believe(struct full *f, unsigned client, const struct initiator *ike,
		    void (*fn)(struct full *f, const struct belief *b))
{
	struct belief b = { .client = client, .settled = true };

	b.spi_i = ike->ike[0].spi_i;
	b.spi_r = ike->ike[0].spi_r;
	if (ike->ike[1].state != 0 && !ike->ike[0].original_initiator) {
		b.before_i = ike->ike[1].spi_i;
		b.before_r = ike->ike[1].spi_r;
	}
	fn(f, &b);
	for (size_t k = 0; k < ike->n_child; k++) {
		b.spi_in = ike->child[k].spi_out;
		b.settled = initiator_is_settled(ike, ike->child[k].spi_in);
		b.ends = asks_for_end(ike, INITIATOR_DELETE_CHILD, ike->child[k].spi_in);
		fn(f, &b);
	}
}

void clients_believe(struct full *f, void (*fn)(struct full *f, const struct belief *b))
{
	for (unsigned i = 0; i < f->n_clients; i++) {
		const struct client *c = &f->client[i];

		if (c->ike.state == INITIATOR_ESTABLISHED && !c->leaving)
			believe(f, i, &c->ike, fn);
		if (client_has_old(c) && !c->old.leaving)
			believe(f, i, &c->old.ike, fn);
	}
}

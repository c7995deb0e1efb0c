/* SPDX-License-Identifier: Apache-2.0 */
/* Several Child SAs: in some runs two networks are behind the gateway. A client asks for the first one in IKE_AUTH,
 * and for the other one by a Child SA of its own, later. It rekeys either, deletes either while it has the other, and
 * asks for it again; the gateway and faults do the rest. A packet must come by a Child SA of its own network.
 *
 * It has its own source of random numbers, so a seed without a second network runs as if this file did not exist. */
#include "test/sim/client.h"

struct prefix client_network(unsigned network)
{
	return (struct prefix){ .address = address_ipv4(0x0a140000 + (network << 16)), .bits = 16 };
}

unsigned client_network_of(const struct child_sa *child)
{
	return child->remote.ts[0].start.octets[1] & 1u;
}

const struct child_sa *client_newest(const struct initiator *ike, unsigned network)
{
	for (size_t k = ike->n_child; k > 0; k--)
		if (client_network_of(&ike->child[k - 1]) == network)
			return &ike->child[k - 1];
	return NULL;
}

unsigned client_children_of(const struct initiator *ike, unsigned network)
{
	unsigned n = 0;

	for (size_t k = 0; k < ike->n_child; k++)
		n += client_network_of(&ike->child[k]) == network;
	return n;
}

void client_aims_at(struct client *c, unsigned network)
{
	struct prefix p = client_network(network);

	if (!c->full->plan.networks)
		return;
	c->ike.config.tsr.n = 1;
	c->ike.config.tsr.ts[0] = ts_from_prefix(&p);
}

struct blob *client_opens(struct client *c, unsigned network)
{
	client_aims_at(c, network);
	return initiator_create_child(&c->ike, DH_NONE);
}

/* The last one carries its packets; the gateway may not have one yet that it asked for itself. */
struct blob *client_rekeys(struct client *c, unsigned network)
{
	const struct child_sa *child = client_newest(&c->ike, network);

	client_aims_at(c, network);
	return child ? initiator_create_child_rekey(&c->ike, child->spi_in, DH_NONE) : NULL;
}

struct blob *client_closes(struct client *c, unsigned network)
{
	const struct child_sa *child = client_newest(&c->ike, network);

	return child ? initiator_create_child_delete(&c->ike, child->spi_in) : NULL;
}

struct blob *client_rekeys_any(struct client *c)
{
	bool other = c->full->plan.networks && random_chance(&c->full->networks.random, 500);

	return client_rekeys(c, client_newest(&c->ike, other) ? other : !other);
}

struct blob *client_networks_go_on(struct client *c)
{
	struct random *r = &c->full->networks.random;
	unsigned n[2] = { client_children_of(&c->ike, 0), client_children_of(&c->ike, 1) }, which;

	if (!c->full->plan.networks || c->full->calm || !random_chance(r, 15) || client_has_old(c))
		return NULL;
	if (n[0] == 0 || n[1] == 0)
		return client_opens(c, n[0] != 0);
	which = (unsigned)random_below(r, 2);
	if (n[0] != 1 || n[1] != 1 || !random_chance(r, 400))
		return NULL;
	world_say(&c->full->world, "client %u closes network %u", c->index, which);
	return client_closes(c, which);
}

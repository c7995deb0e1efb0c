/* SPDX-License-Identifier: Apache-2.0 */
/* Pools and service addresses, for packets to clients and to ourselves; and the inner subnets:
 * while the inner interface is gone, so are its routes, and clients' packets to these subnets would
 * go out in clear by the default route. */
#include "xdp/host/blackhole.h"

bool blackholes_contain(const struct blackholes *b, const struct prefix *p)
{
	for (size_t i = 0; i < b->n; i++)
		if (address_equal(&b->list[i].address, &p->address) && b->list[i].bits == p->bits)
			return true;
	return false;
}

static void add(struct blackholes *b, const struct prefix *p)
{
	struct prefix network = prefix_network(p);

	if (!blackholes_contain(b, &network))
		b->list[b->n++] = network;
}

static void add_hosts(struct blackholes *b, const struct prefix *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct prefix host = prefix_host(&p[i].address);

		add(b, &host);
	}
}

static void add_pools(struct blackholes *b, const struct prefix_list *pools)
{
	for (uint32_t i = 0; i < pools->n; i++)
		add(b, &pools->at[i]);
}

struct blackholes blackholes_with(const struct blackholes *b, const struct prefix_list *pools)
{
	struct blackholes with = *b;

	add_pools(&with, pools);
	return with;
}

void blackholes_init(struct blackholes *b, const struct datapath_config *c)
{
	b->n = 0;
	add_pools(b, &c->pools);
	add_hosts(b, c->addresses, c->n_addresses);
	add_hosts(b, c->inner_addresses, c->n_inner_addresses);
	for (size_t i = 0; i < c->n_inner_addresses; i++)
		if (c->inner_addresses[i].bits > 0)
			add(b, &c->inner_addresses[i]);
}

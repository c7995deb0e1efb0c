/* SPDX-License-Identifier: Apache-2.0 */
/* The leader warns before a pool runs dry: when nine of ten addresses are in use, and again only
 * after fewer than eight were. The numbers are in the state, and in /metrics of every node. */
#include "cluster/core/pools.h"

#include "cluster/core/rooms.h"

#include <stdlib.h>

#define LOW_OF_TEN 9u   /* It is said. */
#define AGAIN_OF_TEN 8u /* Below: it may be said again. */
#define LOOK_US (1000 * MS)

struct pools {
	struct prefix low[STATE_POOLS_MAX]; /* Pools with an event. */
	unsigned n;
	uint64_t next_us;
};

void pools_init(struct core *c)
{
	c->pools = core_room(sizeof(*c->pools));
}

void pools_fini(struct core *c)
{
	free(c->pools);
}

static unsigned find(const struct pools *p, const struct prefix *pool)
{
	unsigned i = 0;

	while (i < p->n && (p->low[i].bits != pool->bits ||
			    !address_equal(&p->low[i].address, &pool->address)))
		i++;
	return i;
}

static void look(struct core *c, const struct ike_connection *connection)
{
	struct pool_use use = state_pool_use(c->state, &connection->pool);
	struct pools *p = c->pools;
	unsigned i = find(p, &connection->pool);
	char text[ADDRESS_TEXT_LEN];

	if (i < p->n && use.used * 10 < use.size * AGAIN_OF_TEN) {
		p->low[i] = p->low[--p->n];
	} else if (i == p->n && i < STATE_POOLS_MAX && use.used * 10 >= use.size * LOW_OF_TEN) {
		p->low[p->n++] = connection->pool;
		action_event(c->actions, "pool_low",
			     "pool %s/%u of connection %s: %llu of %llu addresses are in use; to "
			     "enlarge it, change cluster.toml and reload each node",
			     address_format(&connection->pool.address, text), connection->pool.bits,
			     connection->name, (unsigned long long)use.used, (unsigned long long)use.size);
	}
}

void pools_tick(struct core *c)
{
	const struct ike_config *ike = &c->in_force->ike;

	if (c->now_us < c->pools->next_us)
		return;
	c->pools->next_us = c->now_us + LOOK_US;
	if (!core_leads(c))
		c->pools->n = 0; /* The leader says it, even if an earlier leader did. */
	for (size_t i = 0; core_leads(c) && i < ike->n_connections; i++)
		if (ike->connections[i].has_pool)
			look(c, &ike->connections[i]);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A host that does not let its node serve: no outer interface, say, or no address on it. The edge
 * looks (EVENT_FITNESS); the node tells the others (FRAME_FITNESS, also on each new link) and the
 * leader keeps clients away from it: it inherits only if no other node can, and what it owns is
 * taken from it by NodeDown, as in a planned leave. It then says that it is up again, and owns
 * nothing. It still votes, relays and may lead.
 *
 * None of this is in the replicated state: a new leader that knows nothing yet may choose wrongly
 * until its links are up, and then has to move the sessions again. */
#include "cluster/core/fitness.h"

#include "cluster/core/rooms.h"
#include "cluster/core/routes.h"
#include "proto/mutant.h"

#include <assert.h>

bool fitness_ready(const struct core *c, uint32_t node)
{
	assert(node < c->config->n_nodes);
	if (node == c->config->self)
		return !c->unfit;
	if (MUTANT(MUTANT_SUCCESSOR_UNFIT))
		return !c->known[node].differs;
	return !c->known[node].differs && !c->known[node].unfit && routes_reach(c, node);
}

bool fitness_lacks(const struct core *c)
{
	bool unfit = c->unfit;

	for (uint32_t i = 0; i < c->config->n_nodes; i++)
		unfit |= c->known[i].unfit;
	return unfit;
}

static void tell(struct core *c, uint32_t node)
{
	core_send(c, node, &(struct frame){ .type = FRAME_FITNESS,
					    .fitness.fit = !c->unfit });
}

void fitness_greet(struct core *c, uint32_t node)
{
	assert(node < c->config->n_nodes);
	if (c->unfit)
		tell(c, node);
}

void fitness_set(struct core *c, bool fit)
{
	if (c->unfit == !fit)
		return;
	c->unfit = !fit;
	for (uint32_t i = 0; i < c->config->n_nodes; i++)
		if (i != c->config->self)
			tell(c, i);
}

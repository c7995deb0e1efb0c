/* SPDX-License-Identifier: Apache-2.0 */
/* A host that does not let its node serve: no outer interface, say, or no address on it.
 * The edge looks (EVENT_FITNESS); the node tells the others (FRAME_FITNESS, also on each
 * new link) and the leader keeps clients away from it: it inherits only if nobody else can,
 * and what it owns is taken from it the way of a planned leave, by NodeDown. It says that it
 * is up again, and owns nothing. It votes, relays and may lead all the same.
 *
 * Nothing of it is in the replicated state: a leader that knows nothing yet chooses wrongly
 * for as long as a link takes to come up, and then once more. */
#include "cluster/core/fitness.h"

#include "cluster/core/rooms.h"
#include "proto/mutant.h"

bool fitness_ready(const struct core *c, uint32_t node)
{
	if (node == c->config->self)
		return !c->unfit;
	if (MUTANT(MUTANT_SUCCESSOR_UNFIT))
		return !c->peer[node].differs;
	return !c->peer[node].differs && !c->peer[node].unfit;
}

bool fitness_lacks(const struct core *c)
{
	bool unfit = c->unfit;

	for (uint32_t i = 0; i < c->config->n_nodes; i++)
		unfit |= c->peer[i].unfit;
	return unfit;
}

static void tell(struct core *c, uint32_t node)
{
	core_send(c, node, &(struct frame){ .type = FRAME_FITNESS,
					    .fitness.fit = !c->unfit });
}

void fitness_greet(struct core *c, uint32_t node)
{
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

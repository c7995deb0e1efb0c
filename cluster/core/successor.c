/* SPDX-License-Identifier: Apache-2.0 */
/* Who could take over what a node owns (DESIGN section 6). */
#include "cluster/core/successor.h"

#include "cluster/core/rooms.h"
#include "cluster/core/fitness.h"

bool successor_can_own(const struct core *c, uint32_t i)
{
	const struct known_node *p = &c->known[i];
	const struct node_record *n;

	if (i == c->config->self)
		return !c->leaving;
	n = state_node(c->state, p->raft_id);
	return p->greeted && !p->refused && !p->suspect && n && n->up &&
	       n->incarnation == p->incarnation;
}

/* The first of the others that can own, and is (or is not) ready. */
static uint64_t another(const struct core *c, uint64_t lost, bool ready)
{
	for (uint32_t i = 0; i < c->config->n_nodes; i++)
		if (i != c->config->self && c->known[i].raft_id != lost && successor_can_own(c, i) &&
		    fitness_ready(c, i) == ready)
			return c->known[i].raft_id;
	return 0;
}

/* An unready node becomes a successor only if no other can. */
uint64_t successor_of(const struct core *c, uint64_t lost)
{
	bool we_can = c->raft_id != lost && successor_can_own(c, c->config->self);
	uint64_t successor = another(c, lost, true);

	if (successor == 0 && we_can && fitness_ready(c, c->config->self))
		successor = c->raft_id;
	if (successor == 0)
		successor = another(c, lost, false);
	return successor == 0 && we_can ? c->raft_id : successor;
}

/* Behind a load balancer sessions are spread: no successor means rendezvous over all nodes that are
 * up. The state does not know which are unfit; if one is, there is a single successor. */
uint64_t successor_of_slots(const struct core *c, uint64_t lost)
{
	return c->config->mode == SERVICE_LB && !fitness_lacks(c) ? 0 : successor_of(c, lost);
}

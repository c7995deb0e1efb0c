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

#include "cluster/core/core_internal.h"
#include "cluster/core/membership.h"
#include "cluster/core/proposals.h"
#include "proto/mutant.h"

#include <stdlib.h>

#define RELIEVE_AGAIN_US (100 * MS)

struct fitness {
	uint64_t relieved_us[CLUSTER_NODES_MAX]; /* Of what it owns; not (again) before. */
};

bool fitness_ready(const struct core *c, uint32_t node)
{
	if (node == c->config->self)
		return !c->unfit;
	return !c->peer[node].differs && (!c->peer[node].unfit || MUTANT(MUTANT_HEIR_UNFIT));
}

bool fitness_lacks(const struct core *c)
{
	bool unfit = c->unfit;

	for (uint32_t i = 0; i < c->config->n_nodes; i++)
		unfit |= c->peer[i].unfit;
	return unfit;
}

/* Does that process own anything? Of an earlier one it is NodeUp that comes first. */
static bool owns(const struct core *c, uint64_t id, uint64_t incarnation)
{
	const struct node_record *n = state_node(c->state, id);

	return n && n->up && n->incarnation == incarnation &&
	       (state_holder(c->state, NULL) == n->id || state_sessions_owned(c->state, n->id) > 0);
}

static void relieve(struct core *c, uint32_t i, uint64_t id, uint64_t incarnation)
{
	struct command down = { .type = COMMAND_NODE_DOWN };
	uint64_t heir;

	if (c->now_us < c->fitness->relieved_us[i] || !owns(c, id, incarnation))
		return;
	heir = membership_heir(c, id);
	if (heir == 0 || !fitness_ready(c, core_node_index(c, heir)))
		return; /* Where nobody is fit everything stays where it is. */
	c->fitness->relieved_us[i] = c->now_us + RELIEVE_AGAIN_US;
	down.node_down = (struct node_down){ id, incarnation, heir, membership_slots_hash(c) };
	action_event(c->actions, "relieved", "%s cannot serve: %s takes over", c->config->node[i],
		     core_node_name(c, heir));
	proposals_add(c, URGENT_NODE, &down);
}

/* Ourselves too: a leader that is to hold as well, or that owns its share behind a load
 * balancer, gives leadership to nobody. */
void fitness_relieve(struct core *c)
{
	for (uint32_t i = 0; i < c->config->n_nodes; i++) {
		const struct peer *p = &c->peer[i];

		if (i == c->config->self) {
			if (c->unfit && !MUTANT(MUTANT_LEADER_UNFIT))
				relieve(c, i, c->raft_id, c->incarnation);
		} else if (p->unfit && p->greeted && !p->refused) {
			relieve(c, i, p->raft_id, p->incarnation);
		}
	}
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

void fitness_init(struct core *c)
{
	c->fitness = core_room(sizeof(*c->fitness));
}

void fitness_fini(struct core *c)
{
	free(c->fitness);
}

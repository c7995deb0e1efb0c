/* SPDX-License-Identifier: Apache-2.0 */
/* The leader takes from unfit nodes what they own, by NodeDown, as in a planned leave. They then
 * say that they are up again, and own nothing (fitness.c). */
#include "cluster/core/relief.h"

#include "cluster/core/rooms.h"
#include "cluster/core/fitness.h"
#include "cluster/core/successor.h"
#include "cluster/core/proposals.h"
#include "proto/mutant.h"

#include <stdlib.h>

#define RELIEVE_AGAIN_US (100 * MS)

struct relief {
	uint64_t again_us[CLUSTER_NODES_MAX]; /* For that node; not (again) before. */
};

/* Does that process own anything? If the state shows an earlier one, NodeUp comes first. */
static bool owns(const struct core *c, uint64_t id, uint64_t incarnation)
{
	const struct node_record *n = state_node(c->state, id);

	return n && n->up && n->incarnation == incarnation &&
	       (state_holder(c->state, NULL) == n->id || state_sessions_owned(c->state, n->id) > 0);
}

static void relieve(struct core *c, uint32_t i, uint64_t id, uint64_t incarnation)
{
	struct command down = { .type = COMMAND_NODE_DOWN };
	uint64_t successor;

	if (c->now_us < c->relief->again_us[i] || !owns(c, id, incarnation))
		return;
	successor = successor_of(c, id);
	if (successor == 0 || !fitness_ready(c, core_node_index(c, successor)))
		return; /* Where nobody is fit everything stays where it is. */
	c->relief->again_us[i] = c->now_us + RELIEVE_AGAIN_US;
	down.node_down = (struct node_down){ id, incarnation, successor, core_successors_hash(c) };
	action_event(c->actions, "relieved", "%s cannot serve: %s takes over", c->config->node[i],
		     core_node_name(c, successor));
	proposals_add(c, URGENT_NODE, &down);
}

/* Ourselves too: a leader that must also hold, or that owns its share behind a load balancer, does
 * not give leadership away. */
void relief_tick(struct core *c)
{
	for (uint32_t i = 0; i < c->config->n_nodes; i++) {
		const struct known_node *p = &c->known[i];

		if (i == c->config->self) {
			if (MUTANT(MUTANT_LEADER_UNFIT))
				continue;
			if (c->unfit)
				relieve(c, i, c->raft_id, c->incarnation);
		} else if (p->unfit && p->greeted && !p->refused) {
			relieve(c, i, p->raft_id, p->incarnation);
		}
	}
}

void relief_init(struct core *c)
{
	c->relief = core_room(sizeof(*c->relief));
}

void relief_fini(struct core *c)
{
	free(c->relief);
}

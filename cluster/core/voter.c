/* SPDX-License-Identifier: Apache-2.0 */
/* What this node may say as one of a majority.
 *
 * A voter acknowledges only marks of the epoch that its applied state shows, from the owner that it
 * shows; and none at all before that state shows its own incarnation as up: until then it may lag
 * behind what the process before it had applied, and would acknowledge what that one no longer did.
 * The count is by node, not by process. collect.c makes up for what an ended process held: it does
 * not count the next process of that node until an owner that knows everything has informed it. */
#include "cluster/core/voter.h"

#include "cluster/core/rooms.h"
#include "cluster/state/horizon.h"
#include "proto/mutant.h"

#include <assert.h>

uint32_t voter_majority(const struct core *c)
{
	uint32_t known = 0, n = c->config->n_nodes;

	/* A node more that the configuration here does not have yet counts too. */
	for (uint32_t i = 0; i < STATE_NODES_MAX; i++)
		known += state_node_at(c->state, i) != NULL;
	return (known > n ? known : n) / 2 + 1;
}

bool voter_may_vote(const struct core *c)
{
	const struct node_record *n = state_node(c->state, c->raft_id);

	return n && n->up && n->incarnation == c->incarnation;
}

bool voter_acknowledges(const struct core *c, uint32_t node, uint64_t incarnation,
			 const struct frame_mark *row)
{
	assert(node < c->config->n_nodes);
	unsigned i;
	const struct session *s = state_session_by_spi(c->state, row->spi_in, &i);
	const struct slot *slot = s ? session_slot(c->state, s) : NULL;

	if (!slot || !horizon_exact(&s->seq[i]) || incarnation == 0 || !voter_may_vote(c))
		return false;
	if (MUTANT(MUTANT_ACK_UNFENCED))
		return true;
	return row->epoch == session_epoch(c->state, s) && slot->node == c->known[node].raft_id &&
	       slot->incarnation == incarnation;
}

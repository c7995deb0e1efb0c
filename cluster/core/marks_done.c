/* SPDX-License-Identifier: Apache-2.0 */
/* FRAME_MARKS_DONE: this node has sent all marks that it knows and the log does not have, and says
 * what it has forgotten (collect.c). It is sent unasked at NodeDown, and on request. */
#include "cluster/core/marks_done.h"

#include "cluster/core/collect.h"
#include "cluster/core/rooms.h"
#include "cluster/core/sequence.h"
#include "cluster/core/voter.h"

#include <assert.h>
#include <stdlib.h>

struct marks_done {
	uint64_t asked[CLUSTER_NODES_MAX]; /* Index that the answer waits for; NEVER. */
};

static void tell(struct core *c, uint32_t node)
{
	struct frame_run run[STATE_SLOTS_ALL];
	bool may = voter_may_vote(c);
	size_t n = 0;

	sequence_tell(c, node, false);
	for (uint32_t i = 0; i < STATE_SLOTS_ALL; i++) {
		const struct slot *slot = state_slot(c->state, i);
		uint8_t known = may ? collect_known(c, i) : 0;
		struct frame_run *last = n ? &run[n - 1] : NULL;

		if (!collect_concerns(c, slot, node))
			continue;
		if (last && last->first + last->count == (int)i && last->known == known &&
		    last->epoch == slot->epoch)
			last->count++;
		else
			run[n++] = (struct frame_run){ (uint16_t)i, 1, known, slot->epoch };
	}
	action_send_frame(c->actions, node, frame_create_done(core_applied(c), run, n));
}

void marks_done_down(struct core *c, const struct node_down *down)
{
	for (uint32_t i = 0; i < c->config->n_nodes; i++)
		if (i != c->config->self && core_node_linked(c, i) &&
		    (!down->successor || c->known[i].raft_id == down->successor))
			tell(c, i);
}

void marks_done_asked(struct core *c, uint32_t node, uint64_t index)
{
	assert(node < c->config->n_nodes);
	c->marks_done->asked[node] = index;
}

void marks_done_tick(struct core *c)
{
	for (uint32_t i = 0; i < c->config->n_nodes; i++) {
		uint64_t *index = &c->marks_done->asked[i];

		if (*index == NEVER || core_applied(c) < *index)
			continue;
		if (core_node_linked(c, i))
			tell(c, i);
		*index = NEVER;
	}
}

void marks_done_init(struct core *c)
{
	c->marks_done = core_room(sizeof(*c->marks_done));
	for (uint32_t i = 0; i < CLUSTER_NODES_MAX; i++)
		c->marks_done->asked[i] = NEVER;
}

void marks_done_fini(struct core *c)
{
	free(c->marks_done);
}

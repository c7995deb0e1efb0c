/* SPDX-License-Identifier: Apache-2.0 */
/* Leadership handed on, and a node that ends. The leader prefers not to hold the service addresses;
 * a leader whose wall clock is wrong gives leadership to another node. A node that leaves first
 * gives leadership away, then proposes its own NodeDown, and ends when that is applied, or after
 * SHUTDOWN_US. */
#include "cluster/core/departure.h"

#include "cluster/core/rooms.h"
#include "cluster/core/successor.h"
#include "cluster/core/proposals.h"
#include "cluster/core/wall_clock.h"
#include "proto/mutant.h"

#include <stdlib.h>

#define NODE_DOWN_AGAIN_US (200 * MS)
#define TRANSFER_REFUSED_US (200 * MS)
#define TRANSFER_AGAIN_US (1000 * MS)
#define TRANSFER_LEAVING_US (300 * MS) /* libraft gives one up after an election timeout. */
#define TRANSFER_BEHIND 64u            /* Entries. */
#define SHUTDOWN_US (2000 * MS)

struct departure {
	uint64_t transfer_at_us;
	uint64_t down_at_us;  /* Propose our own NodeDown again. */
	uint64_t until_us;
};

/* A node that could lead at once: a voter that is up and close behind, because nothing enters the
 * log until it has caught up. Preferably not the holder. 0: none. */
static uint64_t successor(const struct core *c)
{
	uint64_t last = consensus_last_index(c->consensus), holder = state_holder(c->state, NULL);
	struct consensus_member member[CLUSTER_NODES_MAX];
	size_t n = consensus_members(c->consensus, member, CLUSTER_NODES_MAX);
	bool want_holder = c->config->leader_holds && !c->leaving &&
			   !wall_clock_is_wrong(c, c->config->self);
	uint64_t best = 0;

	for (size_t i = 0; i < n; i++) {
		uint32_t node = core_node_index(c, member[i].id);

		if (!member[i].voter || node == NODE_NONE || node == c->config->self ||
		    !successor_can_own(c, node) ||
		    consensus_match_index(c->consensus, member[i].id) + TRANSFER_BEHIND < last)
			continue;
		if ((c->known[node].differs || wall_clock_is_wrong(c, node)) && !c->leaving)
			continue;
		if (want_holder ? member[i].id == holder : best == 0 || best == holder)
			best = member[i].id;
	}
	return best;
}

void departure_transfer(struct core *c)
{
	struct departure *d = c->departure;
	bool holds = state_holder(c->state, NULL) == c->raft_id;
	bool misplaced = c->config->mode == SERVICE_VIP && holds != c->config->leader_holds;
	bool wrong = wall_clock_is_wrong(c, c->config->self);
	uint64_t to;

	if (MUTANT(MUTANT_CLOCK_WRONG_LEADS))
		wrong = false;
	if (c->now_us < d->transfer_at_us || !(misplaced || wrong || c->leaving))
		return;
	to = successor(c);
	if (!to)
		return; /* Looked for again with the next tick. */
	/* Proposals of this step so far would no longer be accepted. */
	proposals_flush(c);
	d->transfer_at_us = c->now_us + (c->leaving ? TRANSFER_LEAVING_US : TRANSFER_AGAIN_US);
	if (consensus_transfer(c->consensus, core_now_ms(c), to) != OK)
		d->transfer_at_us = c->now_us + TRANSFER_REFUSED_US;
}

void departure_applied(struct core *c)
{
	c->departure->transfer_at_us = 0;
}

void departure_begin(struct core *c)
{
	c->leaving = true;
	c->departure->until_us = c->now_us + SHUTDOWN_US;
	c->departure->down_at_us = 0;
	action_event(c->actions, "leaving", "handing over");
	core_broadcast(c, &(struct frame){ .type = FRAME_LEAVING });
}

void departure_tick(struct core *c)
{
	struct departure *d = c->departure;
	struct command down = { .type = COMMAND_NODE_DOWN };
	bool leads = c->consensus && consensus_role(c->consensus) == CONSENSUS_LEADER;
	bool up = core_is_up(c, c->raft_id, c->incarnation);

	if (c->config->n_nodes == 1 || !c->consensus || (!leads && !up) ||
	    c->now_us >= d->until_us) {
		action_exit(c->actions, 0, "left");
		c->stopped = true;
		return;
	}
	if (leads || c->now_us < d->down_at_us)
		return; /* departure_transfer() gives leadership away first. */
	d->down_at_us = c->now_us + NODE_DOWN_AGAIN_US;
	down.node_down = (struct node_down){ c->raft_id, c->incarnation, 0, 0 };
	proposals_add(c, URGENT_NODE, &down);
}

void departure_role(struct core *c)
{
	c->departure->down_at_us = 0;
}

void departure_init(struct core *c)
{
	c->departure = core_room(sizeof(*c->departure));
}

void departure_fini(struct core *c)
{
	free(c->departure);
}

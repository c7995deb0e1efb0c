/* SPDX-License-Identifier: Apache-2.0 */
/* Who holds the service addresses (DESIGN section 6). The leader gives them to a node that is up,
 * and if possible to one that does not lead: then no single loss needs both an election and a
 * takeover. */
#include "cluster/core/holder.h"

#include "cluster/core/rooms.h"
#include "cluster/core/successor.h"
#include "cluster/core/proposals.h"
#include "proto/mutant.h"

#include <stdlib.h>

#define HOLD_AGAIN_US (200 * MS)
#define HOLD_PATIENCE_US (300 * MS)

struct holder {
	uint64_t proposed_us;
	bool holding; /* ACTION_HOLD(true) stands. */
};

bool holder_holds(const struct core *c)
{
	return c->holder->holding;
}

static void propose(struct core *c, const struct node_record *n)
{
	struct command hold = { .type = COMMAND_ADDRESS_HOLD };

	hold.address_hold.node = n->id;
	hold.address_hold.incarnation = n->incarnation;
	hold.address_hold.slots = true;
	proposals_add(c, URGENT_NODE, &hold);
}

void holder_assign(struct core *c)
{
	struct holder *h = c->holder;
	uint64_t incarnation, holder = state_holder(c->state, &incarnation);
	const struct node_record *n;

	if (c->now_us < h->proposed_us || core_is_up(c, holder, incarnation))
		return;
	n = state_node(c->state, successor_of(c, 0));
	if (!n || !n->up)
		return;
	/* The others are still coming up: better one of them. */
	if (n->id == c->raft_id && c->config->n_nodes > 1 &&
	    c->now_us < c->led_since_us + HOLD_PATIENCE_US)
		return;
	h->proposed_us = c->now_us + HOLD_AGAIN_US;
	propose(c, n);
}

void holder_applied(struct core *c)
{
	struct holder *h = c->holder;
	uint64_t incarnation, holder = state_holder(c->state, &incarnation);
	bool hold = holder == c->raft_id && incarnation == c->incarnation &&
		    core_is_up(c, holder, incarnation);
	bool silent = c->isolated;

	if (MUTANT(MUTANT_HOLD_ISOLATED))
		silent = false;
	hold &= !silent;
	h->proposed_us = 0;
	if (hold == h->holding)
		return;
	h->holding = hold;
	action_hold(c->actions, hold);
	action_event(c->actions, hold ? "address_hold" : "address_release", "%s %s the service addresses",
		     c->config->node[c->config->self], hold ? "takes" : "releases");
}

void holder_init(struct core *c)
{
	c->holder = core_room(sizeof(*c->holder));
}

void holder_fini(struct core *c)
{
	free(c->holder);
}

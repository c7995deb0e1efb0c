/* SPDX-License-Identifier: Apache-2.0 */
/* Which other node owns a slot, told to the packet workers in runs of slots. The cost does not
 * depend on how many sessions are in them. */
#include "cluster/core/slots_told.h"

#include "cluster/core/rooms.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(STATE_SLOTS_ALL <= SAD_SLOTS_MAX, "the packet workers know all slots");
_Static_assert(CLUSTER_NODES_MAX < SAD_OWNER_NONE, "a node fits into an octet");

struct slots_told {
	uint8_t owner[STATE_SLOTS_ALL]; /* Index in the configuration; SAD_OWNER_NONE. */
};

/* Our own slots are granted or nobody's: the process before this one forwards nothing to itself. */
static uint8_t owner_of(const struct core *c, uint32_t slot)
{
	uint32_t node = core_node_index(c, state_slot(c->state, slot)->node);

	return node == NODE_NONE || node == c->config->self ? SAD_OWNER_NONE : (uint8_t)node;
}

static void tell(struct core *c, uint32_t first, uint32_t end, uint8_t owner)
{
	struct sa_update u = { .kind = SA_UPDATE_OWNER, .slot = (uint16_t)first,
			       .n_slots = (uint16_t)(end - first), .owner = owner };

	memset(&c->slots_told->owner[first], owner, end - first);
	action_sa(c->actions, &u);
}

void slots_told_look(struct core *c)
{
	const uint8_t *told = c->slots_told->owner;

	for (uint32_t i = 0, end; i < STATE_SLOTS_ALL; i = end) {
		uint8_t owner = owner_of(c, i);

		end = i + 1;
		if (owner == told[i])
			continue;
		while (end < STATE_SLOTS_ALL && owner_of(c, end) == owner)
			end++;
		tell(c, i, end, owner);
	}
}

void slots_told_init(struct core *c)
{
	c->slots_told = core_room(sizeof(*c->slots_told));
	memset(c->slots_told->owner, SAD_OWNER_NONE, sizeof(c->slots_told->owner));
}

void slots_told_fini(struct core *c)
{
	free(c->slots_told);
}

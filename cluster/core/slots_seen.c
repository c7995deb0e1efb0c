/* SPDX-License-Identifier: Apache-2.0 */
/* The slots that were ours when grants.c last looked: what has changed, and what we had before. */
#include "cluster/core/slots_seen.h"

#include "cluster/core/rooms.h"

#include <assert.h>
#include <stdlib.h>

struct slots_seen {
	struct slot_seen {
		int64_t epoch;
		bool ours;
	} slot[STATE_SLOTS_ALL];
};

/* Does this slot now give us, or take from us, what we did not know yet? */
bool slots_seen_changed(struct core *c, uint32_t i)
{
	const struct slot *slot = state_slot(c->state, i);
	struct slot_seen *seen = &c->slots_seen->slot[i];
	struct slot_seen now = { slot->epoch,
				 slot->node == c->raft_id && slot->incarnation == c->incarnation };
	bool changed = (now.ours || seen->ours) &&
		    (now.ours != seen->ours || now.epoch != seen->epoch);

	*seen = now;
	return changed;
}

bool slots_seen_had(const struct core *c, uint32_t slot, int64_t epoch)
{
	const struct slot_seen *seen = &c->slots_seen->slot[slot];

	assert(slot < STATE_SLOTS_ALL);
	return seen->ours && seen->epoch == epoch;
}

void slots_seen_init(struct core *c)
{
	c->slots_seen = core_room(sizeof(*c->slots_seen));
}

void slots_seen_fini(struct core *c)
{
	free(c->slots_seen);
}

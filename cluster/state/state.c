/* SPDX-License-Identifier: Apache-2.0 */
/* The replicated state: reading it. */
#include "cluster/state/state_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct node_record *state_find_node(struct state *s, uint64_t id)
{
	for (uint32_t i = 0; id != 0 && i < STATE_NODES_MAX; i++)
		if (s->node[i].id == id)
			return &s->node[i];
	return NULL;
}

const struct node_record *state_node_up(const struct state *s, uint64_t id, uint64_t incarnation)
{
	const struct node_record *n = state_node(s, id);

	return n && n->up && (incarnation == 0 || n->incarnation == incarnation) ? n : NULL;
}

uint32_t state_node_index(const struct state *s, const struct node_record *n)
{
	assert(n >= s->node && n < s->node + STATE_NODES_MAX);
	return (uint32_t)(n - s->node);
}

uint64_t state_time_ms(const struct state *s)
{
	return s->time_ms;
}

uint8_t state_level(const struct state *s)
{
	return s->level;
}

const struct node_record *state_node(const struct state *s, uint64_t id)
{
	return state_find_node((struct state *)s, id);
}

const struct node_record *state_node_at(const struct state *s, uint32_t place)
{
	return place < STATE_NODES_MAX && s->node[place].id != 0 ? &s->node[place] : NULL;
}

const struct slot *state_slot(const struct state *s, uint32_t slot)
{
	assert(slot < STATE_SLOTS_ALL);
	return &s->slot[slot];
}

uint64_t state_holder(const struct state *s, uint64_t *incarnation)
{
	if (incarnation)
		*incarnation = s->holder_incarnation;
	return s->holder;
}

struct volume session_volume(const struct session *session)
{
	struct volume sum = session->gone;

	for (unsigned i = 0; i < session->ike.n_child; i++)
		volume_add(&sum, &session->seq[i].volume);
	return sum;
}

bool session_ends(const struct session *session)
{
	return (session->ike.features & IKE_ENDS) != 0;
}

int64_t session_epoch(const struct state *s, const struct session *session)
{
	assert(session->slot < STATE_SLOTS_ALL);
	return session->epoch_base + s->slot[session->slot].epoch;
}

/* The slot's previous owner was the session's only if the session changed hands in the slot: it may
 * have come there by OwnerMove since. */
bool session_owner_in(const struct state *s, const struct session *session, int64_t epoch,
		      uint64_t *node, uint64_t *incarnation)
{
	const struct slot *slot = session_slot(s, session);
	int64_t current = session_epoch(s, session);

	if (epoch == current) {
		*node = slot->node;
		*incarnation = slot->incarnation;
	} else if (epoch == session->moved.epoch - 1) {
		*node = session->moved.node;
		*incarnation = session->moved.incarnation;
	} else if (epoch == current - 1) {
		*node = slot->previous_node;
		*incarnation = slot->previous_incarnation;
	} else {
		return false;
	}
	return *node != 0;
}

const struct slot *session_slot(const struct state *s, const struct session *session)
{
	assert(session->slot < STATE_SLOTS_ALL);
	return &s->slot[session->slot];
}

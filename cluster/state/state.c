/* SPDX-License-Identifier: Apache-2.0 */
/* The replicated state machine: apply() and what can be read.
 *
 * Each command is checked whole before anything is changed, so a refused one has
 * changed nothing; and all that it reads is the command and the state, so nodes that
 * applied the same log are equal, whatever way they came (entries or a snapshot). */
#include "cluster/state/state_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct state *state_new(void)
{
	struct state *s = calloc(1, sizeof(*s));

	assert(s);
	s->hints = calloc(1, sizeof(*s->hints));
	assert(s->hints);
	return s;
}

void state_free(struct state *s)
{
	if (!s)
		return;
	state_cut_drop(s);
	sessions_fini(s);
	tombstones_fini(s);
	revoked_fini(s);
	pool_fini(s);
	free(s->hints);
	free(s);
}

/* ---- Cluster time ---- */

static void apply_cluster_time(struct state *s, const struct cluster_time *c)
{
	if (__builtin_add_overflow(s->time_ms, c->delta_ms, &s->time_ms))
		s->time_ms = UINT64_MAX;
	for (uint32_t i = 0; i < c->n; i++) {
		struct node_record *n = state_find_node(s, c->stored[i].id);

		/* What a node once had is what it must have: it only rises. */
		if (n && n->stored_index < c->stored[i].stored_index)
			n->stored_index = c->stored[i].stored_index;
	}
	tombstones_sweep(s);
	freed_sweep(s);
}

/* ---- Apply ---- */

void state_apply(struct state *s, const struct command *c, struct apply_result *r)
{
	memset(r, 0, sizeof(*r));
	switch (c->type) {
	case COMMAND_SESSION_PUT:
		apply_session_put(s, &c->session_put, r);
		return;
	case COMMAND_SESSION_STEP:
		apply_session_step(s, &c->session_step, r);
		return;
	case COMMAND_SESSION_DEL:
		apply_session_del(s, &c->session_del, r);
		return;
	case COMMAND_SEQ_BATCH:
		apply_seq_batch(s, &c->seq_batch, r);
		return;
	case COMMAND_NODE_UP:
		apply_node_up(s, &c->node_up, r);
		return;
	case COMMAND_NODE_DOWN:
		apply_node_down(s, &c->node_down, r);
		return;
	case COMMAND_OWNER_MOVE:
		apply_owner_move(s, &c->owner_move, r);
		return;
	case COMMAND_ADDRESS_HOLD:
		apply_address_hold(s, &c->address_hold, r);
		return;
	case COMMAND_CLUSTER_TIME:
		apply_cluster_time(s, &c->cluster_time);
		return;
	case COMMAND_NODE_GONE:
		apply_node_gone(s, &c->node_gone, r);
		return;
	case COMMAND_SESSIONS_END:
		apply_sessions_end(s, &c->sessions_end, r);
		return;
	case COMMAND_IDENTITY:
		apply_identity(s, &c->identity, r);
		return;
	}
	assert(0 && "command_decode() gives only commands that it knows");
}

/* ---- Nodes and slots ---- */

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

uint32_t state_node_place(const struct state *s, const struct node_record *n)
{
	assert(n >= s->node && n < s->node + STATE_NODES_MAX);
	return (uint32_t)(n - s->node);
}

uint64_t state_time_ms(const struct state *s)
{
	return s->time_ms;
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

int64_t session_epoch(const struct state *s, const struct session *session)
{
	return session->epoch_base + s->slot[session->slot].epoch;
}

/* The slot's previous owner is the session's only if it changed hands in the slot: it may have
 * come there by OwnerMove since. */
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
	return &s->slot[session->slot];
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The replicated state machine: its beginning, its end, and apply().
 *
 * A command is checked completely before anything is changed, so a refused one has changed nothing.
 * apply() reads only the command and the state, so nodes that applied the same log are equal,
 * whichever way they got there (entries or a snapshot). */
#include "cluster/level.h"
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
	s->level = LEVEL_FIRST;
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
	accounting_fini(s);
	coa_fini(s);
	free(s->hints);
	free(s);
}

/* ---- Cluster time ---- */

/* The leader says what all members can read; a node may have come back since with less. */
static void level_raise(struct state *s, uint8_t level)
{
	for (uint32_t i = 0; i < STATE_NODES_MAX; i++)
		if (s->node[i].id != 0 && s->node[i].level < level)
			level = s->node[i].level;
	if (level > s->level)
		s->level = level;
}

static void apply_cluster_time(struct state *s, const struct cluster_time *c)
{
	level_raise(s, c->level);
	s->unix_s = c->unix_s;
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
	coa_sweep(s);
}

/* ---- Apply ---- */

static void apply(struct state *s, const struct command *c, struct apply_result *r)
{
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
	case COMMAND_ACCOUNTING:
		apply_accounting(s, &c->accounting, r);
		return;
	case COMMAND_COA:
		apply_coa(s, &c->coa, r);
		return;
	}
	assert(0 && "command_decode() gives only commands that it knows");
}

void state_apply(struct state *s, const struct command *c, struct apply_result *r)
{
	uint64_t time_ms = s->time_ms, last_session = s->last_session;
	uint8_t level = s->level;

	memset(r, 0, sizeof(*r));
	apply(s, c, r);
	/* These never fall. */
	assert(s->time_ms >= time_ms && s->level >= level && s->last_session >= last_session);
	/* What was refused has changed nothing. */
	assert(r->status == OK || (!r->slots_changed && !r->holder_changed && !r->session_deleted &&
				   r->n_superseded == 0 && r->n_passed == 0));
	assert(r->n_superseded <= COMMAND_SUPERSEDES_MAX && r->n_passed <= COMMAND_SUPERSEDES_MAX + 1);
	assert(s->n_child <= s->n_places && s->shared.places <= s->n_places && s->n_exact <= s->n_child);
	assert((s->holder == 0) == (s->holder_incarnation == 0));
}

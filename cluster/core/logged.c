/* SPDX-License-Identifier: Apache-2.0 */
/* The time up to which every accepted packet has its mark in the log. Each update of the store
 * records it, so that a process that starts cold knows how far back forgotten packets may lie.
 *
 *   the term before    nobody leads    a term            power is lost
 *   -----------------|               |---------|---------|
 *            A - commit                        sure      now
 *
 * Marks are in the log within mark_commit_ms if there is a leader all that time and the owners can
 * reach it. So everything accepted up to mark_commit_ms before a moment is in the log if, at that
 * moment, one leader had led and the same owners had owned for that long: a new owner first has to
 * commit what it alone heard of its predecessor. Until then we keep the time of the earlier terms
 * and owners.
 *
 * The moment must be one at which a leader could commit. A leader that is cut off goes on writing
 * until it finds out, within two of Raft's election time-outs. So an entry proves a leader if it is
 * committed, or that old, or came from another node that is a majority with us. About an owner that
 * we no longer hear we know nothing. */
#include "cluster/core/logged.h"

#include "cluster/core/heard.h"
#include "cluster/core/rooms.h"
#include "proto/mutant.h"

#include <stdlib.h>

struct logged {
	int64_t until_us;       /* What was accepted until then is in the log; may be before our start. */
	uint64_t term;          /* The last entry's. */
	uint64_t began_us;      /* This term, and these owners, began then at the latest. */
	uint64_t index, index_us; /* An entry that came then; 0: none that may still prove something. */
	struct {
		uint64_t node, incarnation;
	} owner[STATE_NODES_MAX]; /* Owners of sessions, without us. */
	uint32_t n_owners;
	uint64_t looked_us;     /* When they were looked up. */
};

static int64_t commit_us(const struct core *c)
{
	return (int64_t)(c->config->timing.mark_commit_ms * MS);
}

/* ---- Owners ---- */

static void add_owner(struct core *c, const struct slot *slot)
{
	struct logged *g = c->logged;

	if (slot->node == 0 || (slot->node == c->raft_id && slot->incarnation == c->incarnation))
		return;
	for (uint32_t i = 0; i < g->n_owners; i++)
		if (g->owner[i].node == slot->node && g->owner[i].incarnation == slot->incarnation)
			return;
	if (g->n_owners == STATE_NODES_MAX)
		return;
	g->owner[g->n_owners].node = slot->node;
	g->owner[g->n_owners++].incarnation = slot->incarnation;
}

static void look_owners(struct core *c)
{
	c->logged->looked_us = c->now_us;
	c->logged->n_owners = 0;
	for (uint32_t i = 0; i < STATE_SLOTS_ALL; i++)
		if (state_slot_sessions(c->state, i) > 0)
			add_owner(c, state_slot(c->state, i));
}

void logged_slots(struct core *c, bool changed)
{
	if (!changed)
		return;
	c->logged->began_us = c->now_us;
	look_owners(c);
}

/* The time up to which every owner was heard: until then all could reach the others. */
static uint64_t owners_us(const struct core *c, uint64_t us)
{
	const struct logged *g = c->logged;

	for (uint32_t i = 0; i < g->n_owners; i++) {
		uint32_t node = core_node_index(c, g->owner[i].node);
		const struct heard_marks *h =
			node == NODE_NONE ? NULL : heard_of(c, node, g->owner[i].incarnation);
		uint64_t left_us = h ? h->left_us : 0;

		if (left_us < us)
			us = left_us;
	}
	return us;
}

/* ---- Leaders ---- */

/* Somebody could commit at that time. */
static void led_at(struct core *c, uint64_t us)
{
	struct logged *g = c->logged;
	int64_t until;

	us = owners_us(c, us);
	until = (int64_t)us - commit_us(c);
	if (us >= g->began_us + (uint64_t)commit_us(c) && until > g->until_us)
		g->until_us = until;
}

/* We, and a leader that sends us something. */
static bool are_majority(const struct core *c)
{
	struct detector_quorum q;
	bool follow = consensus_role(c->consensus) == CONSENSUS_FOLLOWER;

	core_quorum(c, &q);
	return q.voter[c->config->self] == c->raft_id && q.n_voters <= (follow ? 3 : 1);
}

static void entries(struct core *c, const struct log_entry *last)
{
	uint64_t cut_off_us = 2 * c->config->timing.raft_election_ms * MS;
	struct logged *g = c->logged;

	if (c->now_us - g->looked_us >= (uint64_t)commit_us(c) / 4) /* Sessions were made since. */
		look_owners(c);
	if (last->term != g->term) {
		g->term = last->term;
		g->began_us = c->now_us;
		g->index = 0;
	}
	if (g->index && core_applied(c) >= g->index) {
		led_at(c, g->index_us);
		g->index = 0;
	}
	if (are_majority(c))
		led_at(c, c->now_us);
	else if (c->now_us > cut_off_us)
		led_at(c, c->now_us - cut_off_us);
	if (g->index == 0) {
		g->index = last->index;
		g->index_us = c->now_us;
	}
}

void logged_store(struct core *c, struct store_update *u)
{
	struct logged *g = c->logged;

	if (u->truncate_from && u->truncate_from <= g->index)
		g->index = 0;
	/* What a process that stood still reads may have come long before. */
	if (u->n_entries > 0 && c->consensus && c->now_us >= c->slept_until_us)
		entries(c, &u->entries[u->n_entries - 1]);
	u->unlogged_ms = (uint64_t)((int64_t)c->now_us - g->until_us + (int64_t)MS - 1) / MS;
	if (MUTANT(MUTANT_LOGGED_UNLED))
		u->unlogged_ms = c->config->timing.mark_commit_ms;
}

void logged_init(struct core *c)
{
	c->logged = core_room(sizeof(*c->logged));
	c->logged->until_us = (int64_t)c->started_us - (int64_t)c->unlogged_us;
	c->logged->began_us = c->started_us;
}

void logged_fini(struct core *c)
{
	free(c->logged);
}

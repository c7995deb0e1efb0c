/* SPDX-License-Identifier: Apache-2.0 */
/* What this process takes over from another one, or from the one that ran here before: whose marks
 * it waits for, and the *mark age*: how far back packets may lie that could be let in twice (DESIGN
 * sections 5 and 6).
 *
 *   last report left         it is ours         a late mark comes
 *        |------- age --------|
 *        |---------------- age, corrected ----------|
 *
 * Everything accepted before the last report is refused here. A process that the others have lost,
 * but that lives, goes on until it falls silent. When its late mark comes, what it accepted until
 * then is refused as well, and the age is corrected, because a packet may have come again
 * meanwhile. If we never heard a process, as after a loss of all power, only the log counts, and
 * our store says up to when all marks were in it (logged.c). What the lost process owed counts too
 * (owed.c). */
#include "cluster/core/takeover.h"

#include "cluster/core/rooms.h"
#include "cluster/core/heard.h"
#include "cluster/core/slots_seen.h"
#include "cluster/core/owed.h"
#include "cluster/state/horizon.h"
#include "proto/mutant.h"

#include <assert.h>
#include <string.h>
#include <stdlib.h>

struct takeover {
	uint64_t node, incarnation; /* The node whose slots came to us; Raft id. */
	uint64_t at_us, age_us;
	uint64_t late_us;           /* Its last late mark came so long after; 0: none. */
	uint32_t awaited;           /* Nodes whose marks we wait for: bits of config indices. */
	uint64_t index;             /* ... for the NodeDown there, ... */
	uint64_t until_us;          /* ... but not longer. */
	uint64_t heard_us;          /* It was last heard then; 0: a packet came since, or never. */
};

struct takeovers {
	struct takeover list[TAKEOVERS_KEPT]; /* The last one last. */
	unsigned n;
	uint64_t changes;        /* In it. */
	struct node_down orphan; /* The last that moved slots, perhaps to nobody. */
	bool resume;             /* One of them waits for nobody any more: deferred packets go on. */
	uint64_t deferred_expired;
	uint64_t last_gap_us;
	uint64_t done_index[CLUSTER_NODES_MAX]; /* FRAME_MARKS_DONE of each node, which may come before our apply. */
};

#define MARKS_WAIT_US (5 * MS)
#define OWNER_UNKNOWN_US (60000 * MS) /* So long takeovers are corrected by marks of anybody. */

static struct takeover *find(const struct core *c, uint64_t node, uint64_t incarnation)
{
	for (unsigned i = c->takeovers->n; i > 0; i--) {
		struct takeover *t = &c->takeovers->list[i - 1];

		if (t->node == node && t->incarnation == incarnation)
			return t;
	}
	return NULL;
}

/* The takeover by which a slot came to us. */
static struct takeover *of_slot(const struct core *c, const struct slot *slot)
{
	return find(c, slot->previous_node, slot->previous_incarnation);
}

/* ---- Whose marks are awaited ---- */

bool takeover_awaits(const struct core *c, const struct slot *slot)
{
	const struct takeover *t = of_slot(c, slot);

	return t && t->awaited != 0;
}

static void stop_waiting(struct core *c, struct takeover *t)
{
	if (t->awaited == 0)
		return;
	t->awaited = 0;
	c->takeovers->deferred_expired++;
	c->takeovers->resume = true;
}

/* All that are up, and also the lost one if it seems alive to us: it leaves in order, or only the
 * leader lost it. */
static uint32_t who_knows_marks(const struct core *c, uint64_t index)
{
	uint32_t who = 0;

	for (uint32_t i = 0; i < c->config->n_nodes; i++)
		if (i != c->config->self && core_node_linked(c, i) && !c->known[i].suspect &&
		    c->takeovers->done_index[i] < index)
			who |= 1u << i;
	return who;
}

static void wait_for_marks(struct core *c, struct takeover *t, uint64_t index)
{
	bool waited = t->awaited != 0; /* The same process was lost a moment ago, and came back. */

	t->awaited = who_knows_marks(c, index);
	t->index = index;
	t->until_us = c->now_us + MARKS_WAIT_US;
	c->takeovers->resume |= waited && t->awaited == 0;
}

/* May come before our own apply of that NodeDown. What a node said of an earlier one
 * says nothing of this one, even if the same node is lost in the same incarnation. */
void takeover_marks_done(struct core *c, uint32_t node, uint64_t index)
{
	struct takeovers *r = c->takeovers;

	assert(node < c->config->n_nodes);
	r->done_index[node] = index;
	for (unsigned i = 0; i < r->n; i++) {
		struct takeover *t = &r->list[i];

		if ((t->awaited & (1u << node)) == 0 || index < t->index)
			continue;
		t->awaited &= ~(1u << node);
		r->resume |= t->awaited == 0;
	}
}

void takeover_tick(struct core *c)
{
	for (unsigned i = 0; i < c->takeovers->n; i++)
		if (c->now_us >= c->takeovers->list[i].until_us)
			stop_waiting(c, &c->takeovers->list[i]);
}

uint64_t takeover_deadline_us(const struct core *c)
{
	uint64_t us = c->takeovers->resume ? c->now_us : NEVER;

	for (unsigned i = 0; i < c->takeovers->n; i++) {
		const struct takeover *t = &c->takeovers->list[i];

		if (t->awaited && t->until_us < us)
			us = t->until_us;
	}
	return us;
}

/* ---- Mark ages ---- */

/* How far back packets may lie that neither we nor the log know of: accepted by that process, or by
 * those before it whose age it still owes. */
static uint64_t age_of(const struct core *c, uint64_t node, uint64_t incarnation)
{
	int64_t since = heard_unheard_us(c, node, incarnation);

	if (state_all_exact(c->state)) /* Nothing can come twice, however little we have heard. */
		return 0;
	if (owed_ours_us(c) < since)
		since = owed_ours_us(c);
	return (uint64_t)((int64_t)c->now_us - since);
}

/* The oldest is forgotten; one of the same process is replaced, and waits on. */
static struct takeover *add(struct core *c, uint64_t node, uint64_t incarnation)
{
	struct takeovers *r = c->takeovers;
	struct takeover *old = find(c, node, incarnation), *t;
	struct takeover fresh = old ? *old
				    : (struct takeover){ .node = node, .incarnation = incarnation };

	fresh.at_us = c->now_us;
	fresh.age_us = age_of(c, node, incarnation);
	fresh.late_us = 0;
	if (!old && r->n == TAKEOVERS_KEPT) {
		old = &r->list[0];
		stop_waiting(c, old);
	}
	if (old) {
		memmove(old, old + 1, (size_t)(&r->list[r->n] - (old + 1)) * sizeof(*old));
		r->n--;
	}
	t = &r->list[r->n++];
	*t = fresh;
	r->changes++;
	action_event(c->actions, "owner", "%s takes over from %s, mark age %llu us",
		     c->config->node[c->config->self],
		     node == c->raft_id ? "the process before it" : core_node_name(c, node),
		     (unsigned long long)t->age_us);
	return t;
}

static void correct(struct core *c, struct takeover *t)
{
	uint64_t age = t->age_us - t->late_us + (c->now_us - t->at_us);

	if (MUTANT(MUTANT_AGE_NOT_CORRECTED))
		return;
	if (age <= t->age_us)
		return;
	if (t->late_us == 0)
		action_event(c->actions, "late_mark", "%s was lost but went on: mark age %llu us",
			     core_node_name(c, t->node), (unsigned long long)age);
	t->age_us = age;
	t->late_us = c->now_us - t->at_us;
	c->takeovers->changes++;
}

static void late(struct core *c, const struct session *s, int64_t epoch)
{
	uint64_t node, incarnation;
	struct takeover *t;

	if (session_owner_in(c->state, s, epoch, &node, &incarnation)) {
		t = find(c, node, incarnation);
		if (t)
			correct(c, t);
		return;
	}
	/* Its epoch is long over: the state cannot say whose it was. */
	for (unsigned i = 0; i < c->takeovers->n; i++)
		if (c->now_us - c->takeovers->list[i].at_us < OWNER_UNKNOWN_US)
			correct(c, &c->takeovers->list[i]);
}

void takeover_floor(struct core *c, uint32_t spi_in, struct mark mark)
{
	unsigned i;
	const struct session *s = state_session_by_spi(c->state, spi_in, &i);
	struct sa_update u = { .kind = SA_UPDATE_FLOOR, .spi_in = spi_in, .mark = mark.seq };

	if (!s || !core_owns(c, s))
		return;
	u.session = s->id;
	action_sa(c->actions, &u);
	if (mark.epoch < session_epoch(c->state, s) && !horizon_exact(&s->seq[i]))
		late(c, s, mark.epoch);
}

size_t core_mark_ages(const struct core *c, struct core_mark_age out[TAKEOVERS_KEPT],
		      uint64_t *changes)
{
	for (unsigned i = 0; i < c->takeovers->n; i++)
		out[i] = (struct core_mark_age){ c->takeovers->list[i].node,
						 c->takeovers->list[i].incarnation,
						 c->takeovers->list[i].at_us,
						 c->takeovers->list[i].age_us };
	*changes = c->takeovers->changes;
	return c->takeovers->n;
}

uint64_t takeover_last_age_us(const struct core *c)
{
	return c->takeovers->n ? c->takeovers->list[c->takeovers->n - 1].age_us : 0;
}

/* ---- What happens ---- */

/* Did slots of the lost node come to us? Those of an earlier loss are ours already: a node that
 * came back since, and is lost again, may have owned nothing. */
static bool inherited(const struct core *c, const struct node_down *down)
{
	for (uint32_t i = 0; i < STATE_SLOTS; i++) {
		const struct slot *slot = state_slot(c->state, i);
		bool known = slots_seen_had(c, i, slot->epoch);

		if (MUTANT(MUTANT_AGE_OF_NOTHING))
			known = false;
		if (slot->node == c->raft_id && slot->previous_node == down->id &&
		    slot->previous_incarnation == down->incarnation && !known)
			return true;
	}
	return false;
}

void takeover_down(struct core *c, const struct node_down *down, uint64_t index, bool moved)
{
	uint32_t lost = core_node_index(c, down->id);
	const struct heard_marks *heard;
	struct takeover *t;

	assert(index > 0 && index <= core_applied(c));
	if (moved)
		c->takeovers->orphan = *down;
	if (!moved || !inherited(c, down))
		return;
	heard = lost == NODE_NONE ? NULL : heard_of(c, lost, down->incarnation);
	t = add(c, down->id, down->incarnation);
	t->heard_us = heard ? heard->came_us : 0;
	wait_for_marks(c, t, index);
}

/* Without a NodeDown that we saw: this process came after another one here, or the addresses
 * were given to us, perhaps after nobody had them, or a snapshot says so. */
void takeover_slot(struct core *c, const struct slot *slot)
{
	uint64_t node = slot->previous_node, incarnation = slot->previous_incarnation;
	const struct takeover *known;

	assert(slot->node == c->raft_id);
	if (node == 0) {
		node = c->takeovers->orphan.id;
		incarnation = c->takeovers->orphan.incarnation;
	}
	known = find(c, node, incarnation);
	if (!known || known->at_us != c->now_us)
		add(c, node, incarnation);
}

void takeover_first_in(struct core *c, uint32_t spi_in)
{
	const struct session *s = state_session_by_spi(c->state, spi_in, NULL);
	struct takeover *t = s ? of_slot(c, session_slot(c->state, s)) : NULL;

	if (!t || t->heard_us == 0)
		return;
	c->takeovers->last_gap_us = c->now_us - t->heard_us;
	t->heard_us = 0;
}

bool takeover_resumes(struct core *c)
{
	bool resume = c->takeovers->resume;

	c->takeovers->resume = false;
	return resume;
}

uint64_t takeover_last_gap_us(const struct core *c)
{
	return c->takeovers->last_gap_us;
}

uint64_t takeover_deferred_expired(const struct core *c)
{
	return c->takeovers->deferred_expired;
}

void takeover_init(struct core *c)
{
	c->takeovers = core_room(sizeof(*c->takeovers));
}

void takeover_fini(struct core *c)
{
	free(c->takeovers);
}

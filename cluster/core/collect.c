/* SPDX-License-Identifier: Apache-2.0 */
/* Who has forgotten what, and what a successor does about it (DESIGN section 5, exact).
 *
 * For each slot a process knows whether it is
 *
 *   informed  no mark that a majority with this *node* in it holds is unknown here. A
 *             process that starts is not: what its node acknowledged before is gone.
 *   complete  it owns the slot in this epoch, and no mark that any majority holds of
 *             earlier epochs is unknown here.
 *
 * A successor becomes complete, and then informed, when a majority of nodes has answered that are
 * informed and have applied its epoch, so that they acknowledge no older mark: two majorities share
 * a node. Another process becomes informed when a complete owner has sent it all marks. It stays
 * informed until it ends; a broken link makes it forget nothing.
 *
 *       start --> not informed --owner's COMPLETE--> informed
 *                    |                                  | successor: majority informed
 *                    +-- successor: majority informed --+--> complete
 *                    +-- successor: too few ---------------> complete, at the horizon
 *
 * The answer is FRAME_MARKS_DONE: all marks came before it on the link. It is sent unasked at
 * NodeDown, and on request (FRAME_MARKS_ASK) whenever it is missing: the owner restarted, a link
 * broke, a snapshot came instead of the entry. The sender leaves out marks that are in its log, so
 * the answer counts once we have applied what the sender had.
 *
 * Before its own NodeUp is applied, a process neither sends nor accepts an answer: until then its
 * state may lag behind what the process before it acknowledged. */
#include "cluster/core/collect.h"

#include "cluster/core/rooms.h"
#include "cluster/core/voter.h"
#include "proto/mutant.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define ASK_AGAIN_US (20 * MS)
#define ASK_AFTER_DOWN_US (5 * MS) /* It comes unasked. */
#define FALL_GRACE_US (100 * MS)   /* Links of a node that has just started come up. */

struct slot_known {
	int64_t epoch;            /* What follows belongs to it. */
	bool ours, informed, complete;
	uint64_t since_us;        /* Ours, and not complete. */
	uint32_t answered, informed_nodes; /* Nodes: bits of config indices. */
};

struct told { /* The last answer of another node. */
	uint64_t incarnation, index;
	bool fresh; /* Not yet looked at with our state at `index`. */
	struct {
		int64_t epoch; /* -1: nothing was said. */
		uint8_t known;
	} slot[STATE_SLOTS_ALL];
};

struct collect_room {
	struct slot_known slot[STATE_SLOTS_ALL];
	struct told *told[CLUSTER_NODES_MAX];
	uint64_t ask_at_us;
	uint32_t ask;        /* Nodes whose answer we miss. */
	uint32_t forgot;     /* Nodes whose next answer does not count. */
	bool open;           /* Slots of ours are not complete. */
	bool settled;        /* No slot lacks anything, and none has changed since that was found. */
};

void collect_init(struct core *c)
{
	struct collect_room *r = calloc(1, sizeof(*r));

	assert(r);
	for (uint32_t i = 0; i < STATE_SLOTS_ALL; i++) {
		r->slot[i].epoch = -1;
		if (MUTANT(MUTANT_INFORMED_AT_START))
			r->slot[i].informed = true;
	}
	c->collect = r;
}

void collect_fini(struct core *c)
{
	for (uint32_t i = 0; c->collect && i < CLUSTER_NODES_MAX; i++)
		free(c->collect->told[i]);
	free(c->collect);
}

uint8_t collect_known(const struct core *c, uint32_t slot)
{
	const struct slot_known *k = &c->collect->slot[slot];

	assert(slot < STATE_SLOTS_ALL);
	return (uint8_t)((k->informed ? FRAME_INFORMED : 0) | (k->ours && k->complete ? FRAME_COMPLETE : 0));
}

/* Words come unasked. */
void collect_down(struct core *c)
{
	c->collect->ask_at_us = c->now_us + ASK_AFTER_DOWN_US;
}

bool collect_concerns(const struct core *c, const struct slot *slot, uint32_t node)
{
	assert(node < c->config->n_nodes);
	return slot->node != 0 && (slot->node == c->raft_id || slot->node == c->known[node].raft_id);
}

/* ---- Being told ---- */

void collect_done(struct core *c, uint32_t node, const struct frame *f)
{
	bool forgot = (c->collect->forgot & (1u << node)) != 0;
	struct told *t = c->collect->told[node];

	assert(node < c->config->n_nodes);
	c->collect->forgot &= ~(1u << node);
	if (MUTANT(MUTANT_DONE_WITHOUT_MARKS))
		forgot = false;
	if (forgot)
		return; /* It is asked for again. */
	if (!t) {
		t = c->collect->told[node] = malloc(sizeof(*t));
		assert(t);
		t->incarnation = 0;
	}
	if (t->incarnation != c->known[node].incarnation)
		for (uint32_t i = 0; i < STATE_SLOTS_ALL; i++)
			t->slot[i].epoch = -1;
	t->incarnation = c->known[node].incarnation;
	t->index = f->marks_done.index;
	t->fresh = true;
	for (size_t i = 0; i < f->marks_done.n; i++) {
		struct frame_run run = frame_run_at(f, i);

		for (uint32_t k = run.first; k < (uint32_t)run.first + run.count; k++) {
			if (k >= STATE_SLOTS_ALL)
				break;
			t->slot[k].epoch = run.epoch;
			t->slot[k].known = run.known;
		}
	}
}

/* An answer counts only with all the marks that came before it on the link. If one of these is
 * gone, or never found room, neither that answer counts nor one that may be on its way to us. */
void collect_forgot(struct core *c, uint32_t nodes)
{
	c->collect->forgot |= nodes;
	for (uint32_t i = 0; i < c->config->n_nodes; i++) {
		struct told *t = nodes & (1u << i) ? c->collect->told[i] : NULL;

		for (uint32_t k = 0; t && k < STATE_SLOTS_ALL; k++)
			t->slot[k].epoch = -1;
	}
}

static void take_answer(struct core *c, uint32_t node, const struct told *t, bool may)
{
	const struct known_node *p = &c->known[node];

	for (uint32_t i = 0; i < STATE_SLOTS_ALL; i++) {
		struct slot_known *k = &c->collect->slot[i];
		const struct slot *slot = state_slot(c->state, i);

		if (t->slot[i].epoch < 0)
			continue;
		if (k->ours && !k->complete && t->slot[i].epoch >= k->epoch) {
			k->answered |= 1u << node;
			if (t->slot[i].known & FRAME_INFORMED)
				k->informed_nodes |= 1u << node;
		}
		if (!k->ours && may && (t->slot[i].known & FRAME_COMPLETE) &&
		    t->slot[i].epoch == slot->epoch && slot->node == p->raft_id &&
		    slot->incarnation == t->incarnation)
			k->informed = true;
	}
}

static void take_answers(struct core *c)
{
	bool may = voter_may_vote(c);

	for (uint32_t i = 0; i < c->config->n_nodes; i++) {
		struct told *t = c->collect->told[i];

		if (!t || !t->fresh || core_applied(c) < t->index)
			continue;
		t->fresh = !may; /* Again, when our NodeUp is applied. */
		take_answer(c, i, t, may);
	}
}

/* ---- The successor ---- */

bool collect_awaits(const struct core *c, const struct session *s)
{
	const struct slot_known *k = &c->collect->slot[s->slot];

	return k->ours && !k->complete;
}

bool collect_is_open(const struct core *c)
{
	return c->collect->open;
}

/* Is there nobody left to wait for? */
static bool hopeless(const struct core *c, const struct slot_known *k, uint32_t n, uint32_t majority)
{
	uint64_t age_us = c->now_us - k->since_us;
	uint32_t silent = 0;

	for (uint32_t i = 0; i < c->config->n_nodes; i++) {
		if (i == c->config->self || (k->answered & (1u << i)))
			continue;
		silent++;
		if (age_us < FALL_GRACE_US || (core_node_linked(c, i) && !c->known[i].suspect))
			n++;
	}
	return n < majority || silent == 0 ||
	       age_us >= c->config->timing.isolation_ms * MS;
}

static enum collected look_at(const struct core *c, const struct slot_known *k, uint32_t majority)
{
	uint32_t n = (uint32_t)__builtin_popcount(k->informed_nodes) + k->informed;

	if (MUTANT(MUTANT_ONE_DONE) && n > 0)
		return COLLECTED_WHOLLY;
	if (n >= majority)
		return COLLECTED_WHOLLY;
	return hopeless(c, k, n, majority) ? COLLECTED_NOTHING : COLLECTED_NOT;
}

/* All slots at once: the sessions are looked through once. */
static bool settle(struct core *c, uint8_t how[STATE_SLOTS_ALL])
{
	uint32_t majority = voter_majority(c); /* The same for all: not once for each slot. */
	bool any = false;

	memset(how, COLLECTED_NOT, STATE_SLOTS_ALL);
	c->collect->open = false;
	for (uint32_t i = 0; i < STATE_SLOTS_ALL; i++) {
		struct slot_known *k = &c->collect->slot[i];

		if (!k->ours || k->complete)
			continue;
		how[i] = (uint8_t)look_at(c, k, majority);
		if (how[i] == COLLECTED_NOT) {
			c->collect->open = true;
			continue;
		}
		k->complete = k->informed = any = true;
	}
	return any;
}

/* ---- Changes and time ---- */

void collect_slots(struct core *c)
{
	for (uint32_t i = 0; i < STATE_SLOTS_ALL; i++) {
		struct slot_known *k = &c->collect->slot[i];
		const struct slot *slot = state_slot(c->state, i);
		bool ours = slot->node == c->raft_id && slot->incarnation == c->incarnation;

		if (ours == k->ours && slot->epoch == k->epoch)
			continue;
		k->ours = ours;
		k->epoch = slot->epoch;
		k->complete = false;
		k->answered = k->informed_nodes = 0;
		k->since_us = c->now_us;
		c->collect->open |= ours;
		c->collect->settled = false;
	}
	/* What was said before we applied this may count now. */
	for (uint32_t i = 0; i < c->config->n_nodes; i++)
		if (c->collect->told[i])
			c->collect->told[i]->fresh = true;
}

/* Whose answer do we miss? */
static uint32_t missing(struct core *c)
{
	uint32_t owners = 0, who = 0;
	uint64_t last = 0;

	if (c->collect->settled)
		return 0;
	c->collect->settled = true;
	for (uint32_t i = 0; i < STATE_SLOTS_ALL; i++) {
		const struct slot_known *k = &c->collect->slot[i];
		const struct slot *slot = state_slot(c->state, i);

		if (k->ours ? !k->complete : !k->informed && slot->node != 0)
			c->collect->settled = false;
		if (k->ours && !k->complete) {
			who |= ~k->answered;
		} else if (!k->ours && !k->informed && slot->node != 0 && slot->node != last) {
			uint32_t node = core_node_index(c, slot->node);

			last = slot->node;
			owners |= node == NODE_NONE ? 0 : 1u << node;
		}
	}
	who |= owners;
	for (uint32_t i = 0; i < CLUSTER_NODES_MAX; i++)
		if (i >= c->config->n_nodes || i == c->config->self || !core_node_linked(c, i))
			who &= ~(1u << i);
	return who;
}

static void ask(struct core *c)
{
	struct frame f = { .type = FRAME_MARKS_ASK, .marks_ask.index = core_applied(c) };

	if (c->now_us < c->collect->ask_at_us)
		return;
	c->collect->ask = voter_may_vote(c) ? missing(c) : 0;
	c->collect->ask_at_us = c->now_us + ASK_AGAIN_US;
	for (uint32_t i = 0; i < c->config->n_nodes; i++)
		if (c->collect->ask & (1u << i))
			core_send(c, i, &f);
}

bool collect_tick(struct core *c, uint8_t how[STATE_SLOTS_ALL])
{
	bool any;

	take_answers(c);
	any = c->collect->open && settle(c, how);
	ask(c);
	return any;
}

uint64_t collect_deadline_us(const struct core *c)
{
	return c->collect->open || c->collect->ask ? c->collect->ask_at_us : NEVER;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Owners that follow each other so fast that one is lost before it has published how much of its
 * predecessor's traffic it does not know.
 *
 *   P accepts, unheard     Q owns it, and is lost at once     we own it
 *        |------------------------ age --------------------------|
 *
 * Q may not even have learned that it was the owner; or it published its mark age, but what it
 * alone had heard of P is lost with it. So whenever a slot passes from one owner to another, we
 * note since when we have heard nothing from the first. The second owes that mark age until it has
 * shown that it knows and has then had time to commit what it was given; if it is lost before, the
 * next owner owes it. What comes to us we publish at once (takeover.c).
 *
 * There is one debt per process, not per slot: at worst the published age is greater than it need
 * be. The same is true of changes that we have not seen: a node that starts, or reads a snapshot,
 * treats everything that owners before the last one did as unheard. */
#include "cluster/core/owed.h"

#include "cluster/core/rooms.h"
#include "cluster/core/heard.h"
#include "proto/mutant.h"

#include <assert.h>
#include <string.h>
#include <stdlib.h>

#define OWNERS_MAX (STATE_NODES_MAX + 1u) /* Each node, and nobody. */

struct owed {
	struct owed_slot { /* For each slot, who owned it when we looked last. */
		uint64_t node, incarnation;
		int64_t epoch;
	} slot[STATE_SLOTS_ALL];
	struct owed_by { /* Those that own sessions, in no order; node 0: slots of nobody. */
		uint64_t node, incarnation;
		int64_t from_us;   /* What was accepted since then is not published; OWED_NOTHING. */
		uint64_t index;    /* It knows of it when it has applied so much, ... */
		uint64_t shown_us; /* ... and said so at that time; 0: it has not. */
	} by[OWNERS_MAX];
	uint32_t n;
	int64_t ours_us;           /* Packets of what came to us in this step: accepted since then. */
};

struct before { /* The debts before slots changed. */
	struct owed_by by[OWNERS_MAX];
	uint32_t n;
};

static struct owed_by *find(struct owed_by *by, uint32_t n, uint64_t node, uint64_t incarnation)
{
	for (uint32_t i = 0; i < n; i++)
		if (by[i].node == node && by[i].incarnation == incarnation)
			return &by[i];
	return NULL;
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Since when an owner may have accepted what we do not know of, and what it owed. */
static int64_t since(const struct core *c, struct before *before, uint64_t node,
		     uint64_t incarnation)
{
	const struct owed_by *d = find(before->by, before->n, node, incarnation);
	int64_t us = node ? heard_unheard_us(c, node, incarnation) : OWED_NOTHING;

	return d ? earlier(us, d->from_us) : us;
}

/* Where owners came and went between two looks of ours, only the last one is known. */
static int64_t slot_since(const struct core *c, struct before *before,
			  const struct owed_slot *seen, const struct slot *now)
{
	int64_t us = since(c, before, now->previous_node, now->previous_incarnation);

	if (seen->node != now->previous_node || seen->incarnation != now->previous_incarnation)
		us = earlier(us, since(c, before, seen->node, seen->incarnation));
	if (now->epoch - seen->epoch > 2)
		us = earlier(us, heard_cold_us(c));
	return us;
}

/* What the owner of a slot owes; it is one of few. */
static struct owed_by *owner(struct owed *o, struct before *before, const struct slot *now)
{
	struct owed_by *d = find(o->by, o->n, now->node, now->incarnation);
	const struct owed_by *old;

	if (d)
		return d;
	assert(o->n < OWNERS_MAX);
	d = &o->by[o->n++];
	old = find(before->by, before->n, now->node, now->incarnation);
	*d = old ? *old
		 : (struct owed_by){ .node = now->node, .incarnation = now->incarnation,
				     .from_us = OWED_NOTHING };
	return d;
}

static void owe(struct core *c, struct owed_by *d, int64_t from_us)
{
	if (d->node == c->raft_id && d->incarnation == c->incarnation) {
		c->owed->ours_us = earlier(c->owed->ours_us, from_us);
		return;
	}
	d->from_us = earlier(d->from_us, from_us);
	d->index = core_applied(c);
	d->shown_us = 0;
}

void owed_init(struct core *c)
{
	c->owed = core_room(sizeof(*c->owed));
	c->owed->ours_us = OWED_NOTHING;
}

void owed_slots(struct core *c, bool changed)
{
	struct owed *o = c->owed;
	struct before before = { .n = o->n };

	o->ours_us = OWED_NOTHING;
	if (!changed)
		return;
	if (MUTANT(MUTANT_AGE_OF_LAST))
		return;
	memcpy(before.by, o->by, sizeof(before.by));
	o->n = 0;
	for (uint32_t i = 0; i < STATE_SLOTS_ALL; i++) {
		const struct slot *now = state_slot(c->state, i);
		struct owed_slot *seen = &o->slot[i];
		struct owed_by *d;

		if (state_slot_sessions(c->state, i) > 0) {
			d = owner(o, &before, now);
			if (now->epoch != seen->epoch)
				owe(c, d, slot_since(c, &before, seen, now));
		}
		*seen = (struct owed_slot){ now->node, now->incarnation, now->epoch };
	}
}

/* What it was handed, or heard, it commits within that time. */
void owed_shown(struct core *c, uint32_t node, const struct frame *f)
{
	struct owed_by *d = find(c->owed->by, c->owed->n, c->known[node].raft_id, f->marks.incarnation);

	assert(node < c->config->n_nodes);
	if (!d || d->from_us == OWED_NOTHING || f->marks.index < d->index)
		return;
	if (d->shown_us == 0)
		d->shown_us = c->now_us;
	else if (c->now_us - d->shown_us > c->config->timing.mark_commit_ms * MS)
		d->from_us = OWED_NOTHING;
}

void owed_fini(struct core *c)
{
	free(c->owed);
}

int64_t owed_ours_us(const struct core *c)
{
	return c->owed->ours_us;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What a majority holds (DESIGN section 5, replay = "exact").
 *
 * The owner of an exact SA hands a packet inward only when a majority of the nodes, itself
 * among them, holds a mark that covers it in memory. This is both halves of that: the
 * owner's count of who holds what, and the voter's word that it does.
 *
 *   accepted in epoch e --mark--> voters: held, unless they have applied e+1
 *        ^ waits                     |
 *        +---- delivered <--ack------+   ack: the fence; none of e after e+1
 *
 * A voter acknowledges only marks of the epoch that its applied state shows, from the
 * owner that it shows; and none at all before that state shows its own incarnation as up:
 * until then it may lag behind what the process before it had applied, and would
 * acknowledge what that one no longer did. The count is by node, not by process: what a
 * process held that is gone since is covered by collect.c, which does not count its
 * successor until an owner that knows everything has told it so.
 *
 * An acknowledgement says what the voter had applied by then. If that is less than what
 * made our SA, it speaks of another one, deleted since, whose SPI was drawn again.
 *
 * What is not acknowledged is told again every few milliseconds. */
#include "cluster/core/core_internal.h"
#include "cluster/state/horizon.h"
#include "proto/mutant.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define AGAIN_US (5 * MS)
#define AGAIN_MAX FRAME_MARKS_MAX

struct quorum_entry {
	uint32_t spi_in;
	int64_t epoch;
	uint64_t since; /* The index at which we saw the SA: whose word is older means another. */
	uint64_t held[CLUSTER_NODES_MAX]; /* By node: the highest mark of this epoch. */
	uint64_t delivered;
	struct quorum_entry *prev, *next; /* On the list of those that wait. */
	UT_hash_handle hh;
};

uint32_t quorum_majority(const struct core *c)
{
	uint32_t known = 0, n = c->config->n_nodes;

	/* A node more that the configuration here does not have yet counts too. */
	for (uint32_t i = 0; i < STATE_NODES_MAX; i++)
		known += state_node_at(c->state, i) != NULL;
	return (known > n ? known : n) / 2 + 1;
}

bool quorum_may_vote(const struct core *c)
{
	const struct node_record *n = state_node(c->state, c->raft_id);

	return n && n->up && n->incarnation == c->incarnation;
}

/* ---- The owner ---- */

static struct quorum_entry *entry_find(const struct core *c, uint32_t spi_in)
{
	struct quorum_entry *e;

	HASH_FIND(hh, c->quorum.entries, &spi_in, sizeof(spi_in), e);
	return e;
}

static void waiting_set(struct core *c, struct quorum_entry *e, bool waits)
{
	if (waits && !e->prev) {
		if (!c->quorum.waiting)
			c->quorum.again_us = c->now_us + AGAIN_US;
		DL_APPEND(c->quorum.waiting, e);
	} else if (!waits && e->prev) {
		DL_DELETE(c->quorum.waiting, e);
		e->prev = NULL;
	}
}

static int descending(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? 1 : x > y ? -1 : 0;
}

/* What so many nodes hold as a majority has. */
static uint64_t majority_holds(const struct core *c, const struct quorum_entry *e)
{
	uint32_t need = quorum_majority(c);
	uint64_t held[CLUSTER_NODES_MAX];

	if (need > c->config->n_nodes)
		return 0;
	memcpy(held, e->held, sizeof(held));
	qsort(held, c->config->n_nodes, sizeof(held[0]), descending);
	return held[need - 1];
}

static void settle(struct core *c, struct quorum_entry *e)
{
	struct sa_update u = { .kind = SA_UPDATE_DELIVER, .spi_in = e->spi_in, .epoch = e->epoch };

	u.mark = majority_holds(c, e);
	waiting_set(c, e, u.mark < e->held[c->config->self]);
	if (u.mark <= e->delivered)
		return;
	e->delivered = u.mark;
	action_sa(c->actions, &u);
}

/* Our workers accepted up to r->seq. */
void quorum_marked(struct core *c, const struct session *s, const struct sa_report *r)
{
	struct quorum_entry *e = entry_find(c, r->spi_in);
	uint64_t *own;

	if (!core_owns(c, s) || session_epoch(c->state, s) != r->epoch)
		return;
	if (!e) {
		e = calloc(1, sizeof(*e));
		assert(e);
		e->spi_in = r->spi_in;
		e->since = grants_since(c, s, r->spi_in);
		e->epoch = r->epoch;
		HASH_ADD(hh, c->quorum.entries, spi_in, sizeof(e->spi_in), e);
	}
	if (e->epoch != r->epoch) {
		e->epoch = r->epoch;
		e->delivered = 0;
		memset(e->held, 0, sizeof(e->held));
	}
	own = &e->held[c->config->self];
	if (r->seq > *own)
		*own = r->seq;
	settle(c, e);
}

void quorum_acknowledged(struct core *c, uint32_t node, const struct frame *f)
{
	if (f->marks.incarnation != c->incarnation)
		return;
	for (size_t i = 0; i < f->marks.n; i++) {
		struct frame_mark row = frame_mark_at(f, i);
		struct quorum_entry *e = entry_find(c, row.spi_in);

		if (!e || e->epoch != row.epoch || row.seq <= e->held[node])
			continue;
		/* It may speak of a deleted SA that had the same SPI. */
		if (f->marks.index && f->marks.index < e->since && !MUTANT(MUTANT_ACK_OF_BEFORE))
			continue;
		e->held[node] = row.seq;
		settle(c, e);
	}
}

void quorum_gone(struct core *c, uint32_t spi_in)
{
	struct quorum_entry *e = entry_find(c, spi_in);

	if (!e)
		return;
	waiting_set(c, e, false);
	HASH_DEL(c->quorum.entries, e);
	free(e);
}

/* ---- The voter ---- */

bool quorum_acknowledges(const struct core *c, uint32_t node, uint64_t incarnation,
			 const struct frame_mark *row)
{
	unsigned i;
	const struct session *s = state_session_by_spi(c->state, row->spi_in, &i);
	const struct slot *slot = s ? session_slot(c->state, s) : NULL;

	if (!slot || !horizon_exact(&s->seq[i]) || incarnation == 0 || !quorum_may_vote(c))
		return false;
	if (MUTANT(MUTANT_ACK_UNFENCED))
		return true;
	return row->epoch == session_epoch(c->state, s) && slot->node == c->peer[node].raft_id &&
	       slot->incarnation == incarnation;
}

/* ---- Time ---- */

static bool still_ours(const struct core *c, const struct quorum_entry *e)
{
	const struct session *s = state_session_by_spi(c->state, e->spi_in, NULL);

	return s && core_owns(c, s) && session_epoch(c->state, s) == e->epoch;
}

/* So many at a time, each in its turn. */
void quorum_tick(struct core *c)
{
	struct quorum_entry *e, *first = NULL;

	if (!c->quorum.waiting || c->now_us < c->quorum.again_us)
		return;
	c->quorum.again_us = c->now_us + AGAIN_US;
	for (unsigned i = 0; i < AGAIN_MAX && (e = c->quorum.waiting) && e != first; i++) {
		waiting_set(c, e, false);
		if (!still_ours(c, e))
			continue;
		waiting_set(c, e, true);
		first = first ? first : e;
		sequence_again(c, e->spi_in);
	}
}

uint64_t quorum_deadline_us(const struct core *c)
{
	return c->quorum.waiting ? c->quorum.again_us : NEVER;
}

void quorum_fini(struct core *c)
{
	struct quorum_entry *e, *tmp;

	HASH_ITER(hh, c->quorum.entries, e, tmp)
	{
		HASH_DEL(c->quorum.entries, e);
		free(e);
	}
}

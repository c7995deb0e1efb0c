/* SPDX-License-Identifier: Apache-2.0 */
/* What a majority holds (DESIGN section 5, replay = "exact").
 *
 * The owner of an exact SA hands a packet inward only when a majority of the nodes, itself among
 * them, holds a mark that covers it in memory. This file has both halves: the owner's count of who
 * holds what, and the voter's acknowledgement.
 *
 *   accepted in epoch e --mark--> voters: kept, unless they have applied e+1
 *        ^ waits                     |
 *        +---- delivered <--ack------+   ack: the fence; none of e after e+1
 *
 * An acknowledgement says how far the voter had applied. If that is before our SA was made, it is
 * about an SA, deleted since, whose SPI was drawn again.
 *
 * Marks are sent again every few milliseconds until they are acknowledged. */
#include "cluster/core/quorum.h"

#include "cluster/core/rooms.h"
#include "cluster/core/voter.h"
#include "cluster/core/owned_sa.h"
#include "cluster/core/sequence.h"
#include "proto/mutant.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct quorum {
	uint64_t again_us;
};

#define AGAIN_US (5 * MS)
#define AGAIN_MAX FRAME_MARKS_MAX

/* ---- The owner ---- */

static void waiting_set(struct core *c, struct owned_sa *sa, bool waits)
{
	if (!waits) {
		owned_sa_remove(c, sa, SAS_WAITING);
		return;
	}
	if (!owned_sa_first(c, SAS_WAITING))
		c->quorum->again_us = c->now_us + AGAIN_US;
	owned_sa_append(c, sa, SAS_WAITING);
}

static int descending(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? 1 : x > y ? -1 : 0;
}

/* What so many nodes hold as a majority has. */
static uint64_t majority_holds(const struct core *c, const struct owned_sa *sa)
{
	uint32_t need = voter_majority(c);
	uint64_t acked[CLUSTER_NODES_MAX];

	if (need > c->config->n_nodes)
		return 0;
	memcpy(acked, sa->quorum.acked, sizeof(acked));
	qsort(acked, c->config->n_nodes, sizeof(acked[0]), descending);
	return acked[need - 1];
}

static void settle(struct core *c, struct owned_sa *sa)
{
	struct sa_update u = { .kind = SA_UPDATE_DELIVER,
			       .spi_in = sa->spi_in,
			       .epoch = sa->quorum.epoch };

	u.mark = majority_holds(c, sa);
	waiting_set(c, sa, u.mark < sa->quorum.acked[c->config->self]);
	if (u.mark <= sa->quorum.delivered)
		return;
	sa->quorum.delivered = u.mark;
	action_sa(c->actions, &u);
}

/* Our workers accepted up to r->seq. */
void quorum_marked(struct core *c, const struct session *s, const struct sa_report *r)
{
	struct owned_sa *sa;
	uint64_t *own;

	if (!core_owns(c, s) || session_epoch(c->state, s) != r->epoch)
		return;
	sa = owned_sa_get(c, r->spi_in);
	if (!sa->quorum.counted)
		sa->quorum = (struct sa_quorum){ .counted = true,
						 .epoch = r->epoch,
						 .since = owned_sa_since(c, sa) };
	if (sa->quorum.epoch != r->epoch) {
		sa->quorum.epoch = r->epoch;
		sa->quorum.delivered = 0;
		memset(sa->quorum.acked, 0, sizeof(sa->quorum.acked));
	}
	own = &sa->quorum.acked[c->config->self];
	if (r->seq > *own)
		*own = r->seq;
	settle(c, sa);
}

void quorum_acknowledged(struct core *c, uint32_t node, const struct frame *f)
{
	assert(node < c->config->n_nodes);
	if (f->marks.incarnation != c->incarnation)
		return;
	for (size_t i = 0; i < f->marks.n; i++) {
		struct frame_mark row = frame_mark_at(f, i);
		struct owned_sa *sa = owned_sa_find(c, row.spi_in);
		bool before;

		if (!sa || !sa->quorum.counted || sa->quorum.epoch != row.epoch ||
		    row.seq <= sa->quorum.acked[node])
			continue;
		/* It may speak of a deleted SA that had the same SPI. */
		before = f->marks.index && f->marks.index < sa->quorum.since;
		if (MUTANT(MUTANT_ACK_OF_BEFORE))
			before = false;
		if (before)
			continue;
		sa->quorum.acked[node] = row.seq;
		settle(c, sa);
	}
}

/* ---- Time ---- */

static bool still_ours(const struct core *c, const struct owned_sa *sa)
{
	const struct session *s = state_session_by_spi(c->state, sa->spi_in, NULL);

	return s && core_owns(c, s) && session_epoch(c->state, s) == sa->quorum.epoch;
}

/* So many at a time, each in its turn. */
void quorum_tick(struct core *c)
{
	struct owned_sa *sa, *first = NULL;

	if (!owned_sa_first(c, SAS_WAITING) || c->now_us < c->quorum->again_us)
		return;
	c->quorum->again_us = c->now_us + AGAIN_US;
	for (unsigned i = 0; i < AGAIN_MAX && (sa = owned_sa_first(c, SAS_WAITING)) && sa != first; i++) {
		waiting_set(c, sa, false);
		if (!still_ours(c, sa))
			continue;
		waiting_set(c, sa, true);
		first = first ? first : sa;
		sequence_again(c, sa->spi_in);
	}
}

uint64_t quorum_deadline_us(const struct core *c)
{
	return owned_sa_first(c, SAS_WAITING) ? c->quorum->again_us : NEVER;
}

void quorum_init(struct core *c)
{
	c->quorum = core_room(sizeof(*c->quorum));
}

void quorum_fini(struct core *c)
{
	free(c->quorum);
}

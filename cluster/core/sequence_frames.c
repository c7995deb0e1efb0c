/* SPDX-License-Identifier: Apache-2.0 */
/* Marks between nodes: an owner's own, with its incarnation, and those that others remember,
 * without. Each is remembered by its epoch (mark.h), acknowledged if the SA is exact, and raises
 * the floor of the present owner. */
#include "cluster/core/sequence_internal.h"
#include "cluster/core/heard.h"
#include "cluster/core/node_clocks.h"
#include "cluster/core/takeover.h"
#include "cluster/core/voter.h"
#include "cluster/core/collect.h"
#include "cluster/core/owed.h"
#include "cluster/core/owned_sa.h"
#include "cluster/core/sequence.h"
#include "proto/mutant.h"

#include <assert.h>

static struct blob *marks_frame(const struct core *c, uint32_t to, const struct frame_mark *rows,
				size_t n)
{
	/* The echo says that all marks are in the frames so far. */
	struct frame_marks_head head = { c->incarnation, core_applied(c), node_clocks_echo_us(c, to) };

	if (owned_sa_first(c, SAS_CHANGED))
		head.echo_us = 0;
	if (MUTANT(MUTANT_ECHO_OF_SOME))
		head.echo_us = node_clocks_echo_us(c, to);
	return head.index ? frame_create_marks_at(FRAME_MARKS, &head, rows, n)
			  : frame_create_marks(FRAME_MARKS, c->incarnation, rows, n);
}

void sequence_send(struct core *c)
{
	struct frame_mark rows[FRAME_MARKS_MAX];
	struct owned_sa *sa;
	size_t n = 0;

	/* One row less than there is room for: the frame, and the answer, has one more. */
	while (n < FRAME_MARKS_MAX - 1 && (sa = owned_sa_first(c, SAS_CHANGED))) {
		owned_sa_remove(c, sa, SAS_CHANGED);
		rows[n++] = (struct frame_mark){ sa->spi_in, sa->mark.own.epoch, sa->mark.own.seq };
	}
	for (uint32_t i = 0; i < c->config->n_nodes; i++)
		if (i != c->config->self && core_node_linked(c, i))
			action_send_frame(c->actions, i, marks_frame(c, i, rows, n));
	c->sequence->send_at_us = owned_sa_first(c, SAS_CHANGED) ? c->now_us : NEVER;
}

/* To one node: as remembered, not as our own. */
static void rows_tell(struct core *c, uint32_t node, const struct frame_mark *rows, size_t n)
{
	if (n)
		action_send_frame(c->actions, node, frame_create_marks(FRAME_MARKS, 0, rows, n));
}

void sequence_tell(struct core *c, uint32_t node, bool all)
{
	struct frame_mark rows[FRAME_MARKS_MAX];
	struct owned_sa *sa;
	size_t n = 0;

	assert(node < c->config->n_nodes);
	for (sa = owned_sa_first(c, SAS_FRESH); sa; sa = sa->link[SAS_FRESH].next) {
		const struct mark *const known[] = { &sa->mark.known.before,
						     &sa->mark.known.newest };
		unsigned child, first = 0;
		const struct session *s = state_session_by_spi(c->state, sa->spi_in, &child);

		if (!s || (!all && !collect_concerns(c, session_slot(c->state, s), node)))
			continue;
		if (MUTANT(MUTANT_LATE_MARK_KEPT))
			first = 1;
		for (unsigned i = first; i < 2; i++)
			if (!mark_is_logged(&s->seq[child], *known[i], session_epoch(c->state, s)))
				rows[n++] = (struct frame_mark){ sa->spi_in, known[i]->epoch,
								 known[i]->seq };
		if (n >= FRAME_MARKS_MAX - 1) {
			rows_tell(c, node, rows, n);
			n = 0;
		}
	}
	rows_tell(c, node, rows, n);
}

/* An owner's own marks, by its verified link and incarnation, or (incarnation 0) what another node
 * remembers of them. The state cannot say who owned the SA in an epoch that is long over: it may
 * have been the sender, whose mark must not be lost. */
static bool mark_acceptable(const struct core *c, uint32_t node, uint64_t incarnation,
			    const struct session *s, int64_t epoch)
{
	uint64_t owner, its_incarnation;

	/* Our applied state may lag, and not know of that epoch yet. */
	if (incarnation == 0 || epoch > session_epoch(c->state, s))
		return true;
	if (MUTANT(MUTANT_MARKS_OF_ANYONE))
		return true;
	return !session_owner_in(c->state, s, epoch, &owner, &its_incarnation) ||
	       (owner == c->known[node].raft_id && its_incarnation == incarnation);
}

/* Late marks, to be passed to the present owners of the SAs. */
struct pass {
	struct frame_mark rows[FRAME_MARKS_MAX];
	size_t n;
	uint32_t to;
};

static void pass_on(struct core *c, struct pass *p, const struct session *s, uint32_t from,
		    const struct frame_mark *row)
{
	uint32_t to = core_node_index(c, session_slot(c->state, s)->node);

	if (to == NODE_NONE || to == from || to == c->config->self ||
	    row->epoch >= session_epoch(c->state, s) || !core_node_linked(c, to))
		return;
	if (p->n && p->to != to) {
		rows_tell(c, p->to, p->rows, p->n);
		p->n = 0;
	}
	p->to = to;
	p->rows[p->n++] = *row;
}

/* A new mark: it is remembered; an owner's floor rises to it unless it is of the owner's own epoch;
 * and an owner commits what it was given. */
static void learned(struct core *c, struct owned_sa *sa, const struct session *s, struct mark mark)
{
	sequence_fresh(c, sa);
	if (s && core_owns(c, s) && mark.epoch != session_epoch(c->state, s))
		takeover_floor(c, sa->spi_in, mark);
}

void sequence_marks(struct core *c, uint32_t node, const struct frame *f)
{
	struct frame_mark acked[FRAME_MARKS_MAX];
	struct pass pass = { .n = 0 };
	size_t n_acked = 0;

	assert(node < c->config->n_nodes);
	if (f->marks.incarnation == c->known[node].incarnation) {
		owed_shown(c, node, f);
		heard_note(c, node, f);
	} else if (f->marks.incarnation != 0) {
		return;
	}
	for (size_t i = 0; i < f->marks.n; i++) {
		struct frame_mark row = frame_mark_at(f, i);
		const struct session *s = state_session_by_spi(c->state, row.spi_in, NULL);
		struct owned_sa *sa;

		/* A mark that is not taken now does not come again, so its SA need not be known
		 * yet. */
		if (s && !mark_acceptable(c, node, f->marks.incarnation, s, row.epoch))
			continue;
		if (!s && owned_sa_count(c) >= 2u * cluster_config_sa_tables(c->config)) {
			collect_forgot(c, 1u << node);
			continue;
		}
		sa = owned_sa_get(c, row.spi_in);
		sa->mark.told_by |= 1u << node;
		/* We hold it, now or already. */
		if (n_acked < FRAME_MARKS_MAX - 1 &&
		    voter_acknowledges(c, node, f->marks.incarnation, &row))
			acked[n_acked++] = row;
		if (!mark_learn(&sa->mark.known, (struct mark){ row.epoch, row.seq }))
			continue;
		learned(c, sa, s, (struct mark){ row.epoch, row.seq });
		if (s)
			pass_on(c, &pass, s, node, &row);
	}
	rows_tell(c, pass.to, pass.rows, pass.n);
	if (n_acked)
		action_send_frame(c->actions, node,
				  frame_create_marks_at(FRAME_MARKS_ACK,
							&(struct frame_marks_head){
								.incarnation = f->marks.incarnation,
								.index = core_applied(c) },
							acked, n_acked));
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Sequence state in the replicated table: renewals, marks, and the planned hand-over of one session
 * (DESIGN section 5). The arithmetic is in lease.c. */
#include "cluster/state/state_internal.h"

#include "cluster/state/horizon.h"
#include "cluster/state/mark.h"

/* Inbound: the peer's space, not ours. Without ESN it has 32 bits; with it, 64. */
static bool mark_possible(const struct child_sa *child, uint64_t mark)
{
	return child->suite.esn == ESN_YES || mark <= UINT32_MAX;
}

static bool mark_raise(struct seq_record *r, const struct child_sa *child, struct mark mark,
		       int64_t current)
{
	return mark_possible(child, mark.seq) && mark_commit(r, mark, current);
}

void apply_seq_batch(struct state *s, const struct seq_batch *c, struct apply_result *r)
{
	for (uint32_t i = 0; i < c->n; i++) {
		const struct seq_row *row = &c->rows[i];
		struct child_index *x = session_find_spi(s, row->spi_in);
		struct seq_record *rec;
		const struct child_sa *child;
		int64_t current;

		if (!x) /* Deleted since: nothing to keep. */
			continue;
		rec = &x->entry->s.seq[x - x->entry->by_spi];
		cut_before_session_changes(s, x->entry);
		child = &x->entry->s.ike.child[x - x->entry->by_spi];
		current = session_epoch(s, &x->entry->s);
		if (row->end != 0 && lease_renew(rec, row->epoch, current, row->end))
			r->sequence_changed = true;
		if (mark_raise(rec, child, (struct mark){ row->epoch, row->mark }, current))
			r->sequence_changed = true;
		/* A row of another epoch does not count: the present owner counts on from what is
		 * here. */
		if (row->epoch == current)
			(void)volume_raise(&rec->volume, &row->volume);
		if (row->horizon != 0 && horizon_raise(rec, row->epoch, current, row->horizon))
			r->sequence_changed = true;
	}
}

void apply_owner_move(struct state *s, const struct owner_move *c, struct apply_result *r)
{
	struct session_entry *e = session_find(s, c->session);
	const struct node_record *to = state_node_up(s, c->to, 0);
	const struct slot *slot;
	struct slot from;
	int64_t epoch;
	uint32_t target;

	if (!e || !to) {
		r->status = ERR_NOT_FOUND;
		return;
	}
	epoch = session_epoch(s, &e->s);
	if (epoch != c->epoch) {
		r->status = ERR_STALE;
		return;
	}
	slot = session_slot(s, &e->s);
	if (slot->node == to->id && slot->incarnation == to->incarnation) {
		r->status = ERR_EXISTS;
		return;
	}
	from = *slot;
	target = slot_for_session(s, &e->s, to, r);
	if (target == STATE_SLOTS_ALL) {
		r->status = ERR_FULL;
		return;
	}
	cut_before_session_changes(s, e);
	for (unsigned i = 0; i < e->s.ike.n_child; i++) {
		uint64_t next = 0; /* A Child SA that the old owner did not name. */
		bool marked = false;

		for (uint32_t k = 0; k < c->n; k++)
			if (c->rows[k].spi_in == e->s.ike.child[i].spi_in) {
				next = c->rows[k].end;
				mark_raise(&e->s.seq[i], &e->s.ike.child[i],
					   (struct mark){ epoch, c->rows[k].mark }, epoch);
				(void)volume_raise(&e->s.seq[i].volume, &c->rows[k].volume);
				marked = c->rows[k].mark != 0;
			}
		if (!marked)
			horizon_move(&e->s.seq[i]);
		lease_move(&e->s.seq[i], epoch + 1, next);
	}
	session_set_slot(s, e, target);
	/* The sum grows by exactly one, whatever the slots' own epochs are. */
	e->s.epoch_base = epoch + 1 - s->slot[target].epoch;
	e->s.moved.epoch = epoch + 1;
	e->s.moved.node = from.node;
	e->s.moved.incarnation = from.incarnation;
	r->session = e->s.id;
	r->sequence_changed = true;
}

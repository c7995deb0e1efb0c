/* SPDX-License-Identifier: Apache-2.0 */
/* Marks by epoch. Two nodes may believe at once that they own an SA: an owner that the others have
 * lost goes on until it learns of it. What it accepted above its last mark becomes known late, when
 * its successor has already accepted higher numbers:
 *
 *   epoch 1   accepted 1..50 | 51..60           told late: 60
 *   epoch 2                  | 101, 103         a floor of 60; 102 is still to come
 *
 * A single highest number for all epochs would be 103: then 60 would tell nothing new, and 103 is
 * no floor for epoch 2. So each number stays with its epoch. */
#include "cluster/state/mark.h"

#include "proto/mutant.h"

#include <assert.h>

static bool raise(struct mark *m, struct mark mark)
{
	if (mark.seq <= m->seq)
		return false;
	*m = mark;
	return true;
}

bool mark_learn(struct mark_memory *m, struct mark mark)
{
	if (mark.seq == 0)
		return false;
	if (MUTANT(MUTANT_LATE_MARK_IGNORED) && m->newest.seq >= mark.seq)
		return false;
	if (m->newest.seq != 0 && mark.epoch < m->newest.epoch)
		return raise(&m->before, mark);
	if (m->newest.seq != 0 && mark.epoch == m->newest.epoch)
		return raise(&m->newest, mark);
	raise(&m->before, m->newest);
	m->newest = mark;
	assert(m->before.seq == 0 || m->before.epoch < m->newest.epoch);
	return true;
}

struct mark mark_before(const struct mark_memory *m, int64_t epoch)
{
	struct mark highest = { 0 };

	if (m->before.epoch < epoch)
		raise(&highest, m->before);
	if (m->newest.epoch < epoch)
		raise(&highest, m->newest);
	assert(highest.seq == 0 || highest.epoch < epoch);
	return highest;
}

/* ---- In the replicated record ---- */

static uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

uint64_t mark_floor(const struct seq_record *r, int64_t epoch)
{
	return r->mark_epoch < epoch ? max_u64(r->mark, r->late) : r->late;
}

bool mark_is_logged(const struct seq_record *r, struct mark mark, int64_t current)
{
	return mark.seq <= (mark.epoch < current ? mark_floor(r, current)
						 : max_u64(r->mark, r->late));
}

bool mark_commit(struct seq_record *r, struct mark mark, int64_t current)
{
	if (mark.seq == 0 || mark.epoch > current || mark_is_logged(r, mark, current))
		return false;
	if (mark.epoch < current) {
		r->late = mark.seq;
		return true;
	}
	r->late = mark_floor(r, current);
	r->mark_epoch = current;
	r->mark = max_u64(r->mark, mark.seq);
	assert(mark_is_logged(r, mark, current));
	return true;
}

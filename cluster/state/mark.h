/* SPDX-License-Identifier: Apache-2.0 */
/* A mark: the highest number that an owner of an SA accepted in one epoch (DESIGN section 5). It
 * belongs to that epoch. Memory and log keep the newest epoch's mark, and beside it the highest of
 * those before. The earlier ones bind the present owner, whatever it has accepted itself; its own
 * mark does not, because reordered packets come below it. */
#ifndef CLUSTER_STATE_MARK_H
#define CLUSTER_STATE_MARK_H

#include "cluster/state/lease.h"

struct mark {
	int64_t epoch;
	uint64_t seq; /* 0: there is none. */
};

struct mark_memory {
	struct mark newest, before;
};

/* True: something new was learned. */
bool mark_learn(struct mark_memory *m, struct mark mark);
/* The highest of the epochs before that one. */
struct mark mark_before(const struct mark_memory *m, int64_t epoch);

/* ---- In the replicated record ---- */

/* An owner in `epoch` accepts nothing at or below this: it is the highest committed mark of
 * the epochs before. */
uint64_t mark_floor(const struct seq_record *r, int64_t epoch);
/* Does the record, in the current epoch, say all that this mark would? */
bool mark_is_logged(const struct seq_record *r, struct mark mark, int64_t current);
/* Commits a mark. One of the current epoch is the mark; one of an epoch that is over goes to
 * `late`. True: the record has changed. */
bool mark_commit(struct seq_record *r, struct mark mark, int64_t current);

#endif

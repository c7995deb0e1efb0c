/* SPDX-License-Identifier: Apache-2.0 */
/* A mark says what was accepted; it is in the memory of a majority. The horizon says what cannot
 * have been accepted yet; it is in the log:
 *
 *   0 ...... mark ............ horizon ......
 *   accepted, perhaps  |  not accepted by anybody, in no epoch until now
 *
 * When too few remember the marks, a successor begins at the horizon: it refuses everything that
 * its predecessor may have accepted, and perhaps more. Only the owner of the current epoch raises
 * it, so the successor knows that everything an earlier owner accepted is below. Nothing ever
 * lowers it: if a client stays below, its SA is replaced, not repaired. */
#include "cluster/state/horizon.h"

#include <assert.h>

bool horizon_exact(const struct seq_record *r)
{
	return r->horizon != 0;
}

/* The peer's numbers: 32 bits, or with ESN 64. */
static uint64_t horizon_max(const struct seq_record *r)
{
	return r->limit == lease_limit(false) ? UINT64_C(1) << 32 : UINT64_MAX;
}

void horizon_init(struct seq_record *r, int64_t epoch, uint64_t horizon)
{
	r->horizon = horizon > horizon_max(r) ? horizon_max(r) : horizon;
	r->made_in = horizon ? epoch : 0;
	assert(horizon_exact(r) == (horizon != 0));
}

bool horizon_raise(struct seq_record *r, int64_t epoch, int64_t current, uint64_t horizon)
{
	if (horizon > horizon_max(r))
		horizon = horizon_max(r);
	if (epoch != current || !horizon_exact(r) || horizon <= r->horizon)
		return false;
	assert(horizon > r->horizon && horizon <= horizon_max(r));
	r->horizon = horizon;
	return true;
}

bool horizon_is_last(const struct seq_record *r)
{
	return r->horizon == horizon_max(r);
}

void horizon_move(struct seq_record *r)
{
	if (horizon_exact(r) && r->mark < r->horizon - 1)
		r->mark = r->horizon - 1;
}

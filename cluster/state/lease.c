/* SPDX-License-Identifier: Apache-2.0 */
/* Outbound leases as arithmetic. The record names the lease of one epoch, e0:
 *
 *   1 ... start        end0        end0+L        end0+2L
 *          |--- e0 ---|-- e0+1 --|-- e0+2 --| ...
 *
 * A renewal or a hand-over in a later epoch e moves the record to e: it first writes down what e
 * already has, then changes it. Every lease of an epoch after e begins at or above the end written
 * here, and every epoch before e is over for all nodes, because all apply in the same order. So two
 * epochs never share a number (I1). A hand-over begins where the old owner, which sends no more,
 * says that it stopped. A node that lags computes from an older record, in which its
 * end can only be smaller.
 *
 * All sums are 64 bit and stop at the limit: no product or sum can wrap, and an
 * SA whose space is used up has empty leases for good. RFC 4303 3.3.3: "the
 * sender MUST NOT send a packet on an SA if doing so would cause the sequence
 * number to cycle". */
#include "cluster/state/lease.h"

#include "proto/esp/esp.h"

#include <assert.h>

/* min(base + n * step, limit), without overflow. */
static uint64_t lease_reach(uint64_t base, uint64_t n, uint64_t step, uint64_t limit)
{
	uint64_t distance, sum;

	if (__builtin_mul_overflow(n, step, &distance) ||
	    __builtin_add_overflow(base, distance, &sum) || sum > limit)
		return limit;
	return sum;
}

uint64_t lease_limit(bool esn)
{
	/* Without ESN the number has 32 bits (RFC 4303 2.2). With it, our IV has
	 * room for 40. */
	return esn ? ESP_ESN_SEQ_END : UINT64_C(1) << 32;
}

void lease_init(struct seq_record *r, int64_t epoch, uint64_t length, bool esn)
{
	r->limit = lease_limit(esn);
	r->length = length == 0 ? 1 : length > r->limit ? r->limit : length;
	r->e0 = epoch;
	r->start = 1;
	r->end0 = lease_reach(r->start, 1, r->length, r->limit);
	r->mark = 0;
	r->horizon = 0;
	r->made_in = 0;
	r->mark_epoch = epoch;
	r->late = 0;
	r->volume = (struct volume){ 0 };
	assert(r->start < r->end0 && r->end0 <= r->limit);
}

struct seq_lease lease_at(const struct seq_record *r, int64_t epoch)
{
	struct seq_lease lease = {r->start, r->end0};
	uint64_t later;

	assert(epoch >= r->e0);
	later = (uint64_t)epoch - (uint64_t)r->e0;
	if (later > 0) {
		lease.start = lease_reach(r->end0, later - 1, r->length, r->limit);
		lease.end = lease_reach(lease.start, 1, r->length, r->limit);
	}
	return lease;
}

bool lease_is_high(const struct seq_record *r, int64_t epoch)
{
	return lease_at(r, epoch).end >= r->limit - r->limit / 4;
}

bool lease_renew(struct seq_record *r, int64_t epoch, int64_t current, uint64_t end)
{
	struct seq_lease lease;

	if (epoch != current)
		return false;
	lease = lease_at(r, epoch);
	if (end > r->limit)
		end = r->limit;
	r->e0 = epoch;
	r->start = lease.start;
	r->end0 = end > lease.end ? end : lease.end;
	return true;
}

void lease_move(struct seq_record *r, int64_t epoch, uint64_t next)
{
	struct seq_lease old;

	assert(epoch > r->e0);
	old = lease_at(r, epoch - 1);
	/* A number outside the old epoch's lease says nothing about what was sent; the end of that
	 * lease does. */
	if (next < old.start || next > old.end)
		next = old.end;
	r->e0 = epoch;
	r->start = next;
	r->end0 = lease_reach(next, 1, r->length, r->limit);
	assert(r->start >= old.start && r->start <= old.end && r->end0 >= r->start);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Outbound sequence leases: which numbers an owner may send, by epoch. They are arithmetic on the
 * committed record (DESIGN section 5): a new epoch has its lease without a further commit, and two
 * epochs never share a number. */
#ifndef CLUSTER_STATE_LEASE_H
#define CLUSTER_STATE_LEASE_H

#include "proto/esp/volume.h"

#include <stdbool.h>
#include <stdint.h>

struct seq_record { /* Replicated, one for each Child SA. */
	int64_t e0;      /* The epoch that start and end0 were written in. */
	uint64_t start;  /* First number of epoch e0's lease. */
	uint64_t end0;   /* E0: one past its last. */
	uint64_t length; /* L: what each later epoch gets. */
	uint64_t limit;  /* One past the last number of the sequence space. */
	uint64_t mark;   /* Highest inbound number known to be accepted; see mark_floor(). */
	uint64_t horizon; /* Exact: no inbound number from here on was ever accepted; else 0. */
	int64_t made_in;    /* Exact: the epoch it was made in; nobody accepted anything before. */
	int64_t mark_epoch; /* The newest epoch that raised `mark`, while it was current. */
	uint64_t late;   /* Highest mark of an epoch that was over, or that mark_epoch has replaced. */
	struct volume volume; /* What the SA has carried: up to a second less than it has, never more. */
};

struct seq_lease {
	uint64_t start; /* First number. */
	uint64_t end;   /* One past the last; start == end: nothing left. */
};

/* One past the last number that may be sent: 2^32, with ESN 2^40. */
uint64_t lease_limit(bool esn);

/* A new SA: numbers start at 1 (RFC 4303 2.2). length is kept within 1..limit. */
void lease_init(struct seq_record *r, int64_t epoch, uint64_t length, bool esn);

/* The lease of epoch, which is never before r->e0. */
struct seq_lease lease_at(const struct seq_record *r, int64_t epoch);

/* Does the lease of epoch end above 75 % of the number space? Then the SA wants a new
 * one, while there is still time for it. */
bool lease_is_high(const struct seq_record *r, int64_t epoch);

/* Renewal: the owner in `epoch` asks for numbers up to end. Refused (false) when
 * epoch is not current. Writes the epoch's start and end first, then takes the maximum. */
bool lease_renew(struct seq_record *r, int64_t epoch, int64_t current, uint64_t end);

/* Planned hand-over into epoch (= current + 1), from the exact next number of the old owner, which
 * sends no more. A number outside the old lease, such as 0 for "not known", means: from the old
 * lease's end. */
void lease_move(struct seq_record *r, int64_t epoch, uint64_t next);

#endif

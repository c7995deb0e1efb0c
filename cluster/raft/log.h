/* SPDX-License-Identifier: Apache-2.0 */
/* The Raft log in memory: dense entries with an index, each a blob. What is
 * before `first` was trimmed after a snapshot. */
#ifndef CLUSTER_RAFT_LOG_H
#define CLUSTER_RAFT_LOG_H

#include "cluster/raft/store.h"

struct consensus_log_cell {
	struct log_entry entry;
	uint64_t seq; /* The store transaction that holds it. */
};

struct consensus_log {
	struct consensus_log_cell *cells; /* Circular. */
	size_t room, head, n;
	uint64_t first;                            /* Index of the oldest entry, or of the next. */
	uint64_t snapshot_index, snapshot_term;    /* Last entry of the last snapshot; 0 = none. */
};

void consensus_log_init(struct consensus_log *l);
void consensus_log_fini(struct consensus_log *l);

/* Appends at last + 1; takes a reference to data. */
void consensus_log_append(struct consensus_log *l, uint64_t term, uint8_t type, struct blob *data,
			  uint64_t seq);
void consensus_log_truncate(struct consensus_log *l, uint64_t from); /* index >= from go */
void consensus_log_trim(struct consensus_log *l, uint64_t to);       /* index <= to go */
/* Empty, behind a snapshot. */
void consensus_log_reset(struct consensus_log *l, uint64_t index, uint64_t term);

/* NULL: not (or no longer) here. */
const struct consensus_log_cell *consensus_log_get(const struct consensus_log *l, uint64_t index);
/* Term of an entry or of the snapshot's last; 0 = unknown. */
uint64_t consensus_log_term(const struct consensus_log *l, uint64_t index);
uint64_t consensus_log_last(const struct consensus_log *l); /* 0 = empty and no snapshot */

#endif

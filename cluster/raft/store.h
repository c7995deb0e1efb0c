/* SPDX-License-Identifier: Apache-2.0 */
/* What Raft asks of stable storage, as data. The edge makes each store_update
 * one durable transaction, in order, and answers with its seq; the simulator has
 * a store with the same face that loses what was not synced. */
#ifndef CLUSTER_RAFT_STORE_H
#define CLUSTER_RAFT_STORE_H

#include "proto/wire/blob.h"

#include <stdbool.h>

struct log_entry {
	uint64_t index, term;
	uint8_t type;      /* enum raft_entry_type */
	struct blob *data; /* Commands are sealed already (seal.h). */
};

struct store_snapshot {
	uint64_t index, term;       /* Last entry it contains. */
	uint64_t configuration_index;
	struct blob *configuration; /* raft_configuration_encode() */
	struct blob *data;          /* Sealed. */
};

/* One transaction. Parts that are zero / NULL are left alone. Applied in this
 * order: vote, snapshot, truncation, entries, trimming. */
struct store_update {
	uint64_t seq;                    /* 1, 2, 3, ... the completion names it. */
	bool vote;                       /* term and voted_for are to be written. */
	uint64_t term, voted_for;
	struct store_snapshot *snapshot; /* Replaces the stored one. */
	bool snapshot_resets_log;        /* Installed from the leader: all entries go. */
	uint64_t truncate_from;          /* Entries with an index >= this go (0 = none). */
	struct log_entry *entries;
	size_t n_entries;
	uint64_t trim_to;                /* Entries with an index <= this go (0 = none). */
	/* The marks of everything accepted until so long before the update was made are in the log.
	 * The edge records that time by its wall clock (0 = leave it alone). */
	uint64_t unlogged_ms, logged_at_ms;
};

/* What a store holds when a node starts. */
struct store_image {
	uint64_t term, voted_for;
	struct store_snapshot *snapshot; /* NULL = none */
	struct log_entry *entries;       /* Dense, ascending. */
	size_t n_entries;
};

/* Blobs in an update are shared with the log in memory, and their counts are not
 * atomic: another thread may read them, but only the control thread frees an update. */
void store_snapshot_free(struct store_snapshot *s);
void store_update_free(struct store_update *u);
void store_image_fini(struct store_image *i);

#endif

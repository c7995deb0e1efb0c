/* SPDX-License-Identifier: Apache-2.0 */
/* What a node starts with. */
#ifndef CLUSTER_CORE_CORE_START_H
#define CLUSTER_CORE_CORE_START_H

#include "cluster/raft/store.h"
#include "proto/crypto/entropy.h"

struct core_start {
	uint64_t raft_id;          /* Random, drawn when the data directory was made; non-zero. */
	uint64_t incarnation;      /* Random, drawn at this start; its upper half is the IV salt. */
	struct blob *identity;     /* What ACTION_STORE_IDENTITY stored last; NULL = empty store. */
	struct store_image image;  /* Borrowed. */
	/* The newest record of the store is that old, too old for a cold start: only a leader
	 * that others have elected may use it. 0: it is not. */
	uint64_t old_s;
	/* Since the time, by the wall clock, that the store's last update gave: the marks of
	 * everything accepted until then are in the log. 0: not known. */
	uint64_t unlogged_ms;
	uint64_t now_us;
	/* What the wall clock shows, and a time before which it cannot be right: when the program
	 * was built. 0: not known. */
	int64_t unix_now, unix_least;
	uint8_t seed[ENTROPY_SEED_LEN];
};

#endif

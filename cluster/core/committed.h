/* SPDX-License-Identifier: Apache-2.0 */
/* The interface to Raft: commands out of the log into the state. */
#ifndef CLUSTER_CORE_COMMITTED_H
#define CLUSTER_CORE_COMMITTED_H

#include "cluster/raft/consensus.h"

struct core;

struct founders { /* The first members; n 0: this node joined later, or knows them by its log. */
	const struct consensus_member *member;
	size_t n;
};

/* c->consensus begins with what the store holds. Not OK: why says it. */
enum status committed_start(struct core *c, const struct store_image *image,
			    const struct founders *founders, const char **why) must_check;

#endif

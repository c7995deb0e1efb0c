/* SPDX-License-Identifier: Apache-2.0 */
/* Which cluster a node belongs to, and who founded it: a record of its own beside the log. */
#ifndef CLUSTER_CORE_IDENTITY_H
#define CLUSTER_CORE_IDENTITY_H

#include "cluster/cluster_config.h"
#include "cluster/raft/consensus.h"
#include "proto/wire/blob.h"

struct identity {
	uint64_t cluster_id; /* 0 = none yet */
	struct consensus_member founder[CLUSTER_NODES_MAX];
	size_t n_founders;   /* 0 = joined later */
	uint64_t forget_at_us; /* Propose NodeGone again. */
	bool storing;        /* ACTION_STORE_IDENTITY is on its way. */
};

struct blob *identity_encode(const struct identity *id, uint64_t own);
enum status identity_decode(struct identity *id, uint64_t *own, const uint8_t *data, size_t len);
bool identity_names(const struct identity *id, uint64_t raft_id);

#endif

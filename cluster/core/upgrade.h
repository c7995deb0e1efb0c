/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes of different levels in one cluster (cluster/level.h). */
#ifndef CLUSTER_CORE_UPGRADE_H
#define CLUSTER_CORE_UPGRADE_H

#include "cluster/raft/consensus.h"

#include <stddef.h>
#include <stdint.h>

struct core;

/* What each member can read, by what it last said; 0: one has not said it yet. */
uint8_t upgrade_level(const struct core *c, const struct consensus_member *m, size_t n);
/* If a node that reads up to `level` cannot read what is written: why, in `text`; else NULL. */
const char *upgrade_objection(uint8_t level, uint8_t written, char *text, size_t size);

#endif

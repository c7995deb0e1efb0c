/* SPDX-License-Identifier: Apache-2.0 */
/* Who we are: HELLO, founding, joining, refusing old copies (DESIGN sections 7 and 9). */
#ifndef CLUSTER_CORE_BOOTSTRAP_H
#define CLUSTER_CORE_BOOTSTRAP_H

#include "cluster/core/facts.h"
#include "cluster/raft/consensus.h"

struct core;
struct core_start;
struct frame;

enum status bootstrap_begin(struct core *c, const struct core_start *start, const char **why);
void bootstrap_link(struct core *c, uint32_t node, bool up);
bool bootstrap_hello(struct core *c, uint32_t node, const struct frame *f); /* It is welcome. */
void bootstrap_refused(struct core *c, uint32_t node, const struct frame *f);
void bootstrap_identity(struct core *c, const uint8_t *data, size_t len);
void bootstrap_stored(struct core *c);
/* Raft's message, unless the store is too old for a cold start and nobody leads yet. */
void bootstrap_raft(struct core *c, uint64_t from, const uint8_t *data, size_t len);
void bootstrap_tick(struct core *c);
void bootstrap_admit(struct core *c); /* Leader: let new nodes in, wiped ones out. */
uint64_t bootstrap_cluster_id(const struct core *c); /* 0: none yet. */
void bootstrap_init(struct core *c);
void bootstrap_fini(struct core *c);
bool bootstrap_quorum_wiped(const struct core *c); /* Most nodes answer with empty stores, we have ours. */

#endif

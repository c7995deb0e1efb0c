/* SPDX-License-Identifier: Apache-2.0 */
/* The state, sealed, a slice at a time. */
#ifndef CLUSTER_CORE_SNAPSHOT_H
#define CLUSTER_CORE_SNAPSHOT_H

#include "cluster/core/seal.h"
#include "cluster/state/state.h"

struct core;

/* Begins a snapshot of the state as it is now, or goes on; returns it when complete, else NULL. */
struct blob *snapshot_slice(struct core *c, bool begin);
void snapshot_init(struct core *c);
void snapshot_forget(struct core *c); /* The one that is being made. */
/* Reads a complete one: the state, or seal_open()'s error; also ERR_MALFORMED, and ERR_UNSUPPORTED
 * if its level is above `own`. */
enum status snapshot_open(const struct seal_key *k, const uint8_t *data, size_t len, uint8_t own,
			  struct state **state) must_check;
void snapshot_fini(struct core *c);

#endif

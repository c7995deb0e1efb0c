/* SPDX-License-Identifier: Apache-2.0 */
/* The state, sealed, a slice at a time. */
#ifndef CLUSTER_CORE_SNAPSHOT_H
#define CLUSTER_CORE_SNAPSHOT_H

#include "cluster/core/seal.h"
#include "cluster/state/state.h"

struct core;

/* Begins one of the state as it is now, or goes on; the whole, when that is done, else NULL. */
struct blob *snapshot_slice(struct core *c, bool begin);
void snapshot_init(struct core *c);
void snapshot_forget(struct core *c); /* The one that is being made. */
/* A whole one: the state, or why not, as seal_open() says; ERR_MALFORMED also if it is none,
 * ERR_UNSUPPORTED if it is of a level above `own`. */
enum status snapshot_open(const struct seal_key *k, const uint8_t *data, size_t len, uint8_t own,
			  struct state **state) must_check;
void snapshot_fini(struct core *c);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The horizon of an exact SA: no owner accepts an inbound number at or above it, in any epoch. It
 * is committed, and only grows (DESIGN section 5). */
#ifndef CLUSTER_STATE_HORIZON_H
#define CLUSTER_STATE_HORIZON_H

#include "cluster/state/lease.h"

/* Is the SA exact? Decided when it is made, for its life. */
bool horizon_exact(const struct seq_record *r);

/* A new SA, after lease_init(). horizon 0: not exact. */
void horizon_init(struct seq_record *r, int64_t epoch, uint64_t horizon);

/* The owner in `epoch` asks for numbers below `horizon`. Refused (false) when epoch is not
 * current, when it would not rise, or the SA is not exact. */
bool horizon_raise(struct seq_record *r, int64_t epoch, int64_t current, uint64_t horizon);

/* It cannot rise any more: the peer's number space ends there. */
bool horizon_is_last(const struct seq_record *r);

/* Planned hand-over without the exact mark: the next owner begins at the horizon. */
void horizon_move(struct seq_record *r);

#endif

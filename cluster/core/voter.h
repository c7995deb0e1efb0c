/* SPDX-License-Identifier: Apache-2.0 */
/* What this node may say as one of a majority (DESIGN section 5). */
#ifndef CLUSTER_CORE_VOTER_H
#define CLUSTER_CORE_VOTER_H

#include <stdbool.h>
#include <stdint.h>

struct core;
struct frame_mark;

uint32_t voter_majority(const struct core *c); /* A majority of all nodes. */
/* The applied state shows this process as up: it does not lag behind an earlier process of this
 * node. */
bool voter_may_vote(const struct core *c);
/* May we say that we hold this mark, which came from the node in that incarnation? */
bool voter_acknowledges(const struct core *c, uint32_t node, uint64_t incarnation,
			const struct frame_mark *row);

#endif

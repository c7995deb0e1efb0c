/* SPDX-License-Identifier: Apache-2.0 */
/* Who could take over what a node owns (DESIGN section 6). Nodes by their Raft ids. */
#ifndef CLUSTER_CORE_SUCCESSOR_H
#define CLUSTER_CORE_SUCCESSOR_H

#include <stdbool.h>
#include <stdint.h>

struct core;

bool successor_can_own(const struct core *c, uint32_t node); /* Sessions, as far as we see. */
/* An up voter, not `lost`, not ourselves if there is another; 0: nobody. */
uint64_t successor_of(const struct core *c, uint64_t lost);
uint64_t successor_of_slots(const struct core *c, uint64_t lost); /* 0: by rendezvous. */

#endif

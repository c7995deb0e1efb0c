/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions and virtual IPs that a command on its way will take (lane.c). */
#ifndef CLUSTER_CORE_LANE_RESERVE_H
#define CLUSTER_CORE_LANE_RESERVE_H

#include "proto/wire/address.h"

#include <stdbool.h>
#include <stdint.h>

struct core;

/* Is a command of the session on its way? If not, marks it so: for requests*.c. */
bool exchange_reserve(struct core *c, uint64_t session);
void exchange_unreserve(struct core *c, uint64_t session); /* After all there is none. */
/* Is a command on its way that takes this virtual IP? */
bool exchange_takes(const struct core *c, const struct address *a);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What clients were refused: counters, and a line now and then. */
#ifndef CLUSTER_CORE_REFUSALS_H
#define CLUSTER_CORE_REFUSALS_H

#include "cluster/core/core.h"
#include "proto/ike/ike.h"

struct core;

struct refusals { /* refusals.c */
	uint64_t count[NOTIFY_ERRORS + 1]; /* By notify_error_index(). */
	uint64_t earned_us;  /* Lines were earned up to then; ... */
	uint32_t lines;      /* ... so many may be told. */
	uint64_t untold;     /* Since the last one that was. */
};

void refusals_count(struct core *c, uint16_t notify);
/* out->refused went to that client: counted, and told unless there were many lately. */
void refusals_tell(struct core *c, const struct endpoint *remote, const struct ike_outcome *out);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The slots that were ours when grants.c last looked. */
#ifndef CLUSTER_CORE_SLOTS_SEEN_H
#define CLUSTER_CORE_SLOTS_SEEN_H

#include <stdbool.h>
#include <stdint.h>

struct core;

/* Has this slot come to us, or left us, since the last look? The answer counts as seen. */
bool slots_seen_changed(struct core *c, uint32_t slot);
bool slots_seen_had(const struct core *c, uint32_t slot, int64_t epoch); /* Known as ours, then. */
void slots_seen_init(struct core *c);
void slots_seen_fini(struct core *c);

#endif

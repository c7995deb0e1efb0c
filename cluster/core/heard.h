/* SPDX-License-Identifier: Apache-2.0 */
/* When each other process last sent its marks. */
#ifndef CLUSTER_CORE_HEARD_H
#define CLUSTER_CORE_HEARD_H

#include <stdint.h>

struct core;
struct frame;

struct heard_marks { /* The newest frames of a process's own marks. */
	uint64_t incarnation;
	uint64_t left_us; /* The earliest time at which one can have left there; 0: unknown. */
	uint64_t came_us;
};

/* That process's own marks, as we heard them last; NULL: never. */
const struct heard_marks *heard_of(const struct core *c, uint32_t node, uint64_t incarnation);
void heard_note(struct core *c, uint32_t node, const struct frame *f); /* Its own marks came. */
/* Since when that process may have accepted packets that neither we nor the log know of; by the
 * clock of events, also before its beginning. cold: for a process of which we have heard
 * nothing. */
int64_t heard_unheard_us(const struct core *c, uint64_t node, uint64_t incarnation);
int64_t heard_cold_us(const struct core *c);
void heard_init(struct core *c);
void heard_fini(struct core *c);

#endif

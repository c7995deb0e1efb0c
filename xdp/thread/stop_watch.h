/* SPDX-License-Identifier: Apache-2.0 */
/* Has this process stood still, as in a paused virtual machine? Then the others may have lost it
 * meanwhile, and it lets nothing in before it can know (DESIGN section 5). */
#ifndef XDP_STOP_WATCH_H
#define XDP_STOP_WATCH_H

#include <stdbool.h>
#include <stdint.h>

struct stop_watch {
	uint64_t bound_us; /* Standing still for longer counts; 0: nothing does. */
	uint64_t until_us; /* It did so last until then, at the latest; 0: never. */
};

/* Now, by its own clock. alive_us: the thread that sends heartbeats ran then, for the last time
 * (0: there is none); stopped_us: it found at that time that it had not for longer than the bound
 * (0: never). Read in this order, and written the other way round. */
void stop_watch_look(struct stop_watch *s, uint64_t now_us, uint64_t alive_us, uint64_t stopped_us);
/* Has a majority answered what left here since? contact_us: see struct contact. */
bool stop_watch_is_over(const struct stop_watch *s, uint64_t contact_us);

#endif

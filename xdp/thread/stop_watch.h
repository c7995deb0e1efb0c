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

/* now_us: by the caller's clock. alive_us: when the thread that sends heartbeats last ran (0: there
 * is none); stopped_us: when it found that it had not run for longer than the bound (0: never).
 * Read them in this order; they are written in the other. */
void stop_watch_look(struct stop_watch *s, uint64_t now_us, uint64_t alive_us, uint64_t stopped_us);
/* Has a majority answered what left here since? contact_us: see struct contact. */
bool stop_watch_is_over(const struct stop_watch *s, uint64_t contact_us);

#endif

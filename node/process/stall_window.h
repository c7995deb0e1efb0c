/* SPDX-License-Identifier: Apache-2.0 */
/* The longest of what took time: since the start, and lately. */
#ifndef NODE_PROCESS_STALL_WINDOW_H
#define NODE_PROCESS_STALL_WINDOW_H

#include <stdint.h>

#define STALL_WINDOW_US 10000000u /* "Lately" is between one and two of these. */

struct stall {
	uint64_t wall_us; /* With what the thread waited for a processor. */
	uint64_t cpu_us;  /* Its own processor time. The longest of each; not always of the same. */
};

struct stall_window {
	struct stall ever, now, before;
	uint64_t since_us; /* Of now. */
};

void stall_window_add(struct stall_window *w, uint64_t now_us, struct stall took);
struct stall stall_window_lately(struct stall_window *w, uint64_t now_us);

#endif

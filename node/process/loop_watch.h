/* SPDX-License-Identifier: Apache-2.0 */
/* How long a round of the control loop takes: from when something happens until the loop waits again. */
#ifndef NODE_PROCESS_LOOP_WATCH_H
#define NODE_PROCESS_LOOP_WATCH_H

#include "node/process/stall_window.h"

#include <uv.h>

struct loop_watch {
	uv_check_t check;
	uint64_t at_ns, idle_ns, cpu_ns; /* When the last round was over. */
	struct stall_window took;
};

/* Before the loop runs, and in its thread. */
void loop_watch_init(struct loop_watch *w, uv_loop_t *loop);
/* Before it is closed. */
void loop_watch_fini(struct loop_watch *w);
struct stall loop_watch_lately(struct loop_watch *w);

#endif

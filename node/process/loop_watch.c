/* SPDX-License-Identifier: Apache-2.0 */
/* libuv counts the time in which it waits for events. What passes between two looks besides, callbacks
 * have used: all of them, timers, HTTP and signals too. A look comes after the events of a round and
 * before the timers of the next, so both together count as one. */
#include "node/process/loop_watch.h"

#include <assert.h>
#include <time.h>

static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void on_check(uv_check_t *check)
{
	struct loop_watch *w = check->data;
	uint64_t at = uv_hrtime(), idle = uv_metrics_idle_time(check->loop), cpu = cpu_ns();
	uint64_t passed = at - w->at_ns, waited = idle - w->idle_ns;

	/* Both clocks are read one after the other. */
	stall_window_add(&w->took, at / 1000,
			 (struct stall){.wall_us = (passed > waited ? passed - waited : 0) / 1000,
					.cpu_us = (cpu - w->cpu_ns) / 1000});
	w->at_ns = at;
	w->idle_ns = idle;
	w->cpu_ns = cpu;
}

void loop_watch_init(struct loop_watch *w, uv_loop_t *loop)
{
	int rc = uv_loop_configure(loop, UV_METRICS_IDLE_TIME);

	assert(rc == 0);
	*w = (struct loop_watch){.at_ns = uv_hrtime(), .cpu_ns = cpu_ns()};
	w->took.since_us = w->at_ns / 1000;
	uv_check_init(loop, &w->check);
	w->check.data = w;
	uv_check_start(&w->check, on_check);
	uv_unref((uv_handle_t *)&w->check);
}

void loop_watch_fini(struct loop_watch *w)
{
	uv_close((uv_handle_t *)&w->check, NULL);
}

struct stall loop_watch_lately(struct loop_watch *w)
{
	return stall_window_lately(&w->took, uv_hrtime() / 1000);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* libuv's threads. They start with the first work, when capabilities are dropped and system
 * calls filtered; a thread has what the control thread has, and no higher priority than other
 * programs: what takes milliseconds waits for what takes microseconds. */
#include "node/process/work_threads.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/resource.h>

#define THREADS "2"

void work_threads_humble(void)
{
	static __thread bool humble;

	if (!humble)
		setpriority(PRIO_PROCESS, 0, 0); /* This thread's alone. */
	humble = true;
}

void work_threads_queue(uv_loop_t *loop, uv_work_t *work, uv_work_cb run, uv_after_work_cb done)
{
	int rc;

	(void)setenv("UV_THREADPOOL_SIZE", THREADS, 0); /* Read when the first one starts. */
	rc = uv_queue_work(loop, work, run, done);
	assert(rc == 0);
}

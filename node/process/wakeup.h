/* SPDX-License-Identifier: Apache-2.0 */
/* Any thread wakes a loop. The same as uv_async_t, but nobody spins: libuv's loop does until the sender has left
 * uv_async_send(), and the thread that is woken by a write often preempts the one that wrote. */
#ifndef NODE_PROCESS_WAKEUP_H
#define NODE_PROCESS_WAKEUP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <uv.h>

struct wakeup {
	uv_poll_t poll;
	int fd; /* eventfd */
	_Atomic bool asked; /* Since the loop last looked. */
	void (*woken)(struct wakeup *w); /* On the loop's thread; once for all that asked. */
	void *data;
};

void wakeup_init(struct wakeup *w, uv_loop_t *loop, void (*woken)(struct wakeup *w), void *data);
/* Any thread, until wakeup_fini(). What was queued before is seen by woken(). */
void wakeup_ask(struct wakeup *w);
void wakeup_close(struct wakeup *w); /* As uv_close(): done after the loop's next turn. */
void wakeup_fini(struct wakeup *w);  /* After that, when nobody asks any more. */

#endif

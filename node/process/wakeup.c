/* SPDX-License-Identifier: Apache-2.0 */
/* An eventfd that is written once until the loop has looked. */
#include "node/process/wakeup.h"

#include <assert.h>
#include <sys/eventfd.h>
#include <unistd.h>

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct wakeup *w = poll->data;
	uint64_t times;
	ssize_t n = read(w->fd, &times, sizeof(times));

	(void)status;
	(void)events;
	(void)n; /* Nothing there: it was read already. */
	/* Before anything is looked at: who asks from now on writes again. */
	atomic_store(&w->asked, false);
	w->woken(w);
}

void wakeup_init(struct wakeup *w, uv_loop_t *loop, void (*woken)(struct wakeup *w), void *data)
{
	int rc;

	w->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	assert(w->fd >= 0);
	atomic_init(&w->asked, false);
	w->woken = woken;
	w->data = data;
	w->poll.data = w;
	rc = uv_poll_init(loop, &w->poll, w->fd);
	assert(rc == 0);
	rc = uv_poll_start(&w->poll, UV_READABLE, on_readable);
	assert(rc == 0);
}

void wakeup_ask(struct wakeup *w)
{
	static const uint64_t one = 1;
	ssize_t n;

	if (atomic_exchange(&w->asked, true))
		return;
	n = write(w->fd, &one, sizeof(one));
	assert(n == (ssize_t)sizeof(one));
}

void wakeup_close(struct wakeup *w)
{
	uv_close((uv_handle_t *)&w->poll, NULL);
}

void wakeup_fini(struct wakeup *w)
{
	close(w->fd);
}

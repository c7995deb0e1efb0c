/* SPDX-License-Identifier: Apache-2.0 */
/* Work is queued as inbox items, which go back unchanged when durable: the control thread frees
 * what it made, so blobs need no locks (the storage thread reads their octets and leaves their
 * reference counts alone). */
#include "node/store/store_thread.h"
#include "xdp/thread/privilege.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define SHARED_MAX 256u /* Updates of one transaction. */

struct store_thread {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct inbox_item *first, **end;
	bool stop;
	struct store *store;
	struct inbox *done;
	struct events *events;
	uint32_t delay_ms;
	_Atomic unsigned fill_percent;
};

/* Takes what waits: updates up to and with the first identity. NULL: stop. */
static struct inbox_item *take(struct store_thread *t)
{
	struct inbox_item *first, **last;
	size_t n = 1;

	pthread_mutex_lock(&t->lock);
	while (!t->first && !t->stop)
		pthread_cond_wait(&t->work, &t->lock);
	first = t->first;
	if (first) {
		for (last = &first; (*last)->next && (*last)->kind == INBOX_STORED && n < SHARED_MAX;
		     last = &(*last)->next)
			n++;
		t->first = (*last)->next;
		if (!t->first)
			t->end = &t->first;
		(*last)->next = NULL;
	}
	pthread_mutex_unlock(&t->lock);
	return first;
}

static void *run(void *ctx)
{
	struct store_thread *t = ctx;
	struct inbox_item *first;

	pthread_setname_np(pthread_self(), "baton-store");
	(void)privilege_keep(PRIVILEGE_NONE);
	while ((first = take(t)) != NULL) {
		struct store_update *updates[SHARED_MAX + 1];
		const struct blob *identity = NULL;
		char err[STORE_ERR_LEN];
		size_t n = 0;

		for (struct inbox_item *i = first; i; i = i->next)
			if (i->kind == INBOX_STORED)
				updates[n++] = i->update;
			else
				identity = i->identity;
		if (t->delay_ms)
			usleep(t->delay_ms * 1000);
		if (store_commit(t->store, updates, n, identity, err) != OK) {
			events_add(t->events, CONFIG_LOG_ERROR, "store", "%s", err);
			events_flush(t->events);
			_exit(1);
		}
		atomic_store(&t->fill_percent, store_fill_percent(t->store));
		while (first) {
			struct inbox_item *next = first->next;

			inbox_add(t->done, first, INBOX_OTHER);
			first = next;
		}
		inbox_wake(t->done);
	}
	return NULL;
}

struct store_thread *store_thread_start(struct store *store, struct inbox *done,
					struct events *events, uint32_t delay_ms)
{
	struct store_thread *t = calloc(1, sizeof(*t));
	int rc;

	assert(t);
	pthread_mutex_init(&t->lock, NULL);
	pthread_cond_init(&t->work, NULL);
	t->end = &t->first;
	t->store = store;
	t->done = done;
	t->events = events;
	t->delay_ms = delay_ms;
	atomic_store(&t->fill_percent, store_fill_percent(store));
	rc = pthread_create(&t->thread, NULL, run, t);
	assert(rc == 0);
	return t;
}

void store_thread_stop(struct store_thread *t)
{
	if (!t)
		return;
	pthread_mutex_lock(&t->lock);
	t->stop = true;
	pthread_cond_signal(&t->work);
	pthread_mutex_unlock(&t->lock);
	pthread_join(t->thread, NULL);
	store_close(t->store);
	pthread_cond_destroy(&t->work);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

static void post(struct store_thread *t, struct inbox_item *i)
{
	pthread_mutex_lock(&t->lock);
	*t->end = i;
	t->end = &i->next;
	pthread_cond_signal(&t->work);
	pthread_mutex_unlock(&t->lock);
}

void store_thread_update(struct store_thread *t, struct store_update *u)
{
	struct inbox_item *i = inbox_item_new(INBOX_STORED, NULL, 0);
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	u->logged_at_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000 - u->unlogged_ms;
	i->update = u;
	post(t, i);
}

void store_thread_identity(struct store_thread *t, struct blob *identity)
{
	struct inbox_item *i = inbox_item_new(INBOX_IDENTITY, NULL, 0);

	i->identity = identity;
	post(t, i);
}

unsigned store_thread_fill_percent(const struct store_thread *t)
{
	return atomic_load(&t->fill_percent);
}

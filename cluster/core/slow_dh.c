/* SPDX-License-Identifier: Apache-2.0 */
/* The desk of a node. Each value is asked for once, and handed out once. A value that nobody
 * fetches is forgotten after a while: its message was lost with the leadership, or took another
 * course.
 *
 * The bound is on all values, computed or not. Where many ask they must show with a COOKIE that
 * they are there, and one address has a limited share. So nothing is computed before it is known
 * who waits for it. */
#include "cluster/core/slow_dh.h"

#include "cluster/core/rooms.h"

#include <utlist.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define SLOW_DH_MAX 256u
#define SLOW_DH_CROWD (SLOW_DH_MAX / 4)
#define SLOW_DH_PER_SOURCE (SLOW_DH_CROWD / 2)
#define KEPT_US (10000 * MS) /* After the answer. */

struct entry {
	uint64_t id;
	uint64_t since_us; /* When it was done. */
	bool begun, done;
	struct dh_task task;
	struct dh_result result;
	struct slow_dh_waiter waiter;
	struct entry *prev, *next;
};

struct slow_dh {
	struct dh_desk desk;
	struct entry *entries; /* The oldest first. */
	size_t n;
	uint64_t last_id;
	struct entry *asked; /* In this step, the last one; NULL: nothing, or there is no room. */
};

static bool is_waited_for(const struct entry *e)
{
	return e->waiter.request || e->waiter.a || e->waiter.b;
}

static void entry_free(struct slow_dh *s, struct entry *e)
{
	DL_DELETE(s->entries, e);
	s->n--;
	if (s->asked == e)
		s->asked = NULL;
	blob_unref(e->waiter.request);
	dh_task_cleanse(&e->task);
	dh_result_cleanse(&e->result);
	free(e);
}

static struct entry *entry_new(struct core *c, const struct dh_task *task)
{
	struct slow_dh *s = c->slow_dh;
	struct entry *e;

	if (s->n == SLOW_DH_MAX)
		return NULL;
	e = calloc(1, sizeof(*e));
	assert(e);
	e->id = ++s->last_id;
	e->task = *task;
	DL_APPEND(s->entries, e);
	s->n++;
	return e;
}

static bool find(void *ctx, const struct dh_task *task, struct dh_result *result)
{
	struct core *c = ctx;
	struct slow_dh *s = c->slow_dh;
	struct entry *e, *pending = NULL;

	DL_FOREACH(s->entries, e)
	{
		if (!dh_task_equal(&e->task, task))
			continue;
		if (e->done) {
			*result = e->result;
			entry_free(s, e);
			return true;
		}
		if (!is_waited_for(e))
			pending = e;
	}
	s->asked = pending ? pending : entry_new(c, task);
	return false;
}

struct dh_desk *slow_dh_desk(struct core *c)
{
	assert(!c->slow_dh->asked || c->slow_dh->asked->begun);
	c->slow_dh->desk.later = false;
	c->slow_dh->asked = NULL;
	return &c->slow_dh->desk;
}

static bool has_share(const struct slow_dh *s, const struct endpoint *remote)
{
	const struct entry *e;
	unsigned n = 0;

	DL_FOREACH(s->entries, e)
		n += e->waiter.request && address_equal(&e->waiter.remote.address, &remote->address);
	return n < SLOW_DH_PER_SOURCE;
}

bool slow_dh_wait(struct core *c, const struct slow_dh_waiter *w)
{
	struct slow_dh *s = c->slow_dh;

	struct entry *e = s->asked;

	if (!e || (w->request && !has_share(s, &w->remote))) {
		if (e && !e->begun)
			entry_free(s, e);
		core_drop(c, DROP_IKE_BUSY);
		blob_unref(w->request);
		return false;
	}
	assert(!is_waited_for(e));
	e->waiter = *w;
	if (!e->begun)
		action_dh(c->actions, e->id, &e->task, &c->entropy);
	e->begun = true;
	return true;
}

bool slow_dh_has(const struct core *c, const struct endpoint *remote, const uint8_t *data, size_t len)
{
	const struct entry *e;

	DL_FOREACH(c->slow_dh->entries, e)
		if (e->waiter.request && e->waiter.request->len == len &&
		    endpoint_equal(&e->waiter.remote, remote) &&
		    memcmp(e->waiter.request->data, data, len) == 0)
			return true;
	return false;
}

bool slow_dh_is_crowded(const struct core *c)
{
	return c->slow_dh->n >= SLOW_DH_CROWD;
}

static bool take_waiter(struct entry *e, struct slow_dh_waiter *w)
{
	if (!is_waited_for(e))
		return false;
	*w = e->waiter;
	memset(&e->waiter, 0, sizeof(e->waiter));
	return true;
}

bool slow_dh_answered(struct core *c, uint64_t id, const struct dh_result *result, struct slow_dh_waiter *w)
{
	struct entry *e;

	DL_SEARCH_SCALAR(c->slow_dh->entries, e, id, id);
	if (!e || e->done)
		return false;
	e->done = true;
	e->result = *result;
	e->since_us = c->now_us;
	return take_waiter(e, w);
}

bool slow_dh_abandon(struct core *c, struct slow_dh_waiter *w)
{
	struct entry *e;

	DL_FOREACH(c->slow_dh->entries, e)
		if (take_waiter(e, w))
			return true;
	return false;
}

void slow_dh_tick(struct core *c)
{
	struct slow_dh *s = c->slow_dh;
	struct entry *e, *tmp;

	if (c->now_us < c->housekeeping_us)
		return;
	DL_FOREACH_SAFE(s->entries, e, tmp)
		if (e->done && c->now_us - e->since_us > KEPT_US)
			entry_free(s, e);
}

void slow_dh_init(struct core *c)
{
	c->slow_dh = core_room(sizeof(*c->slow_dh));
	c->slow_dh->desk = (struct dh_desk){ .ctx = c, .find = find };
}

void slow_dh_fini(struct core *c)
{
	while (c->slow_dh->entries)
		entry_free(c->slow_dh, c->slow_dh->entries);
	free(c->slow_dh);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A wheel of seconds. Most sessions have nothing to ask for minutes, and cost nothing meanwhile: however many there
 * are, only those are looked at whose time has come, or to which something has happened. */
#include "cluster/core/tasks.h"

#include <assert.h>
#include <stdlib.h>
#include <utlist.h>

#define SECOND_US (1000 * MS)

struct task *tasks_find(struct tasks *t, uint64_t session)
{
	struct task *e;

	HASH_FIND(hh, t->by_session, &session, sizeof(session), e);
	return e;
}

static struct task **list_of(struct tasks *t, const struct task *e)
{
	return e->rests_until_s ? &t->resting[e->rests_until_s % TASKS_REST_S] : &t->awake;
}

static void wake(struct tasks *t, struct task *e)
{
	if (!e->rests_until_s)
		return;
	DL_DELETE(*list_of(t, e), e);
	e->rests_until_s = 0;
	DL_APPEND(t->awake, e);
	t->n_awake++;
}

struct task *tasks_get(struct tasks *t, uint64_t session)
{
	struct task *e = tasks_find(t, session);

	if (e) {
		wake(t, e);
		return e;
	}
	e = calloc(1, sizeof(*e));
	assert(e);
	e->session = session;
	HASH_ADD(hh, t->by_session, session, sizeof(e->session), e);
	DL_APPEND(t->awake, e);
	t->n_awake++;
	return e;
}

void tasks_free(struct tasks *t, struct task *e)
{
	t->n_awake -= e->rests_until_s == 0;
	DL_DELETE(*list_of(t, e), e);
	HASH_DEL(t->by_session, e);
	free(e);
}

struct task *tasks_next(struct tasks *t)
{
	struct task *e = t->awake;

	if (e) {
		DL_DELETE(t->awake, e);
		DL_APPEND(t->awake, e);
	}
	return e;
}

void tasks_rest(struct tasks *t, struct task *e, uint64_t until_us)
{
	uint64_t second = until_us / SECOND_US;

	assert(!e->rests_until_s);
	if (second <= t->second)
		return;
	if (second >= t->second + TASKS_REST_S)
		second = t->second + TASKS_REST_S - 1;
	DL_DELETE(t->awake, e);
	t->n_awake--;
	e->rests_until_s = second;
	DL_APPEND(*list_of(t, e), e);
}

void tasks_pass(struct tasks *t, uint64_t now_us)
{
	uint64_t now = now_us / SECOND_US;

	for (unsigned i = 0; i < TASKS_REST_S && t->second < now; i++) {
		t->second++;
		while (t->resting[t->second % TASKS_REST_S])
			wake(t, t->resting[t->second % TASKS_REST_S]);
	}
	t->second = now; /* A whole turn of the wheel: all are awake. */
}

void tasks_wake_all(struct tasks *t)
{
	for (unsigned i = 0; i < TASKS_REST_S; i++)
		while (t->resting[i])
			wake(t, t->resting[i]);
}

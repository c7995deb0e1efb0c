/* SPDX-License-Identifier: Apache-2.0 */
/* The queue between the pure core and the edge. Each action owns what it points
 * to until the edge takes it or actions_clear() drops it. */
#include "cluster/core/action.h"

#include "cluster/cluster_config.h"

#include <openssl/mem.h>

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void actions_init(struct actions *a)
{
	memset(a, 0, sizeof(*a));
}

static void action_drop(struct action *x)
{
	switch (x->type) {
	case ACTION_SEND_DATAGRAM:
		blob_unref(x->datagram.data);
		break;
	case ACTION_SEND_FRAME:
		blob_unref(x->frame.data);
		break;
	case ACTION_STORE:
		store_update_free(x->store);
		break;
	case ACTION_STORE_IDENTITY:
		blob_unref(x->identity);
		break;
	case ACTION_DH:
		dh_work_free(x->dh.work);
		break;
	case ACTION_AUTH_ASK:
		blob_unref(x->auth_ask.data);
		break;
	case ACTION_SA:
		if (x->sa.child)
			OPENSSL_cleanse(x->sa.child, sizeof(*x->sa.child));
		free(x->sa.child);
		break;
	case ACTION_HOLD:
	case ACTION_ROUTES:
	case ACTION_EVENT:
	case ACTION_CONTROL:
	case ACTION_EXIT:
		break;
	}
}

void actions_clear(struct actions *a)
{
	for (size_t i = 0; i < a->n; i++)
		action_drop(&a->list[i]);
	a->n = 0;
}

void actions_fini(struct actions *a)
{
	actions_clear(a);
	free(a->list);
	actions_init(a);
}

static struct action *action_add(struct actions *a, enum action_type type)
{
	struct action *x;

	if (a->n == a->room) {
		a->room = a->room ? a->room * 2 : 64;
		a->list = realloc(a->list, a->room * sizeof(*a->list));
		assert(a->list);
	}
	x = &a->list[a->n++];
	memset(x, 0, sizeof(*x));
	x->type = type;
	return x;
}

void action_send_datagram(struct actions *a, const struct endpoint *local,
			  const struct endpoint *remote, struct blob *data)
{
	struct action *x = action_add(a, ACTION_SEND_DATAGRAM);

	assert(data);
	x->datagram.local = *local;
	x->datagram.remote = *remote;
	x->datagram.data = data;
}

void action_send_frame(struct actions *a, uint32_t node, struct blob *data)
{
	struct action *x = action_add(a, ACTION_SEND_FRAME);

	assert(data && node < CLUSTER_NODES_MAX);
	x->frame.node = node;
	x->frame.data = data;
}

void action_store(struct actions *a, struct store_update *u)
{
	assert(u);
	action_add(a, ACTION_STORE)->store = u;
}

void action_store_identity(struct actions *a, struct blob *identity)
{
	assert(identity);
	action_add(a, ACTION_STORE_IDENTITY)->identity = identity;
}

void action_dh(struct actions *a, uint64_t id, const struct dh_task *task, struct entropy *e)
{
	struct action *x = action_add(a, ACTION_DH);
	struct dh_work *w = calloc(1, sizeof(*w));

	assert(w);
	w->task = *task;
	entropy_draw(e, w->seed, sizeof(w->seed));
	x->dh.id = id;
	x->dh.work = w;
}

void dh_work_run(const struct dh_work *w, struct dh_result *result)
{
	struct entropy e;

	entropy_init(&e, w->seed);
	dh_task_run(&w->task, &e, result);
	entropy_fini(&e);
}

void dh_work_free(struct dh_work *w)
{
	if (w)
		OPENSSL_cleanse(w, sizeof(*w));
	free(w);
}

void action_auth_ask(struct actions *a, const struct auth_question *question, struct blob *data,
		     const struct auth_clock *clock)
{
	struct action *x = action_add(a, ACTION_AUTH_ASK);

	assert(data);
	x->auth_ask.question = *question;
	x->auth_ask.data = blob_ref(data);
	x->auth_ask.clock = *clock;
}

void action_sa(struct actions *a, const struct sa_update *u)
{
	struct action *x = action_add(a, ACTION_SA);

	assert((u->kind == SA_UPDATE_PUT) == (u->child != NULL));
	x->sa.update = *u;
	x->sa.update.child = NULL;
	if (u->child) {
		x->sa.child = malloc(sizeof(*u->child));
		assert(x->sa.child);
		*x->sa.child = *u->child;
		x->sa.update.child = x->sa.child;
	}
}

void action_hold(struct actions *a, bool hold)
{
	action_add(a, ACTION_HOLD)->hold.hold = hold;
}

void action_routes(struct actions *a, const struct prefix_list *pools)
{
	action_add(a, ACTION_ROUTES)->routes = *pools;
}

void action_event(struct actions *a, const char *kind, const char *format, ...)
{
	struct action *x = action_add(a, ACTION_EVENT);
	va_list ap;

	x->event.kind = kind;
	va_start(ap, format);
	vsnprintf(x->event.text, sizeof(x->event.text), format, ap);
	va_end(ap);
}

void action_control(struct actions *a, uint64_t from, bool done, uint32_t sessions, const char *text)
{
	struct action *x = action_add(a, ACTION_CONTROL);

	x->control.from = from;
	x->control.done = done;
	x->control.sessions = sessions;
	snprintf(x->control.text, sizeof(x->control.text), "%s", text);
}

void action_exit(struct actions *a, int status, const char *format, ...)
{
	struct action *x = action_add(a, ACTION_EXIT);
	va_list ap;

	x->exit.status = status;
	va_start(ap, format);
	vsnprintf(x->exit.text, sizeof(x->exit.text), format, ap);
	va_end(ap);
}

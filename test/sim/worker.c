/* SPDX-License-Identifier: Apache-2.0 */
/* Drives the packet engine of a node as xdp/worker.c does, but for the ports: SA updates and
 * packets of other nodes come by one queue, packets of clients and of the server by another, and
 * both wait up to a fraction of a millisecond, so the seed decides which is served first and how
 * many packets are one burst. */
#include "test/sim/arrivals.h"
#include "test/sim/node.h"

#include "xdp/engine/carried.h"
#include "xdp/thread/isolation.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define WAKE_DELAY_US 200u

void worker_init(struct node *n)
{
	uint8_t seed[ENTROPY_SEED_LEN];
	struct datapath_face face;
	struct engine_output out;
	struct engine_config config = { .sa_max = cluster_config_sa_tables(&n->config),
					.seed = seed,
					.face = &face,
					.out = &out,
					.iv_salt = (uint32_t)(n->incarnation >> 32) };

	worker_face(n, &face, &out);
	random_fill(&n->host->world->random, seed, sizeof(seed));
	n->worker.updates_tail = &n->worker.updates;
	if (n->config.n_nodes > 1)
		n->worker.stop.bound_us = n->config.timing.heartbeat_ms *
					  n->config.timing.heartbeats_missed * MS;
	if (engine_init(&n->worker.engine, &config) != OK)
		world_fail(n->host->world, "no memory for an engine");
}

/* ---- What it gets ---- */

void worker_wake_later(struct node *n)
{
	struct worker *w = &n->worker;

	if (w->wakes)
		return;
	w->wakes = true;
	host_later(n->host, random_below(&n->host->world->random, WAKE_DELAY_US), OWN_WAKE, NULL);
}

void worker_update(struct node *n, const struct sa_update *u)
{
	struct update *x = calloc(1, sizeof(*x));

	assert(x);
	x->update = *u;
	x->update.child = NULL; /* Borrowed for this call only. */
	if (u->kind == SA_UPDATE_PUT && !(x->sa = engine_sa_new(u, u->replay_bits)))
		world_fail(n->host->world, "an SA's keys are refused");
	memcpy(x->heard, n->heard, sizeof(x->heard));
	*n->worker.updates_tail = x;
	n->worker.updates_tail = &x->next;
	worker_wake_later(n);
}

/* ---- What it does ---- */

static void begin_burst(struct node *n)
{
	struct worker *w = &n->worker;
	struct engine *e = &w->engine;

	engine_begin(e, host_now_us(n->host));
	stop_watch_look(&w->stop, e->now_us, w->alive_us, w->stopped_us);
	if (!stop_watch_is_over(&w->stop, w->contact_us))
		engine_stop(e);
	e->isolated = isolation_reached(e->now_us, w->contact_us,
					n->config.n_nodes == 1 ? 0 : n->config.timing.isolation_ms);
}

static void serve(struct node *n, struct arrivals *q)
{
	static uint8_t buffers[ARRIVALS_BURST_MAX][PACKET_BUFFER];
	struct packet burst[ARRIVALS_BURST_MAX];

	for (size_t at = 0, k; at < q->n; at += k) {
		const struct arrival *a = &q->list[at];

		k = arrivals_burst(&n->host->world->random, a, q->n - at);
		for (size_t i = 0; i < k; i++) {
			burst[i] = (struct packet){ .data = buffers[i] + PACKET_HEAD_ROOM,
						    .len = a[i].data->len, .path = a[i].path,
						    .injected = a[i].injected };
			memcpy(burst[i].data, a[i].data->data, a[i].data->len);
			blob_unref(a[i].data);
		}
		n->hostile = a->hostile;
		begin_burst(n);
		watch_burst(n, a->direction, burst, k);
		n->hostile = false;
	}
	q->n = 0;
}

static void apply_updates(struct node *n)
{
	struct worker *w = &n->worker;
	struct update *list = w->updates, *x;
	bool over = w->engine.stopped && stop_watch_is_over(&w->stop, w->contact_us);

	if (!list && !over)
		return;
	w->updates = NULL;
	w->updates_tail = &w->updates;
	begin_burst(n);
	for (x = list; x; x = x->next) {
		watch_update(n, x);
		engine_update(&w->engine, &x->update, x->sa);
	}
	if (w->engine.counters.sas_refused)
		world_fail(n->host->world, "I4: a Child SA that was granted finds no room at n%u",
			   n->host->index + 1);
	watch_resume(n, over && stop_watch_is_over(&w->stop, w->contact_us));
	while ((x = list)) {
		list = x->next;
		watch_updated(n, x->update.spi_in);
		free(x);
	}
}

static void run_marks(struct node *n)
{
	struct worker *w = &n->worker;

	begin_burst(n);
	w->marks_due = engine_marks(&w->engine);
	carried_report(&w->engine);
	if (w->marks_due || w->engine.volumes)
		host_later(n->host, w->marks_due ? MARKS_US : VOLUMES_US, OWN_MARKS, NULL);
	w->volumes_due = w->engine.volumes;
}

void worker_run_marks(struct node *n)
{
	if (worker_stands_still(n, OWN_MARKS))
		return;
	run_marks(n);
	engine_rest(&n->worker.engine);
}

static void run(struct node *n)
{
	struct worker *w = &n->worker;

	begin_burst(n);
	(void)engine_marks(&w->engine);
	if (random_chance(&n->host->world->random, 500))
		serve(n, &w->ring);
	apply_updates(n);
	serve(n, &w->injected);
	serve(n, &w->ring);
	if ((w->engine.marks && !w->marks_due) || (w->engine.volumes && !w->volumes_due))
		run_marks(n);
}

void worker_wake(struct node *n)
{
	struct worker *w = &n->worker;

	if (worker_stands_still(n, OWN_WAKE))
		return;
	w->wakes = false;
	run(n);
	if (w->engine.stopped && !w->wakes) {
		w->wakes = true;
		host_later(n->host, MS, OWN_WAKE, NULL);
	}
	if (!worker_is_preempted(n))
		engine_rest(&w->engine);
}

void worker_fini(struct node *n)
{
	struct worker *w = &n->worker;

	while (w->ring.n)
		blob_unref(w->ring.list[--w->ring.n].data);
	while (w->injected.n)
		blob_unref(w->injected.list[--w->injected.n].data);
	while (w->updates) {
		struct update *x = w->updates;

		w->updates = x->next;
		engine_sa_free(x->sa);
		free(x);
	}
	engine_fini(&w->engine);
	watch_fini(w);
}

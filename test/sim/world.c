/* SPDX-License-Identifier: Apache-2.0 */
/* The queue is a binary heap ordered by (time, serial): events of one microsecond
 * happen in the order in which they were caused. A pause stops a process, not its
 * kernel: frames, completions and timers pile up in an inbox and are handled, in
 * order, when it goes on. */
#include "test/sim/world.h"

#include "test/sim/net.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct event_slot {
	uint64_t at, serial;
	world_fn fn;
	void *ctx;
	uint64_t a;
	struct blob *data;
};

struct inbox {
	struct delivery d;
	struct inbox *next;
};

/* ---- Events ---- */

static bool earlier(const struct event_slot *x, const struct event_slot *y)
{
	return x->at != y->at ? x->at < y->at : x->serial < y->serial;
}

static void swap(struct event_slot *x, struct event_slot *y)
{
	struct event_slot t = *x;

	*x = *y;
	*y = t;
}

void world_at(struct world *w, uint64_t delay_us, world_fn fn, void *ctx, uint64_t a,
	      struct blob *data)
{
	size_t i = w->n_events;

	if (w->n_events == w->room) {
		w->room = w->room ? 2 * w->room : 1024;
		w->heap = realloc(w->heap, w->room * sizeof(*w->heap));
		assert(w->heap);
	}
	w->heap[w->n_events++] = (struct event_slot){ w->now_us + delay_us, ++w->serial, fn, ctx, a,
						      data };
	while (i > 0 && earlier(&w->heap[i], &w->heap[(i - 1) / 2])) {
		swap(&w->heap[i], &w->heap[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
}

static struct event_slot take_first(struct world *w)
{
	struct event_slot first = w->heap[0];
	size_t i = 0;

	w->heap[0] = w->heap[--w->n_events];
	for (;;) {
		size_t least = i, l = 2 * i + 1, r = l + 1;

		if (l < w->n_events && earlier(&w->heap[l], &w->heap[least]))
			least = l;
		if (r < w->n_events && earlier(&w->heap[r], &w->heap[least]))
			least = r;
		if (least == i)
			return first;
		swap(&w->heap[i], &w->heap[least]);
		i = least;
	}
}

void world_run(struct world *w, uint64_t until_us)
{
	while (w->n_events > 0 && w->heap[0].at <= until_us) {
		struct event_slot e = take_first(w);

		assert(e.at >= w->now_us);
		w->now_us = e.at;
		w->events_done++;
		e.fn(w, e.ctx, e.a, e.data);
		blob_unref(e.data);
	}
	w->now_us = until_us;
}

/* ---- Saying ---- */

static void hash_line(struct world *w, const char *line)
{
	for (w->trace ^= w->now_us; *line; line++)
		w->trace = (w->trace ^ (uint8_t)*line) * UINT64_C(0x100000001b3);
}

void world_say(struct world *w, const char *format, ...)
{
	char line[512];
	va_list ap;

	va_start(ap, format);
	vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	hash_line(w, line);
	if (w->verbose)
		printf("%10.6f %s\n", (double)w->now_us / 1e6, line);
}

void world_fail(struct world *w, const char *format, ...)
{
	va_list ap;

	printf("FAIL seed %llu at %.6f s: ", (unsigned long long)w->seed, (double)w->now_us / 1e6);
	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	printf("\nrepeat with: %s -v\n", w->command ? w->command : "(no command)");
	fflush(stdout);
	_exit(1);
}

/* ---- Hosts ---- */

static void on_timer(struct world *w, void *ctx, uint64_t generation, struct blob *data)
{
	struct host *h = ctx;
	struct delivery d = { .kind = DELIVER_TIMER };

	(void)data;
	if (generation != h->generation || h->timer_us != w->now_us)
		return; /* Another one was armed since. */
	h->timer_us = 0;
	host_deliver(h, generation, &d);
}

/* ---- Clocks ---- */

uint64_t host_now_us(const struct host *h)
{
	int64_t passed = (int64_t)(h->world->now_us - h->clock_at_us);

	return h->clock_us + (uint64_t)(passed + passed * h->clock_ppm / 1000000);
}

uint64_t host_wall_us(const struct host *h)
{
	return h->world->now_us + (uint64_t)h->wall_us;
}

void host_set_clock(struct host *h, uint64_t jump_us, int32_t ppm)
{
	h->clock_us = host_now_us(h) + jump_us;
	h->clock_at_us = h->world->now_us;
	h->clock_ppm = ppm;
	host_rearm(h);
}

/* The world's time when it will show this, rounded up. */
static uint64_t world_time(const struct host *h, uint64_t clock_us)
{
	uint64_t now = host_now_us(h), left = clock_us > now ? clock_us - now : 0;

	if (h->clock_ppm != 0)
		left = left * 1000000 / (uint64_t)(1000000 + h->clock_ppm) + 1;
	return h->world->now_us + left;
}

void host_rearm(struct host *h)
{
	struct world *w = h->world;
	uint64_t at;

	if (!h->process || h->paused)
		return;
	at = w->program->deadline_us(h->process);
	if (at != UINT64_MAX)
		at = world_time(h, at);
	if (at <= w->now_us)
		at = w->now_us + 1;
	if (at == UINT64_MAX || (h->timer_us != 0 && h->timer_us <= at))
		return;
	h->timer_us = at;
	world_at(w, at - w->now_us, on_timer, h, h->generation, NULL);
}

static void handle(struct host *h, const struct delivery *d)
{
	h->world->program->deliver(h, h->process, d);
	host_rearm(h);
}

void host_deliver(struct host *h, uint64_t generation, const struct delivery *d)
{
	struct inbox **p = &h->inbox;

	if (!h->process || generation != h->generation)
		return;
	if (!h->paused) {
		handle(h, d);
		return;
	}
	while (*p)
		p = &(*p)->next;
	*p = calloc(1, sizeof(**p));
	assert(*p);
	(*p)->d = *d;
	blob_ref(d->data);
}

static void on_own(struct world *w, void *ctx, uint64_t packed, struct blob *data)
{
	struct host *h = ctx;
	struct delivery d = { .kind = DELIVER_OWN, .value = packed & 0xffffffff, .data = data };

	(void)w;
	host_deliver(h, packed >> 32, &d);
}

void host_later(struct host *h, uint64_t delay_us, uint64_t value, struct blob *data)
{
	assert(value <= UINT32_MAX);
	world_at(h->world, delay_us, on_own, h, h->generation << 32 | value, data);
}

static void drop_inbox(struct host *h)
{
	while (h->inbox) {
		struct inbox *i = h->inbox;

		h->inbox = i->next;
		blob_unref(i->d.data);
		free(i);
	}
}

void host_start(struct host *h)
{
	assert(!h->process);
	h->generation++;
	h->paused = false;
	h->paused_from_us = h->paused_until_us = 0;
	h->timer_us = 0;
	world_say(h->world, "n%u starts (generation %llu)", h->index + 1,
		  (unsigned long long)h->generation);
	h->process = h->world->program->start(h);
	if (!h->process)
		return; /* It refused its store. */
	net_host_started(h);
	host_rearm(h);
}

void host_crash(struct host *h, bool power_lost)
{
	void *process = h->process;

	if (!process)
		return;
	world_say(h->world, "n%u %s", h->index + 1, power_lost ? "loses power" : "crashes");
	h->process = NULL;
	h->paused = false;
	drop_inbox(h);
	disk_crash(&h->disk, power_lost);
	h->world->program->stop(h, process);
	if (power_lost) { /* It boots: that clock begins anew. */
		h->clock_us = SECOND;
		h->clock_at_us = h->world->now_us;
	}
	net_host_stopped(h, power_lost);
}

void host_pause(struct host *h)
{
	if (!h->process || h->paused)
		return;
	world_say(h->world, "n%u is stopped", h->index + 1);
	h->paused = true;
	h->paused_from_us = host_now_us(h);
	h->pause_began_us = h->world->now_us;
}

void host_resume(struct host *h)
{
	if (!h->paused)
		return;
	world_say(h->world, "n%u goes on", h->index + 1);
	h->paused = false;
	h->paused_until_us = host_now_us(h);
	h->pause_ended_us = h->world->now_us;
	while (h->inbox && h->process) {
		struct inbox *i = h->inbox;

		h->inbox = i->next;
		h->more = h->inbox != NULL;
		handle(h, &i->d);
		blob_unref(i->d.data);
		free(i);
	}
	h->more = false;
	host_rearm(h);
}

/* ---- The whole ---- */

void world_init(struct world *w, uint64_t seed, unsigned n_hosts, const struct program *program,
		void *context)
{
	assert(n_hosts <= HOSTS_MAX);
	memset(w, 0, sizeof(*w));
	w->seed = seed;
	w->n_hosts = n_hosts;
	w->program = program;
	w->context = context;
	w->now_us = SECOND; /* A time of 0 stands for "never" in many places. */
	w->trace = UINT64_C(0xcbf29ce484222325);
	random_init(&w->random, seed);
	for (unsigned i = 0; i < n_hosts; i++) {
		w->host[i].world = w;
		w->host[i].index = i;
		w->host[i].clock_us = w->host[i].clock_at_us = w->now_us;
		w->host[i].wall_us = (int64_t)(1800000000 * SECOND);
		disk_init(&w->host[i].disk, &w->host[i]);
	}
	w->net = net_new(w);
}

void world_fini(struct world *w)
{
	for (unsigned i = 0; i < w->n_hosts; i++) {
		struct host *h = &w->host[i];

		drop_inbox(h);
		if (h->process)
			w->program->stop(h, h->process);
		h->process = NULL;
		disk_fini(&h->disk);
	}
	while (w->n_events > 0)
		blob_unref(w->heap[--w->n_events].data);
	free(w->heap);
	net_free(w->net);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* An owner is stopped for 20 to 200 ms, as a virtual machine may be, and goes on: mostly the others
 * took it for dead meanwhile, and it does not know. Packets sent to it lie in its queue and are let
 * in before it learns of its loss. Then the attacker sends all its clients' packets again, at once
 * and a while later. In some seeds this happens again and again, beside all other faults; it has
 * its own random numbers, so other seeds stay. */
#include "test/sim/full.h"

static void on_repeat(struct world *w, void *ctx, uint64_t a, struct blob *data)
{
	(void)w;
	(void)a;
	(void)data;
	attack_repeat_all(ctx);
}

static void on_resume(struct world *w, void *ctx, uint64_t generation, struct blob *data)
{
	struct host *h = ctx;

	(void)data;
	(void)w;
	if (h->generation == generation)
		host_resume(h);
}

static void on_stop(struct world *w, void *ctx, uint64_t a, struct blob *data)
{
	struct full *f = ctx;
	struct random *r = &f->stop_random;
	struct host *h = &w->host[f->holder >= 0 ? (unsigned)f->holder : random_below(r, w->n_hosts)];
	uint64_t time = random_between(r, 20, 200) * MS;

	(void)a;
	(void)data;
	if (f->calm)
		return;
	if (host_runs(h) && !h->paused) {
		f->faults.count[FAULT_STOP]++;
		host_pause(h);
		world_at(w, time, on_resume, h, h->generation, NULL);
		world_at(w, time + random_between(r, 1, 30) * MS, on_repeat, f, 0, NULL);
		world_at(w, time + random_between(r, 30, 400) * MS, on_repeat, f, 0, NULL);
	}
	world_at(w, time + random_between(r, 100, 1500) * MS, on_stop, f, 0, NULL);
}

void stop_begin(struct full *f)
{
	if (!f->plan.stops)
		return;
	random_init(&f->stop_random, f->world.seed ^ UINT64_C(0x73746f70));
	world_at(&f->world, 2 * SECOND, on_stop, f, 0, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* An owner that is stopped for 20 to 200 ms, as a virtual machine is, and goes on: most times it
 * was taken for dead meanwhile, and does not know. What was sent to it lies in its queue and is
 * let in before it learns of its loss. Then somebody sends again what its clients have sent, at
 * once and a while later. In some seeds this happens again and again, beside all other faults; by
 * random numbers of its own, so that other seeds are what they were. */
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

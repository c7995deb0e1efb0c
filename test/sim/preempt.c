/* SPDX-License-Identifier: Apache-2.0 */
/* The owner's packet worker loses its processor for 10 to 60 ms right after a burst, before it has reported the marks:
 * other threads (heartbeats, the control loop) go on. Often the owner crashes meanwhile, so that nobody ever hears what
 * it let in last, and the attacker sends all its clients' packets to the next owner. In three seeds of ten this happens
 * again and again, beside all other faults; it has its own random numbers, so other seeds stay. */
#include "test/sim/node.h"

static void on_repeat(struct world *w, void *ctx, uint64_t a, struct blob *data)
{
	(void)w;
	(void)a;
	(void)data;
	attack_repeat_all(ctx);
}

static void on_loss(struct world *w, void *ctx, uint64_t packed, struct blob *data)
{
	struct full *f = ctx;
	struct random *r = &f->preempt_random;
	struct host *h = &w->host[packed & 0xff];

	(void)data;
	if (f->calm || h->generation != packed >> 8 || h->paused ||
	    !fault_crash(h, random_between(r, 100, 2000) * MS))
		return;
	world_at(w, random_between(r, 30, 80) * MS, on_repeat, f, 0, NULL);
	world_at(w, random_between(r, 60, 400) * MS, on_repeat, f, 0, NULL);
}

static void on_preempt(struct world *w, void *ctx, uint64_t a, struct blob *data)
{
	struct full *f = ctx;
	struct host *h = &w->host[f->holder >= 0 ? (unsigned)f->holder : random_below(&f->preempt_random, w->n_hosts)];

	(void)a;
	(void)data;
	if (f->calm)
		return;
	if (host_runs(h) && !h->paused)
		node_preempt(h, random_between(&f->preempt_random, 10, 60) * MS);
	world_at(w, random_between(&f->preempt_random, 1000, 2500) * MS, on_preempt, f, 0, NULL);
}

void preempted(struct full *f, unsigned host, uint64_t for_us)
{
	struct host *h = &f->world.host[host];

	f->faults.count[FAULT_PREEMPT]++;
	world_say(&f->world, "n%u's worker stands still for %llu ms", host + 1, (unsigned long long)(for_us / MS));
	if (random_chance(&f->preempt_random, 800))
		world_at(&f->world, random_between(&f->preempt_random, for_us / 2, for_us), on_loss, f,
			 h->generation << 8 | host, NULL);
}

void node_preempt(struct host *h, uint64_t for_us)
{
	((struct node *)h->process)->worker.preempt_us = for_us;
}

bool worker_is_preempted(struct node *n)
{
	struct worker *w = &n->worker;
	uint64_t now = n->host->world->now_us;

	if (w->preempt_us == 0 || n->full->calm || (!w->engine.marks && w->n_reports == 0))
		return false;
	w->still_from_us = now;
	w->still_until_us = now + w->preempt_us;
	preempted(n->full, n->host->index, w->preempt_us);
	w->preempt_us = 0;
	return true;
}

bool worker_stands_still(struct node *n, uint64_t what)
{
	uint64_t now = n->host->world->now_us, until = n->worker.still_until_us;

	if (now < until)
		host_later(n->host, until - now, what, NULL);
	return now < until;
}

void preempt_begin(struct full *f)
{
	random_init(&f->preempt_random, f->world.seed ^ PREEMPT_SALT);
	if (random_chance(&f->preempt_random, 300))
		world_at(&f->world, 2 * SECOND, on_preempt, f, 0, NULL);
}

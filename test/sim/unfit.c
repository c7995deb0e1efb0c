/* SPDX-License-Identifier: Apache-2.0 */
/* A host does not let its node serve for a time: the outer or inner interface, or both, pass
 * nothing (or all passes, and an address is gone). The node is told so (EVENT_FITNESS) up to a
 * second later, as by the address mover, and likewise of the end. A restart of the process does not
 * mend the host. Owners, leaders and others are hit in turn, several at a time, in three seeds of
 * ten, beside all other faults; they have their own random numbers, so other seeds stay.
 *
 * When faults end, one stays unfit in some seeds until all clients are served without it. */
#include "test/sim/node.h"

#define TOLD_MAX_US (1000 * MS)

bool unfit_outer_cut(const struct full *f, unsigned host)
{
	return f->unfit.of[host].outer_cut;
}

bool unfit_inner_cut(const struct full *f, unsigned host)
{
	return f->unfit.of[host].inner_cut;
}

/* ---- The end ---- */

static void is_over(struct full *f, unsigned host, uint64_t delay_us)
{
	struct unfit_host *u = &f->unfit.of[host];

	if (!u->unfit)
		return;
	world_say(&f->world, "n%u's host serves again", host + 1);
	u->unfit = u->outer_cut = u->inner_cut = false;
	if (host_runs(&f->world.host[host]))
		node_tell_fitness(&f->world.host[host], delay_us);
}

static void on_end(struct world *w, void *ctx, uint64_t a, struct blob *data)
{
	struct full *f = ctx;
	unsigned host = (unsigned)(a & 0xff);

	(void)w;
	(void)data;
	if (!f->calm && f->unfit.of[host].serial == a >> 8)
		is_over(f, host, random_below(&f->unfit.random, TOLD_MAX_US));
}

/* ---- The fault ---- */

static unsigned whose(struct full *f)
{
	struct world *w = &f->world;
	uint64_t x = random_below(&f->unfit.random, 3);

	for (unsigned i = 0; x == 0 && i < w->n_hosts; i++) {
		const struct core *c = node_core(&w->host[i]);
		struct core_status s;

		if (!c)
			continue;
		core_status(c, &s);
		if (s.role == CONSENSUS_LEADER)
			return i;
	}
	if (x == 1 && f->holder >= 0)
		return (unsigned)f->holder;
	return (unsigned)random_below(&f->unfit.random, w->n_hosts);
}

static void begin(struct full *f, unsigned host, uint64_t time)
{
	struct random *r = &f->unfit.random;
	struct unfit_host *u = &f->unfit.of[host];
	uint64_t kind = random_below(r, 4);

	u->unfit = true;
	u->serial = ++f->unfit.last;
	u->outer_cut = kind & 1;
	u->inner_cut = kind & 2;
	f->faults.count[FAULT_UNFIT]++;
	world_say(&f->world, "n%u's host does not let it serve for %llu ms:%s%s", host + 1,
		  (unsigned long long)(time / MS), u->outer_cut ? " outer interface" : "",
		  u->inner_cut ? " inner interface" : "");
	if (host_runs(&f->world.host[host]))
		node_tell_fitness(&f->world.host[host], random_below(r, TOLD_MAX_US));
	world_at(&f->world, time, on_end, f, u->serial << 8 | host, NULL);
}

static void on_unfit(struct world *w, void *ctx, uint64_t a, struct blob *data)
{
	struct full *f = ctx;
	struct random *r = &f->unfit.random;
	unsigned host = whose(f);
	uint64_t time = random_between(r, 100, random_chance(r, 500) ? 1500 : 8000) * MS;

	(void)a;
	(void)data;
	if (f->calm)
		return;
	if (!f->unfit.of[host].unfit)
		begin(f, host, time);
	world_at(w, random_between(r, 200, 3000) * MS, on_unfit, f, 0, NULL);
}

void unfit_begin(struct full *f)
{
	random_init(&f->unfit.random, f->world.seed ^ UNFIT_SALT);
	if (random_chance(&f->unfit.random, 300))
		world_at(&f->world, 2 * SECOND, on_unfit, f, 0, NULL);
}

/* ---- Calm ---- */

void unfit_calm(struct full *f)
{
	unsigned n = f->world.n_hosts, stays = n;

	if (f->unfit.last > 0 && n >= 3 && random_chance(&f->unfit.random, 500))
		stays = whose(f);
	for (unsigned i = 0; i < n; i++)
		if (i != stays)
			is_over(f, i, random_below(&f->unfit.random, TOLD_MAX_US));
	if (stays < n && !f->unfit.of[stays].unfit)
		begin(f, stays, 0);
}

void unfit_over(struct full *f)
{
	for (unsigned i = 0; i < f->world.n_hosts; i++)
		is_over(f, i, 0);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "test/sim/fault.h"

#include "test/sim/net.h"

#include <string.h>

const char *const fault_names[FAULT_KINDS] = {
	[FAULT_CRASH] = "crash",
	[FAULT_QUICK] = "quick restart",
	[FAULT_PAUSE] = "pause",
	[FAULT_ISOLATE] = "isolation",
	[FAULT_ONE_WAY] = "one-way cut",
	[FAULT_SPLIT] = "split",
	[FAULT_RESET] = "link reset",
	[FAULT_SLOW_LINK] = "slow link",
	[FAULT_FULL_LINK] = "full link",
	[FAULT_SLOW_DISK] = "slow disk",
	[FAULT_DATAGRAMS] = "loss, copies, disorder",
	[FAULT_POWER] = "power loss",
	[FAULT_BLACKOUT] = "power loss of all",
	[FAULT_CLOG] = "clogging",
	[FAULT_FULL] = "disk full",
	[FAULT_CLOCK] = "clock jumps or drifts",
	[FAULT_WALL] = "wall clock set",
	[FAULT_SHUTDOWN] = "shutdown",
	[FAULT_TRANSFER] = "leadership handed over",
	[FAULT_WIPE] = "new disk",
	[FAULT_FLIP] = "bit flipped",
	[FAULT_LOST_TAIL] = "acknowledged writes lost",
	[FAULT_ROLLBACK] = "disk put back",
	[FAULT_ALL_BACK] = "all disks put back",
	[FAULT_STOP] = "owner stopped",
	[FAULT_PREEMPT] = "worker preempted",
	[FAULT_UNFIT] = "host unfit",
	[FAULT_MOVE] = "client moves",
	[FAULT_CLIENT_DIES] = "client dies",
	[FAULT_REAUTH] = "client re-authenticates",
	[FAULT_ORDER] = "operator's order",
	[FAULT_WRONG] = "wall clock wrong",
	[FAULT_POLICY] = "policy changed",
};

void faults_init(struct faults *f, struct world *w, uint64_t until_us, uint64_t mean_us)
{
	static const unsigned weight[FAULT_KINDS] = {
		[FAULT_CRASH] = 7,     [FAULT_PAUSE] = 6,     [FAULT_ISOLATE] = 5,
		[FAULT_ONE_WAY] = 5,   [FAULT_SPLIT] = 3,     [FAULT_RESET] = 4,
		[FAULT_SLOW_LINK] = 3, [FAULT_SLOW_DISK] = 3, [FAULT_DATAGRAMS] = 3,
		[FAULT_POWER] = 3,     [FAULT_BLACKOUT] = 1,
		[FAULT_CLOG] = 3,      [FAULT_FULL] = 2,     [FAULT_QUICK] = 4,
		[FAULT_FULL_LINK] = 3,
	};

	memset(f, 0, sizeof(*f));
	f->world = w;
	f->until_us = until_us;
	f->mean_us = mean_us;
	memcpy(f->weight, weight, sizeof(weight));
}

/* ---- Ends of faults ---- */

static void end_crash(struct world *w, void *ctx, uint64_t a, struct blob *data)
{
	struct host *h = ctx;

	(void)w;
	(void)data;
	if (!host_runs(h) && h->generation == a)
		host_start(h);
}

static void end_pause(struct world *w, void *ctx, uint64_t a, struct blob *data)
{
	struct host *h = ctx;

	(void)w;
	(void)data;
	if (h->generation == a)
		host_resume(h);
}

static void end_block(struct world *w, void *ctx, uint64_t a, struct blob *data)
{
	(void)ctx;
	(void)data;
	net_block(w, (unsigned)(a >> 8), (unsigned)(a & 0xff), false);
	net_slow(w, (unsigned)(a >> 8), (unsigned)(a & 0xff), 0);
}

static void end_slow_disk(struct world *w, void *ctx, uint64_t a, struct blob *data)
{
	(void)w;
	(void)a;
	(void)data;
	((struct host *)ctx)->disk.slow_us = 0;
}

static void end_datagrams(struct world *w, void *ctx, uint64_t a, struct blob *data)
{
	struct net_fault none = { 0, 0, 0, 100, 400 };

	(void)ctx;
	(void)a;
	(void)data;
	net_set_fault(w, &none);
}

/* ---- Faults ---- */

/* Short ones stay unnoticed; every node notices long ones. */
static uint64_t some_time(struct world *w)
{
	switch (random_below(&w->random, 3)) {
	case 0:
		return random_between(&w->random, 1, 40) * MS;
	case 1:
		return random_between(&w->random, 40, 400) * MS;
	default:
		return random_between(&w->random, 400, 4000) * MS;
	}
}

static struct host *some_host(struct world *w)
{
	return &w->host[random_below(&w->random, w->n_hosts)];
}

static bool crash(struct world *w, struct host *h, uint64_t time, bool power_lost)
{
	uint64_t generation = h->generation;

	if (!host_runs(h))
		return false;
	host_crash(h, power_lost);
	world_at(w, time, end_crash, h, generation, NULL);
	return true;
}

bool fault_crash(struct host *h, uint64_t for_us)
{
	return crash(h->world, h, for_us, false);
}

static void block(struct world *w, unsigned from, unsigned to, uint64_t time)
{
	if (from == to)
		return;
	world_say(w, "n%u to n%u is blocked for %llu ms", from + 1, to + 1,
		  (unsigned long long)(time / MS));
	net_block(w, from, to, true);
	world_at(w, time, end_block, NULL, (uint64_t)from << 8 | to, NULL);
}

static bool isolate(struct world *w, unsigned host)
{
	uint64_t time = some_time(w);

	if (w->n_hosts == 1)
		return false;
	for (unsigned i = 0; i < w->n_hosts; i++) {
		block(w, host, i, time);
		block(w, i, host, time);
	}
	return true;
}

static bool split(struct world *w)
{
	uint64_t time = some_time(w), side = random_u64(&w->random);

	if (w->n_hosts == 1)
		return false;
	for (unsigned i = 0; i < w->n_hosts; i++)
		for (unsigned k = 0; k < w->n_hosts; k++)
			if ((side >> i & 1) != (side >> k & 1))
				block(w, i, k, time);
	return true;
}

static bool link_fault(struct world *w, enum fault_kind kind)
{
	unsigned a = some_host(w)->index, b = some_host(w)->index;
	uint64_t time = some_time(w);

	if (a == b)
		return false;
	if (kind == FAULT_ONE_WAY) {
		block(w, a, b, time);
	} else if (kind == FAULT_RESET) {
		net_reset(w, a, b);
	} else if (kind == FAULT_FULL_LINK) {
		world_say(w, "n%u to n%u is full for %llu ms", a + 1, b + 1,
			  (unsigned long long)(time / MS));
		net_fill(w, a, b, w->now_us + time);
	} else {
		world_say(w, "n%u to n%u is slow", a + 1, b + 1);
		net_slow(w, a, b, random_between(&w->random, 5, 200) * MS);
		world_at(w, time, end_block, NULL, (uint64_t)a << 8 | b, NULL);
	}
	return true;
}

static bool spoil_datagrams(struct world *w)
{
	struct net_fault f = { (unsigned)random_below(&w->random, 300),
			       (unsigned)random_below(&w->random, 300),
			       (unsigned)random_below(&w->random, 300), 100,
			       random_between(&w->random, 400, 20000) };

	world_say(w, "datagrams: %u/1000 lost, %u doubled, %u late", f.loss, f.duplicate, f.reorder);
	net_set_fault(w, &f);
	world_at(w, some_time(w), end_datagrams, NULL, 0, NULL);
	return true;
}

static bool clog_outside(struct world *w)
{
	uint64_t time = some_time(w);

	world_say(w, "datagrams wait for %llu ms", (unsigned long long)(time / MS));
	net_clog(w, w->now_us + time);
	return true;
}

static bool pause_host(struct world *w, struct host *h)
{
	if (!host_runs(h) || h->paused)
		return false;
	host_pause(h);
	world_at(w, some_time(w), end_pause, h, h->generation, NULL);
	return true;
}

static bool slow_disk(struct world *w, struct host *h)
{
	world_say(w, "n%u's disk is slow", h->index + 1);
	h->disk.slow_us = random_between(&w->random, 2, 300) * MS;
	world_at(w, some_time(w), end_slow_disk, h, 0, NULL);
	return true;
}

static void end_full(struct world *w, void *ctx, uint64_t a, struct blob *data)
{
	struct host *h = ctx;

	(void)w;
	(void)a;
	(void)data;
	h->disk.full = false;
	if (!host_runs(h))
		host_start(h);
}

static bool fill_disk(struct world *w, struct host *h)
{
	if (h->disk.full || !host_runs(h))
		return false;
	world_say(w, "n%u's disk is full", h->index + 1);
	h->disk.full = true;
	world_at(w, some_time(w), end_full, h, 0, NULL);
	return true;
}

static bool disturb_clock(struct world *w, struct host *h)
{
	uint64_t jump = random_chance(&w->random, 500) ? random_between(&w->random, 1, 3000) * MS : 0;
	int32_t ppm = (int32_t)random_below(&w->random, random_chance(&w->random, 200) ? 20000 : 400);

	if (random_chance(&w->random, 500))
		ppm = -ppm;
	world_say(w, "n%u's clock: %llu ms ahead, %d ppm", h->index + 1,
		  (unsigned long long)(jump / MS), ppm);
	host_set_clock(h, jump, ppm);
	return true;
}

/* Up to two hours backward or forward. */
static bool set_wall_clocks(struct world *w)
{
	int64_t by = ((int64_t)random_below(&w->random, 14400) - 7200) * (int64_t)SECOND;
	bool all = random_chance(&w->random, 500);
	struct host *h = some_host(w);

	w->walls_set = true;
	world_say(w, "the wall clock of %s is set by %lld s", all ? "all" : "one",
		  (long long)(by / (int64_t)SECOND));
	for (unsigned i = 0; i < w->n_hosts; i++)
		if (all || h == &w->host[i])
			w->host[i].wall_us += by;
	return true;
}

static bool blackout(struct world *w)
{
	for (unsigned i = 0; i < w->n_hosts; i++)
		crash(w, &w->host[i], some_time(w), true);
	if (random_chance(&w->random, 300) && !w->walls_kept)
		set_wall_clocks(w);
	return true;
}

/* False: that fault could not happen just then. */
static bool happen(struct world *w, enum fault_kind kind)
{
	switch (kind) {
	case FAULT_CRASH:
	case FAULT_POWER:
		return crash(w, some_host(w), some_time(w), kind == FAULT_POWER);
	case FAULT_QUICK:
		return crash(w, some_host(w), random_between(&w->random, 1, 30) * MS, false);
	case FAULT_PAUSE:
		return pause_host(w, some_host(w));
	case FAULT_ISOLATE:
		return isolate(w, some_host(w)->index);
	case FAULT_SPLIT:
		return split(w);
	case FAULT_ONE_WAY:
	case FAULT_RESET:
	case FAULT_SLOW_LINK:
	case FAULT_FULL_LINK:
		return link_fault(w, kind);
	case FAULT_SLOW_DISK:
		return slow_disk(w, some_host(w));
	case FAULT_DATAGRAMS:
		return spoil_datagrams(w);
	case FAULT_BLACKOUT:
		return blackout(w);
	case FAULT_FULL:
		return fill_disk(w, some_host(w));
	case FAULT_CLOCK:
		return disturb_clock(w, some_host(w));
	case FAULT_WALL:
		return set_wall_clocks(w);
	case FAULT_CLOG:
		return clog_outside(w);
	default: /* The others are not drawn here. */
		return false;
	}
}

static void on_fault(struct world *w, void *ctx, uint64_t a, struct blob *data)
{
	struct faults *f = ctx;
	uint64_t sum = 0, x;
	enum fault_kind kind = 0;

	(void)a;
	(void)data;
	if (w->now_us >= f->until_us)
		return;
	for (unsigned i = 0; i < FAULT_KINDS; i++)
		sum += f->weight[i];
	for (x = random_below(&w->random, sum); x >= f->weight[kind]; kind++)
		x -= f->weight[kind];
	if (kind != FAULT_BLACKOUT || w->now_us >= f->spare_us)
		f->count[kind] += happen(w, kind);
	world_at(w, random_between(&w->random, 1, 2 * f->mean_us), on_fault, f, 0, NULL);
}

void faults_begin(struct faults *f)
{
	world_at(f->world, f->mean_us, on_fault, f, 0, NULL);
}

void faults_end(struct faults *f)
{
	struct world *w = f->world;

	f->until_us = w->now_us;
	world_say(w, "faults end");
	net_heal(w);
	for (unsigned i = 0; i < w->n_hosts; i++) {
		struct host *h = &w->host[i];

		h->disk.slow_us = 0;
		h->disk.full = false;
		if (h->paused)
			host_resume(h);
		if (!host_runs(h))
			host_start(h);
	}
}

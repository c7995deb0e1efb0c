/* SPDX-License-Identifier: Apache-2.0 */
/* Wall clocks, in runs in which certificates are shown: each node looks at its own twice a second
 * (EVENT_CLOCK). Most are off by some seconds. Again and again one is set wrong, for seconds: before
 * the day on which the program was built, by years, by hours, or by little more than is allowed.
 * Never are so many wrong that the right ones are no majority, for then nobody could know better;
 * the single node of a cluster is set back to before the build, which it can know.
 *
 * Clocks that are wrong differ by more than is allowed from each other, too, whenever they are: a
 * node remembers for half a minute what another one said. When faults end, one stays wrong in some
 * seeds until all clients are served and another node leads. */
#include "test/sim/clocks.h"

#include "test/lib/pki.h"

#include "cluster/core/wall_clock.h"

#include <string.h>

#define LOOK_US (500 * MS)
#define OFF_S 10u /* Clocks that are right. */
#define LEADS_US (10 * SECOND)

int64_t clocks_right(const struct full *f)
{
	return PKI_NOW + (int64_t)(f->world.now_us / SECOND);
}

static int64_t clock_of(const struct host *h)
{
	return (int64_t)(host_wall_us(h) / SECOND);
}

/* ---- A node looks at it ---- */

void clocks_start(struct node *n, struct core_start *start)
{
	n->clock_us = NEVER_US;
	if (n->full->plan.certificates != CERTIFICATES_BOTH)
		return;
	start->unix_now = clock_of(n->host);
	start->unix_least = PKI_NOW - PKI_YEAR;
	n->clock_us = start->now_us + LOOK_US;
}

void clocks_look(struct node *n)
{
	struct event e = { .type = EVENT_CLOCK, .clock.unix_s = clock_of(n->host) };

	n->clock_us = host_now_us(n->host) + LOOK_US;
	node_event(n, &e);
}

/* ---- They are set ---- */

static void set(struct full *f, unsigned host, int64_t off_s)
{
	f->world.walls_set = true;
	f->world.host[host].wall_us = (int64_t)(PKI_NOW * (int64_t)SECOND) + off_s * (int64_t)SECOND;
}

static void set_right(struct full *f, unsigned host)
{
	int64_t off_s = (int64_t)random_below(&f->clocks.random, 2 * OFF_S + 1) - (int64_t)OFF_S;

	set(f, host, off_s);
	if (f->clocks.of[host].wrong)
		world_say(&f->world, "n%u's wall clock is right again, within %lld s", host + 1, (long long)off_s);
	f->clocks.of[host].wrong = false;
}

static void on_end(struct world *w, void *ctx, uint64_t a, struct blob *data)
{
	struct full *f = ctx;
	unsigned host = (unsigned)(a & 0xff);

	(void)w;
	(void)data;
	if (!f->calm && f->clocks.of[host].serial == a >> 8)
		set_right(f, host);
}

/* All at least 100 s apart, and as far from the right time. */
static int64_t some_wrong(struct full *f, uint64_t serial)
{
	struct random *r = &f->clocks.random;
	int64_t more = 200 * (int64_t)serial;
	bool behind = random_chance(r, 500);

	switch (f->world.n_hosts == 1 ? 0 : random_below(r, 4)) {
	case 0:
		return -2 * PKI_YEAR - more;
	case 1:
		return 2 * PKI_YEAR + more;
	case 2:
		return behind ? -7200 - more : 7200 + more;
	default:
		return behind ? -100 - more : 100 + more;
	}
}

/* Mostly the leader: it alone judges. */
static unsigned whose(struct full *f)
{
	bool leaders = random_chance(&f->clocks.random, 600);

	for (unsigned i = 0; leaders && i < f->world.n_hosts; i++) {
		const struct core *c = node_core(&f->world.host[i]);
		struct core_status s;

		if (!c)
			continue;
		core_status(c, &s);
		if (s.role == CONSENSUS_LEADER)
			return i;
	}
	return (unsigned)random_below(&f->clocks.random, f->world.n_hosts);
}

static void set_wrong(struct full *f, unsigned host)
{
	uint64_t serial = ++f->clocks.last;
	int64_t off_s = some_wrong(f, serial);

	set(f, host, off_s);
	f->clocks.of[host].wrong = true;
	f->clocks.of[host].serial = serial;
	f->faults.count[FAULT_WRONG]++;
	world_say(&f->world, "n%u's wall clock is off by %lld s", host + 1, (long long)off_s);
}

static bool one_more_may(const struct full *f)
{
	unsigned wrong = 0, n = f->world.n_hosts;

	for (unsigned i = 0; i < n; i++)
		wrong += f->clocks.of[i].wrong;
	return wrong < (n == 1 ? 1 : (n - 1) / 2);
}

static void on_wrong(struct world *w, void *ctx, uint64_t a, struct blob *data)
{
	struct full *f = ctx;
	struct random *r = &f->clocks.random;
	unsigned host = whose(f);

	(void)a;
	(void)data;
	if (f->calm)
		return;
	if (!f->clocks.of[host].wrong && one_more_may(f)) {
		set_wrong(f, host);
		world_at(w, random_between(r, 100, 6000) * MS, on_end, f, f->clocks.of[host].serial << 8 | host, NULL);
	}
	world_at(w, random_between(r, 200, 3000) * MS, on_wrong, f, 0, NULL);
}

void clocks_begin(struct full *f)
{
	if (f->plan.certificates != CERTIFICATES_BOTH)
		return;
	f->world.walls_kept = true;
	random_init(&f->clocks.random, f->world.seed ^ CLOCKS_SALT);
	for (unsigned i = 0; i < f->world.n_hosts; i++)
		set_right(f, i);
	world_at(&f->world, 2 * SECOND, on_wrong, f, 0, NULL);
}

/* ---- Calm ---- */

void clocks_calm(struct full *f)
{
	unsigned n = f->world.n_hosts, stays = n;

	if (!f->world.walls_kept)
		return;
	if (n >= 3 && random_chance(&f->clocks.random, 500))
		stays = whose(f);
	for (unsigned i = 0; i < n; i++)
		if (i != stays)
			set_right(f, i);
	if (stays < n && !f->clocks.of[stays].wrong)
		set_wrong(f, stays);
}

static bool wrong_leads(struct full *f)
{
	for (unsigned i = 0; i < f->world.n_hosts; i++) {
		struct core_status s;

		core_status(node_core(&f->world.host[i]), &s);
		if (s.role == CONSENSUS_LEADER && f->clocks.of[i].wrong)
			return true;
	}
	return false;
}

void clocks_end(struct full *f)
{
	uint64_t until = f->world.now_us + LEADS_US;

	while (wrong_leads(f)) {
		if (f->world.now_us >= until)
			world_fail(&f->world, "I12: a node whose wall clock is wrong goes on leading");
		world_run(&f->world, f->world.now_us + 100 * MS);
	}
	for (unsigned i = 0; i < f->world.n_hosts; i++)
		if (f->clocks.of[i].wrong)
			set_right(f, i);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Programs of two levels in one cluster (cluster/level.h): in three seeds of ten each host begins
 * with today's program or with one that reads one level more, and may be upgraded before a later
 * start. When faults end the rest are upgraded, one after the other; in some seeds one never is.
 * The later level differs only in its number, so a program that gets it too early ends, and says
 * why.
 *
 * It has its own random numbers, so other seeds stay as they were. */
#include "test/sim/node.h"

#include "cluster/level.h"

#define APART_US (1500 * MS)
#define RISES_US (3000 * MS) /* NodeUp, then a ClusterTime, then an entry behind it. */

static bool stays_old(const struct full *f, unsigned host)
{
	return f->upgrade.stays && host == f->world.n_hosts - 1;
}

void upgrade_begin(struct full *f)
{
	struct random *r = &f->upgrade.random;

	random_init(r, f->world.seed ^ UPGRADE_SALT);
	f->upgrade.two = random_chance(r, 300);
	f->upgrade.stays = f->upgrade.two && random_chance(r, 300);
	for (unsigned i = 0; i < f->world.n_hosts; i++)
		f->upgrade.level[i] = (uint8_t)(LEVEL + (f->upgrade.two && !stays_old(f, i) &&
							  random_chance(r, 400)));
}

uint8_t upgrade_start(struct full *f, unsigned host)
{
	uint8_t *level = &f->upgrade.level[host];

	if (f->upgrade.two && *level == LEVEL && !stays_old(f, host) &&
	    (f->calm || random_chance(&f->upgrade.random, 200))) {
		*level = LEVEL + 1;
		world_say(&f->world, "n%u is upgraded", host + 1);
	}
	return *level;
}

/* While its old id is gone it does not count, and the level may rise without it: so the newest
 * program is installed, or the node would be refused, and rightly. */
void upgrade_wiped(struct full *f, unsigned host)
{
	if (!f->upgrade.two)
		return;
	f->upgrade.stays = f->upgrade.stays && !stays_old(f, host);
	f->upgrade.level[host] = LEVEL + 1;
}

static void on_turn(struct world *w, void *ctx, uint64_t host, struct blob *data)
{
	struct full *f = ctx;

	(void)data;
	if (f->upgrade.level[host] == LEVEL && host_runs(&w->host[host]))
		node_shut_down(&w->host[host]);
}

void upgrade_calm(struct full *f)
{
	for (unsigned i = 0; f->upgrade.two && i < f->world.n_hosts; i++)
		if (!stays_old(f, i))
			world_at(&f->world, (i + 1) * APART_US, on_turn, f, i, NULL);
}

void upgrade_end(struct full *f)
{
	struct world *w = &f->world;
	uint8_t lowest = LEVEL + 1;

	if (!f->upgrade.two)
		return;
	world_run(w, w->now_us + w->n_hosts * APART_US + RISES_US);
	for (unsigned i = 0; i < w->n_hosts; i++)
		if (f->upgrade.level[i] < lowest)
			lowest = f->upgrade.level[i];
	for (unsigned i = 0; i < w->n_hosts; i++) {
		const struct core *c = node_core(&w->host[i]);

		if (!c || state_level(core_state(c)) != lowest)
			world_fail(w, "n%u is at level %u, all can read %u", i + 1,
				   c ? state_level(core_state(c)) : 0, lowest);
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The operator tells nodes to end (they are started again) and replaces disks: one at
 * a time, and not before the last one has its vote. */
#include "test/sim/full.h"

bool full_is_whole(struct full *f)
{
	uint64_t last = 0;

	for (unsigned i = 0; i < f->world.n_hosts; i++) {
		const struct core *c = node_core(&f->world.host[i]);
		struct core_status s;

		if (!c || f->world.host[i].paused)
			return false;
		core_status(c, &s);
		if (!s.ready || core_voters(c) != f->world.n_hosts)
			return false;
		if (last != 0 && (last + 20 < s.commit_applied || s.commit_applied + 20 < last))
			return false;
		last = s.commit_applied;
	}
	return true;
}

/* A new disk makes a new node: with another Raft id, empty. */
static void replace_disk(struct full *f, struct host *h)
{
	if (f->world.n_hosts < 3 || f->world.now_us - f->wiped_us < SECOND || !full_is_whole(f))
		return;
	host_crash(h, false);
	disk_wipe(&h->disk);
	f->raft_id[h->index] = random_u64(&f->world.random) | 1;
	f->wiped_us = f->world.now_us;
	f->faults.count[FAULT_WIPE]++;
	world_say(&f->world, "n%u's disk is replaced", h->index + 1);
	host_start(h);
}

static void on_operator(struct world *w, void *ctx, uint64_t a, struct blob *data)
{
	struct full *f = ctx;
	struct host *h = &w->host[random_below(&w->random, w->n_hosts)];

	(void)a;
	(void)data;
	if (f->calm)
		return;
	if (random_chance(&w->random, 700)) {
		replace_disk(f, h);
	} else if (host_runs(h) && !h->paused) {
		f->faults.count[FAULT_SHUTDOWN]++;
		node_shut_down(h);
	}
	world_at(w, random_between(&w->random, 50, 1500) * MS, on_operator, f, 0, NULL);
}

void operator_begin(struct full *f)
{
	world_at(&f->world, SECOND, on_operator, f, 0, NULL);
}

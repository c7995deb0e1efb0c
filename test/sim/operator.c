/* SPDX-License-Identifier: Apache-2.0 */
/* The operator tells nodes to end (they are started again), replaces disks, and deals with disks
 * that went bad: a node that finds its store damaged, or is refused because it is an old copy, is
 * wiped and joins anew. At most one node at a time is without its data, and the next one not before
 * that one has its vote: a cluster of three can bear that without loss of anything committed (I4).
 *
 * Not drawn: a disk that loses its last second of acknowledged writes and the tip file with them.
 * The cluster remembers what each node has acknowledged only once a second (DESIGN section 7);
 * nothing can notice a smaller loss, and such a disk breaks its promise. */
#include "test/sim/full.h"

#include <string.h>

#define SPARE_US (1 * SECOND)

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

static void on_start(struct world *w, void *ctx, uint64_t generation, struct blob *data)
{
	struct host *h = ctx;

	(void)w;
	(void)data;
	if (!host_runs(h) && h->generation == generation)
		host_start(h);
}

static void start_later(struct host *h, uint64_t from_ms, uint64_t to_ms)
{
	world_at(h->world, random_between(&h->world->random, from_ms, to_ms) * MS, on_start, h,
		 h->generation, NULL);
}

static void wipe(struct full *f, struct host *h)
{
	disk_wipe(&h->disk);
	upgrade_wiped(f, h->index);
	disk_copy_fini(&f->copy[h->index]);
	f->put_back[h->index] = false;
	f->wiped_us = f->world.now_us;
}

/* May a node lose its data now? */
static bool can_spare_one(struct full *f)
{
	return f->world.n_hosts >= 3 && f->world.now_us - f->wiped_us >= SECOND &&
	       full_is_whole(f);
}

static bool begin(struct full *f, struct host *h, enum fault_kind kind, const char *what)
{
	world_say(&f->world, "n%u: %s", h->index + 1, what);
	f->faults.count[kind]++;
	f->faults.spare_us = f->world.now_us + SPARE_US;
	host_crash(h, false);
	return true;
}

/* A new disk makes a new node: with another Raft id, empty. */
static void replace_disk(struct full *f, struct host *h)
{
	if (!can_spare_one(f))
		return;
	begin(f, h, FAULT_WIPE, "its disk is replaced");
	wipe(f, h);
	host_start(h);
}

/* I4: a node that ran would never notice its loss. */
static void must_refuse(struct full *f, struct host *h, const char *what)
{
	host_start(h);
	if (host_runs(h))
		world_fail(&f->world, "I4: n%u runs on a disk with %s", h->index + 1, what);
	if (f->refused[h->index] != ERR_DAMAGED && f->refused[h->index] != ERR_FOREIGN)
		world_fail(&f->world, "n%u does not say that its disk is damaged", h->index + 1);
}

/* A bit that reads wrong once, or for good. */
static void flip_bit(struct full *f, struct host *h)
{
	uint64_t which = random_u64(&f->world.random), bit = random_u64(&f->world.random);
	bool mends = !can_spare_one(f) || random_chance(&f->world.random, 500);

	if (!h->disk.tree || h->disk.full)
		return;
	begin(f, h, FAULT_FLIP, "a bit of its store is flipped");
	disk_flip(&h->disk, which, bit);
	must_refuse(f, h, "a flipped bit");
	if (mends)
		disk_flip(&h->disk, which, bit);
	else
		wipe(f, h);
	start_later(h, 1, 1000);
}

/* LMDB falls back to the older of its two meta pages when the newer one is damaged: a whole tree,
 * but not the last one. Only the tip file shows that. */
static void on_tail(struct world *w, void *ctx, uint64_t counter, struct blob *data)
{
	struct full *f = w->context;
	struct host *h = ctx;

	(void)data;
	if (f->calm || !can_spare_one(f) || h->disk.full || !f->copy[h->index].tree ||
	    f->copy[h->index].counter != counter || h->disk.tip.counter == counter)
		return;
	begin(f, h, FAULT_LOST_TAIL, "its last writes are lost");
	disk_put_back(&h->disk, &f->copy[h->index], true);
	must_refuse(f, h, "lost writes");
	wipe(f, h);
	start_later(h, 1, 1000);
}

static void lose_tail(struct full *f, struct host *h)
{
	disk_copy(&h->disk, &f->copy[h->index]);
	world_at(&f->world, random_between(&f->world.random, 1, 50) * MS, on_tail, h,
		 h->disk.tip.counter, NULL);
}

/* Does every other node's state say that this one had acknowledged more than that? */
static bool is_remembered(struct full *f, unsigned host, uint64_t index)
{
	for (unsigned i = 0; i < f->world.n_hosts; i++) {
		const struct core *c = i != host ? node_core(&f->world.host[i]) : NULL;
		const struct node_record *r = c ? state_node(core_state(c), f->raft_id[host]) : NULL;

		if (i != host && (!r || r->stored_index <= index))
			return false;
	}
	return true;
}

static void put_back(struct full *f, struct host *h)
{
	struct disk_copy *copy = &f->copy[h->index];

	if (!can_spare_one(f) || h->disk.full || !copy->tree ||
	    !is_remembered(f, h->index, copy->last_index))
		return;
	begin(f, h, FAULT_ROLLBACK, "an old copy is put in its disk's place");
	disk_put_back(&h->disk, copy, false);
	f->put_back[h->index] = true;
	host_start(h);
}

void operator_ended(struct full *f, unsigned host, int status, const char *text)
{
	struct host *h = &f->world.host[host];
	bool expected = status == 0;

	if (f->checkers.i1.rolled_back)
		return;
	if (f->put_back[host] && strstr(text, "old copy")) {
		expected = true;
		wipe(f, h);
	}
	if (f->starts_old[host] && strstr(text, "--accept-old-store")) {
		expected = true;
		f->accept_old[host] = true;
	}
	if (!expected)
		world_fail(&f->world, "n%u ends: %s", host + 1, text);
	start_later(h, 10, f->calm ? 100 : 2000);
}

/* A cold start from old disks waits for the operator's decision. */
static void accept_old_disks(struct full *f)
{
	for (unsigned i = 0; i < f->world.n_hosts; i++) {
		struct host *h = &f->world.host[i];
		struct core_status s = { .leader = CLUSTER_NODES_MAX };

		if (!f->starts_old[i] || h->paused)
			continue;
		if (node_core(h))
			core_status(node_core(h), &s);
		if (s.leader < CLUSTER_NODES_MAX)
			continue;
		world_say(&f->world, "n%u: --accept-old-store", i + 1);
		f->accept_old[i] = true;
		host_crash(h, false);
		start_later(h, 1, 100);
	}
}

static void check_put_back(struct full *f)
{
	for (unsigned i = 0; i < f->world.n_hosts; i++) {
		const struct core *c = node_core(&f->world.host[i]);
		struct core_status s;

		if (!c || !f->put_back[i])
			continue;
		core_status(c, &s);
		if (s.ready)
			world_fail(&f->world, "n%u takes part with an old copy of its disk", i + 1);
	}
}

/* As if the leader had to hold the addresses, then again not: two transfers. */
static void on_lean(struct world *w, void *ctx, uint64_t back, struct blob *data)
{
	struct full *f = ctx;

	(void)data;
	f->config.leader_holds = !back;
	for (unsigned i = 0; i < w->n_hosts; i++)
		node_lean(&w->host[i], !back);
	if (!back)
		world_at(w, random_between(&w->random, 1, 1500) * MS, on_lean, f, 1, NULL);
}

static void hand_over(struct full *f)
{
	if (f->plan.mode != SERVICE_VIP || f->world.n_hosts < 3 || f->config.leader_holds)
		return;
	f->faults.count[FAULT_TRANSFER]++;
	world_say(&f->world, "the leader shall hand over");
	on_lean(&f->world, f, 0, NULL);
}

static void do_something(struct full *f, struct host *h)
{
	struct random *r = &f->world.random;

	switch (random_below(r, 12)) {
	case 10:
	case 11:
		hand_over(f);
		break;
	case 0:
	case 1:
		replace_disk(f, h);
		break;
	case 2:
		flip_bit(f, h);
		break;
	case 3:
		lose_tail(f, h);
		break;
	case 4:
	case 5:
		put_back(f, h);
		break;
	case 6:
	case 7:
		if (!f->copy[h->index].tree && !f->put_back[h->index])
			disk_copy(&h->disk, &f->copy[h->index]);
		break;
	default:
		f->faults.count[FAULT_SHUTDOWN]++;
		node_shut_down(h);
	}
}

static void on_operator(struct world *w, void *ctx, uint64_t a, struct blob *data)
{
	struct full *f = ctx;
	struct host *h = &w->host[random_below(&w->random, w->n_hosts)];

	(void)a;
	(void)data;
	if (!f->checkers.i1.rolled_back)
		check_put_back(f);
	world_at(w, random_between(&w->random, 50, 800) * MS, on_operator, f, 0, NULL);
	if (f->calm)
		return;
	if (host_runs(h) && !h->paused)
		do_something(f, h);
	if (random_chance(&w->random, 300))
		accept_old_disks(f);
}

void operator_begin(struct full *f)
{
	world_at(&f->world, SECOND, on_operator, f, 0, NULL);
}

void operator_calm(struct full *f)
{
	for (unsigned i = 0; i < f->world.n_hosts; i++) {
		if (!f->put_back[i])
			disk_copy(&f->world.host[i].disk, &f->copy[i]);
	}
	accept_old_disks(f);
}

void operator_puts_all_back(struct full *f)
{
	for (unsigned i = 0; i < f->world.n_hosts; i++)
		if (!f->copy[i].tree)
			return;
	f->checkers.i1.rolled_back = true;
	f->faults.count[FAULT_ALL_BACK]++;
	world_say(&f->world, "all disks are put back");
	for (unsigned i = 0; i < f->world.n_hosts; i++)
		host_crash(&f->world.host[i], true);
	for (unsigned i = 0; i < f->world.n_hosts; i++) {
		disk_put_back(&f->world.host[i].disk, &f->copy[i], false);
		f->accept_old[i] = true;
		host_start(&f->world.host[i]);
	}
}

void operator_fini(struct full *f)
{
	for (unsigned i = 0; i < HOSTS_MAX; i++)
		disk_copy_fini(&f->copy[i]);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Each node: heartbeats every 10 ms to all; a leader that was silent for 30 ms is suspected; when a
 * majority of the voters suspects it, the one of them with the longest log stands for election at
 * once. That is too eager on purpose.
 *
 * A host may lose its disk. It comes back with a new Raft id and an empty store, and the leader,
 * which learns ids from the links' hellos, removes the old id and adds the new. One at a time: with
 * two of three disks gone nothing is left to come back to, and no algorithm could notice. */
#include "test/sim/toy.h"

#include "cluster/raft/consensus.h"
#include "test/sim/net.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOY_HOSTS 3u
#define HEARTBEAT_US (10 * MS)
#define SILENCE_US (30 * MS)

struct toy_peer {
	uint64_t raft_id; /* 0 = not known. */
	uint64_t heard_us, last_index;
	bool suspects;    /* It suspects the leader that this node follows, too. */
};

struct toy {
	struct host *host;
	struct toy_world *world;
	struct consensus *consensus;
	struct toy_peer peer[HOSTS_MAX];
	uint64_t hash, applied, heartbeat_us;
	enum consensus_role role;
};

/* Ids are made so that they show the host. */
static unsigned host_of(uint64_t raft_id)
{
	return (unsigned)(raft_id % 100 - 1);
}

/* ---- What the consensus asks for ---- */

static void on_send(void *ctx, uint64_t to, struct blob *message)
{
	struct toy *t = ctx;
	struct blob *frame = blob_new(NULL, 1 + (size_t)message->len);

	frame->data[0] = 'R';
	memcpy(frame->data + 1, message->data, message->len);
	if (t->peer[host_of(to)].raft_id == to)
		net_send(t->host, host_of(to), frame, false);
	blob_unref(frame);
}

static void on_store(void *ctx, struct store_update *u)
{
	struct toy *t = ctx;

	disk_store(&t->host->disk, u);
}

static void on_apply(void *ctx, uint64_t index, uint64_t term, struct blob *data)
{
	struct toy *t = ctx;
	uint64_t command;

	assert(data->len >= 8);
	memcpy(&command, data->data, 8);
	t->hash = (t->hash ^ command) * UINT64_C(0x100000001b3);
	t->applied = index;
	log_checker_applied(&t->world->checker, t->host->index, index, term, command);
	log_checker_digest(&t->world->checker, t->host->index, index, t->hash);
}

static void on_restore(void *ctx, uint64_t index, struct blob *snapshot)
{
	struct toy *t = ctx;

	assert(snapshot->len == 16);
	memcpy(&t->hash, snapshot->data, 8);
	memcpy(&t->applied, snapshot->data + 8, 8);
	t->world->installs++;
	log_checker_restored(&t->world->checker, t->host->index, index);
}

static struct blob *on_snapshot(void *ctx, bool begin)
{
	struct toy *t = ctx;
	struct blob *b = blob_new(NULL, 16);

	(void)begin;
	memcpy(b->data, &t->hash, 8);
	memcpy(b->data + 8, &t->applied, 8);
	t->world->snapshots++;
	return b;
}

static void on_role(void *ctx, enum consensus_role role, uint64_t term, uint64_t leader)
{
	static const char *const names[] = { "follows", "stands for election", "leads" };
	struct toy *t = ctx;

	world_say(t->host->world, "n%u %s in term %llu (leader %llu)", t->host->index + 1,
		  names[role], (unsigned long long)term, (unsigned long long)leader);
	if (role == CONSENSUS_LEADER && t->role != CONSENSUS_LEADER) {
		log_checker_leader(&t->world->checker, t->host->index, term);
		t->world->elections++;
	}
	t->role = role;
}

/* ---- The process ---- */

static size_t first_members(const struct toy_world *w, struct consensus_member *m)
{
	for (unsigned i = 0; i < w->world.n_hosts; i++) {
		memset(&m[i], 0, sizeof(m[i]));
		m[i].id = i + 1;
		m[i].address[0] = 'n';
		m[i].address[1] = (char)('1' + i);
		m[i].voter = true;
	}
	return w->world.n_hosts;
}

static void *toy_start(struct host *h)
{
	struct toy_world *w = h->world->context;
	struct toy *t = calloc(1, sizeof(*t));
	struct consensus_face face = { t,          on_send,     on_store, on_apply,
				       on_restore, on_snapshot, on_role,  NULL };
	struct consensus_options o = { .id = w->raft_id[h->index],
				       .heartbeat_ms = 50,
				       .election_ms = 250,
				       .seed = (uint32_t)random_u64(&h->world->random),
				       .snapshot_bytes = 4000,
				       .snapshot_trailing = 20 };
	struct consensus_member m[HOSTS_MAX];
	size_t n = w->raft_id[h->index] < 100 ? first_members(w, m) : 0;
	struct store_content content;
	char damage[STORE_WHY_LEN];
	const char *why = NULL;
	struct disk_age age;
	enum status s = disk_open(&h->disk, o.id, 1, &content, &age, damage);

	assert(t);
	if (s == ERR_IO) { /* The disk is still full. */
		free(t);
		return NULL;
	}
	if (s != OK)
		world_fail(h->world, "n%u refuses its store: %s", h->index + 1, damage);
	t->host = h;
	t->world = w;
	t->hash = 1;
	t->heartbeat_us = host_now_us(h) + HEARTBEAT_US;
	log_checker_started(&w->checker, h->index, 0);
	t->consensus = consensus_new(&o, &face, &content.image, m, n, host_now_us(h) / MS, &why);
	store_content_fini(&content);
	if (!t->consensus)
		world_fail(h->world, "log: n%u cannot start from its disk: %s", h->index + 1, why);
	return t;
}

static void toy_stop(struct host *h, void *process)
{
	struct toy *t = process;

	(void)h;
	consensus_free(t->consensus);
	free(t);
}

static uint64_t toy_deadline(void *process)
{
	struct toy *t = process;
	uint64_t at = consensus_deadline_ms(t->consensus) * MS;

	return at < t->heartbeat_us ? at : t->heartbeat_us;
}

/* ---- Between nodes ---- */

static bool suspects_leader(const struct toy *t)
{
	uint64_t leader = consensus_leader(t->consensus);

	return leader != 0 && leader != t->world->raft_id[t->host->index] &&
	       host_now_us(t->host) - t->peer[host_of(leader)].heard_us > SILENCE_US;
}

static void send_heartbeat(struct toy *t, unsigned to)
{
	uint64_t last = consensus_last_index(t->consensus);
	struct blob *b = blob_new(NULL, 18);

	b->data[0] = 'H';
	b->data[1] = suspects_leader(t);
	memcpy(b->data + 2, &t->world->raft_id[t->host->index], 8);
	memcpy(b->data + 10, &last, 8);
	net_send(t->host, to, b, false);
	blob_unref(b);
}

static void maybe_stand(struct toy *t)
{
	unsigned votes = 1, n = t->host->world->n_hosts;

	if (!suspects_leader(t))
		return;
	for (unsigned i = 0; i < n; i++) {
		if (i == t->host->index || !t->peer[i].suspects)
			continue;
		votes++;
		if (t->peer[i].last_index > consensus_last_index(t->consensus) &&
		    random_chance(&t->host->world->random, 900))
			return;
	}
	if (votes > n / 2)
		consensus_timeout_now(t->consensus, host_now_us(t->host) / MS);
}

static void on_heartbeat(struct toy *t, unsigned from, const struct blob *b)
{
	struct toy_peer *p = &t->peer[from];

	p->heard_us = host_now_us(t->host);
	p->suspects = b->data[1];
	memcpy(&p->raft_id, b->data + 2, 8);
	memcpy(&p->last_index, b->data + 10, 8);
}

/* As leader: a host with a new id replaces its old id. */
static void look_after_members(struct toy *t)
{
	struct consensus_member m[HOSTS_MAX + 1];
	uint64_t now_ms = host_now_us(t->host) / MS;
	size_t n;

	if (!consensus_is_current(t->consensus))
		return;
	n = consensus_members(t->consensus, m, HOSTS_MAX + 1);
	for (unsigned i = 0; i < t->host->world->n_hosts; i++) {
		uint64_t id = t->peer[i].raft_id;
		size_t k = 0;
		enum status s;

		if (id == 0)
			continue;
		while (k < n && host_of(m[k].id) != i)
			k++;
		if (k < n && m[k].id == id)
			continue;
		if (k < n)
			s = consensus_remove(t->consensus, now_ms, m[k].id);
		else
			s = consensus_add(t->consensus, now_ms, id,
					  (char[3]){ 'n', (char)('1' + i), 0 });
		if (s == OK)
			world_say(t->host->world, "n%u %s %llu", t->host->index + 1,
				  k < n ? "removes" : "adds",
				  (unsigned long long)(k < n ? m[k].id : id));
	}
}

static void on_time(struct toy *t)
{
	uint64_t now_us = host_now_us(t->host);

	if (now_us >= t->heartbeat_us) {
		t->heartbeat_us = now_us + HEARTBEAT_US;
		for (unsigned i = 0; i < t->host->world->n_hosts; i++)
			if (i != t->host->index)
				send_heartbeat(t, i);
		maybe_stand(t);
		look_after_members(t);
	}
	if (now_us / MS >= consensus_deadline_ms(t->consensus))
		consensus_tick(t->consensus, now_us / MS);
}

static void toy_deliver(struct host *h, void *process, const struct delivery *d)
{
	struct toy *t = process;
	uint64_t now_ms = host_now_us(h) / MS;

	switch (d->kind) {
	case DELIVER_TIMER:
		on_time(t);
		break;
	case DELIVER_FRAME:
		if (d->data->data[0] == 'H')
			on_heartbeat(t, d->peer, d->data);
		else if (t->peer[d->peer].raft_id != 0)
			consensus_receive(t->consensus, now_ms, t->peer[d->peer].raft_id,
					  d->data->data + 1, d->data->len - 1);
		break;
	case DELIVER_LINK_UP:
		send_heartbeat(t, d->peer);
		break;
	case DELIVER_LINK_DOWN:
		t->peer[d->peer].raft_id = 0;
		t->peer[d->peer].suspects = false;
		break;
	case DELIVER_STORED:
		consensus_stored(t->consensus, now_ms, d->value);
		break;
	default:
		break;
	}
}

static const struct program toy_program = {
	"toy", toy_start, toy_stop, toy_deliver, toy_deadline,
};

/* ---- Load and faults of its own ---- */

static bool submit(struct toy_world *w, struct host *h)
{
	struct toy *t = h->process;
	size_t len = random_between(&w->world.random, 8, 300);
	struct blob *b;
	enum status s;

	if (!t || h->paused)
		return false;
	b = blob_new(NULL, len);
	memset(b->data, 0, len);
	w->next_command++;
	memcpy(b->data, &w->next_command, 8);
	w->submitted++;
	s = consensus_submit(t->consensus, host_now_us(h) / MS, b);
	if (s == OK && random_chance(&w->world.random, 100))
		(void)!consensus_tell(t->consensus, host_now_us(h) / MS);
	host_rearm(h);
	w->accepted += s == OK;
	return s == OK;
}

static void on_load(struct world *world, void *ctx, uint64_t a, struct blob *data)
{
	struct toy_world *w = ctx;
	struct host *h = &world->host[random_below(&world->random, world->n_hosts)];

	(void)a;
	(void)data;
	submit(w, h);
	if (h->process && !h->paused && random_chance(&world->random, 15)) {
		struct toy *t = h->process;
		unsigned to = (unsigned)random_below(&world->random, world->n_hosts);

		if (consensus_transfer(t->consensus, host_now_us(h) / MS, w->raft_id[to]) == OK) {
			world_say(world, "n%u hands over to n%u", h->index + 1, to + 1);
			w->transfers++;
		}
		host_rearm(h);
	}
	world_at(world, random_between(&world->random, 500, 8000), on_load, w, 0, NULL);
}

/* Is every host a voter under its present id, with nearly all of the log? */
static bool is_whole(struct toy_world *w)
{
	for (unsigned i = 0; i < w->world.n_hosts; i++) {
		struct toy *t = w->world.host[i].process;
		struct consensus_member m[HOSTS_MAX + 1];
		size_t n, voters = 0;

		if (!t)
			return false;
		n = consensus_members(t->consensus, m, HOSTS_MAX + 1);
		for (size_t k = 0; k < n; k++)
			voters += m[k].voter && m[k].id == w->raft_id[host_of(m[k].id)];
		if (n != w->world.n_hosts || voters != n ||
		    w->checker.applied[i] + 3 < w->checker.last)
			return false;
	}
	return true;
}

static void on_wipe(struct world *world, void *ctx, uint64_t a, struct blob *data)
{
	struct toy_world *w = ctx;
	struct host *h = &world->host[random_below(&world->random, world->n_hosts)];

	(void)a;
	(void)data;
	if (world->now_us < w->faults.until_us && is_whole(w)) {
		host_crash(h, false);
		disk_wipe(&h->disk);
		w->raft_id[h->index] += 100;
		w->wipes++;
		world_say(world, "n%u's disk is replaced", h->index + 1);
		host_start(h);
	}
	world_at(world, random_between(&world->random, 500, 3000) * MS, on_wipe, w, 0, NULL);
}

/* ---- The run ---- */

static void check_end(struct toy_world *w)
{
	uint64_t last = w->checker.last;

	for (unsigned tries = 0; tries < 100; tries++) {
		world_run(&w->world, w->world.now_us + 100 * MS);
		if (is_whole(w) && w->checker.last > last + 10)
			break;
		if (tries == 99)
			world_fail(&w->world, "log: no progress in 10 s without faults");
	}
	for (unsigned i = 0; i < w->world.n_hosts; i++) {
		struct toy *t = w->world.host[i].process;

		if (w->checker.applied[i] < last)
			world_fail(&w->world, "log: n%u never applied what others had", i + 1);
		if (consensus_malformed(t->consensus) != 0)
			world_fail(&w->world, "log: n%u refused a message", i + 1);
	}
}

uint64_t toy_run(uint64_t seed, bool verbose, const char *command)
{
	struct toy_world *w = calloc(1, sizeof(*w));
	uint64_t trace, end = 20 * SECOND;

	assert(w);
	world_init(&w->world, seed, TOY_HOSTS, &toy_program, w);
	w->world.verbose = verbose;
	w->world.command = command;
	log_checker_init(&w->checker, &w->world);
	faults_init(&w->faults, &w->world, end, 200 * MS);
	for (unsigned i = 0; i < TOY_HOSTS; i++) {
		w->raft_id[i] = i + 1;
		host_start(&w->world.host[i]);
	}
	world_at(&w->world, 100 * MS, on_load, w, 0, NULL);
	world_at(&w->world, 2 * SECOND, on_wipe, w, 0, NULL);
	faults_begin(&w->faults);
	world_run(&w->world, end);
	faults_end(&w->faults);
	check_end(w);
	if (verbose)
		printf("%u commands submitted, %u accepted, last index %llu; %u elections, "
		       "%u transfers, %u snapshots, %u restored, %u wipes\n",
		       w->submitted, w->accepted, (unsigned long long)w->checker.last, w->elections,
		       w->transfers, w->snapshots, w->installs, w->wipes);
	trace = w->world.trace;
	world_fini(&w->world);
	log_checker_fini(&w->checker);
	free(w);
	return trace;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "test/sim/disk.h"

#include "node/store/store_log.h"
#include "test/sim/world.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct disk_write {
	struct store_update *update; /* Or identity. */
	struct blob *identity;
	struct disk_write *next;
};

void disk_init(struct disk *d, struct host *h)
{
	static const uint8_t key[32] = { 7 };

	memset(d, 0, sizeof(*d));
	d->host = h;
	record_key_init(&d->key, key, sizeof(key), "sim");
}

static void free_write(struct disk_write *w)
{
	store_update_free(w->update);
	blob_unref(w->identity);
	free(w);
}

static void drop_writes(struct disk *d)
{
	while (d->writes) {
		struct disk_write *w = d->writes;

		d->writes = w->next;
		free_write(w);
	}
}

void disk_fini(struct disk *d)
{
	drop_writes(d);
	disk_wipe(d);
	record_key_fini(&d->key);
}

void disk_wipe(struct disk *d)
{
	mdb_sim_free(d->tree);
	d->tree = NULL;
	blob_set(&d->tip_file, NULL);
	blob_set(&d->synced_tip_file, NULL);
}

/* ---- Transactions ---- */

static uint64_t wall_ms(const struct disk *d)
{
	return host_wall_us(d->host) / MS;
}

static uint64_t ms_since(const struct disk *d, uint64_t at_ms)
{
	uint64_t now = wall_ms(d);

	return at_ms && now > at_ms ? now - at_ms : 0;
}

static void write_tip(struct disk *d)
{
	int rc = store_record_put(mdb_sim_begin(d->tree), RECORD_TIP,
				  record_tip_create(&d->key, &d->tip));

	assert(rc == 0);
	if (random_chance(&d->host->world->random, 100))
		blob_set(&d->synced_tip_file, blob_ref(d->tip_file));
	blob_set(&d->tip_file,
		 record_tip_file_create(&d->key, d->tip.counter, d->header.store_id));
}

static void commit(struct disk *d, const struct disk_write *w)
{
	MDB_txn *txn = mdb_sim_begin(d->tree);
	int rc;

	if (w->identity)
		rc = store_record_put(txn, RECORD_IDENTITY,
				      record_identity_create(&d->key, w->identity, d->tip.identity));
	else
		rc = store_update_write(&d->key, txn, &d->tip, w->update);
	assert(rc == 0);
	if (w->update && (w->update->n_entries > 0 || w->update->snapshot))
		d->tip.newest_ms = wall_ms(d);
	d->tip.counter++;
	write_tip(d);
}

/* The process can do nothing but end (node/store/store_thread.c). */
static bool fails(struct disk *d)
{
	if (!d->full)
		return false;
	world_say(d->host->world, "n%u ends: its disk is full", d->host->index + 1);
	host_crash(d->host, false);
	return true;
}

static void on_synced(struct world *w, void *ctx, uint64_t generation, struct blob *data)
{
	struct disk *d = ctx;
	struct disk_write *first = d->writes;
	struct delivery done = { .kind = DELIVER_STORED };

	(void)w;
	(void)data;
	if (generation != d->host->generation || !host_runs(d->host) || fails(d))
		return; /* That process is gone, and its writes with it. */
	assert(first);
	d->writes = first->next;
	commit(d, first);
	if (first->identity)
		done.kind = DELIVER_IDENTITY_STORED;
	else
		done.value = first->update->seq;
	free_write(first);
	host_deliver(d->host, generation, &done);
}

static void enqueue(struct disk *d, struct disk_write *w)
{
	struct world *world = d->host->world;
	uint64_t at = world->now_us + random_between(&world->random, 100, 600) + d->slow_us;
	struct disk_write **p = &d->writes;

	if (random_chance(&world->random, 5))
		at += random_between(&world->random, 1, 30) * MS;
	if (at < d->last_us)
		at = d->last_us;
	d->last_us = at;
	while (*p)
		p = &(*p)->next;
	*p = w;
	world_at(world, at - world->now_us, on_synced, d, d->host->generation, NULL);
}

void disk_store(struct disk *d, struct store_update *u)
{
	struct disk_write *w = calloc(1, sizeof(*w));

	assert(w);
	w->update = u;
	u->logged_at_ms = wall_ms(d) - u->unlogged_ms;
	enqueue(d, w);
}

void disk_store_identity(struct disk *d, struct blob *identity)
{
	struct disk_write *w = calloc(1, sizeof(*w));

	assert(w);
	w->identity = blob_ref(identity);
	enqueue(d, w);
}

void disk_crash(struct disk *d, bool power_lost)
{
	struct random *r = &d->host->world->random;

	while (d->writes && !d->full && random_chance(r, 400)) {
		struct disk_write *w = d->writes;

		d->writes = w->next;
		commit(d, w);
		free_write(w);
	}
	drop_writes(d);
	d->last_us = 0;
	if (power_lost && d->synced_tip_file && random_chance(r, 500))
		blob_set(&d->tip_file, blob_ref(d->synced_tip_file));
}

/* ---- Opening ---- */

static void create(struct disk *d, uint64_t raft_id)
{
	int rc;

	d->tree = mdb_sim_new();
	memset(&d->header, 0, sizeof(d->header));
	memcpy(d->header.key_id, d->key.id, sizeof(d->header.key_id));
	random_fill(&d->host->world->random, d->header.store_id, sizeof(d->header.store_id));
	d->header.raft_id = raft_id;
	snprintf(d->header.cluster, sizeof(d->header.cluster), "sim");
	snprintf(d->header.node, sizeof(d->header.node), "n%u", d->host->index + 1);
	d->tip = (struct record_tip){ .counter = 1, .first = 1 };
	rc = store_record_put(mdb_sim_begin(d->tree), RECORD_HEADER,
			      record_header_create(&d->key, &d->header, d->tip.header));
	assert(rc == 0);
	write_tip(d);
	blob_set(&d->synced_tip_file, blob_ref(d->tip_file)); /* It is synced before the rename. */
}

static int tip_fd(const struct disk *d)
{
	int fd = memfd_create("tip", MFD_CLOEXEC);
	ssize_t n = write(fd, d->tip_file->data, d->tip_file->len);

	assert(fd >= 0 && n == (ssize_t)d->tip_file->len);
	return fd;
}

enum status disk_open(struct disk *d, uint64_t new_raft_id, uint64_t incarnation,
		      struct store_content *c, struct disk_age *age, char why[STORE_WHY_LEN])
{
	struct record_header want = { .cluster = "sim" };
	enum status s;
	int fd;

	memset(c, 0, sizeof(*c));
	snprintf(want.node, sizeof(want.node), "n%u", d->host->index + 1);
	if (d->full) {
		snprintf(why, STORE_WHY_LEN, "the disk is full");
		return ERR_IO;
	}
	if (!d->tree)
		create(d, new_raft_id);
	fd = tip_fd(d);
	s = store_read(d->tree, &d->key, &want, fd, c, why);
	close(fd);
	if (s != OK)
		return s;
	d->header = c->header;
	d->tip = c->tip;
	*age = (struct disk_age){ ms_since(d, d->tip.newest_ms), ms_since(d, d->tip.logged_ms) };
	d->tip.incarnation = incarnation;
	d->tip.counter++;
	write_tip(d);
	return OK;
}

/* ---- Damage ---- */

void disk_copy_fini(struct disk_copy *copy)
{
	mdb_sim_free(copy->tree);
	blob_unref(copy->tip_file);
	memset(copy, 0, sizeof(*copy));
}

void disk_copy(const struct disk *d, struct disk_copy *copy)
{
	disk_copy_fini(copy);
	if (!d->tree)
		return;
	copy->tree = mdb_sim_copy(d->tree);
	copy->tip_file = blob_ref(d->tip_file);
	copy->last_index = d->tip.last;
	copy->counter = d->tip.counter;
}

void disk_put_back(struct disk *d, struct disk_copy *copy, bool tree_alone)
{
	assert(!host_runs(d->host) && copy->tree);
	mdb_sim_free(d->tree);
	d->tree = copy->tree;
	copy->tree = NULL;
	if (!tree_alone)
		blob_set(&d->tip_file, blob_ref(copy->tip_file));
	blob_set(&d->synced_tip_file, blob_ref(d->tip_file));
	disk_copy_fini(copy);
}

void disk_flip(struct disk *d, uint64_t which, uint64_t bit)
{
	struct blob *changed;

	if (which % 16 != 0) {
		mdb_sim_flip(d->tree, which / 16, bit);
		return;
	}
	changed = blob_new(d->tip_file->data, d->tip_file->len);
	bit %= 8 * (uint64_t)changed->len;
	changed->data[bit / 8] ^= (uint8_t)(1u << bit % 8);
	blob_set(&d->tip_file, changed);
}

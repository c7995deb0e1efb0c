/* SPDX-License-Identifier: Apache-2.0 */
#include "test/sim/disk.h"

#include "test/sim/world.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct disk_write {
	struct store_update *update; /* Or identity. */
	struct blob *identity;
	struct disk_write *next;
};

void disk_init(struct disk *d, struct host *h)
{
	memset(d, 0, sizeof(*d));
	d->host = h;
}

static void free_write(struct disk_write *w)
{
	store_update_free(w->update);
	blob_unref(w->identity);
	free(w);
}

void disk_fini(struct disk *d)
{
	while (d->writes) {
		struct disk_write *w = d->writes;

		d->writes = w->next;
		free_write(w);
	}
	disk_wipe(d);
}

void disk_wipe(struct disk *d)
{
	store_image_fini(&d->image);
	blob_set(&d->identity, NULL);
}

/* ---- Transactions on the image ---- */

static void cut_entries(struct store_image *i, uint64_t from)
{
	while (i->n_entries && i->entries[i->n_entries - 1].index >= from)
		blob_unref(i->entries[--i->n_entries].data);
}

static void trim_entries(struct store_image *i, uint64_t to)
{
	size_t k = 0;

	while (k < i->n_entries && i->entries[k].index <= to)
		blob_unref(i->entries[k++].data);
	if (k > 0 && k < i->n_entries)
		memmove(i->entries, i->entries + k, (i->n_entries - k) * sizeof(*i->entries));
	i->n_entries -= k;
}

static void put_snapshot(struct store_image *i, const struct store_snapshot *s)
{
	struct store_snapshot *copy = malloc(sizeof(*copy));

	assert(copy);
	*copy = *s;
	blob_ref(copy->configuration);
	blob_ref(copy->data);
	store_snapshot_free(i->snapshot);
	i->snapshot = copy;
}

static void put_entries(struct store_image *i, const struct store_update *u)
{
	i->entries = realloc(i->entries, (i->n_entries + u->n_entries) * sizeof(*i->entries));
	assert(i->entries);
	for (size_t k = 0; k < u->n_entries; k++) {
		struct log_entry *e = &i->entries[i->n_entries++];

		*e = u->entries[k];
		blob_ref(e->data);
	}
}

static void commit(struct disk *d, const struct disk_write *w)
{
	const struct store_update *u = w->update;
	struct store_image *i = &d->image;

	if (w->identity) {
		blob_set(&d->identity, blob_ref(w->identity));
		return;
	}
	if (u->vote) {
		i->term = u->term;
		i->voted_for = u->voted_for;
	}
	if (u->snapshot)
		put_snapshot(i, u->snapshot);
	if (u->snapshot_resets_log)
		cut_entries(i, 0);
	if (u->truncate_from)
		cut_entries(i, u->truncate_from);
	if (u->n_entries)
		put_entries(i, u);
	if (u->trim_to)
		trim_entries(i, u->trim_to);
}

static void on_synced(struct world *w, void *ctx, uint64_t generation, struct blob *data)
{
	struct disk *d = ctx;
	struct disk_write *first = d->writes;
	struct delivery done = { .kind = DELIVER_STORED };

	(void)w;
	(void)data;
	if (generation != d->host->generation || !host_runs(d->host))
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
	enqueue(d, w);
}

void disk_store_identity(struct disk *d, struct blob *identity)
{
	struct disk_write *w = calloc(1, sizeof(*w));

	assert(w);
	w->identity = blob_ref(identity);
	enqueue(d, w);
}

void disk_crash(struct disk *d)
{
	bool made_it = true;

	while (d->writes) {
		struct disk_write *w = d->writes;

		d->writes = w->next;
		made_it = made_it && random_chance(&d->host->world->random, 400);
		if (made_it)
			commit(d, w);
		free_write(w);
	}
	d->last_us = 0;
}

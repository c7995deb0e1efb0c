/* SPDX-License-Identifier: Apache-2.0 */
/* Frees what goes to and comes from stable storage. The log in memory shares the blobs, and their
 * reference counts are not atomic: a storage thread may read them, but only the control thread may
 * free an update. */
#include "cluster/raft/store.h"

#include <stdlib.h>
#include <string.h>

static void free_entries(struct log_entry *entries, size_t n)
{
	for (size_t i = 0; i < n; i++)
		blob_unref(entries[i].data);
	free(entries);
}

void store_snapshot_free(struct store_snapshot *s)
{
	if (!s)
		return;
	blob_unref(s->configuration);
	blob_unref(s->data);
	free(s);
}

void store_update_free(struct store_update *u)
{
	if (!u)
		return;
	store_snapshot_free(u->snapshot);
	free_entries(u->entries, u->n_entries);
	free(u);
}

void store_image_fini(struct store_image *i)
{
	store_snapshot_free(i->snapshot);
	free_entries(i->entries, i->n_entries);
	memset(i, 0, sizeof(*i));
}

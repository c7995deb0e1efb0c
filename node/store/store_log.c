/* SPDX-License-Identifier: Apache-2.0 */
/* What an update does to the tree: one record each, and the tip that they add up to, which is kept
 * up to date but not yet written. */
#include "node/store/store_log.h"

#include <assert.h>
#include <string.h>

#define MAIN_DBI 1u /* LMDB's unnamed tree. */

static int put(MDB_txn *txn, const void *key, size_t key_len, const struct blob *b)
{
	MDB_val at = {key_len, (void *)key}, v = {b->len, (void *)b->data};

	return mdb_put(txn, MAIN_DBI, &at, &v, 0);
}

int store_record_put(MDB_txn *txn, enum record_kind kind, struct blob *b)
{
	uint8_t key = (uint8_t)kind;
	int rc = put(txn, &key, 1, b);

	blob_unref(b);
	return rc;
}

static int delete_entries(MDB_txn *txn, uint64_t from, uint64_t to)
{
	for (uint64_t i = from; i <= to; i++) {
		uint8_t key[RECORD_KEY_MAX];
		MDB_val k = {record_entry_key(i, key), key};
		int rc = mdb_del(txn, MAIN_DBI, &k, NULL);

		if (rc)
			return rc;
	}
	return 0;
}

/* The stored MAC of an entry that is there. */
static int entry_mac(MDB_txn *txn, uint64_t index, uint8_t mac[STORE_MAC_LEN])
{
	uint8_t key[RECORD_KEY_MAX];
	MDB_val k = {record_entry_key(index, key), key}, v;
	int rc = mdb_get(txn, MAIN_DBI, &k, &v);

	if (rc == 0 && v.mv_size < STORE_MAC_LEN)
		rc = MDB_CORRUPTED;
	if (rc == 0)
		memcpy(mac, v.mv_data, STORE_MAC_LEN);
	return rc;
}

static int drop_log(MDB_txn *txn, struct record_tip *t, uint64_t next)
{
	int rc = delete_entries(txn, t->first, t->last);

	t->first = next;
	t->last = next - 1;
	memset(t->base, 0, sizeof(t->base));
	memset(t->chain, 0, sizeof(t->chain));
	return rc;
}

static int truncate_log(MDB_txn *txn, struct record_tip *t, uint64_t from)
{
	int rc;

	if (from > t->last)
		return 0;
	if (from < t->first)
		from = t->first;
	rc = delete_entries(txn, from, t->last);
	if (from == t->first)
		memcpy(t->chain, t->base, sizeof(t->chain));
	else if (rc == 0)
		rc = entry_mac(txn, from - 1, t->chain);
	t->last = from - 1;
	return rc;
}

static int trim_log(MDB_txn *txn, struct record_tip *t, uint64_t to)
{
	int rc;

	if (to > t->last)
		to = t->last;
	if (to < t->first)
		return 0;
	rc = entry_mac(txn, to, t->base);
	if (rc == 0)
		rc = delete_entries(txn, t->first, to);
	t->first = to + 1;
	return rc;
}

static int append_entry(const struct record_key *k, MDB_txn *txn, struct record_tip *t,
			const struct log_entry *e)
{
	uint8_t key[RECORD_KEY_MAX];
	struct blob *b;
	int rc;

	if (t->last < t->first && e->index != t->last + 1) {
		t->first = e->index;
		t->last = e->index - 1;
	}
	assert(e->index == t->last + 1);
	b = record_entry_create(k, e, t->chain, t->chain);
	rc = put(txn, key, record_entry_key(e->index, key), b);
	blob_unref(b);
	t->last = e->index;
	return rc;
}

/* In the order that cluster/raft/store.h gives. */
int store_update_write(const struct record_key *k, MDB_txn *txn, struct record_tip *t,
		       const struct store_update *u)
{
	int rc = 0;

	if (u->vote) {
		t->term = u->term;
		t->voted_for = u->voted_for;
	}
	if (u->snapshot)
		rc = store_record_put(txn, RECORD_SNAPSHOT,
				record_snapshot_create(k, u->snapshot, t->snapshot));
	if (rc == 0 && u->snapshot && u->snapshot_resets_log)
		rc = drop_log(txn, t, u->snapshot->index + 1);
	if (rc == 0 && u->truncate_from)
		rc = truncate_log(txn, t, u->truncate_from);
	for (size_t i = 0; rc == 0 && i < u->n_entries; i++)
		rc = append_entry(k, txn, t, &u->entries[i]);
	if (rc == 0 && u->trim_to)
		rc = trim_log(txn, t, u->trim_to);
	if (u->logged_at_ms)
		t->logged_ms = u->logged_at_ms;
	return rc;
}

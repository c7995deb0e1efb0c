/* SPDX-License-Identifier: Apache-2.0 */
/* A sorted array of records. A reader gets pointers into an image of pages as LMDB lays them out,
 * each with its own number in front, for the product's check looks at that too; a writer gets
 * pointers into the records. */
#include "test/sim/mdb.h"

#include "node/store/store_check_pages.h"
#include "proto/wire/blob.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define KEY_MAX 16u
#define PAGE 4096u
#define PAGE_HEADER 16u

struct pair {
	uint8_t key[KEY_MAX];
	size_t key_len;
	struct blob *value;
	size_t page; /* In the image. */
};

struct MDB_txn {
	MDB_env *env;
	bool reads;
};

struct MDB_env {
	struct pair *pairs;
	size_t n, room;
	size_t octets;
	uint8_t *image; /* Of pages; NULL: nobody reads. */
	size_t pages;
	MDB_txn txn;
};

struct MDB_cursor {
	MDB_env *env;
	size_t at;
	bool empty; /* The tree of free pages: always empty. */
};

/* ---- The tree ---- */

static size_t place(const MDB_env *e, const MDB_val *key, bool *there)
{
	size_t low = 0, high = e->n;

	while (low < high) {
		size_t mid = (low + high) / 2;
		const struct pair *p = &e->pairs[mid];
		size_t common = p->key_len < key->mv_size ? p->key_len : key->mv_size;
		int d = memcmp(p->key, key->mv_data, common);

		if (d == 0 && p->key_len == key->mv_size) {
			*there = true;
			return mid;
		}
		if (d < 0 || (d == 0 && p->key_len < key->mv_size))
			low = mid + 1;
		else
			high = mid;
	}
	*there = false;
	return low;
}

MDB_env *mdb_sim_new(void)
{
	MDB_env *e = calloc(1, sizeof(*e));

	assert(e);
	e->txn.env = e;
	return e;
}

MDB_env *mdb_sim_copy(const MDB_env *e)
{
	MDB_env *copy = mdb_sim_new();

	copy->pairs = malloc((e->n + 1) * sizeof(*copy->pairs));
	assert(copy->pairs);
	if (e->n)
		memcpy(copy->pairs, e->pairs, e->n * sizeof(*copy->pairs));
	copy->n = e->n;
	copy->room = e->n + 1;
	copy->octets = e->octets;
	for (size_t i = 0; i < e->n; i++)
		blob_ref(e->pairs[i].value);
	return copy;
}

void mdb_sim_free(MDB_env *e)
{
	if (!e)
		return;
	for (size_t i = 0; i < e->n; i++)
		blob_unref(e->pairs[i].value);
	free(e->pairs);
	free(e->image);
	free(e);
}

size_t mdb_sim_octets(const MDB_env *e)
{
	return e->octets;
}

MDB_txn *mdb_sim_begin(MDB_env *e)
{
	e->txn.reads = false;
	return &e->txn;
}

void mdb_sim_flip(MDB_env *e, uint64_t which, uint64_t bit)
{
	struct pair *p = &e->pairs[which % e->n];
	struct blob *changed = blob_new(p->value->data, p->value->len);

	bit %= 8 * (uint64_t)changed->len;
	changed->data[bit / 8] ^= (uint8_t)(1u << bit % 8);
	blob_set(&p->value, changed);
}

/* ---- Writing ---- */

int mdb_put(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data, unsigned int flags)
{
	MDB_env *e = txn->env;
	struct pair *p;
	bool there;
	size_t i = place(e, key, &there);

	assert(dbi == 1 && flags == 0 && key->mv_size <= KEY_MAX);
	if (!there) {
		if (e->n == e->room) {
			e->room = e->room ? 2 * e->room : 64;
			e->pairs = realloc(e->pairs, e->room * sizeof(*e->pairs));
			assert(e->pairs);
		}
		memmove(e->pairs + i + 1, e->pairs + i, (e->n - i) * sizeof(*e->pairs));
		e->n++;
		memset(&e->pairs[i], 0, sizeof(e->pairs[i]));
		memcpy(e->pairs[i].key, key->mv_data, key->mv_size);
		e->pairs[i].key_len = key->mv_size;
		e->octets += key->mv_size;
	}
	p = &e->pairs[i];
	e->octets += data->mv_size - (p->value ? p->value->len : 0);
	blob_set(&p->value, blob_new(data->mv_data, data->mv_size));
	return 0;
}

int mdb_del(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data)
{
	MDB_env *e = txn->env;
	bool there;
	size_t i = place(e, key, &there);

	assert(dbi == 1 && !data);
	if (!there)
		return MDB_NOTFOUND;
	e->octets -= e->pairs[i].key_len + e->pairs[i].value->len;
	blob_unref(e->pairs[i].value);
	e->n--;
	memmove(e->pairs + i, e->pairs + i + 1, (e->n - i) * sizeof(*e->pairs));
	return 0;
}

/* ---- Reading ---- */

static size_t pages_of(const struct pair *p)
{
	return (PAGE_HEADER + p->value->len + PAGE - 1) / PAGE;
}

/* Two meta pages, then each value on pages of its own. */
static void lay_out(MDB_env *e)
{
	size_t page = 2;

	free(e->image);
	e->pages = page;
	for (size_t i = 0; i < e->n; i++)
		e->pages += pages_of(&e->pairs[i]);
	e->image = aligned_alloc(PAGE, e->pages * PAGE);
	assert(e->image);
	for (size_t i = 0; i < e->n; i++) {
		struct pair *p = &e->pairs[i];
		uint64_t number = page;

		memcpy(e->image + page * PAGE, &number, sizeof(number));
		memcpy(e->image + page * PAGE + PAGE_HEADER, p->value->data, p->value->len);
		p->page = page;
		page += pages_of(p);
	}
}

static void give(const MDB_env *e, const struct pair *p, bool reads, MDB_val *data)
{
	data->mv_size = p->value->len;
	data->mv_data = reads ? e->image + p->page * PAGE + PAGE_HEADER : p->value->data;
}

int mdb_env_info(MDB_env *e, MDB_envinfo *info)
{
	lay_out(e);
	memset(info, 0, sizeof(*info));
	info->me_last_pgno = e->pages - 1;
	info->me_mapsize = e->pages * PAGE;
	return 0;
}

int mdb_env_stat(MDB_env *e, MDB_stat *stat)
{
	(void)e;
	memset(stat, 0, sizeof(*stat));
	stat->ms_psize = PAGE;
	return 0;
}

int mdb_txn_begin(MDB_env *e, MDB_txn *parent, unsigned int flags, MDB_txn **txn)
{
	assert(!parent && flags == MDB_RDONLY && e->image);
	e->txn.reads = true;
	*txn = &e->txn;
	return 0;
}

void mdb_txn_abort(MDB_txn *txn)
{
	free(txn->env->image);
	txn->env->image = NULL;
}

int mdb_dbi_open(MDB_txn *txn, const char *name, unsigned int flags, MDB_dbi *dbi)
{
	(void)txn;
	assert(!name && flags == 0);
	*dbi = 1;
	return 0;
}

int mdb_get(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data)
{
	bool there;
	size_t i = place(txn->env, key, &there);

	assert(dbi == 1);
	if (!there)
		return MDB_NOTFOUND;
	give(txn->env, &txn->env->pairs[i], txn->reads, data);
	return 0;
}

int mdb_cursor_open(MDB_txn *txn, MDB_dbi dbi, MDB_cursor **cursor)
{
	*cursor = calloc(1, sizeof(**cursor));
	assert(*cursor && txn->reads);
	(*cursor)->env = txn->env;
	(*cursor)->empty = dbi == 0;
	return 0;
}

MDB_txn *mdb_cursor_txn(MDB_cursor *cursor)
{
	return &cursor->env->txn;
}

void mdb_cursor_close(MDB_cursor *cursor)
{
	free(cursor);
}

int mdb_cursor_get(MDB_cursor *c, MDB_val *key, MDB_val *data, MDB_cursor_op op)
{
	struct pair *p;

	assert(op == MDB_FIRST || op == MDB_NEXT);
	if (op == MDB_FIRST)
		c->at = 0;
	if (c->empty || c->at == c->env->n)
		return MDB_NOTFOUND;
	p = &c->env->pairs[c->at++];
	key->mv_size = p->key_len;
	key->mv_data = p->key;
	give(c->env, p, true, data);
	return 0;
}

/* LMDB's branch pages are not simulated: there are none to walk. test/fuzz (store) and
 * store_lmdb_test cover the files themselves. */
bool store_pages_walk(struct store_pages *p)
{
	(void)p;
	return true;
}

char *mdb_strerror(int err)
{
	static char text[] = "an error of the store";

	(void)err;
	return text;
}

/* ---- Opening files: the simulator has none ---- */

int mdb_env_create(MDB_env **e)
{
	*e = NULL;
	return MDB_PANIC;
}

int mdb_env_set_mapsize(MDB_env *e, size_t size)
{
	(void)e;
	(void)size;
	return MDB_PANIC;
}

int mdb_env_open(MDB_env *e, const char *path, unsigned int flags, mdb_mode_t mode)
{
	(void)e;
	(void)path;
	(void)flags;
	(void)mode;
	return MDB_PANIC;
}

void mdb_env_close(MDB_env *e)
{
	(void)e;
}

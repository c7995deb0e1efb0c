/* SPDX-License-Identifier: Apache-2.0 */
/* The expected content of a store: changed along with it, compared with it. Included by the store's
 * test alone. */
#ifndef TEST_UNIT_STORE_MODEL_H
#define TEST_UNIT_STORE_MODEL_H

#include "node/store/store_lmdb.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define MODEL_ENTRIES 512u

struct model {
	uint64_t term, voted_for, first, last; /* Log [first, last]. */
	struct {
		uint64_t term;
		uint32_t len;
		uint8_t fill;
	} entry[MODEL_ENTRIES]; /* By index. */
	uint64_t snapshot_index;
	uint32_t snapshot_len;
	char identity[32];
};

static char dir[64];
static uint8_t key[STORE_KEY_LEN] = "the key of the store, 32 octets";
static const uint8_t store_id[16] = "0123456789abcde";
static const char *node = "n1";
static uint64_t seed;

static uint32_t draw(uint32_t below)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((seed >> 33) % below);
}

static int setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/store_lmdb_test.XXXXXX");
	seed = 42;
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	static const char *const names[] = {"store/data.mdb", "store/tip", "lock", "saved.mdb",
					    "saved.tip", "data.lost"};
	char path[128];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	snprintf(path, sizeof(path), "%s/store", dir);
	rmdir(path);
	snprintf(path, sizeof(path), "%s/store.new", dir);
	rmdir(path);
	return rmdir(dir);
}

static enum status try_open(struct store **s, struct store_image *image, char *err)
{
	struct store_options o = {.dir = dir, .cluster = "demo", .key = key,
				  .map_bytes = 16u << 20, .new_raft_id = 77,
				  .new_store_id = store_id, .node = node};

	enum status status = store_open(&o, s, image, err);

	if (status == OK && store_begin(*s, 5, err) != OK)
		status = ERR_IO;
	return status;
}

static struct blob *fill(uint32_t len, uint8_t octet)
{
	struct blob *b = blob_new(NULL, len);

	if (b)
		memset(b->data, octet, len);
	return b;
}

static bool is_filled(const struct blob *b, uint32_t len, uint8_t octet)
{
	if ((b ? b->len : 0) != len)
		return false;
	for (uint32_t i = 0; i < len; i++)
		if (b->data[i] != octet)
			return false;
	return true;
}

/* Does what a store gave back equal the model? */
static bool is_model(const struct model *m, const struct store *s, const struct store_image *image)
{
	struct blob *identity = store_identity(s);
	bool same = image->term == m->term && image->voted_for == m->voted_for &&
		    image->n_entries == m->last + 1 - m->first;

	for (size_t i = 0; same && i < image->n_entries; i++) {
		const struct log_entry *e = &image->entries[i];

		same = e->index == m->first + i && e->term == m->entry[e->index].term &&
		       e->type == 1 &&
		       is_filled(e->data, m->entry[e->index].len, m->entry[e->index].fill);
	}
	same = same && (m->snapshot_index ? image->snapshot != NULL : image->snapshot == NULL);
	if (same && image->snapshot)
		same = image->snapshot->index == m->snapshot_index && image->snapshot->term == 3 &&
		       is_filled(image->snapshot->configuration, 40, 0xcc) &&
		       is_filled(image->snapshot->data, m->snapshot_len, 0x5a);
	same = same && (identity ? identity->len : 0) == strlen(m->identity) &&
	       (!identity || memcmp(identity->data, m->identity, identity->len) == 0);
	blob_unref(identity);
	return same;
}

static struct store *open_as(const struct model *m)
{
	char err[STORE_ERR_LEN] = "";
	struct store_image image;
	struct store *s;

	if (try_open(&s, &image, err))
		fail_msg("%s", err);
	assert_true(is_model(m, s, &image));
	store_image_fini(&image);
	return s;
}

static struct store_update *update_new(void)
{
	struct store_update *u = calloc(1, sizeof(*u));

	assert_non_null(u);
	return u;
}

static void add_entries(struct model *m, struct store_update *u, uint32_t n, uint32_t len_max)
{
	u->entries = calloc(n, sizeof(*u->entries));
	u->n_entries = n;
	for (uint32_t i = 0; i < n; i++) {
		uint64_t index = ++m->last;
		struct log_entry *e = &u->entries[i];

		m->entry[index].term = m->term;
		m->entry[index].len = draw(len_max);
		m->entry[index].fill = (uint8_t)draw(256);
		*e = (struct log_entry){.index = index, .term = m->term, .type = 1,
					.data = fill(m->entry[index].len, m->entry[index].fill)};
	}
}

static void add_vote(struct model *m, struct store_update *u)
{
	u->vote = true;
	u->term = m->term += 1 + draw(3);
	u->voted_for = m->voted_for = draw(5);
}

static void add_snapshot(struct model *m, struct store_update *u, uint64_t index, uint32_t len)
{
	u->snapshot = calloc(1, sizeof(*u->snapshot));
	*u->snapshot = (struct store_snapshot){.index = index, .term = 3,
					       .configuration = fill(40, 0xcc),
					       .data = fill(len, 0x5a)};
	m->snapshot_index = index;
	m->snapshot_len = len;
}

static void commit(struct store *s, struct store_update *u, const char *identity)
{
	struct blob *b = identity ? blob_new(identity, strlen(identity)) : NULL;
	char err[STORE_ERR_LEN] = "";

	if (store_commit(s, &u, 1, b, err))
		fail_msg("%s", err);
	blob_unref(b);
	store_update_free(u);
}

static struct model fresh(void)
{
	return (struct model){.first = 1};
}

static inline void random_update(struct model *m, struct store_update *u)
{
	switch (draw(6)) {
	case 0:
		add_vote(m, u);
		break;
	case 1: /* A conflict: the tail goes, another comes. */
		if (m->last >= m->first) {
			u->truncate_from = m->first + draw((uint32_t)(m->last - m->first) + 1);
			m->last = u->truncate_from - 1;
		}
		add_entries(m, u, 1 + draw(3), 3000);
		break;
	case 2: /* A snapshot of our own, then the log is trimmed behind it. */
		if (m->last > m->first) {
			uint64_t at = m->first + draw((uint32_t)(m->last - m->first));

			add_snapshot(m, u, at, draw(20000));
			u->trim_to = at;
			m->first = at + 1;
		}
		break;
	case 3: /* An installed one: nothing of the log remains. */
		if (m->last + 10 < MODEL_ENTRIES / 2) {
			add_snapshot(m, u, m->last + 5, draw(30000));
			u->snapshot_resets_log = true;
			m->last += 5;
			m->first = m->last + 1;
		}
		break;
	default:
		add_entries(m, u, 1 + draw(4), 5000);
	}
}

/* A store with something of everything in it. */
static inline struct model make_full(void)
{
	struct model m = fresh();
	struct store *s = open_as(&m);
	struct store_update *u = update_new();

	add_vote(&m, u);
	add_entries(&m, u, 12, 900);
	commit(s, u, NULL);
	u = update_new();
	add_snapshot(&m, u, 4, 9000);
	u->trim_to = 4;
	m.first = 5;
	strcpy(m.identity, "an identity");
	commit(s, u, m.identity);
	u = update_new();
	add_vote(&m, u);
	add_entries(&m, u, 3, 900);
	commit(s, u, NULL);
	store_close(s);
	return m;
}

static inline void expect_refusal(enum status want, const char *word)
{
	char err[STORE_ERR_LEN] = "";
	struct store_image image;
	struct store *s = NULL;

	assert_int_equal(try_open(&s, &image, err), want);
	assert_null(s);
	assert_non_null(strstr(err, dir));
	if (!strstr(err, word))
		fail_msg("\"%s\" is not in: %s", word, err);
}

#endif

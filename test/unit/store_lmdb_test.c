/* SPDX-License-Identifier: Apache-2.0 */
/* The store gives back what was committed, bit for bit, or refuses. A model keeps
 * what should be there; every reopening is held against it. */
#include "node/store_lmdb.h"

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
				  .new_store_id = store_id, .incarnation = 5};

	return store_open(&o, s, image, err);
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

static void random_update(struct model *m, struct store_update *u)
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

static void test_reopens_as_it_was(void **state)
{
	struct model m = fresh();
	struct store *s = open_as(&m);

	(void)state;
	assert_int_equal(store_raft_id(s), 77);
	assert_int_equal(store_previous_incarnation(s), 0);
	for (int i = 0; i < 60 && m.last + 8 < MODEL_ENTRIES; i++) {
		struct store_update *u = update_new();
		char identity[32];

		random_update(&m, u);
		snprintf(identity, sizeof(identity), "identity %d", i);
		if (i % 7 == 3)
			strcpy(m.identity, identity);
		commit(s, u, i % 7 == 3 ? identity : NULL);
		if (i % 4 == 0) {
			store_close(s);
			s = open_as(&m);
			assert_int_equal(store_previous_incarnation(s), 5);
		}
	}
	store_close(s);
}

static void test_many_updates_in_one(void **state)
{
	struct store_update *u[3] = {update_new(), update_new(), update_new()};
	struct model m = fresh();
	struct store *s = open_as(&m);
	char err[STORE_ERR_LEN];

	(void)state;
	add_vote(&m, u[0]);
	add_entries(&m, u[0], 5, 100);
	u[1]->truncate_from = 4;
	m.last = 3;
	add_entries(&m, u[1], 2, 100);
	u[2]->trim_to = 2;
	m.first = 3;
	assert_int_equal(store_commit(s, u, 3, NULL, err), OK);
	for (int i = 0; i < 3; i++)
		store_update_free(u[i]);
	store_close(s);
	store_close(open_as(&m));
}

/* A store with something of everything in it. */
static struct model make_full(void)
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

static void copy_file(const char *from, const char *to)
{
	char a[128], b[128], buffer[65536];
	int in, out;
	ssize_t n;

	snprintf(a, sizeof(a), "%s/%s", dir, from);
	snprintf(b, sizeof(b), "%s/%s", dir, to);
	in = open(a, O_RDONLY);
	out = open(b, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(in >= 0 && out >= 0);
	while ((n = read(in, buffer, sizeof(buffer))) > 0)
		assert_int_equal(write(out, buffer, (size_t)n), n);
	close(in);
	close(out);
}

static void save(void)
{
	copy_file("store/data.mdb", "saved.mdb");
	copy_file("store/tip", "saved.tip");
}

static void restore(void)
{
	copy_file("saved.mdb", "store/data.mdb");
	copy_file("saved.tip", "store/tip");
}

static off_t flip(const char *name, off_t offset, unsigned bit)
{
	char path[128];
	struct stat st;
	uint8_t octet;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	if (offset < st.st_size) {
		assert_int_equal(pread(fd, &octet, 1, offset), 1);
		octet ^= (uint8_t)(1u << bit);
		assert_int_equal(pwrite(fd, &octet, 1, offset), 1);
	}
	close(fd);
	return st.st_size;
}

enum outcome { INTACT, REFUSED, DIFFERENT, CRASHED };

/* In a process of its own: opens, and if that goes well writes and opens again. */
static enum outcome outcome_of(const struct model *m)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		char err[STORE_ERR_LEN];
		struct store_image image;
		struct model more = *m;
		struct store_update *u = update_new();
		struct store *s;

		if (freopen("/dev/null", "w", stderr) == NULL || try_open(&s, &image, err))
			_exit(REFUSED);
		if (!is_model(m, s, &image))
			_exit(DIFFERENT);
		add_entries(&more, u, 8, 4000);
		for (int i = 0; i < 3; i++)
			if (store_commit(s, i == 0 ? &u : NULL, i == 0, NULL, err))
				_exit(REFUSED);
		store_close(s);
		if (try_open(&s, &image, err))
			_exit(REFUSED);
		_exit(is_model(&more, s, &image) ? INTACT : DIFFERENT);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) && WEXITSTATUS(status) <= DIFFERENT ? WEXITSTATUS(status) : CRASHED;
}

static void test_flipped_bits_are_never_silent(void **state)
{
	struct model m = make_full();
	unsigned count[4] = {0};
	off_t size;

	(void)state;
	save();
	assert_int_equal(outcome_of(&m), INTACT);
	restore();
	size = flip("store/data.mdb", INT32_MAX, 0);
	assert_true(size > 4 * 4096);
	for (off_t at = 0; at < size; at += at % 4096 < 160 && at < 8192 ? 3 : 157) {
		enum outcome o;

		flip("store/data.mdb", at, draw(8));
		o = outcome_of(&m);
		if (o == DIFFERENT)
			fail_msg("octet %ld: other content", (long)at);
		count[o]++;
		restore();
	}
	assert_true(count[REFUSED] > 50 && count[INTACT] > 0);
	size = flip("store/tip", INT32_MAX, 0);
	for (off_t at = 0; at < size; at++) {
		flip("store/tip", at, draw(8));
		assert_int_equal(outcome_of(&m), REFUSED);
		restore();
	}
}

/* The newer meta page made void, in each way a number can change: the older tree
 * is whole and authentic, but not the last. */
static void test_last_transaction_cannot_vanish(void **state)
{
	static const off_t txnid_at = 16 + 4 + 4 + 8 + 8 + 2 * 48 + 8;
	struct model m = make_full();

	(void)state;
	save();
	for (int page = 0; page < 2; page++)
		for (unsigned bit = 0; bit < 8; bit++) {
			flip("store/data.mdb", page * 4096 + txnid_at, bit);
			assert_in_range(outcome_of(&m), INTACT, REFUSED);
			restore();
		}
}

static void expect_refusal(enum status want, const char *word)
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

static void test_old_copy_is_refused(void **state)
{
	struct model m = make_full();

	(void)state;
	copy_file("store/data.mdb", "saved.mdb");
	store_close(open_as(&m));
	store_close(open_as(&m));
	copy_file("saved.mdb", "store/data.mdb");
	expect_refusal(ERR_DAMAGED, "older than what was last written");
}

static void test_missing_parts_are_refused(void **state)
{
	char path[128], moved[128];

	(void)state;
	make_full();
	save();
	snprintf(path, sizeof(path), "%s/store/data.mdb", dir);
	for (off_t pages = 0; pages < 6; pages++) {
		assert_int_equal(truncate(path, pages * 4096 + 100), 0);
		expect_refusal(ERR_DAMAGED, "damaged");
		restore();
	}
	snprintf(moved, sizeof(moved), "%s/data.lost", dir);
	assert_int_equal(rename(path, moved), 0);
	expect_refusal(ERR_DAMAGED, "damaged");
	assert_int_equal(access(path, F_OK), -1); /* Nothing was made in its place. */
	restore();
	snprintf(path, sizeof(path), "%s/store/tip", dir);
	unlink(path);
	expect_refusal(ERR_DAMAGED, "damaged");
}

static void test_foreign_stores_are_refused(void **state)
{
	struct store_options o = {.dir = dir, .cluster = "other", .key = key, .new_raft_id = 1,
				  .new_store_id = store_id, .incarnation = 5};
	struct model m = make_full();
	char err[STORE_ERR_LEN];
	struct store_image image;
	struct store *s;

	(void)state;
	assert_int_equal(store_open(&o, &s, &image, err), ERR_FOREIGN);
	assert_non_null(strstr(err, "\"demo\""));
	key[0] ^= 1;
	expect_refusal(ERR_FOREIGN, "another storage key");
	key[0] ^= 1;
	store_close(open_as(&m));
}

static void test_one_process_at_a_time(void **state)
{
	struct model m = fresh();
	struct store *s = open_as(&m);
	char pid[32];

	(void)state;
	snprintf(pid, sizeof(pid), "pid %ld", (long)getpid());
	expect_refusal(ERR_EXISTS, pid);
	store_close(s);
	store_close(open_as(&m));
}

static void test_full_map_is_an_error(void **state)
{
	struct model m = fresh();
	struct store *s = open_as(&m);
	struct store_update *u = update_new();
	char err[STORE_ERR_LEN] = "";

	(void)state;
	assert_true(store_fill_percent(s) < 5);
	u->snapshot = calloc(1, sizeof(*u->snapshot));
	u->snapshot->data = fill(17u << 20, 1);
	assert_int_equal(store_commit(s, &u, 1, NULL, err), ERR_IO);
	assert_non_null(strstr(err, "full"));
	store_update_free(u);
	store_close(s);
	store_close(open_as(&m));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_reopens_as_it_was, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many_updates_in_one, setup, teardown),
		cmocka_unit_test_setup_teardown(test_flipped_bits_are_never_silent, setup, teardown),
		cmocka_unit_test_setup_teardown(test_last_transaction_cannot_vanish, setup, teardown),
		cmocka_unit_test_setup_teardown(test_old_copy_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_missing_parts_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_foreign_stores_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_process_at_a_time, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full_map_is_an_error, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The store gives back the committed records, bit for bit, or refuses. A model holds what should be
 * there; every reopening is compared with it. */
#include "test/unit/store_model.h"

static void test_reopens_as_it_was(void **state)
{
	struct model m = fresh();
	struct store *s = open_as(&m);

	(void)state;
	assert_int_equal(store_raft_id(s), 77);
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

/* Only entries of a leader make a store newer: not a start, not a vote. */
static void test_age_is_of_the_newest_record(void **state)
{
	struct model m = fresh();
	struct store *s = open_as(&m);
	struct store_update *u = update_new();
	uint64_t age;

	(void)state;
	usleep(3000);
	assert_int_equal(store_age_ms(s), 0);
	add_vote(&m, u);
	add_entries(&m, u, 1, 100);
	commit(s, u, NULL);
	usleep(3000);
	age = store_age_ms(s);
	assert_in_range(age, 3, 600000);
	u = update_new();
	add_vote(&m, u);
	commit(s, u, NULL);
	store_close(s);
	s = open_as(&m);
	assert_true(store_age_ms(s) >= age);
	store_close(s);
}

/* ... and how far its marks reach, by the last update. */
static void test_logged_is_kept(void **state)
{
	struct model m = fresh();
	struct store *s = open_as(&m);
	struct store_update *u = update_new();

	(void)state;
	assert_int_equal(store_unlogged_ms(s), 0);
	add_entries(&m, u, 1, 100);
	u->logged_at_ms = 1000;
	commit(s, u, NULL);
	u = update_new();
	add_vote(&m, u);
	commit(s, u, NULL);
	store_close(s);
	s = open_as(&m);
	assert_true(store_unlogged_ms(s) > 60000 + store_age_ms(s));
	store_close(s);
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

static void read_page(off_t at, uint8_t page[4096])
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/store/data.mdb", dir);
	fd = open(path, O_RDONLY);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, page, 4096, at), 4096);
	close(fd);
}

enum outcome { INTACT, REFUSED, LATER, DIFFERENT, CRASHED }; /* LATER: refused, after it had been taken. */

/* In its own process: opens, and if that succeeds writes and opens again. */
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
			_exit(LATER);
		_exit(is_model(&more, s, &image) ? INTACT : DIFFERENT);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) && WEXITSTATUS(status) <= DIFFERENT ? WEXITSTATUS(status) : CRASHED;
}

static void test_flipped_bits_are_never_silent(void **state)
{
	struct model m = make_full();
	unsigned count[CRASHED + 1] = {0};
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

/* A walk over the leaves in order does not notice a wrong key in a branch page: a store with such a
 * flipped bit was accepted, and the next write went to a wrong leaf. */
static void test_flipped_bits_in_branches_are_seen_at_once(void **state)
{
	struct model m = fresh();
	struct store *s = open_as(&m);
	struct store_update *u = update_new();
	unsigned refused = 0;
	uint8_t page[4096];
	off_t size;

	(void)state;
	add_entries(&m, u, 40, 900);
	commit(s, u, NULL);
	store_close(s);
	save();
	size = flip("store/data.mdb", INT32_MAX, 0);
	for (off_t at = 2 * 4096; at < size; at += 4096) {
		read_page(at, page);
		if (page[10] != 1) /* mp_flags: P_BRANCH, after 8 octets of number and 2 of padding. */
			continue;
		/* Nodes begin at mp_upper with the newest: 8 octets of lengths and page number, then
		 * the key. What is appended is sent its way by the newest. */
		for (off_t i = page[14] | page[15] << 8, end = i + 48; i < end; i++) {
			enum outcome o;

			flip("store/data.mdb", at + i, draw(8));
			o = outcome_of(&m);
			if (o != INTACT && o != REFUSED)
				fail_msg("octet %ld of page %ld: outcome %d", (long)i, (long)at / 4096, o);
			refused += o == REFUSED;
			restore();
		}
	}
	assert_true(refused > 10);
}

static void write_at(off_t at, const void *octets, size_t n)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/store/data.mdb", dir);
	fd = open(path, O_WRONLY);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, octets, n, at), n);
	close(fd);
}

/* What no record authenticates, but the next writer trusts: the list of free pages, and the last
 * page's number. In a meta page: root of the free list at 80, of the records at 128, last page at
 * 136, transaction at 144. */
static void test_next_pages_are_free(void **state)
{
	struct model m = fresh();
	struct store *s = open_as(&m);
	struct store_update *u = update_new();
	uint8_t meta[4096], other[4096], list[4096];
	uint64_t root, last;
	off_t at = 0, value;

	(void)state;
	add_entries(&m, u, 40, 900);
	commit(s, u, NULL);
	u = update_new();
	add_entries(&m, u, 1, 900);
	commit(s, u, NULL);
	store_close(s);
	save();
	assert_int_equal(outcome_of(&m), INTACT);
	restore();
	read_page(0, meta);
	read_page(4096, other);
	if (memcmp(other + 144, meta + 144, 8) > 0) { /* Few transactions: one octet counts. */
		memcpy(meta, other, sizeof(meta));
		at = 4096;
	}
	memcpy(&root, meta + 80, sizeof(root));
	read_page((off_t)root * 4096, list);
	assert_int_equal(list[10], 2); /* A leaf; its first node: header, key (8), count, pages. */
	value = (off_t)root * 4096 + (list[16] | list[17] << 8) + 24;
	memcpy(&root, meta + 128, sizeof(root));
	write_at(value, &root, sizeof(root));
	assert_int_equal(outcome_of(&m), REFUSED);
	restore();
	memcpy(&last, meta + 136, sizeof(last));
	last += 1000;
	write_at(at + 136, &last, sizeof(last));
	assert_int_equal(outcome_of(&m), REFUSED);
	restore();
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
				  .new_store_id = store_id, .node = node};
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
	node = "n2";
	expect_refusal(ERR_FOREIGN, "belongs to node \"n1\"");
	node = "n1";
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
		cmocka_unit_test_setup_teardown(test_age_is_of_the_newest_record, setup, teardown),
		cmocka_unit_test_setup_teardown(test_logged_is_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(test_flipped_bits_are_never_silent, setup, teardown),
		cmocka_unit_test_setup_teardown(test_flipped_bits_in_branches_are_seen_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_next_pages_are_free, setup, teardown),
		cmocka_unit_test_setup_teardown(test_last_transaction_cannot_vanish, setup, teardown),
		cmocka_unit_test_setup_teardown(test_old_copy_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_missing_parts_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_foreign_stores_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_process_at_a_time, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full_map_is_an_error, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

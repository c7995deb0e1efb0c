/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots in sealed parts: the state as it was at the first slice; no part can be left out, moved
 * or taken from another snapshot. state_property_test.c checks the content. */
#include "cluster/level.h"
#include "cluster/core/rooms.h"
#include "cluster/core/snapshot.h"
#include "test/lib/apply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct maker {
	struct cluster_config config;
	struct core core;
};

static struct maker *maker_new(void)
{
	static const uint8_t key[32] = {7}, seed[ENTROPY_SEED_LEN] = {1};
	struct maker *m = calloc(1, sizeof(*m));

	cluster_config_defaults(&m->config);
	m->config.snapshot_slice = 1;
	m->core.config = &m->config;
	snapshot_init(&m->core);
	m->core.seal = seal_key_new(key, "test");
	entropy_init(&m->core.entropy, seed);
	m->core.state = apply_three_nodes();
	for (uint32_t i = 1; i <= 20; i++)
		apply_put(m->core.state, i);
	apply_del(m->core.state, 3);
	return m;
}

static void maker_free(struct maker *m)
{
	snapshot_fini(&m->core);
	state_free(m->core.state);
	seal_key_free(m->core.seal);
	entropy_fini(&m->core.entropy);
	free(m);
}

static struct blob *make(struct maker *m)
{
	struct blob *b = snapshot_slice(&m->core, true);

	while (!b)
		b = snapshot_slice(&m->core, false);
	return b;
}

static enum status opens(struct maker *m, const struct blob *b)
{
	struct state *s = NULL;
	enum status status = snapshot_open(m->core.seal, b->data, b->len, LEVEL, &s);

	assert_true((status == OK) == (s != NULL));
	state_free(s);
	return status;
}

/* Where part i begins. */
static size_t part_at(const struct blob *b, unsigned i)
{
	size_t at = 0;

	for (; i > 0; i--)
		at += 4 + ((size_t)b->data[at + 1] << 16) + ((size_t)b->data[at + 2] << 8) +
		      b->data[at + 3];
	return at;
}

static void test_as_it_was(void **unused)
{
	struct maker *m = maker_new();
	uint8_t before[32], after[32];
	struct state *s = NULL;
	struct blob *b;
	unsigned slices = 1;

	(void)unused;
	state_digest(m->core.state, before);
	b = snapshot_slice(&m->core, true);
	for (; !b; slices++) {
		if (slices == 2)
			apply_del(m->core.state, 20);
		if (slices == 3)
			apply_put(m->core.state, 40);
		if (slices == 4)
			apply_time(m->core.state, 600000);
		b = snapshot_slice(&m->core, false);
	}
	assert_true(slices > 20);
	assert_int_equal(snapshot_open(m->core.seal, b->data, b->len, LEVEL, &s), OK);
	state_digest(s, after);
	assert_memory_equal(before, after, sizeof(before));
	state_free(s);
	blob_unref(b);
	maker_free(m);
}

/* Tombstones that go all at once, unwritten as yet, are more than one part can hold. */
static void test_many_tombstones_go(void **unused)
{
	struct maker *m = maker_new();
	struct command del = {.type = COMMAND_SESSION_DEL};
	uint8_t before[32], after[32];
	struct state *s = NULL;
	struct blob *b, *word;

	(void)unused;
	for (uint32_t i = 0; i < 29500; i++) { /* Of 584 octets each. */
		del.session_del.session = apply_put(m->core.state, 100 + i).session;
		del.session_del.serial = 1;
		word = blob_new(NULL, COMMAND_FINAL_RESPONSE_MAX);
		memset(word->data, (int)i, COMMAND_FINAL_RESPONSE_MAX);
		del.session_del.final_response = ike_datagrams_of(word);
		assert_int_equal(apply_command(m->core.state, &del).status, OK);
		del.type = COMMAND_SESSION_DEL;
	}
	state_digest(m->core.state, before);
	assert_null(snapshot_slice(&m->core, true));
	apply_time(m->core.state, 600000);
	assert_int_equal(state_tombstones(m->core.state, (struct ike_client){0}), 0);
	while (!(b = snapshot_slice(&m->core, false)))
		;
	assert_int_equal(snapshot_open(m->core.seal, b->data, b->len, LEVEL, &s), OK);
	state_digest(s, after);
	assert_memory_equal(before, after, sizeof(before));
	state_free(s);
	blob_unref(b);
	maker_free(m);
}

static void test_begun_again(void **unused)
{
	struct maker *m = maker_new();
	struct blob *b;

	(void)unused;
	assert_null(snapshot_slice(&m->core, true));
	assert_null(snapshot_slice(&m->core, false));
	b = make(m); /* Forgets those. */
	assert_int_equal(opens(m, b), OK);
	blob_unref(b);
	assert_null(snapshot_slice(&m->core, true)); /* Left for maker_free(). */
	maker_free(m);
}

static void test_parts_are_bound(void **unused)
{
	struct maker *m = maker_new();
	struct blob *one = make(m), *two = make(m), *x;
	size_t a = part_at(one, 5), b = part_at(one, 6), c = part_at(one, 7);

	(void)unused;
	assert_int_equal(opens(m, one), OK);
	assert_int_equal(opens(m, two), OK);
	x = blob_new(one->data, one->len - 1); /* Cut. */
	assert_int_equal(opens(m, x), ERR_MALFORMED);
	blob_unref(x);
	x = blob_new(one->data, c); /* Cut between parts. */
	assert_int_equal(opens(m, x), ERR_MALFORMED);
	blob_unref(x);
	x = blob_new(NULL, one->len - (b - a)); /* One is left out. */
	memcpy(x->data, one->data, a);
	memcpy(x->data + a, one->data + b, one->len - b);
	assert_int_equal(opens(m, x), ERR_DAMAGED);
	blob_unref(x);
	x = blob_new(one->data, one->len); /* Two are in the wrong order. */
	memcpy(x->data + a, one->data + b, c - b);
	memcpy(x->data + a + (c - b), one->data + a, b - a);
	assert_int_equal(opens(m, x), ERR_DAMAGED);
	blob_unref(x);
	assert_int_equal(one->len, two->len);
	x = blob_new(one->data, one->len); /* One is another snapshot's. */
	memcpy(x->data + a, two->data + a, b - a);
	assert_int_equal(opens(m, x), ERR_DAMAGED);
	blob_unref(x);
	x = blob_new(NULL, one->len + 4); /* Something behind the last one. */
	memcpy(x->data, one->data, one->len);
	memset(x->data + one->len, 0, 4);
	assert_int_equal(opens(m, x), ERR_MALFORMED);
	blob_unref(x);
	for (size_t i = 0; i < one->len; i += 7) { /* No octet can be changed. */
		x = blob_new(one->data, one->len);
		x->data[i] ^= 0x10;
		assert_int_not_equal(opens(m, x), OK);
		blob_unref(x);
	}
	blob_unref(one);
	blob_unref(two);
	maker_free(m);
}

/* A later level is told apart from damage, for the fix differs. */
static void test_of_a_later_level(void **unused)
{
	struct maker *m = maker_new();
	struct command time = {.type = COMMAND_CLUSTER_TIME, .cluster_time.level = LEVEL + 1};
	struct state *s = NULL;
	struct blob *b;

	(void)unused;
	for (uint64_t id = 1; id <= 3; id++) {
		struct command up = {.type = COMMAND_NODE_UP,
				     .node_up = {.id = id, .incarnation = 77, .level = LEVEL + 1}};

		assert_int_equal(apply_command(m->core.state, &up).status, OK);
	}
	assert_int_equal(apply_command(m->core.state, &time).status, OK);
	b = make(m);
	assert_int_equal(opens(m, b), ERR_UNSUPPORTED);
	assert_int_equal(snapshot_open(m->core.seal, b->data, b->len, LEVEL + 1, &s), OK);
	assert_int_equal(state_level(s), LEVEL + 1);
	state_free(s);
	blob_unref(b);
	maker_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_it_was),
		cmocka_unit_test(test_many_tombstones_go),
		cmocka_unit_test(test_begun_again),
		cmocka_unit_test(test_parts_are_bound),
		cmocka_unit_test(test_of_a_later_level),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Programs of two levels in one cluster (cluster/level.h): they work together in the older one's
 * encoding; once the last node is upgraded all use the newer encoding, and there is no way back. */
#include "cluster/level.h"
#include "test/lib/story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define NEWER (LEVEL + 1)

static uint8_t level_at(const struct story *l, uint32_t node)
{
	return state_level(core_state(l->node[node].core));
}

/* All live nodes write that level, and have the same state. */
static void all_are_at(struct story *l, uint8_t level)
{
	story_level(l);
	for (uint32_t i = 0; i < l->n; i++)
		if (l->node[i].core)
			assert_int_equal(level_at(l, i), level);
}

static uint8_t snapshot_level(const struct story *l, uint32_t node)
{
	struct blob *b = state_encode(core_state(l->node[node].core));
	uint8_t level = state_level_of(b->data, b->len);

	blob_unref(b);
	return level;
}

static void started_with(struct story *l, uint32_t node, uint8_t level)
{
	l->config[node].level = level;
	story_start(l, node);
}

/* Node 2 is not upgraded yet. */
static void begin_mixed(struct story *l)
{
	story_init(l, 3);
	for (uint32_t i = 0; i < 3; i++)
		started_with(l, i, i == 2 ? LEVEL : NEWER);
	story_run(l, 2000);
	story_client_connect(l);
	story_run(l, 2000);
}

static void upgrade_last(struct story *l)
{
	story_lose(l, 2);
	story_run(l, 1000);
	started_with(l, 2, NEWER);
	story_run(l, 3000);
}

static void test_the_oldest_counts(void **unused)
{
	struct story l;

	(void)unused;
	begin_mixed(&l);
	assert_int_equal(l.node[2].exited, -1);
	all_are_at(&l, LEVEL);
	assert_int_equal(snapshot_level(&l, 0), LEVEL);
	/* Not even while the old one is away. */
	story_lose(&l, 2);
	story_run(&l, 3000);
	all_are_at(&l, LEVEL);
	started_with(&l, 2, LEVEL);
	story_run(&l, 2000);
	story_client_connect(&l);
	assert_int_equal(l.node[2].exited, -1);
	all_are_at(&l, LEVEL);
	story_fini(&l);
}

static void test_the_last_upgrade_raises_it(void **unused)
{
	struct story l;

	(void)unused;
	begin_mixed(&l);
	upgrade_last(&l);
	all_are_at(&l, NEWER);
	assert_int_equal(snapshot_level(&l, 1), NEWER);
	story_client_new(&l);
	story_client_connect(&l);
	story_level(&l);
	/* The stores hold that, too. */
	story_kill_all(&l);
	story_start_all(&l);
	story_run(&l, 3000);
	all_are_at(&l, NEWER);
	story_fini(&l);
}

static void test_there_is_no_way_back(void **unused)
{
	struct story l;

	(void)unused;
	begin_mixed(&l);
	upgrade_last(&l);
	story_client_new(&l);
	story_client_connect(&l);
	story_lose(&l, 2);
	story_run(&l, 1000);
	started_with(&l, 2, LEVEL);
	assert_int_equal(l.node[2].exited, 1);
	assert_non_null(strstr(l.node[2].exit_text, "written by a newer baton: upgrade this node"));
	all_are_at(&l, NEWER);
	story_fini(&l);
}

/* Nor for a node without a store that would join. */
static void test_who_reads_less_does_not_join(void **unused)
{
	struct story l;

	(void)unused;
	begin_mixed(&l);
	upgrade_last(&l);
	story_lose(&l, 2);
	story_wipe(&l, 2);
	started_with(&l, 2, LEVEL);
	story_run(&l, 2000);
	assert_int_equal(l.node[2].exited, 1);
	assert_non_null(strstr(l.node[2].exit_text, "reads level"));
	assert_non_null(strstr(l.node[2].exit_text, "upgrade it"));
	story_kill(&l, 2);
	started_with(&l, 2, NEWER);
	story_run(&l, 5000);
	assert_int_equal(l.node[2].exited, -1);
	all_are_at(&l, NEWER);
	story_fini(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_oldest_counts),
		cmocka_unit_test(test_the_last_upgrade_raises_it),
		cmocka_unit_test(test_there_is_no_way_back),
		cmocka_unit_test(test_who_reads_less_does_not_join),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

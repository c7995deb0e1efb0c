/* SPDX-License-Identifier: Apache-2.0 */
/* Marks by epoch, in memory and in the record. */
#include "cluster/state/mark.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define N 6u

static void test_learn(void **unused)
{
	static const struct {
		struct mark learn;
		bool news;
		struct mark newest, before;
	} rows[] = {
		{{2, 50}, true, {2, 50}, {0, 0}},
		{{2, 40}, false, {2, 50}, {0, 0}},   /* The top of that epoch is known. */
		{{1, 60}, true, {2, 50}, {1, 60}},   /* Of one before, and above. */
		{{1, 55}, false, {2, 50}, {1, 60}},
		{{1, 45}, false, {2, 50}, {1, 60}},
		{{2, 100}, true, {2, 100}, {1, 60}},
		{{1, 70}, true, {2, 100}, {1, 70}},  /* Below the newest, yet news. */
		{{3, 80}, true, {3, 80}, {2, 100}},  /* The epoch before had the highest. */
		{{4, 90}, true, {4, 90}, {2, 100}},
		{{1, 95}, false, {4, 90}, {2, 100}},
		{{4, 0}, false, {4, 90}, {2, 100}},
	};
	struct mark_memory m = { 0 };

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(mark_learn(&m, rows[i].learn), rows[i].news);
		assert_memory_equal(&m.newest, &rows[i].newest, sizeof(m.newest));
		assert_memory_equal(&m.before, &rows[i].before, sizeof(m.before));
	}
	assert_int_equal(mark_before(&m, 5).seq, 100);
	assert_int_equal(mark_before(&m, 4).seq, 100);
	assert_int_equal(mark_before(&m, 3).seq, 100);
	assert_int_equal(mark_before(&m, 2).seq, 0); /* 60, 70 and 95 are not remembered apart. */
}

/* Marks of three epochs, learned in any order: the newest one's, and the highest of the others. */
static void test_any_order(void **unused)
{
	static const struct mark marks[N] = {{1, 10}, {1, 90}, {2, 40}, {2, 70}, {3, 20}, {3, 60}};

	(void)unused;
	for (uint32_t order = 0; order < 720; order++) {
		struct mark left[N];
		struct mark_memory m = { 0 };
		uint32_t pick = order;

		for (uint32_t i = 0; i < N; i++)
			left[i] = marks[i];
		for (uint32_t n = N; n > 0; n--) {
			uint32_t at = pick % n;

			pick /= n;
			mark_learn(&m, left[at]);
			left[at] = left[n - 1];
		}
		assert_true(m.newest.epoch == 3 && m.newest.seq == 60);
		assert_int_equal(mark_before(&m, 3).seq, 90);
		assert_int_equal(mark_before(&m, 4).seq, 90);
	}
}

/* The record after each commit: its floors in the current epoch and in the next one. */
static void test_commit(void **unused)
{
	static const struct {
		int64_t current;
		struct mark mark;
		bool changed;
		uint64_t floor, next;
	} rows[] = {
		{1, {1, 50}, true, 0, 50},
		{1, {1, 50}, false, 0, 50},
		{1, {2, 90}, false, 0, 50},   /* Not begun. */
		{2, {1, 50}, false, 50, 50},  /* Known. */
		{2, {1, 60}, true, 60, 60},   /* Late. */
		{2, {2, 55}, false, 60, 60},  /* Without any effect. */
		{2, {2, 100}, true, 60, 100}, /* Its own is no floor now. */
		{2, {1, 80}, true, 80, 100},  /* Later. */
		{2, {1, 70}, false, 80, 100},
		{3, {2, 100}, false, 100, 100},
		{3, {1, 120}, true, 120, 120},
		{4, {4, 130}, true, 120, 130},
		{4, {3, 0}, false, 120, 130},
	};
	struct seq_record r;

	(void)unused;
	lease_init(&r, 1, 100, false);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(mark_commit(&r, rows[i].mark, rows[i].current), rows[i].changed);
		assert_int_equal(mark_floor(&r, rows[i].current), rows[i].floor);
		assert_int_equal(mark_floor(&r, rows[i].current + 1), rows[i].next);
		if (rows[i].mark.epoch <= rows[i].current)
			assert_true(mark_is_logged(&r, rows[i].mark, rows[i].current));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_learn),
		cmocka_unit_test(test_any_order),
		cmocka_unit_test(test_commit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

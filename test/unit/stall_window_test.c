/* SPDX-License-Identifier: Apache-2.0 */
/* The longest since the start and lately: who asks every ten seconds hears of each once at least, and
 * after twice that of none any more. */
#include "node/process/stall_window.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define S 1000000u

static void the_longest_is_told_until_it_is_old(void **state)
{
	static const struct {
		uint64_t at_s, add_us, lately_us, ever_us;
	} rows[] = {
		{100, 0, 0, 0},     /* 0 */
		{101, 30, 30, 30},  /* 1 */
		{102, 20, 30, 30},  /* 2: shorter */
		{110, 0, 30, 30},   /* 3: the window before is whole */
		{111, 7, 30, 30},   /* 4 */
		{119, 0, 30, 30},   /* 5 */
		{120, 0, 7, 30},    /* 6 */
		{131, 0, 0, 30},    /* 7 */
		{132, 40, 40, 40},  /* 8 */
		{500, 0, 0, 40},    /* 9: nobody asked for long */
		{501, 5, 5, 40},    /* 10 */
		{509, 0, 5, 40},    /* 11 */
		{519, 0, 5, 40},    /* 12 */
		{520, 0, 0, 40},    /* 13: windows stay where they began */
	};
	struct stall_window w = {.since_us = 100 * S};

	(void)state;
	for (size_t k = 0; k < sizeof(rows) / sizeof(*rows); k++) {
		struct stall took = {.wall_us = rows[k].add_us, .cpu_us = rows[k].add_us / 2}, got;

		if (rows[k].add_us)
			stall_window_add(&w, rows[k].at_s * S, took);
		got = stall_window_lately(&w, rows[k].at_s * S);
		assert_int_equal(got.wall_us, rows[k].lately_us);
		assert_int_equal(got.cpu_us, rows[k].lately_us / 2);
		assert_int_equal(w.ever.wall_us, rows[k].ever_us);
	}
}

/* Who waits long for a processor need not be who uses it long. */
static void each_has_its_own_longest(void **state)
{
	struct stall_window w = {.since_us = 0};
	struct stall got;

	(void)state;
	stall_window_add(&w, 1, (struct stall){.wall_us = 9, .cpu_us = 1});
	stall_window_add(&w, 2, (struct stall){.wall_us = 5, .cpu_us = 4});
	got = stall_window_lately(&w, 3);
	assert_int_equal(got.wall_us, 9);
	assert_int_equal(got.cpu_us, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_longest_is_told_until_it_is_old),
		cmocka_unit_test(each_has_its_own_longest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

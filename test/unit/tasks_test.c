/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks that rest: who wakes them, and that they take no turns meanwhile. */
#include "cluster/core/tasks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define N 1000u
#define SECOND (1000 * MS)

static void begin(struct tasks *t)
{
	memset(t, 0, sizeof(*t));
	tasks_pass(t, 100 * SECOND);
	for (uint64_t i = 1; i <= N; i++)
		(void)tasks_get(t, i);
}

static void end(struct tasks *t)
{
	for (uint64_t i = 1; i <= N; i++)
		tasks_free(t, tasks_find(t, i));
	assert_int_equal(t->n_awake, 0);
	assert_null(t->awake);
	assert_null(t->by_session);
}

/* Task i rests until second 101 + i % 50. */
static void rest(struct tasks *t)
{
	for (unsigned i = 0; i < N; i++) {
		struct task *e = tasks_next(t);

		tasks_rest(t, e, (101 + e->session % 50) * SECOND + 1);
	}
}

static void turns_go_round(void **unused)
{
	struct tasks t;

	(void)unused;
	begin(&t);
	for (unsigned round = 0; round < 3; round++)
		for (uint64_t i = 1; i <= N; i++)
			assert_int_equal(tasks_next(&t)->session, i);
	end(&t);
}

static void who_rests_has_no_turn_until_its_time(void **unused)
{
	struct tasks t;

	(void)unused;
	begin(&t);
	rest(&t);
	assert_int_equal(t.n_awake, 0);
	assert_null(tasks_next(&t));
	tasks_pass(&t, 101 * SECOND - 1);
	assert_int_equal(t.n_awake, 0);
	for (unsigned s = 0; s < 50; s++) {
		tasks_pass(&t, (101 + s) * SECOND);
		assert_int_equal(t.n_awake, N / 50 * (s + 1));
		for (uint64_t i = 1; i <= N; i++)
			assert_true((tasks_find(&t, i)->rests_until_s == 0) == (i % 50 <= s));
	}
	end(&t);
}

static void what_happens_wakes(void **unused)
{
	struct tasks t;

	(void)unused;
	begin(&t);
	rest(&t);
	assert_int_equal(tasks_get(&t, 7)->session, 7);
	assert_int_equal(t.n_awake, 1);
	assert_int_equal(tasks_next(&t)->session, 7);
	tasks_rest(&t, tasks_find(&t, 7), 90 * SECOND); /* Past: no rest at all. */
	tasks_rest(&t, tasks_find(&t, 7), 100 * SECOND);
	assert_int_equal(t.n_awake, 1);
	tasks_wake_all(&t);
	assert_int_equal(t.n_awake, N);
	end(&t);
}

/* No rest is longer than the wheel, and a clock that jumps over all of it wakes all. */
static void no_rest_is_long(void **unused)
{
	struct tasks t;

	(void)unused;
	begin(&t);
	tasks_rest(&t, tasks_find(&t, 1), UINT64_MAX);
	assert_int_equal(t.n_awake, N - 1);
	tasks_pass(&t, (100 + TASKS_REST_S - 2) * SECOND);
	assert_int_equal(t.n_awake, N - 1);
	tasks_pass(&t, (100 + TASKS_REST_S - 1) * SECOND);
	assert_int_equal(t.n_awake, N);
	rest(&t);
	tasks_pass(&t, 100000 * SECOND);
	assert_int_equal(t.n_awake, N);
	end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(turns_go_round),
		cmocka_unit_test(who_rests_has_no_turn_until_its_time),
		cmocka_unit_test(what_happens_wakes),
		cmocka_unit_test(no_rest_is_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

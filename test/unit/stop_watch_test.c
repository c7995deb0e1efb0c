/* SPDX-License-Identifier: Apache-2.0 */
/* xdp/thread/stop_watch.c: which threads stood still, and until when that counts. */
#include "xdp/thread/stop_watch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define MS UINT64_C(1000)

/* The packet worker is the first to run again: no heartbeat has left for 45 ms. */
static void the_worker_wakes_first(void **unused)
{
	struct stop_watch s = { .bound_us = 30 * MS };

	(void)unused;
	stop_watch_look(&s, 1000 * MS, 995 * MS, 0);
	assert_true(stop_watch_is_over(&s, 980 * MS));
	stop_watch_look(&s, 1045 * MS, 1000 * MS, 0);
	assert_false(stop_watch_is_over(&s, 980 * MS));
	assert_false(stop_watch_is_over(&s, 1000 * MS)); /* Its answer had lain here. */
	/* Heartbeats leave again: until when it stood still stays. */
	stop_watch_look(&s, 1046 * MS, 1045 * MS, 1045 * MS);
	assert_false(stop_watch_is_over(&s, 1045 * MS - 1));
	assert_true(stop_watch_is_over(&s, 1045 * MS));
}

/* It is the thread that sends heartbeats: the worker sees nothing late, and is told. */
static void the_heartbeats_wake_first(void **unused)
{
	struct stop_watch s = { .bound_us = 30 * MS };

	(void)unused;
	stop_watch_look(&s, 1046 * MS, 1045 * MS, 1045 * MS);
	assert_false(stop_watch_is_over(&s, 1000 * MS));
	assert_true(stop_watch_is_over(&s, 1045 * MS));
	stop_watch_look(&s, 1200 * MS, 1198 * MS, 1045 * MS); /* Of the past. */
	assert_true(stop_watch_is_over(&s, 1190 * MS));
	stop_watch_look(&s, 1300 * MS, 1299 * MS, 1299 * MS); /* Again. */
	assert_false(stop_watch_is_over(&s, 1190 * MS));
}

static void what_is_no_stop(void **unused)
{
	struct stop_watch s = { .bound_us = 30 * MS }, off = { 0 };

	(void)unused;
	stop_watch_look(&s, 1030 * MS, 1000 * MS, 0);    /* At the bound, not beyond. */
	stop_watch_look(&s, 1000 * MS, 1001 * MS, 0);    /* It ran since we looked at the clock. */
	stop_watch_look(&s, 5000 * MS, 0, 0);            /* Nobody sends heartbeats yet. */
	assert_int_equal(s.until_us, 0);
	assert_true(stop_watch_is_over(&s, 0));
	stop_watch_look(&off, 5000 * MS, 1000 * MS, 4000 * MS); /* One node alone. */
	assert_true(stop_watch_is_over(&off, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_worker_wakes_first),
		cmocka_unit_test(the_heartbeats_wake_first),
		cmocka_unit_test(what_is_no_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

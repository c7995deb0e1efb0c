/* SPDX-License-Identifier: Apache-2.0 */
/* Reasons of the host for being unready: they stand until they are taken back, in the order
 * in which they came, and the log hears of each once at its beginning and once at its end. */
#include "node/process/ready.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static size_t lines(struct events *e)
{
	struct event_line *line = calloc(EVENTS_KEPT, sizeof(*line));
	size_t n;

	assert_non_null(line);
	n = events_read(e, 0, line, EVENTS_KEPT);
	for (size_t i = 0; i < n; i++)
		assert_string_equal(line[i].kind, "unready");
	free(line);
	return n;
}

static void reasons_stand_until_taken_back(void **unused)
{
	struct ready_reason r[READY_REASONS_MAX];
	struct events *e = events_new("n1", CONFIG_LOG_INFO);
	struct ready *ready = ready_new(e);

	(void)unused;
	assert_int_equal(ready_list(ready, r), 0);
	ready_unblock(ready, "interface");
	assert_int_equal(lines(e), 0);

	ready_block(ready, "interface", "%s is not there", "wan");
	ready_block(ready, "clock", "it is %d", 1970);
	for (int i = 0; i < 1000; i++)
		ready_block(ready, "interface", "%s is down", "wan");
	assert_int_equal(ready_list(ready, r), 2);
	assert_string_equal(r[0].name, "interface");
	assert_string_equal(r[0].text, "wan is down");
	assert_string_equal(r[1].name, "clock");
	assert_string_equal(r[1].text, "it is 1970");
	assert_int_equal(lines(e), 2);

	ready_unblock(ready, "interface");
	ready_unblock(ready, "interface");
	assert_int_equal(lines(e), 3);
	assert_int_equal(ready_list(ready, r), 1);
	assert_string_equal(r[0].name, "clock");
	ready_block(ready, "interface", "again");
	assert_int_equal(lines(e), 4);
	assert_int_equal(ready_list(ready, r), 2);
	ready_free(ready);
	events_free(e);
}

/* Texts come from the kernel and from files. */
static void a_long_text_is_cut(void **unused)
{
	struct ready_reason r[READY_REASONS_MAX];
	struct events *e = events_new("n1", CONFIG_LOG_ERROR);
	struct ready *ready = ready_new(e);
	char text[4 * READY_TEXT_LEN];

	(void)unused;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	ready_block(ready, "long", "%s", text);
	assert_int_equal(ready_list(ready, r), 1);
	assert_int_equal(strlen(r[0].text), READY_TEXT_LEN - 1);
	ready_free(ready);
	events_free(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reasons_stand_until_taken_back),
		cmocka_unit_test(a_long_text_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

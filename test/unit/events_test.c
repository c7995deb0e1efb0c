/* SPDX-License-Identifier: Apache-2.0 */
/* Nobody waits for who reads the log; what is lost is counted, and nothing else is. */
#include "node/process/events.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINES 5000u

static int reader, kept; /* The pipe's other end; what stderr was. */

/* stderr is a pipe that holds a page. */
static int set_up(void **unused)
{
	int fd[2];

	(void)unused;
	assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
	assert_true(fcntl(fd[1], F_SETPIPE_SZ, 4096) > 0);
	kept = dup(STDERR_FILENO);
	assert_int_equal(dup2(fd[1], STDERR_FILENO), STDERR_FILENO);
	close(fd[1]);
	reader = fd[0];
	return 0;
}

static int tear_down(void **unused)
{
	(void)unused;
	dup2(kept, STDERR_FILENO);
	close(kept);
	close(reader);
	return 0;
}

/* Reads until that word has come, and counts lines and those that are said to be missing. */
static void read_until(const char *word, unsigned *lines, unsigned *missing)
{
	char line[1024];
	size_t n = 0;
	bool found = false;

	while (!found) {
		assert_int_equal(read(reader, line + n, 1), 1);
		if (line[n++] != '\n') {
			assert_true(n < sizeof(line) - 1);
			continue;
		}
		line[n] = '\0';
		n = 0;
		found = strstr(line, word) != NULL;
		if (strstr(line, " lines are missing here"))
			*missing += (unsigned)strtoul(strstr(line, " log ") + 5, NULL, 10);
		else
			++*lines;
	}
}

static void nobody_waits_for_the_reader(void **unused)
{
	struct events *e = events_new("n1", CONFIG_LOG_DEBUG);
	unsigned lines = 0, missing = 0;
	struct event_line *last = calloc(EVENTS_KEPT, sizeof(*last));

	(void)unused;
	assert_non_null(last);
	alarm(60); /* Whoever waits ends by it. */
	events_start(e);
	for (unsigned i = 0; i < LINES; i++)
		events_add(e, CONFIG_LOG_DEBUG, "test", "line %u of many, none of which anybody reads", i);
	assert_int_equal(events_read(e, 0, last, EVENTS_KEPT), EVENTS_KEPT);
	assert_int_equal(last[EVENTS_KEPT - 1].serial, LINES);
	events_add(e, CONFIG_LOG_INFO, "test", "the end");
	read_until("the end", &lines, &missing);
	assert_true(missing > 0);
	assert_int_equal(lines + missing, LINES + 1);
	events_flush(e);
	events_free(e);
	alarm(0);
	free(last);
}

/* An end waits for a while, not for ever. What has been said is written by then. */
static void an_end_writes_what_waits(void **unused)
{
	struct events *e = events_new("n1", CONFIG_LOG_INFO);
	unsigned lines = 0, missing = 0;

	(void)unused;
	alarm(60);
	events_add(e, CONFIG_LOG_INFO, "test", "before the thread");
	events_start(e);
	for (unsigned i = 0; i < 8; i++)
		events_add(e, CONFIG_LOG_INFO, "test", "line %u", i);
	events_add(e, CONFIG_LOG_INFO, "test", "the last");
	events_free(e);
	read_until("the last", &lines, &missing);
	assert_int_equal(lines, 10);
	assert_int_equal(missing, 0);
	alarm(0);
}

static void nor_does_an_end_wait_for_ever(void **unused)
{
	static struct events *e; /* Its thread keeps it. */

	(void)unused;
	alarm(60);
	e = events_new("n1", CONFIG_LOG_INFO);
	events_start(e);
	for (unsigned i = 0; i < 100; i++)
		events_add(e, CONFIG_LOG_INFO, "test", "line %u of many, none of which anybody reads", i);
	events_flush(e);
	events_free(e);
	reader = dup(reader); /* The other one stays: its thread still waits, at that pipe. */
	alarm(0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nobody_waits_for_the_reader, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_end_writes_what_waits, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nor_does_an_end_wait_for_ever, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

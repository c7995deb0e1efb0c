/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/wire/traffic_selector.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* Sets as text: "start-end[proto/port-port] ..."; the bracket may be missing. */
static struct ts_set set_of(const char *text)
{
	struct ts_set set = {.n = 0};
	char copy[512], *save, *word;

	snprintf(copy, sizeof(copy), "%s", text);
	for (word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		struct traffic_selector *ts = &set.ts[set.n++];
		unsigned protocol = 0, from = 0, to = UINT16_MAX;
		char *bracket = strchr(word, '['), *dash;

		memset(ts, 0, sizeof(*ts));
		if (bracket) {
			assert_int_equal(sscanf(bracket, "[%u/%u-%u]", &protocol, &from, &to), 3);
			*bracket = '\0';
		}
		dash = strchr(word, '-');
		assert_non_null(dash);
		*dash = '\0';
		assert_int_equal(address_parse(&ts->start, word), OK);
		assert_int_equal(address_parse(&ts->end, dash + 1), OK);
		ts->protocol = (uint8_t)protocol;
		ts->port_start = (uint16_t)from;
		ts->port_end = (uint16_t)to;
	}
	return set;
}

static const struct {
	int row;
	const char *offered, *allowed, *result; /* "" = unacceptable */
} narrow_rows[] = {
	/* RFC 7296 2.9: the whole Internet offered, our subnet allowed */
	{1, "0.0.0.0-255.255.255.255", "10.20.0.0-10.20.255.255", "10.20.0.0-10.20.255.255"},
	{2, "10.20.1.0-10.20.1.255", "10.20.0.0-10.20.255.255", "10.20.1.0-10.20.1.255"},
	{3, "10.19.0.0-10.20.0.255", "10.20.0.0-10.20.255.255", "10.20.0.0-10.20.0.255"},
	{4, "10.20.255.0-10.30.0.0", "10.20.0.0-10.20.255.255", "10.20.255.0-10.20.255.255"},
	{5, "10.21.0.0-10.21.0.255", "10.20.0.0-10.20.255.255", ""},
	{6, "10.20.255.255-10.20.255.255", "10.20.0.0-10.20.255.255", "10.20.255.255-10.20.255.255"},
	{7, "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "10.20.0.0-10.20.255.255", ""},
	{8, "0.0.0.0-255.255.255.255 ::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	 "2001:db8::-2001:db8::ff", "2001:db8::-2001:db8::ff"},
	/* 2.9: the packet that started it stays first, then what contains it */
	{9, "10.20.1.1-10.20.1.1[6/80-80] 0.0.0.0-255.255.255.255", "10.20.0.0-10.20.255.255",
	 "10.20.1.1-10.20.1.1[6/80-80] 10.20.0.0-10.20.255.255"},
	/* the other way round the second one adds nothing */
	{10, "0.0.0.0-255.255.255.255 10.20.1.1-10.20.1.1[6/80-80]", "10.20.0.0-10.20.255.255",
	 "10.20.0.0-10.20.255.255"},
	/* protocols and ports */
	{11, "10.20.0.0-10.20.0.255[17/0-65535]", "10.20.0.0-10.20.255.255[6/0-65535]", ""},
	{12, "10.20.0.0-10.20.0.255[17/0-65535]", "10.20.0.0-10.20.255.255",
	 "10.20.0.0-10.20.0.255[17/0-65535]"},
	{13, "10.20.0.0-10.20.0.255", "10.20.0.0-10.20.255.255[17/53-53]",
	 "10.20.0.0-10.20.0.255[17/53-53]"},
	{14, "10.20.0.0-10.20.0.255[6/1-100]", "10.20.0.0-10.20.255.255[6/50-200]",
	 "10.20.0.0-10.20.0.255[6/50-100]"},
	{15, "10.20.0.0-10.20.0.255[6/1-49]", "10.20.0.0-10.20.255.255[6/50-200]", ""},
	/* several on both sides: every pair, in the order offered */
	{16, "10.1.0.0-10.1.0.255 10.2.0.0-10.2.0.255", "10.2.0.0-10.2.0.127 10.1.0.0-10.1.0.127",
	 "10.1.0.0-10.1.0.127 10.2.0.0-10.2.0.127"},
	{17, "10.0.0.0-10.255.255.255", "10.1.0.0-10.1.0.255 10.2.0.0-10.2.0.255",
	 "10.1.0.0-10.1.0.255 10.2.0.0-10.2.0.255"},
	/* more than fits is left out, not overrun */
	{18, "10.0.0.0-10.0.0.0 10.0.0.2-10.0.0.2 10.0.0.4-10.0.0.4 10.0.0.6-10.0.0.6",
	 "0.0.0.0-255.255.255.255[6/0-65535] 0.0.0.0-255.255.255.255[17/0-65535] "
	 "0.0.0.0-255.255.255.255[1/0-65535]",
	 "10.0.0.0-10.0.0.0[6/0-65535] 10.0.0.0-10.0.0.0[17/0-65535] 10.0.0.0-10.0.0.0[1/0-65535] "
	 "10.0.0.2-10.0.0.2[6/0-65535] 10.0.0.2-10.0.0.2[17/0-65535] 10.0.0.2-10.0.0.2[1/0-65535] "
	 "10.0.0.4-10.0.0.4[6/0-65535] 10.0.0.4-10.0.0.4[17/0-65535]"},
	{19, "", "10.20.0.0-10.20.255.255", ""},
	{20, "10.20.0.0-10.20.255.255", "", ""},
};

static void test_narrow(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(narrow_rows) / sizeof(narrow_rows[0]); i++) {
		struct ts_set offered = set_of(narrow_rows[i].offered);
		struct ts_set allowed = set_of(narrow_rows[i].allowed);
		struct ts_set want = set_of(narrow_rows[i].result), got;
		bool some = ts_narrow(&got, &offered, &allowed);

		if (some != (want.n > 0) || !ts_set_equal(&got, &want))
			fail_msg("row %d: %u selectors", narrow_rows[i].row, got.n);
	}
}

static const struct {
	int row;
	const char *set, *address;
	uint8_t protocol;
	uint16_t port;
	bool covered;
} cover_rows[] = {
	{1, "10.0.0.0-10.0.0.255", "10.0.0.0", 6, 80, true},
	{2, "10.0.0.0-10.0.0.255", "10.0.0.255", 6, 80, true},
	{3, "10.0.0.0-10.0.0.255", "10.0.1.0", 6, 80, false},
	{4, "10.0.0.0-10.0.0.255", "9.255.255.255", 6, 80, false},
	{5, "10.0.0.0-10.0.0.255", "::a00:1", 6, 80, false},
	{6, "10.0.0.0-10.0.0.255[6/80-90]", "10.0.0.1", 6, 80, true},
	{7, "10.0.0.0-10.0.0.255[6/80-90]", "10.0.0.1", 6, 90, true},
	{8, "10.0.0.0-10.0.0.255[6/80-90]", "10.0.0.1", 6, 91, false},
	{9, "10.0.0.0-10.0.0.255[6/80-90]", "10.0.0.1", 17, 80, false},
	{10, "10.0.0.0-10.0.0.255[6/80-90]", "10.0.0.1", 6, 0, false},
	{11, "10.0.0.0-10.0.0.255[6/0-90]", "10.0.0.1", 6, 0, false}, /* not all ports */
	{16, "10.0.0.0-10.0.0.255[6/1-65535]", "10.0.0.1", 6, 0, false},
	{12, "10.0.0.0-10.0.0.255", "10.0.0.1", 1, 0, true},
	{13, "10.0.0.0-10.0.0.255[1/0-65535]", "10.0.0.1", 1, 0, true},
	{14, "10.1.0.0-10.1.0.1 2001:db8::-2001:db8::f", "2001:db8::f", 58, 0, true},
	{15, "", "10.0.0.1", 6, 80, false},
};

static void test_covers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cover_rows) / sizeof(cover_rows[0]); i++) {
		struct ts_set set = set_of(cover_rows[i].set);
		struct address a;

		assert_int_equal(address_parse(&a, cover_rows[i].address), OK);
		if (ts_covers(&set, &a, cover_rows[i].protocol, cover_rows[i].port ? &cover_rows[i].port : NULL) !=
		    cover_rows[i].covered)
			fail_msg("row %d", cover_rows[i].row);
	}
}

/* Port 0 that is seen is a number like others: an ICMP echo reply is type 0, code 0. */
static void test_covers_zero(void **state)
{
	static const struct {
		const char *set;
		bool covered;
	} zero[] = {{"10.0.0.0-10.0.0.255[1/0-0]", true},
		    {"10.0.0.0-10.0.0.255[1/0-255]", true},
		    {"10.0.0.0-10.0.0.255[1/1-65535]", false},
		    {"10.0.0.0-10.0.0.255[6/0-0]", false},
		    {"10.0.0.0-10.0.0.255", true}};
	const uint16_t port = 0;
	struct address a;

	(void)state;
	assert_int_equal(address_parse(&a, "10.0.0.1"), OK);
	for (size_t i = 0; i < sizeof(zero) / sizeof(zero[0]); i++) {
		struct ts_set set = set_of(zero[i].set);

		if (ts_covers(&set, &a, 1, &port) != zero[i].covered)
			fail_msg("row %zu", i + 1);
	}
}

static void test_make(void **state)
{
	struct prefix p;
	struct ts_set got = {.n = 1}, want = set_of("10.20.0.0-10.20.255.255");

	(void)state;
	assert_int_equal(prefix_parse(&p, "10.20.3.4/16"), OK); /* host bits do not count */
	got.ts[0] = ts_from_prefix(&p);
	assert_true(ts_set_equal(&got, &want));
	assert_int_equal(prefix_parse(&p, "2001:db8::/33"), OK);
	got.ts[0] = ts_from_prefix(&p);
	want = set_of("2001:db8::-2001:db8:7fff:ffff:ffff:ffff:ffff:ffff");
	assert_true(ts_set_equal(&got, &want));
	got.ts[0] = ts_from_address(&p.address);
	want = set_of("2001:db8::-2001:db8::");
	assert_true(ts_set_equal(&got, &want));
	want = set_of("2001:db8::-2001:db8::[17/0-65535]");
	assert_false(ts_set_equal(&got, &want));
}

static void test_is_prefix(void **unused)
{
	static const struct {
		const char *start, *end, *prefix; /* NULL: it is none. */
		uint8_t bits;
	} rows[] = {
		{"10.20.0.0", "10.20.255.255", "10.20.0.0", 16},
		{"10.20.0.1", "10.20.0.1", "10.20.0.1", 32},
		{"0.0.0.0", "255.255.255.255", "0.0.0.0", 0},
		{"10.20.0.0", "10.20.0.127", "10.20.0.0", 25},
		{"10.20.0.0", "10.20.0.128", NULL, 0},
		{"10.20.0.1", "10.20.0.2", NULL, 0},
		{"10.20.0.1", "10.20.0.255", NULL, 0},
		{"2001:db8::", "2001:db8::ffff", "2001:db8::", 112},
		{"2001:db8::", "2001:db8::fffe", NULL, 0},
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct traffic_selector ts = {.port_end = UINT16_MAX};
		struct address want;
		struct prefix p;

		assert_int_equal(address_parse(&ts.start, rows[i].start), OK);
		assert_int_equal(address_parse(&ts.end, rows[i].end), OK);
		assert_int_equal(ts_is_prefix(&ts, &p), rows[i].prefix != NULL);
		if (!rows[i].prefix)
			continue;
		assert_int_equal(address_parse(&want, rows[i].prefix), OK);
		assert_true(address_equal(&p.address, &want));
		assert_int_equal(p.bits, rows[i].bits);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_is_prefix),
		cmocka_unit_test(test_narrow),
		cmocka_unit_test(test_covers),
		cmocka_unit_test(test_covers_zero),
		cmocka_unit_test(test_make),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

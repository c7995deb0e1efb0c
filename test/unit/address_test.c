/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/wire/address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	int row;
	const char *text, *canonical; /* NULL: malformed */
} address_rows[] = {
	{1, "10.0.0.1", "10.0.0.1"},
	{2, "0.0.0.0", "0.0.0.0"},
	{3, "255.255.255.255", "255.255.255.255"},
	{4, "256.0.0.1", NULL},
	{5, "10.0.0", NULL},
	{6, "10.0.0.1.2", NULL},
	{7, "10.0.0.01", NULL},
	{8, "", NULL},
	{9, " 10.0.0.1", NULL},
	{10, "10.0.0.1 ", NULL},
	{11, "::", "::"},
	{12, "::1", "::1"},
	{13, "2001:db8::1", "2001:db8::1"},
	{14, "2001:DB8:0:0:0:0:0:1", "2001:db8::1"},
	{15, "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"},
	{16, "1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
	{17, "::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
	{18, "1:2:3:4:5:6:7:8:9", NULL},
	{19, "1:2:3:4:5:6:7", NULL},
	{20, "1:2:3:4::5:6:7:8", NULL},
	{21, "1::2::3", NULL},
	{22, ":::", NULL},
	{23, ":1", NULL},
	{24, "1:", NULL},
	{25, "12345::", NULL},
	{26, "::ffff:10.0.0.1", "::ffff:a00:1"},
	{27, "1:2:3:4:5:6:10.0.0.1", "1:2:3:4:5:6:a00:1"},
	{28, "1:2:3:4:5:6:7:10.0.0.1", NULL},
	{29, "::10.0.0", NULL},
	{30, "fe80::1%eth0", NULL},
	{31, "1:0:0:2:0:0:0:3", "1:0:0:2::3"}, /* RFC 5952 4.2.3: the longest run */
	{32, "1:0:0:2:0:0:3:4", "1::2:0:0:3:4"}, /* the first of two */
	{33, "1:0:2:0:3:0:4:0", "1:0:2:0:3:0:4:0"}, /* 4.2.2: not for one group */
	{34, "g::", NULL},
	{35, "1::", "1::"},
};

static void test_address_text(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(address_rows) / sizeof(address_rows[0]); i++) {
		struct address a;
		char text[ADDRESS_TEXT_LEN];
		enum status s = address_parse(&a, address_rows[i].text);

		if ((s == OK) != (address_rows[i].canonical != NULL))
			fail_msg("row %d: %s", address_rows[i].row, status_text(s));
		if (s == OK)
			assert_string_equal(address_format(&a, text), address_rows[i].canonical);
	}
}

static const struct {
	int row;
	const char *text, *canonical;
} endpoint_rows[] = {
	{1, "10.0.0.1:7500", "10.0.0.1:7500"}, {2, "[2001:db8::1]:7500", "[2001:db8::1]:7500"},
	{3, "10.0.0.1", NULL},                 {4, "10.0.0.1:", NULL},
	{5, "10.0.0.1:65536", NULL},           {6, "10.0.0.1:65535", "10.0.0.1:65535"},
	{7, "[10.0.0.1]:1", NULL},             {8, "2001:db8::1:7500", NULL},
	{9, "[2001:db8::1:7500", NULL},        {10, "[2001:db8::1]7500", NULL},
	{11, "10.0.0.1:1x", NULL},             {12, "10.0.0.1:-1", NULL},
	{13, "", NULL},                        {14, "[", NULL},
};

static void test_endpoint_text(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(endpoint_rows) / sizeof(endpoint_rows[0]); i++) {
		struct endpoint e;
		char text[ENDPOINT_TEXT_LEN];
		enum status s = endpoint_parse(&e, endpoint_rows[i].text);

		if ((s == OK) != (endpoint_rows[i].canonical != NULL))
			fail_msg("row %d: %s", endpoint_rows[i].row, status_text(s));
		if (s == OK)
			assert_string_equal(endpoint_format(&e, text), endpoint_rows[i].canonical);
	}
}

static const struct {
	int row;
	const char *prefix, *address;
	bool inside;
} prefix_rows[] = {
	{1, "10.20.0.0/16", "10.20.255.255", true},
	{2, "10.20.0.0/16", "10.21.0.0", false},
	{3, "10.20.5.5/16", "10.20.0.1", true}, /* host bits are kept and do not matter */
	{4, "0.0.0.0/0", "1.2.3.4", true},
	{5, "0.0.0.0/0", "::1", false},
	{6, "10.0.0.1/32", "10.0.0.1", true},
	{7, "10.0.0.1/32", "10.0.0.0", false},
	{8, "10.0.0.0/9", "10.127.0.1", true},
	{9, "10.0.0.0/9", "10.128.0.1", false},
	{10, "2001:db8::/33", "2001:db8:7fff::1", true},
	{11, "2001:db8::/33", "2001:db8:8000::1", false},
	{12, "2001:db8::1/128", "2001:db8::1", true},
	{13, "::/0", "2001:db8::1", true},
};

static void test_prefix(void **state)
{
	static const char *const bad[] = {"10.0.0.0",   "10.0.0.0/",   "10.0.0.0/33", "10.0.0.0/08",
					  "::/129",     "10.0.0.0/1 ", "/8",          "10.0.0.0/-1"};
	struct prefix p;

	(void)state;
	for (size_t i = 0; i < sizeof(prefix_rows) / sizeof(prefix_rows[0]); i++) {
		struct address a;

		assert_int_equal(prefix_parse(&p, prefix_rows[i].prefix), OK);
		assert_int_equal(address_parse(&a, prefix_rows[i].address), OK);
		if (prefix_contains(&p, &a) != prefix_rows[i].inside)
			fail_msg("row %d", prefix_rows[i].row);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(prefix_parse(&p, bad[i]), ERR_MALFORMED);
}

static const struct {
	int row;
	const char *prefix, *network;
} network_rows[] = {
	{1, "10.20.5.5/16", "10.20.0.0"},	 {2, "10.20.0.0/16", "10.20.0.0"},
	{3, "10.255.255.255/9", "10.128.0.0"},	 {4, "10.0.0.1/32", "10.0.0.1"},
	{5, "10.0.0.1/0", "0.0.0.0"},		 {6, "2001:db8:ffff::1/33", "2001:db8:8000::"},
	{7, "2001:db8::1/128", "2001:db8::1"},
};

static void test_network(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(network_rows) / sizeof(network_rows[0]); i++) {
		char text[ADDRESS_TEXT_LEN];
		struct prefix p, n, host;

		assert_int_equal(prefix_parse(&p, network_rows[i].prefix), OK);
		n = prefix_network(&p);
		if (strcmp(address_format(&n.address, text), network_rows[i].network) != 0)
			fail_msg("row %d: %s", network_rows[i].row, text);
		assert_int_equal(n.bits, p.bits);
		host = prefix_host(&p.address);
		assert_true(address_equal(&host.address, &p.address));
		assert_int_equal(host.bits, p.address.family == 4 ? 32 : 128);
	}
}

static void test_values(void **state)
{
	struct address a = address_ipv4(0x0a000001), b = address_ipv4(0x0a000002), none = {0};
	char text[ADDRESS_TEXT_LEN];

	(void)state;
	assert_string_equal(address_format(&a, text), "10.0.0.1");
	assert_int_equal(address_to_ipv4(&b), 0x0a000002);
	assert_int_equal(address_len(&a), 4);
	assert_int_equal(address_len(&none), 0);
	assert_true(address_compare(&a, &b) < 0);
	assert_true(address_compare(&b, &a) > 0);
	assert_true(address_compare(&none, &a) < 0);
	assert_true(address_equal(&a, &a));
	assert_false(address_equal(&a, &b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_address_text),
		cmocka_unit_test(test_endpoint_text),
		cmocka_unit_test(test_prefix),
		cmocka_unit_test(test_network),
		cmocka_unit_test(test_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* proto/wire/prefix_list.c: sets of networks, in one form whatever the order. */
#include "proto/wire/prefix_list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct prefix at(const char *text)
{
	struct prefix p;

	assert_int_equal(prefix_parse(&p, text), OK);
	return p;
}

static bool adds(struct prefix_list *l, const char *text)
{
	struct prefix p = at(text);

	return prefix_list_add(l, &p);
}

static bool has(const struct prefix_list *l, const char *text)
{
	struct prefix p = at(text);

	return prefix_list_has(l, &p);
}

static bool covers(const struct prefix_list *l, const char *text)
{
	struct prefix p = at(text);

	return prefix_list_covers(l, &p);
}

static void equal_sets_have_equal_octets(void **unused)
{
	static const char *const text[] = {"10.30.0.0/16", "10.30.0.0/24", "10.4.0.0/16", "2001:db8::/32", "0.0.0.0/0"};
	struct prefix_list a = {.n = 0}, b = {.n = 0};

	(void)unused;
	for (unsigned i = 0; i < 5; i++) {
		assert_true(adds(&a, text[i]));
		assert_true(adds(&b, text[4 - i]));
		assert_int_equal(prefix_list_equal(&a, &b), i == 4);
	}
	assert_int_equal(a.n, 5);
	assert_true(prefix_list_sound(&a));
	assert_memory_equal(a.at, b.at, sizeof(a.at));
}

static void each_is_there_once_without_host_bits(void **unused)
{
	struct prefix_list l = {.n = 0};

	(void)unused;
	assert_true(adds(&l, "10.30.5.5/16"));
	assert_true(adds(&l, "10.30.0.0/16"));
	assert_int_equal(l.n, 1);
	assert_true(has(&l, "10.30.0.0/16"));
	assert_false(has(&l, "10.30.0.0/17"));
	assert_false(has(&l, "10.31.0.0/16"));
}

static void a_larger_network_covers(void **unused)
{
	struct prefix_list l = {.n = 0};

	(void)unused;
	assert_true(adds(&l, "10.30.0.0/16"));
	assert_true(covers(&l, "10.30.0.0/16"));
	assert_true(covers(&l, "10.30.7.0/24"));
	assert_false(covers(&l, "10.30.0.0/15"));
	assert_false(covers(&l, "10.31.0.0/24"));
	assert_false(covers(&l, "2001:db8::/32"));
}

static void there_is_a_bound(void **unused)
{
	struct prefix_list l = {.n = 0};

	(void)unused;
	for (uint32_t i = 0; i < PREFIX_LIST_MAX; i++) {
		struct prefix p = {.address = address_ipv4(0x0a000000 + (i << 8)), .bits = 24};

		assert_true(prefix_list_add(&l, &p));
	}
	assert_false(adds(&l, "10.99.0.0/24"));
	assert_true(adds(&l, "10.0.0.0/24")); /* It is there. */
	assert_int_equal(l.n, PREFIX_LIST_MAX);
}

static void what_we_did_not_make_is_not_sound(void **unused)
{
	struct prefix_list l = {.n = 2};

	(void)unused;
	l.at[0] = at("10.31.0.0/16");
	l.at[1] = at("10.30.0.0/16");
	assert_false(prefix_list_sound(&l)); /* Not in order. */
	l.at[0] = l.at[1];
	assert_false(prefix_list_sound(&l)); /* Twice. */
	l.n = 1;
	assert_true(prefix_list_sound(&l));
	l.at[0].bits = 15;
	l.at[0].address.octets[1] = 31;
	assert_false(prefix_list_sound(&l)); /* Host bits. */
	l.at[0].bits = 33;
	assert_false(prefix_list_sound(&l));
	l.at[0] = (struct prefix){.bits = 0};
	assert_false(prefix_list_sound(&l)); /* Of no family. */
	l.n = PREFIX_LIST_MAX + 1;
	assert_false(prefix_list_sound(&l));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_sets_have_equal_octets),
		cmocka_unit_test(each_is_there_once_without_host_bits),
		cmocka_unit_test(a_larger_network_covers),
		cmocka_unit_test(there_is_a_bound),
		cmocka_unit_test(what_we_did_not_make_is_not_sound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

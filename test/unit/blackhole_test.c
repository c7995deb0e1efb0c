/* SPDX-License-Identifier: Apache-2.0 */
/* Which routes keep a packet from leaving in clear when every better route is gone. */
#include "xdp/host/blackhole.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static size_t read_all(struct prefix *out, const char *const *text)
{
	size_t n = 0;

	for (; text[n]; n++)
		assert_int_equal(prefix_parse(&out[n], text[n]), OK);
	return n;
}

static struct prefix_list list(const struct prefix *p, size_t n)
{
	struct prefix_list l = {.n = 0};

	for (size_t i = 0; i < n; i++)
		assert_true(prefix_list_add(&l, &p[i]));
	return l;
}

static const struct row {
	const char *what;
	const char *pools[3], *addresses[3], *inner[3];
	const char *wanted[8];
} rows[] = {
	{"pool, hosts, the inside's subnet",
	 {"10.30.0.0/16"}, {"10.79.0.100/24"}, {"10.20.0.1/24"},
	 {"10.30.0.0/16", "10.79.0.100/32", "10.20.0.1/32", "10.20.0.0/24"}},
	{"two addresses of one subnet",
	 {"10.30.0.0/16"}, {"10.79.0.100/24"}, {"10.20.0.1/24", "10.20.0.2/24"},
	 {"10.30.0.0/16", "10.79.0.100/32", "10.20.0.1/32", "10.20.0.2/32", "10.20.0.0/24"}},
	{"a pool with host bits", {"10.30.5.5/16"}, {0}, {0}, {"10.30.0.0/16"}},
	{"a subnet of one address", {0}, {0}, {"10.20.0.1/32"}, {"10.20.0.1/32"}},
	{"never all there is", {0}, {0}, {"10.20.0.1/0"}, {"10.20.0.1/32"}},
	{"IPv6",
	 {"2001:db8:30::/48"}, {"2001:db8:79::100/64"}, {"2001:db8:20::1/64"},
	 {"2001:db8:30::/48", "2001:db8:79::100/128", "2001:db8:20::1/128", "2001:db8:20::/64"}},
};

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct prefix pools[3], addresses[3], inner[3], wanted[8];
		struct datapath_config c = {
			.pools = list(pools, read_all(pools, rows[i].pools)),
			.addresses = addresses, .n_addresses = read_all(addresses, rows[i].addresses),
			.inner_addresses = inner, .n_inner_addresses = read_all(inner, rows[i].inner),
		};
		struct blackholes b;
		size_t n = read_all(wanted, rows[i].wanted);

		blackholes_init(&b, &c);
		if (b.n != n)
			fail_msg("%s: %zu routes", rows[i].what, b.n);
		for (size_t k = 0; k < n; k++)
			if (!blackholes_contain(&b, &wanted[k]))
				fail_msg("%s: %s is not there", rows[i].what, rows[i].wanted[k]);
	}
}

static void test_others(void **state)
{
	struct prefix inner, other;
	struct datapath_config c = {.inner_addresses = &inner, .n_inner_addresses = 1};
	struct blackholes b;

	(void)state;
	assert_int_equal(prefix_parse(&inner, "10.20.0.1/24"), OK);
	blackholes_init(&b, &c);
	assert_int_equal(prefix_parse(&other, "10.20.0.0/25"), OK);
	assert_false(blackholes_contain(&b, &other));
	assert_int_equal(prefix_parse(&other, "10.20.1.0/24"), OK);
	assert_false(blackholes_contain(&b, &other));
}

/* All that a configuration may name finds room. */
static void test_room(void **state)
{
	struct prefix addresses[DATAPATH_ADDRESSES_MAX], inner[DATAPATH_ADDRESSES_MAX];
	struct datapath_config c = {
		.addresses = addresses, .n_addresses = DATAPATH_ADDRESSES_MAX,
		.inner_addresses = inner, .n_inner_addresses = DATAPATH_ADDRESSES_MAX,
	};
	struct blackholes b;

	(void)state;
	for (uint32_t i = 0; i < DATAPATH_ADDRESSES_MAX; i++) {
		addresses[i] = (struct prefix){.address = address_ipv4(0x0a4f0064 + i), .bits = 24};
		inner[i] = (struct prefix){.address = address_ipv4(0x0a140001 + (i << 8)), .bits = 24};
	}
	for (uint32_t i = 0; i < PREFIX_LIST_MAX; i++) {
		struct prefix pool = {.address = address_ipv4(0x0a1e0000 + (i << 8)), .bits = 24};

		assert_true(prefix_list_add(&c.pools, &pool));
	}
	blackholes_init(&b, &c);
	assert_int_equal(b.n, 3 * DATAPATH_ADDRESSES_MAX + PREFIX_LIST_MAX);
}

/* Other pools, while the node runs: all other routes stay. */
static void test_other_pools(void **state)
{
	struct prefix inner, pool, other;
	struct datapath_config c = {.inner_addresses = &inner, .n_inner_addresses = 1};
	struct blackholes without, with;

	(void)state;
	assert_int_equal(prefix_parse(&inner, "10.20.0.1/24"), OK);
	assert_int_equal(prefix_parse(&pool, "10.30.0.0/16"), OK);
	assert_int_equal(prefix_parse(&other, "10.31.0.0/16"), OK);
	blackholes_init(&without, &c);
	with = blackholes_with(&without, &(struct prefix_list){.n = 1, .at = {pool}});
	assert_int_equal(with.n, without.n + 1);
	assert_true(blackholes_contain(&with, &pool));
	with = blackholes_with(&without, &(struct prefix_list){.n = 1, .at = {other}});
	assert_int_equal(with.n, without.n + 1);
	assert_false(blackholes_contain(&with, &pool));
	assert_true(blackholes_contain(&with, &other));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_other_pools),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

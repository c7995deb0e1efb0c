/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 6040, figures 3 and 4, row by row, over IPv4 and IPv6. */
#include "xdp/engine/checksum.h"
#include "xdp/engine/ecn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { N = 0, E1 = 1, E0 = 2, CE = 3, DROPPED = -1 };

#define DSCP 0xb8u /* EF; of the inner header. */

static const struct {
	int inner, outer, onward;
} rows[] = {
	{N, N, N},   {N, E0, N},   {N, E1, N},   {N, CE, DROPPED},
	{E0, N, E0}, {E0, E0, E0}, {E0, E1, E1}, {E0, CE, CE},
	{E1, N, E1}, {E1, E0, E1}, {E1, E1, E1}, {E1, CE, CE},
	{CE, N, CE}, {CE, E0, CE}, {CE, E1, CE}, {CE, CE, CE},
};

static void make_ipv4(uint8_t ip[40], uint8_t class)
{
	static const uint8_t plain[20] = {0x45, 0, 0, 20, 0x12, 0x34, 0, 0, 64, 17, 0, 0, 10, 30, 0, 1, 10, 20, 0, 2};
	uint16_t check;

	memset(ip, 0, 40);
	memcpy(ip, plain, sizeof(plain));
	ip[1] = class;
	check = (uint16_t)~checksum_fold(checksum_add(0, ip, 20));
	ip[10] = (uint8_t)(check >> 8);
	ip[11] = (uint8_t)check;
}

static void make_ipv6(uint8_t ip[40], uint8_t class)
{
	memset(ip, 0x11, 40);
	ip[0] = (uint8_t)(0x60 | class >> 4);
	ip[1] = (uint8_t)(class << 4 | 0x0a); /* The flow label begins here. */
}

static void test_ipv4(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		uint8_t ip[40], want[40];

		make_ipv4(ip, (uint8_t)(DSCP | rows[i].inner));
		make_ipv4(want, (uint8_t)(DSCP | (rows[i].onward == DROPPED ? rows[i].inner : rows[i].onward)));
		assert_int_equal(ecn_traffic_class(ip), DSCP | rows[i].inner);
		/* The outer DSCP differs: it ends here. */
		assert_int_equal(ecn_decapsulate(ip, 20, (uint8_t)(0x28 | rows[i].outer)),
				 rows[i].onward == DROPPED ? DROP_ECN : DROP_NONE);
		assert_memory_equal(ip, want, 40); /* With its checksum. */
	}
}

static void test_ipv6(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		uint8_t ip[40], want[40];

		make_ipv6(ip, (uint8_t)(DSCP | rows[i].inner));
		make_ipv6(want, (uint8_t)(DSCP | (rows[i].onward == DROPPED ? rows[i].inner : rows[i].onward)));
		assert_int_equal(ecn_traffic_class(ip), DSCP | rows[i].inner);
		assert_int_equal(ecn_decapsulate(ip, 40, (uint8_t)rows[i].outer),
				 rows[i].onward == DROPPED ? DROP_ECN : DROP_NONE);
		assert_memory_equal(ip, want, 40);
	}
}

/* Every checksum that a header can have: ones' complement has two zeros. */
static void test_checksums(void **unused)
{
	(void)unused;
	for (uint32_t id = 0; id <= UINT16_MAX; id++) {
		uint8_t ip[40];
		uint16_t check;

		make_ipv4(ip, E0);
		ip[4] = (uint8_t)(id >> 8);
		ip[5] = (uint8_t)id;
		ip[10] = ip[11] = 0;
		check = (uint16_t)~checksum_fold(checksum_add(0, ip, 20));
		ip[10] = (uint8_t)(check >> 8);
		ip[11] = (uint8_t)check;
		assert_int_equal(ecn_decapsulate(ip, 20, CE), DROP_NONE);
		assert_int_equal(ip[1], CE);
		assert_int_equal(checksum_fold(checksum_add(0, ip, 20)), 0xffff);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ipv4),
		cmocka_unit_test(test_ipv6),
		cmocka_unit_test(test_checksums),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

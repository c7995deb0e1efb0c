/* SPDX-License-Identifier: Apache-2.0 */
/* xdp/engine/inner.c: rows of packets and their parsed fields; the policy. */
#include "xdp/engine/inner.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#define IP4(len_hi, len_lo, frag_hi, frag_lo, proto)                                               \
	0x45, 0, len_hi, len_lo, 0, 1, frag_hi, frag_lo, 64, proto, 0, 0, 10, 30, 0, 5, 10, 20, 0, 9
#define IP6(len, next)                                                                             \
	0x60, 0, 0, 0, 0, len, next, 64, 0x20, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x20,   \
		1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2

static const struct row {
	const char *what;
	uint8_t data[80];
	size_t len;
	enum drop drop;
	uint8_t protocol;
	uint16_t src_port, dst_port;
	bool fragment;
	size_t inner_len;
} rows[] = {
	{"1 UDP", {IP4(0, 28, 0, 0, 17), 1, 2, 3, 4, 0, 8}, 28, DROP_NONE, 17, 0x102, 0x304, false, 28},
	{"2 padded behind", {IP4(0, 28, 0, 0, 17), 1, 2, 3, 4}, 40, DROP_NONE, 17, 0x102, 0x304, false, 28},
	{"3 longer than there is", {IP4(0, 29, 0, 0, 17)}, 28, DROP_SHORT, 0, 0, 0, false, 0},
	{"4 header only", {IP4(0, 20, 0, 0, 6)}, 20, DROP_NONE, 6, 0, 0, false, 20},
	{"5 total below header", {IP4(0, 19, 0, 0, 6)}, 20, DROP_MALFORMED, 0, 0, 0, false, 0},
	{"6 DF is no fragment", {IP4(0, 28, 0x40, 0, 17), 1, 2, 3, 4}, 28, DROP_NONE, 17, 0x102, 0x304, false, 28},
	{"7 first fragment", {IP4(0, 28, 0x20, 0, 17), 1, 2, 3, 4}, 28, DROP_NONE, 17, 0x102, 0x304, true, 28},
	{"8 later fragment", {IP4(0, 28, 0, 5, 17), 1, 2, 3, 4}, 28, DROP_NONE, 17, 0, 0, true, 28},
	{"9 ICMP", {IP4(0, 28, 0, 0, 1), 8, 0}, 28, DROP_NONE, 1, 0x800, 0x800, false, 28},
	{"10 19 octets", {IP4(0, 20, 0, 0, 1)}, 19, DROP_SHORT, 0, 0, 0, false, 0},
	{"11 IHL 4", {0x44, 0, 0, 20}, 20, DROP_MALFORMED, 0, 0, 0, false, 0},
	{"12 IHL beyond total", {0x4f, 0, 0, 20}, 20, DROP_MALFORMED, 0, 0, 0, false, 0},
	{"13 version 5", {0x55}, 20, DROP_MALFORMED, 0, 0, 0, false, 0},
	{"14 nothing", {0}, 0, DROP_SHORT, 0, 0, 0, false, 0},
	{"15 options", {0x46, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 30, 0, 5, 10, 20, 0, 9, 1, 1, 1, 1,
			7, 7, 9, 9}, 28, DROP_NONE, 17, 0x707, 0x909, false, 28},
	{"16 IPv6 TCP", {IP6(8, 6), 1, 2, 3, 4}, 48, DROP_NONE, 6, 0x102, 0x304, false, 48},
	{"17 IPv6 cut", {IP6(9, 6), 1, 2, 3, 4}, 48, DROP_SHORT, 0, 0, 0, false, 0},
	{"18 hop-by-hop, UDP", {IP6(16, 0), 17, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4}, 56, DROP_NONE, 17,
	 0x102, 0x304, false, 56},
	{"19 extension beyond the end", {IP6(8, 0), 17, 1, 0, 0, 0, 0, 0, 0}, 48, DROP_SHORT, 0, 0, 0,
	 false, 0},
	{"20 first fragment, UDP", {IP6(16, 44), 17, 0, 0, 1, 0, 0, 0, 1, 1, 2, 3, 4}, 56, DROP_NONE, 17,
	 0x102, 0x304, true, 56},
	{"21 later fragment", {IP6(16, 44), 17, 0, 0, 8, 0, 0, 0, 1, 1, 2, 3, 4}, 56, DROP_NONE, 17, 0, 0,
	 true, 56},
	{"22 nine extension headers", {IP6(40, 60), 60, 0, 0, 0, 0, 0, 0, 0, 60, 0, 0, 0, 0, 0, 0, 0,
				       60, 0, 0, 0, 0, 0, 0, 0, 60, 0, 0, 0, 0, 0, 0, 0, 60, 0},
	 80, DROP_SHORT, 0, 0, 0, false, 0},
	{"24 ICMP with a code", {IP4(0, 28, 0, 0, 1), 3, 4, 9, 9}, 28, DROP_NONE, 1, 0x304, 0x304, false, 28},
	{"25 ICMP cut after the type", {IP4(0, 21, 0, 0, 1), 8}, 21, DROP_NONE, 1, 0, 0, false, 21},
	{"26 ICMP, a later fragment", {IP4(0, 28, 0, 5, 1), 8, 0}, 28, DROP_NONE, 1, 0, 0, true, 28},
	{"27 ICMPv6 in IPv4", {IP4(0, 28, 0, 0, 58), 8, 1}, 28, DROP_NONE, 58, 0, 0, false, 28},
	{"28 ICMPv6", {IP6(8, 58), 128, 0, 3, 4}, 48, DROP_NONE, 58, 0x8000, 0x8000, false, 48},
	{"29 ICMP in IPv6", {IP6(8, 1), 8, 1, 3, 4}, 48, DROP_NONE, 1, 0, 0, false, 48},
	{"30 UDP cut after one port", {IP4(0, 23, 0, 0, 17), 1, 2, 3}, 23, DROP_NONE, 17, 0, 0, false, 23},
	{"23 IPv6, 39 octets", {IP6(0, 59)}, 39, DROP_SHORT, 0, 0, 0, false, 0},
};

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct row *r = &rows[i];
		struct inner_packet p;
		enum drop d = inner_parse(&p, r->data, r->len);

		if (d != r->drop)
			fail_msg("%s: %s, expected %s", r->what, drop_text(d), drop_text(r->drop));
		if (d != DROP_NONE)
			continue;
		if (p.protocol != r->protocol || p.src_port != r->src_port ||
		    p.dst_port != r->dst_port || p.fragment != r->fragment || p.len != r->inner_len)
			fail_msg("%s: protocol %u ports %u %u fragment %d length %zu", r->what,
				 p.protocol, p.src_port, p.dst_port, p.fragment, p.len);
	}
}

static struct ts_set set(const char *prefix_text, uint8_t protocol, uint16_t port)
{
	struct ts_set s = {.n = 1};
	struct prefix p;

	assert_int_equal(prefix_parse(&p, prefix_text), OK);
	s.ts[0] = ts_from_prefix(&p);
	s.ts[0].protocol = protocol;
	if (port)
		s.ts[0].port_start = s.ts[0].port_end = port;
	return s;
}

static void test_policy(void **state)
{
	struct ts_set local = set("10.20.0.0/16", 0, 0), remote = set("10.30.0.5/32", 0, 0);
	struct ts_set stranger = set("10.30.0.6/32", 0, 0), web = set("10.20.0.0/16", 6, 80);
	struct inner_packet p;
	static const uint8_t tcp[] = {IP4(0, 24, 0, 0, 6), 0x30, 0x39, 0, 80};
	static const uint8_t later[] = {IP4(0, 24, 0, 9, 6), 0x30, 0x39, 0, 80};

	(void)state;
	assert_int_equal(inner_parse(&p, tcp, sizeof(tcp)), DROP_NONE);
	assert_int_equal(inner_check_inbound(&p, &local, &remote), DROP_NONE);
	assert_int_equal(inner_check_inbound(&p, &local, &stranger), DROP_POLICY); /* Spoofed. */
	assert_int_equal(inner_check_inbound(&p, &remote, &remote), DROP_POLICY);
	assert_int_equal(inner_check_inbound(&p, &web, &remote), DROP_NONE);
	assert_int_equal(inner_check_outbound(&p, &local, &remote), DROP_POLICY); /* Other way. */
	assert_int_equal(inner_check_outbound(&p, &remote, &local), DROP_NONE);
	web = set("10.20.0.0/16", 6, 81);
	assert_int_equal(inner_check_inbound(&p, &web, &remote), DROP_POLICY);
	web = set("10.20.0.0/16", 17, 80);
	assert_int_equal(inner_check_inbound(&p, &web, &remote), DROP_POLICY);
	/* A fragment without ports may pass only where all ports may. */
	assert_int_equal(inner_parse(&p, later, sizeof(later)), DROP_NONE);
	web = set("10.20.0.0/16", 6, 80);
	assert_int_equal(inner_check_inbound(&p, &web, &remote), DROP_POLICY);
	assert_int_equal(inner_check_inbound(&p, &local, &remote), DROP_NONE);
}

/* RFC 4301 4.4.1.1: type and code of ICMP are selected like ports, the same number at both ends. */
static void test_icmp_policy(void **state)
{
	struct ts_set local = set("10.20.0.0/16", 1, 0), any = set("10.30.0.5/32", 0, 0),
		      ping = set("10.30.0.5/32", 1, 0x800);
	static const uint8_t echo[] = {IP4(0, 24, 0, 0, 1), 8, 0, 0, 0}, reply[] = {IP4(0, 24, 0, 0, 1), 0, 0, 0, 0};
	static const uint8_t unreachable[] = { IP4(0, 24, 0, 0, 1), 3, 1, 0, 0 },
			     later[] = { IP4(0, 24, 0, 9, 1), 8, 0, 0, 0 };
	struct inner_packet p;

	(void)state;
	assert_int_equal(inner_parse(&p, echo, sizeof(echo)), DROP_NONE);
	assert_int_equal(inner_check_inbound(&p, &local, &any), DROP_NONE);
	assert_int_equal(inner_check_inbound(&p, &local, &ping), DROP_NONE);
	assert_int_equal(inner_parse(&p, reply, sizeof(reply)), DROP_NONE);
	assert_int_equal(inner_check_inbound(&p, &local, &any), DROP_NONE);
	assert_int_equal(inner_check_inbound(&p, &local, &ping), DROP_POLICY);
	ping.ts[0].port_start = 0; /* Types 0 to 8. */
	assert_int_equal(inner_check_inbound(&p, &local, &ping), DROP_NONE);
	assert_int_equal(inner_parse(&p, unreachable, sizeof(unreachable)), DROP_NONE);
	assert_int_equal(inner_check_inbound(&p, &local, &ping), DROP_NONE);
	ping.ts[0].port_start = ping.ts[0].port_end = 0x300; /* Another code. */
	assert_int_equal(inner_check_inbound(&p, &local, &ping), DROP_POLICY);
	assert_int_equal(inner_parse(&p, later, sizeof(later)), DROP_NONE);
	assert_int_equal(inner_check_inbound(&p, &local, &ping), DROP_POLICY);
	assert_int_equal(inner_check_inbound(&p, &local, &any), DROP_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_policy),
		cmocka_unit_test(test_icmp_policy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

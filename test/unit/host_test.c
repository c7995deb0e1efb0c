/* SPDX-License-Identifier: Apache-2.0 */
/* xdp/host/host.c: what happened to an interface, row by row. xdp/host/host_message.c: rtnetlink's
 * messages about it, written by libmnl, whole and cut. */
#include "xdp/host/host_message.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* up, running, address, index, MTU, MAC's first octet, name, programs */
#define PORT(u, r, a, index, octets, m, text, ...)                                                 \
	{                                                                                          \
		.there = true, .up = u, .running = r, .address = a, .ifindex = index,              \
		.mtu = octets, .mac = {m}, .name = text, .program = {__VA_ARGS__}                  \
	}
#define GOOD PORT(1, 1, 1, 3, 1500, 0, "wan", 0, 7)

static const struct host_port was = GOOD;

static const struct row {
	const char *what;
	struct host_port now;
	uint32_t program;
	enum host_verdict verdict;
	const char *why;
	struct host_change change;
} rows[] = {
	{"1 as it was", GOOD, 7, HOST_GOOD, "", {0}},
	{"2 gone", {0}, 0, HOST_UNFIT, "outer interface 'wan' is gone", {0}},
	{"3 gone, and AF_XDP with it", {0}, 7, HOST_LEAVE, "outer interface 'wan' is gone", {0}},
	{"4 another device", PORT(1, 1, 1, 9, 1500, 0, "wan", 0, 7), 0, HOST_GOOD, "", {.index = true, .mac = true}},
	{"5 another device, AF_XDP", PORT(1, 1, 1, 9, 1500, 0, "wan", 0, 7), 7, HOST_LEAVE,
	 "outer interface 'wan' is another device now: AF_XDP needs a restart", {.index = true, .mac = true}},
	{"6 renamed", PORT(1, 1, 1, 3, 1500, 0, "wan0", 0, 7), 7, HOST_GOOD, "", {.name = true}},
	{"7 down", PORT(0, 0, 1, 3, 1500, 0, "wan", 0, 7), 7, HOST_UNFIT, "outer interface 'wan' is down", {0}},
	{"8 no carrier", PORT(1, 0, 1, 3, 1500, 0, "wan", 0, 7), 7, HOST_UNFIT, "outer interface 'wan' has no carrier", {0}},
	{"9 no address", PORT(1, 1, 0, 3, 1500, 0, "wan", 0, 7), 7, HOST_UNFIT, "outer interface 'wan' has lost its address", {0}},
	{"10 MTU", PORT(1, 1, 1, 3, 1400, 0, "wan", 0, 7), 7, HOST_GOOD, "", {.mtu = true}},
	{"11 MAC", PORT(1, 1, 1, 3, 1500, 2, "wan", 0, 7), 7, HOST_GOOD, "", {.mac = true}},
	{"12 no program", PORT(1, 1, 1, 3, 1500, 0, "wan", 0), 7, HOST_LEAVE,
	 "the XDP program was detached from outer interface 'wan'", {0}},
	{"13 another's program", PORT(1, 1, 1, 3, 1500, 0, "wan", 8, 8), 7, HOST_LEAVE,
	 "the XDP program was detached from outer interface 'wan'", {0}},
	{"14 another's program, on sockets", PORT(1, 1, 1, 3, 1500, 0, "wan", 8), 0, HOST_GOOD, "", {0}},
	{"15 down, and the program gone", PORT(0, 1, 1, 3, 1500, 0, "wan", 0), 7, HOST_LEAVE,
	 "the XDP program was detached from outer interface 'wan'", {0}},
	{"16 down and renamed", PORT(0, 1, 1, 3, 1500, 0, "wan0", 0), 0, HOST_UNFIT,
	 "outer interface 'wan0' is down", {.name = true}},
};

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct row *r = &rows[i];
		struct host_change c = host_compare(&was, &r->now);
		char why[HOST_TEXT_LEN];

		if (host_judge(&was, &r->now, "outer", r->program, why) != r->verdict || strcmp(why, r->why) != 0)
			fail_msg("%s: '%s'", r->what, why);
		if (c.index != r->change.index || c.mac != r->change.mac || c.mtu != r->change.mtu ||
		    c.name != r->change.name)
			fail_msg("%s: index %d mac %d mtu %d name %d", r->what, c.index, c.mac, c.mtu, c.name);
	}
}

/* An interface that never had an address needs none. */
static void test_without_address(void **state)
{
	struct host_port bare = PORT(1, 1, 0, 3, 1500, 0, "wan", 0, 7);
	char why[HOST_TEXT_LEN];

	(void)state;
	assert_int_equal(host_judge(&bare, &bare, "inner", 0, why), HOST_GOOD);
}

/* ---- Messages ---- */

static uint8_t room[1024] __attribute__((aligned(8)));

static struct nlmsghdr *message(uint16_t type, uint16_t flags)
{
	struct nlmsghdr *h;

	memset(room, 0, sizeof(room));
	h = mnl_nlmsg_put_header(room);
	h->nlmsg_type = type;
	h->nlmsg_flags = flags;
	h->nlmsg_pid = 4711;
	return h;
}

static const struct nlmsghdr *link_message(uint16_t type)
{
	static const uint8_t mac[6] = {2, 0, 0, 0, 0, 9};
	struct nlmsghdr *h = message(type, 0);
	struct ifinfomsg *i = mnl_nlmsg_put_extra_header(h, sizeof(*i));
	struct nlattr *nest;

	i->ifi_index = 5;
	i->ifi_flags = IFF_UP | IFF_RUNNING;
	mnl_attr_put_strz(h, IFLA_IFNAME, "lan");
	mnl_attr_put_u32(h, IFLA_MTU, 1450);
	mnl_attr_put(h, IFLA_ADDRESS, sizeof(mac), mac);
	nest = mnl_attr_nest_start(h, IFLA_XDP);
	mnl_attr_put_u8(h, IFLA_XDP_ATTACHED, XDP_ATTACHED_DRV);
	mnl_attr_put_u32(h, IFLA_XDP_DRV_PROG_ID, 77);
	mnl_attr_nest_end(h, nest);
	return h;
}

static void test_link(void **state)
{
	const struct nlmsghdr *h = link_message(RTM_NEWLINK);
	struct host_message m;

	(void)state;
	assert_int_equal(host_message_parse(&m, h, h->nlmsg_len), h->nlmsg_len);
	assert_int_equal(m.kind, HOST_MESSAGE_LINK);
	assert_int_equal(m.sender, 4711);
	assert_true(m.port.there && m.port.up && m.port.running);
	assert_int_equal(m.port.ifindex, 5);
	assert_int_equal(m.port.mtu, 1450);
	assert_int_equal(m.port.mac[5], 9);
	assert_string_equal(m.port.name, "lan");
	assert_int_equal(m.port.program[1], 77);
	h = link_message(RTM_DELLINK);
	assert_int_equal(host_message_parse(&m, h, h->nlmsg_len), h->nlmsg_len);
	assert_int_equal(m.kind, HOST_MESSAGE_LINK_GONE);
	assert_false(m.port.there);
}

static void test_cut(void **state)
{
	const struct nlmsghdr *h = link_message(RTM_NEWLINK);
	struct host_message m;

	(void)state;
	for (size_t len = 0; len < h->nlmsg_len; len++)
		assert_int_equal(host_message_parse(&m, h, len), 0);
	assert_int_equal(host_message_parse(&m, h, sizeof(room)), NLMSG_ALIGN(h->nlmsg_len));
	((struct nlmsghdr *)room)->nlmsg_len |= UINT32_C(1) << 31;
	assert_int_equal(host_message_parse(&m, room, sizeof(room)), 0);
}

static void test_address(void **state)
{
	static const uint8_t own[4] = {10, 20, 0, 1}, peer[4] = {10, 20, 0, 2};
	struct nlmsghdr *h = message(RTM_DELADDR, 0);
	struct ifaddrmsg *i = mnl_nlmsg_put_extra_header(h, sizeof(*i));
	struct host_message m;

	(void)state;
	i->ifa_family = AF_INET;
	i->ifa_prefixlen = 32;
	i->ifa_index = 8;
	mnl_attr_put(h, IFA_ADDRESS, 4, peer);
	mnl_attr_put(h, IFA_LOCAL, 4, own);
	(void)host_message_parse(&m, h, h->nlmsg_len);
	assert_int_equal(m.kind, HOST_MESSAGE_ADDRESS_GONE);
	assert_int_equal(m.port.ifindex, 8);
	assert_int_equal(m.prefix.bits, 32);
	assert_memory_equal(m.prefix.address.octets, own, 4);
	i->ifa_prefixlen = 33;
	(void)host_message_parse(&m, h, h->nlmsg_len);
	assert_int_equal(m.kind, HOST_MESSAGE_OTHER);
	i->ifa_family = AF_INET6; /* With four octets of address. */
	(void)host_message_parse(&m, h, h->nlmsg_len);
	assert_int_equal(m.kind, HOST_MESSAGE_OTHER);
}

static enum host_message_kind route(uint16_t type, uint16_t flags, uint32_t table, struct host_message *m)
{
	static const uint8_t to[4] = {10, 30, 0, 0};
	struct nlmsghdr *h = message(type, flags);
	struct rtmsg *r = mnl_nlmsg_put_extra_header(h, sizeof(*r));

	r->rtm_family = AF_INET;
	r->rtm_dst_len = 16;
	r->rtm_table = table < 256 ? (uint8_t)table : RT_TABLE_COMPAT;
	mnl_attr_put_u32(h, RTA_TABLE, table);
	mnl_attr_put(h, RTA_DST, 4, to);
	mnl_attr_put_u32(h, RTA_OIF, 6);
	(void)host_message_parse(m, h, h->nlmsg_len);
	return m->kind;
}

static void test_route(void **state)
{
	struct host_message m;

	(void)state;
	assert_int_equal(route(RTM_DELROUTE, 0, RT_TABLE_MAIN, &m), HOST_MESSAGE_ROUTE_GONE);
	assert_int_equal(m.prefix.bits, 16);
	assert_int_equal(m.prefix.address.octets[1], 30);
	assert_int_equal(m.port.ifindex, 6);
	assert_int_equal(route(RTM_DELROUTE, 0, 1000, &m), HOST_MESSAGE_OTHER);
	assert_int_equal(route(RTM_NEWROUTE, NLM_F_REPLACE, RT_TABLE_MAIN, &m), HOST_MESSAGE_ROUTE);
	assert_int_equal(route(RTM_NEWROUTE, 0, RT_TABLE_MAIN, &m), HOST_MESSAGE_OTHER);
}

static void test_verdict(void **state)
{
	struct nlmsghdr *h = message(NLMSG_ERROR, 0);
	struct nlmsgerr *e = mnl_nlmsg_put_extra_header(h, sizeof(*e));
	struct host_message m;

	(void)state;
	h->nlmsg_seq = 9;
	e->error = -EPERM;
	(void)host_message_parse(&m, h, h->nlmsg_len);
	assert_int_equal(m.kind, HOST_MESSAGE_VERDICT);
	assert_int_equal(m.seq, 9);
	assert_int_equal(m.error, -EPERM);
	e->error = 5; /* The kernel says none above 0. */
	(void)host_message_parse(&m, h, h->nlmsg_len);
	assert_int_equal(m.error, -EPROTO);
	h->nlmsg_len = NLMSG_LENGTH(sizeof(int)); /* Without the request that it is about. */
	(void)host_message_parse(&m, h, h->nlmsg_len);
	assert_int_equal(m.kind, HOST_MESSAGE_OTHER);
	h = message(NLMSG_DONE, NLM_F_DUMP_INTR);
	(void)host_message_parse(&m, h, h->nlmsg_len);
	assert_int_equal(m.kind, HOST_MESSAGE_DONE);
	assert_true(m.torn);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),	cmocka_unit_test(test_without_address),
		cmocka_unit_test(test_link),	cmocka_unit_test(test_cut),
		cmocka_unit_test(test_address), cmocka_unit_test(test_route),
		cmocka_unit_test(test_verdict),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

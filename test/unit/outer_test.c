/* SPDX-License-Identifier: Apache-2.0 */
/* xdp/engine/outer.c and xdp/host/arp.c: the demultiplexer of port 4500, frames in and out, and
 * that the two agree. */
#include "xdp/host/arp.h"
#include "xdp/engine/checksum.h"
#include "xdp/host/nd.h"
#include "xdp/engine/outer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static void test_demux(void **state)
{
	static const struct {
		uint8_t data[8];
		size_t len;
		enum encap_kind kind;
		size_t skip;
	} rows[] = {
		{{0xff}, 1, ENCAP_KEEPALIVE, 0},
		{{0xfe}, 1, ENCAP_SHORT, 0},
		{{0}, 0, ENCAP_SHORT, 0},
		{{0, 0, 0, 0}, 4, ENCAP_SHORT, 0},
		{{0, 0, 0, 0, 1}, 5, ENCAP_IKE, 4},
		{{0, 0, 0, 1, 1}, 5, ENCAP_ESP, 0},
		{{0xff, 0xff, 0xff, 0xff, 0xff}, 5, ENCAP_ESP, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		size_t skip = 99;

		assert_int_equal(encap_demux(rows[i].data, rows[i].len, &skip), rows[i].kind);
		assert_int_equal(skip, rows[i].skip);
	}
}

static struct sad_path path_of(const char *local, const char *remote, bool udp)
{
	struct sad_path p = {.udp_encap = udp};

	assert_int_equal(address_parse(&p.local.address, local), OK);
	assert_int_equal(address_parse(&p.remote.address, remote), OK);
	if (udp) {
		p.local.port = 4500;
		p.remote.port = 40123;
	}
	return p;
}

static uint32_t sum16(const uint8_t *p, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += (uint32_t)p[i] << (i % 2 ? 0 : 8);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* outer_parse() must read the frame that outer_build() makes for local -> remote, turned around. */
static void check_round(const char *local, const char *remote, bool udp, size_t l2_len)
{
	static const uint8_t l2v4[] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0};
	static const uint8_t l2v6[] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x86, 0xdd};
	static const uint8_t vlan[] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x81, 0, 0, 7, 8, 0};
	struct sad_path out = path_of(local, remote, udp), in;
	uint8_t buffer[OUTER_HEADERS_MAX + 33];
	uint8_t *esp = buffer + OUTER_HEADERS_MAX, *frame;
	const uint8_t *l2 = l2_len == 18 ? vlan : out.local.address.family == 4 ? l2v4 : l2v6;
	struct outer_frame f;
	size_t len;

	memset(esp, 0xab, 33);
	frame = outer_build(l2, l2_len, &out, 0xb8, esp, 33);
	len = (size_t)(esp + 33 - frame);
	assert_true(frame >= buffer);
	if (out.local.address.family == 4)
		assert_int_equal(sum16(frame + l2_len, 20), 0xffff);
	else if (udp) { /* Checksum over the pseudo-header. */
		uint8_t pseudo[40 + 41 + 1] = {0};

		memcpy(pseudo, frame + l2_len + 8, 32);
		pseudo[35] = 41;
		pseudo[39] = 17;
		memcpy(pseudo + 40, frame + l2_len + 40, 41);
		assert_int_equal(sum16(pseudo, sizeof(pseudo)), 0xffff);
	}
	if (udp) { /* The parser takes only what comes to 4500. */
		uint8_t *ports = esp - 8;

		memcpy(ports + 2, (uint8_t[]){4500 >> 8, 4500 & 0xff}, 2);
	}
	assert_int_equal(outer_parse(&f, frame, len), DROP_NONE);
	assert_int_equal(f.esp_len, 33);
	assert_ptr_equal(frame + f.esp_offset, esp);
	assert_int_equal(f.l2_len, l2_len);
	in = f.path;
	assert_true(address_equal(&in.local.address, &out.remote.address));
	assert_true(address_equal(&in.remote.address, &out.local.address));
	assert_int_equal(in.udp_encap, udp);
	assert_int_equal(in.remote.port, udp ? 4500 : 0);
	/* Every cut of it is refused, none read past its end. */
	for (size_t cut = 0; cut < len; cut++)
		assert_int_not_equal(outer_parse(&f, frame, cut), DROP_NONE);
}

static void test_round_trips(void **state)
{
	(void)state;
	check_round("10.79.0.100", "192.0.2.7", false, 14);
	check_round("10.79.0.100", "192.0.2.7", true, 14);
	check_round("10.79.0.100", "192.0.2.7", true, 18);
	check_round("2001:db8::1", "2001:db8::77", false, 14);
	check_round("2001:db8::1", "2001:db8::77", true, 14);
}

#define ETH4 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0
#define ADDRS 192, 0, 2, 7, 10, 79, 0, 100

static void test_frames_for_the_slow_path(void **state)
{
	static const struct {
		const char *what;
		uint8_t data[60];
		enum drop drop;
	} rows[] = {
		{"1 ESP", {ETH4, 0x45, 0, 0, 36, 0, 0, 0, 0, 9, 50, 0, 0, ADDRS, 0, 0, 1, 0}, DROP_NONE},
		{"2 options", {ETH4, 0x46, 0, 0, 36, 0, 0, 0, 0, 9, 50, 0, 0, ADDRS}, DROP_MALFORMED},
		{"3 first fragment", {ETH4, 0x45, 0, 0, 36, 0, 0, 0x20, 0, 9, 50, 0, 0, ADDRS}, DROP_MALFORMED},
		{"4 last fragment", {ETH4, 0x45, 0, 0, 36, 0, 0, 0, 1, 9, 50, 0, 0, ADDRS}, DROP_MALFORMED},
		{"5 TCP", {ETH4, 0x45, 0, 0, 36, 0, 0, 0, 0, 9, 6, 0, 0, ADDRS}, DROP_MALFORMED},
		{"6 total too long", {ETH4, 0x45, 0, 0, 50, 0, 0, 0, 0, 9, 50, 0, 0, ADDRS}, DROP_SHORT},
		{"7 ESP of 4 octets", {ETH4, 0x45, 0, 0, 24, 0, 0, 0, 0, 9, 50, 0, 0, ADDRS}, DROP_SHORT},
		{"8 port 500", {ETH4, 0x45, 0, 0, 44, 0, 0, 0, 0, 9, 17, 0, 0, ADDRS, 0, 1, 1, 0xf4, 0, 24,
				0, 0, 0, 0, 1, 0}, DROP_MALFORMED},
		{"9 IKE on 4500", {ETH4, 0x45, 0, 0, 44, 0, 0, 0, 0, 9, 17, 0, 0, ADDRS, 0, 1, 0x11, 0x94, 0,
				   24, 0, 0, 0, 0, 0, 0}, DROP_MALFORMED},
		{"10 UDP too long", {ETH4, 0x45, 0, 0, 44, 0, 0, 0, 0, 9, 17, 0, 0, ADDRS, 0, 1, 0x11, 0x94, 0,
				     25, 0, 0, 1, 0, 0, 0}, DROP_SHORT},
		{"11 ESP on 4500", {ETH4, 0x45, 0, 0, 44, 0, 0, 0, 0, 9, 17, 0, 0, ADDRS, 0, 1, 0x11, 0x94, 0,
				    24, 0, 0, 1, 0, 0, 0}, DROP_NONE},
		{"12 ARP", {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 6}, DROP_MALFORMED},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct outer_frame f;
		enum drop d = outer_parse(&f, rows[i].data, sizeof(rows[i].data));

		if (d != rows[i].drop)
			fail_msg("%s: %s", rows[i].what, drop_text(d));
	}
}

static void test_arp(void **state)
{
	static const uint8_t asker[6] = {2, 0, 0, 0, 0, 9}, mine[6] = {2, 0, 0, 0, 0, 1};
	struct address who, target;
	struct arp_request r;
	uint8_t frame[ARP_FRAME_LEN], reply[ARP_FRAME_LEN];

	(void)state;
	assert_int_equal(address_parse(&who, "10.79.0.2"), OK);
	assert_int_equal(address_parse(&target, "10.79.0.100"), OK);
	arp_build_announcement(frame, &who, asker, false);
	memcpy(frame + 38, target.octets, 4); /* Now it asks for another one. */
	assert_true(arp_parse_request(&r, frame, sizeof(frame)));
	assert_memory_equal(r.sender_mac, asker, 6);
	assert_true(address_equal(&r.sender, &who));
	assert_true(address_equal(&r.target, &target));
	for (size_t cut = 0; cut < sizeof(frame); cut++)
		assert_false(arp_parse_request(&r, frame, cut));
	assert_true(arp_parse_request(&r, frame, sizeof(frame)));
	arp_build_reply(reply, &r, mine);
	assert_memory_equal(reply, asker, 6);
	assert_memory_equal(reply + 6, mine, 6);
	assert_int_equal(reply[21], 2);
	assert_memory_equal(reply + 22, mine, 6);
	assert_memory_equal(reply + 28, target.octets, 4);
	assert_memory_equal(reply + 32, asker, 6);
	assert_memory_equal(reply + 38, who.octets, 4);
	assert_false(arp_parse_request(&r, reply, sizeof(reply)));
	arp_build_announcement(frame, &target, mine, true);
	assert_int_equal(frame[0], 0xff);
	assert_int_equal(frame[21], 2);
	assert_memory_equal(frame + 28, frame + 38, 4);
}

static void solicit(uint8_t frame[78], const struct address *from, const struct address *target)
{
	static const uint8_t asker[6] = {2, 0, 0, 0, 0, 9};
	uint8_t *ip = frame + 14;
	uint16_t check;

	memset(frame, 0, 78);
	memcpy(frame + 6, asker, 6);
	frame[12] = 0x86;
	frame[13] = 0xdd;
	ip[0] = 0x60;
	ip[5] = 24;
	ip[6] = 58;
	ip[7] = 255;
	memcpy(ip + 8, from->octets, 16);
	ip[24] = 0xff;
	ip[40] = 135;
	memcpy(ip + 48, target->octets, 16);
	check = (uint16_t)~checksum_fold(
		checksum_add(checksum_pseudo(ip + 8, 32, 58, 24), ip + 40, 24));
	ip[42] = (uint8_t)(check >> 8);
	ip[43] = (uint8_t)check;
}

static bool icmp6_intact(const uint8_t *frame, size_t len)
{
	uint64_t sum = checksum_pseudo(frame + 14 + 8, 32, 58, len - 54);

	return checksum_fold(checksum_add(sum, frame + 54, len - 54)) == 0xffff;
}

static void test_nd(void **state)
{
	static const uint8_t mine[6] = {2, 0, 0, 0, 0, 1};
	struct address who, target, nobody = {.family = 6};
	struct nd_solicitation s;
	uint8_t frame[78], reply[ND_FRAME_LEN];

	(void)state;
	assert_int_equal(address_parse(&who, "fe80::9"), OK);
	assert_int_equal(address_parse(&target, "2001:db8::100"), OK);
	solicit(frame, &who, &target);
	assert_true(nd_parse_solicitation(&s, frame, sizeof(frame)));
	assert_true(address_equal(&s.sender, &who));
	assert_true(address_equal(&s.target, &target));
	for (size_t cut = 0; cut < sizeof(frame); cut++)
		assert_false(nd_parse_solicitation(&s, frame, cut));
	frame[70] ^= 1; /* Checksum */
	assert_false(nd_parse_solicitation(&s, frame, sizeof(frame)));
	frame[70] ^= 1;
	frame[14 + 7] = 254; /* Came over a router. */
	assert_false(nd_parse_solicitation(&s, frame, sizeof(frame)));
	frame[14 + 7] = 255;
	assert_true(nd_parse_solicitation(&s, frame, sizeof(frame)));
	nd_build_reply(reply, &s, mine);
	assert_true(icmp6_intact(reply, sizeof(reply)));
	assert_memory_equal(reply, frame + 6, 6);
	assert_memory_equal(reply + 14 + 24, who.octets, 16);
	assert_int_equal(reply[54], 136);
	assert_int_equal(reply[58], 0xe0);
	assert_memory_equal(reply + 62, target.octets, 16);
	assert_memory_equal(reply + 80, mine, 6);
	assert_false(nd_parse_solicitation(&s, reply, sizeof(reply)));
	/* A host without an address gets a broadcast answer. */
	solicit(frame, &nobody, &target);
	assert_true(nd_parse_solicitation(&s, frame, sizeof(frame)));
	nd_build_reply(reply, &s, mine);
	assert_true(icmp6_intact(reply, sizeof(reply)));
	assert_int_equal(reply[0], 0x33);
	assert_int_equal(reply[58], 0xa0);
}

/* 20 + 8 + 8 + 16 + 16 octets around blocks of 16 that end in two more: AES-CBC needs most. */
static void test_inner_max(void **state)
{
	(void)state;
	assert_int_equal(outer_inner_max(1500, 4), 1406);
	assert_int_equal(outer_inner_max(1300, 4), 1214);
	assert_int_equal(outer_inner_max(1500, 6), 1390);
	assert_int_equal(outer_inner_max(28, 4), 0);
	assert_int_equal(outer_inner_max(0, 6), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_inner_max),
		cmocka_unit_test(test_demux),
		cmocka_unit_test(test_round_trips),
		cmocka_unit_test(test_frames_for_the_slow_path),
		cmocka_unit_test(test_arp),
		cmocka_unit_test(test_nd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

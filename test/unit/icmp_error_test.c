/* SPDX-License-Identifier: Apache-2.0 */
/* xdp/engine/icmp_error.c: rows of ICMP errors and the return traffic that they are about; then
 * such errors through the engine, out to a client and in from one (RFC 4301 6.2). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "test/unit/memory_node.h"
#include "xdp/engine/icmp_error.h"

/* Header of 20 octets: from 10.x.0.y to 10.x.0.y. */
#define IP4(len, frag, proto, sx, sy, dx, dy)                                                      \
	0x45, 0, 0, len, 0, 1, (frag) >> 8, (frag) & 0xff, 64, proto, 0, 0, 10, sx, 0, sy, 10, dx, 0, dy
#define A6(x, y) 0x20, 1, x, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, y
#define IP6(len, next, sx, sy, dx, dy) 0x60, 0, 0, 0, 0, len, next, 64, A6(sx, sy), A6(dx, dy)
#define ICMP(type) type, 4, 0, 0, 0, 0, 0, 0
#define TO_WEB 0x30, 0x39, 0, 80, 0, 0, 0, 0

/* From a router .99.1 about a packet of 10.30.0.5 to 10.20.0.9 port 80. */
#define ABOUT(len) IP4(len, 0, 6, 30, 5, 20, 9), TO_WEB

static const struct row {
	const char *what;
	uint8_t data[140];
	size_t len;
	bool is;
	uint8_t protocol;
	uint16_t src_port, dst_port;
} rows[] = {
	{"1 unreachable", {IP4(56, 0, 1, 99, 1, 30, 5), ICMP(3), ABOUT(28)}, 56, true, 6, 80, 12345},
	{"2 of a longer packet", {IP4(56, 0, 1, 99, 1, 30, 5), ICMP(11), ABOUT(200)}, 56, true, 6, 80, 12345},
	{"3 parameter problem", {IP4(56, 0, 1, 99, 1, 30, 5), ICMP(12), ABOUT(28)}, 56, true, 6, 80, 12345},
	{"4 an echo reply", {IP4(56, 0, 1, 99, 1, 30, 5), ICMP(0), ABOUT(28)}, 56, false, 0, 0, 0},
	{"5 a redirect", {IP4(56, 0, 1, 99, 1, 30, 5), ICMP(5), ABOUT(28)}, 56, false, 0, 0, 0},
	{"6 a source quench", {IP4(56, 0, 1, 99, 1, 30, 5), ICMP(4), ABOUT(28)}, 56, false, 0, 0, 0},
	{"7 to another than the sender", {IP4(56, 0, 1, 99, 1, 30, 6), ICMP(3), ABOUT(28)}, 56, false, 0, 0, 0},
	{"8 a first fragment", {IP4(56, 0x2000, 1, 99, 1, 30, 5), ICMP(3), ABOUT(28)}, 56, false, 0, 0, 0},
	{"9 a later fragment", {IP4(56, 5, 1, 99, 1, 30, 5), ICMP(3), ABOUT(28)}, 56, false, 0, 0, 0},
	{"10 UDP that looks so", {IP4(56, 0, 17, 99, 1, 30, 5), ICMP(3), ABOUT(28)}, 56, false, 0, 0, 0},
	{"11 its head cut", {IP4(27, 0, 1, 99, 1, 30, 5), ICMP(3)}, 27, false, 0, 0, 0},
	{"12 about nothing", {IP4(28, 0, 1, 99, 1, 30, 5), ICMP(3)}, 28, false, 0, 0, 0},
	{"13 about half a header", {IP4(40, 0, 1, 99, 1, 30, 5), ICMP(3), ABOUT(28)}, 40, false, 0, 0, 0},
	{"14 about a header alone", {IP4(48, 0, 1, 99, 1, 30, 5), ICMP(3), ABOUT(28)}, 48, true, 6, 0, 0},
	{"15 about a later fragment", {IP4(56, 0, 1, 99, 1, 30, 5), ICMP(3), IP4(28, 9, 6, 30, 5, 20, 9), TO_WEB}, 56,
	 true, 6, 0, 0},
	{"16 what is quoted lies behind the end", {IP4(28, 0, 1, 99, 1, 30, 5), ICMP(3), ABOUT(28)}, 56, false, 0, 0, 0},
	{"17 IPv6 packet too big", {IP6(56, 58, 99, 1, 30, 5), ICMP(2), IP6(200, 17, 30, 5, 20, 9), TO_WEB}, 96, true, 17,
	 80, 12345},
	{"18 IPv6 time exceeded, an extension before", {IP6(64, 0, 99, 1, 30, 5), 58, 0, 0, 0, 0, 0, 0, 0, ICMP(3),
	 IP6(8, 17, 30, 5, 20, 9), TO_WEB}, 104, true, 17, 80, 12345},
	{"19 IPv6 echo", {IP6(56, 58, 99, 1, 30, 5), ICMP(128), IP6(8, 17, 30, 5, 20, 9), TO_WEB}, 96, false, 0, 0, 0},
	{"20 IPv6 redirect", {IP6(56, 58, 99, 1, 30, 5), ICMP(137), IP6(8, 17, 30, 5, 20, 9), TO_WEB}, 96, false, 0, 0, 0},
	{"21 ICMP in IPv6", {IP6(56, 1, 99, 1, 30, 5), ICMP(3), IP6(8, 17, 30, 5, 20, 9), TO_WEB}, 96, false, 0, 0, 0},
	{"22 ICMPv6 about IPv4", {IP6(36, 58, 99, 1, 30, 5), ICMP(3), ABOUT(28)}, 76, false, 0, 0, 0},
	{"23 quoted extensions cut", {IP6(48, 58, 99, 1, 30, 5), ICMP(3), IP6(200, 0, 30, 5, 20, 9)}, 88, false, 0, 0, 0},
};

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct row *r = &rows[i];
		struct inner_packet p, back;

		if (inner_parse(&p, r->data, r->len) != DROP_NONE)
			fail_msg("%s: not even a packet", r->what);
		if (icmp_error_return(&back, &p, r->data) != r->is)
			fail_msg("%s: expected %d", r->what, r->is);
		if (!r->is)
			continue;
		if (back.protocol != r->protocol || back.src_port != r->src_port ||
		    back.dst_port != r->dst_port || !address_equal(&back.dst, &p.dst) ||
		    back.src.octets[back.src.family == 4 ? 3 : 15] != 9)
			fail_msg("%s: protocol %u ports %u %u", r->what, back.protocol,
				 back.src_port, back.dst_port);
	}
}

/* ---- Through the engine ---- */

static void send(struct memory_node *node, const uint8_t *data, size_t len)
{
	uint8_t buffer[PACKET_BUFFER] = {0};
	struct packet p = {.data = buffer + PACKET_HEAD_ROOM, .len = len};

	memcpy(p.data, data, len);
	engine_outbound(&node->e, &p, 1);
}

static void test_out(void **state)
{
	static const uint8_t hostile[] = {IP4(56, 0, 1, 99, 1, 30, 5), ICMP(3),
					  IP4(28, 0, 6, 30, 5, 21, 9), TO_WEB};
	static const uint8_t plain[] = {IP4(28, 0, 1, 99, 1, 30, 5), ICMP(8)};
	static const uint8_t other[] = {IP4(56, 0, 1, 99, 1, 30, 6), ICMP(3),
					IP4(28, 0, 6, 30, 6, 20, 9), TO_WEB};
	struct memory_node *gateway, *client;

	(void)state;
	pair(&gateway, &client, (struct sa_options){0});
	send(gateway, rows[0].data, rows[0].len); /* 10.99.0.1 is in no selector. */
	assert_int_equal(gateway->n_outer, 1);
	spi_table_find(&client->e.spis, SPI_CLIENT)->e.child.remote = ts_of("10.0.0.0/8");
	arrive(client, gateway, 0);
	assert_int_equal(client->n_inner, 1);
	assert_memory_equal(client->inner[0].data, rows[0].data, rows[0].len);
	send(gateway, plain, sizeof(plain)); /* Not an error. */
	send(gateway, hostile, sizeof(hostile)); /* About a packet that the client may not send. */
	send(gateway, rows[6].data, rows[6].len); /* Not to the sender. */
	send(gateway, other, sizeof(other));
	assert_int_equal(gateway->n_outer, 1);
	assert_int_equal(DROPS(gateway, DROP_POLICY), 2);
	assert_int_equal(DROPS(gateway, DROP_NO_SESSION), 2);
	memory_node_free(gateway);
	memory_node_free(client);
}

/* The gateway lets the client reach TCP port 80 of the inside; the client tells of a packet
 * of that server that was lost with it. */
static void test_in(void **state)
{
	static const uint8_t answer[] = {IP4(56, 0, 1, 30, 5, 20, 9), ICMP(3),
					 IP4(28, 0, 6, 20, 9, 30, 5), 0, 80, 0x30, 0x39, 0, 0, 0, 0};
	static const uint8_t port[] = {IP4(56, 0, 1, 30, 5, 20, 9), ICMP(3),
				       IP4(28, 0, 6, 20, 9, 30, 5), 0, 81, 0x30, 0x39, 0, 0, 0, 0};
	static const uint8_t alien[] = {IP4(56, 0, 1, 99, 1, 20, 9), ICMP(3),
					IP4(28, 0, 6, 20, 9, 30, 5), 0, 80, 0x30, 0x39, 0, 0, 0, 0};
	struct memory_node *gateway, *client;
	struct traffic_selector *ts;

	(void)state;
	pair(&gateway, &client, (struct sa_options){.remote_ts = "10.0.0.0/8"});
	ts = spi_table_find(&gateway->e.spis, SPI_GATEWAY)->e.child.local.ts;
	ts->protocol = 6;
	ts->port_start = ts->port_end = 80;
	send(client, answer, sizeof(answer));
	send(client, port, sizeof(port));
	send(client, alien, sizeof(alien));
	assert_int_equal(client->n_outer, 3);
	for (size_t i = 0; i < 3; i++)
		arrive(gateway, client, i);
	assert_int_equal(gateway->n_inner, 1);
	assert_memory_equal(gateway->inner[0].data, answer, sizeof(answer));
	assert_int_equal(DROPS(gateway, DROP_POLICY), 2);
	memory_node_free(gateway);
	memory_node_free(client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_out),
		cmocka_unit_test(test_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

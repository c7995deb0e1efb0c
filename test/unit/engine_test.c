/* SPDX-License-Identifier: Apache-2.0 */
/* xdp/engine/engine.c: what it keeps between bursts, and what it reports again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "test/unit/memory_node.h"

static void test_hold_and_release(void **state)
{
	struct memory_node *gateway, *client;
	struct sa_update release = {.kind = SA_UPDATE_RESUME, .spi_in = SPI_GATEWAY};

	(void)state;
	pair(&gateway, &client, (struct sa_options){0});
	for (uint8_t i = 0; i < 10; i++)
		client_sends(client, i);
	grant(gateway, SPI_GATEWAY, (struct seq_grant){.epoch = 2, .start = 1000, .end = 2000,
						       .floor = 3, .defer = true});
	for (size_t i = 0; i < 8; i++)
		arrive(gateway, client, i);
	arrive(gateway, client, 7); /* Held twice; delivered once. */
	assert_int_equal(gateway->n_inner, 0);
	assert_int_equal(DROPS(gateway, DROP_REPLAY), 3); /* At or below the floor. */
	assert_int_equal(gateway->e.counters.deferred, 6);
	gateway_sends(gateway, 1); /* Outward it may send at once. */
	assert_int_equal(seq_of(&gateway->outer[0]), 1000);
	update(gateway, (struct sa_update){.kind = SA_UPDATE_FLOOR, .spi_in = SPI_GATEWAY, .mark = 5});
	assert_int_equal(gateway->n_inner, 0);
	update(gateway, release);
	assert_int_equal(gateway->n_inner, 3); /* 6, 7, 8: what the late mark left. */
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(gateway->inner[i].len, 25u + i);
	assert_int_equal(DROPS(gateway, DROP_REPLAY), 6);
	arrive(gateway, client, 8);
	assert_int_equal(gateway->n_inner, 4);
	assert_int_equal(last_report(gateway, SA_REPORT_FIRST_IN)->epoch, 2);
	memory_node_free(gateway);
	memory_node_free(client);
}

/* Held packets of a deleted SA take no room from others. */
static void test_held_of_deleted(void **state)
{
	struct memory_node *gateway, *client;

	(void)state;
	pair(&gateway, &client, (struct sa_options){0});
	client_sends(client, 1);
	grant(gateway, SPI_GATEWAY, (struct seq_grant){.epoch = 2, .start = 1000, .end = 2000,
						       .defer = true});
	arrive(gateway, client, 0);
	assert_int_equal(gateway->e.n_deferred, 1);
	update(gateway, (struct sa_update){.kind = SA_UPDATE_DEL, .spi_in = SPI_GATEWAY});
	assert_int_equal(gateway->e.n_deferred, 0);
	assert_int_equal(DROPS(gateway, DROP_UNKNOWN_SPI), 1);
	memory_node_free(gateway);
	memory_node_free(client);
}

/* Up to when has all been reported that it accepted? */
static void test_unreported(void **state)
{
	struct memory_node *gateway, *client;
	struct engine *e;

	(void)state;
	pair(&gateway, &client, (struct sa_options){0});
	e = &gateway->e;
	assert_int_equal(engine_unreported_us(e), UINT64_MAX);
	client_sends(client, 1);
	client_sends(client, 1);
	e->marks_at_us = 10600; /* Marks are not due before 11600; arrive() takes one millisecond. */
	engine_begin(e, 10100);
	arrive(gateway, client, 0);
	engine_rest(e);
	assert_int_equal(reports_of(gateway, SA_REPORT_MARK), 0);
	assert_int_equal(engine_unreported_us(e), 10100);
	engine_begin(e, 10500);
	arrive(gateway, client, 1);
	assert_int_equal(engine_unreported_us(e), 10100);
	engine_begin(e, 11600);
	assert_false(engine_marks(e));
	assert_int_equal(reports_of(gateway, SA_REPORT_MARK), 1);
	engine_begin(e, 11700);
	assert_int_equal(engine_unreported_us(e), 11700);
	engine_rest(e);
	assert_int_equal(engine_unreported_us(e), UINT64_MAX);
	memory_node_free(gateway);
	memory_node_free(client);
}

/* The leader that was told may be gone; and a worker without an answer sends little. */
static void test_peer_told_again(void **state)
{
	struct memory_node *gateway, *client;

	(void)state;
	pair(&gateway, &client, (struct sa_options){0});
	for (size_t i = 0; i < 4; i++) {
		client_sends(client, 1);
		client->outer[i].path.local.port = 40000;
	}
	arrive(gateway, client, 0);
	arrive(gateway, client, 1);
	assert_int_equal(reports_of(gateway, SA_REPORT_PEER), 1);
	gateway->e.now_us += 1000000;
	arrive(gateway, client, 2);
	arrive(gateway, client, 3);
	assert_int_equal(reports_of(gateway, SA_REPORT_PEER), 2);
	memory_node_free(gateway);
	memory_node_free(client);
}

/* RFC 7296 2.23: "either side can decide whether or not to use UDP encapsulation for ESP irrespective of
 * the choice made by the other side". But Linux takes ESP only in the form in which it sends it. */
static void test_answers_in_udp_what_comes_in_udp(void **state)
{
	struct sad_path raw = path_of("10.79.0.100:4500", "192.0.2.7:4500");
	struct memory_node *gateway, *client;

	(void)state;
	pair(&gateway, &client, (struct sa_options){0});
	raw.udp_encap = false;
	raw.local.port = raw.remote.port = 0;
	update(gateway, (struct sa_update){.kind = SA_UPDATE_PATH, .spi_in = SPI_GATEWAY, .path = raw});
	for (size_t i = 0; i < 6; i++)
		client_sends(client, 1);
	gateway_sends(gateway, 1);
	assert_false(gateway->outer[0].path.udp_encap);
	client->outer[0].path.local.port = 41000;
	arrive(gateway, client, 0);
	gateway_sends(gateway, 1);
	assert_true(gateway->outer[1].path.udp_encap);
	assert_int_equal(gateway->outer[1].path.remote.port, 41000);
	assert_int_equal(gateway->outer[1].path.local.port, 4500);
	client->outer[1].path.local.port = 42000;
	arrive(gateway, client, 1);
	gateway_sends(gateway, 1);
	assert_int_equal(gateway->outer[2].path.remote.port, 42000);
	client->outer[2].path.local = path_of("192.0.2.66:4500", "10.79.0.100:4500").local;
	arrive(gateway, client, 2); /* Another address is not ours to follow. */
	gateway_sends(gateway, 1);
	assert_int_equal(gateway->outer[3].path.remote.port, 42000);
	update(gateway, (struct sa_update){.kind = SA_UPDATE_PATH, .spi_in = SPI_GATEWAY, .path = raw});
	gateway_sends(gateway, 1);
	assert_false(gateway->outer[4].path.udp_encap);
	client->outer[3].path.local.port = 42000;
	arrive(gateway, client, 3); /* As it was before, and told before. */
	gateway_sends(gateway, 1);
	assert_true(gateway->outer[5].path.udp_encap);
	client->outer[4].path.udp_encap = false;
	client->outer[4].path.local.port = client->outer[4].path.remote.port = 0;
	arrive(gateway, client, 4);
	gateway_sends(gateway, 1);
	assert_false(gateway->outer[6].path.udp_encap);
	assert_int_equal(gateway->outer[6].path.remote.port, 0);
	client->outer[5].path.local.port = 43000; /* It has sent raw ESP: somebody else's doing. */
	arrive(gateway, client, 5);
	gateway_sends(gateway, 1);
	assert_false(gateway->outer[7].path.udp_encap);
	memory_node_free(gateway);
	memory_node_free(client);
}

/* The control plane is told the form, until it has it; what it then says changes no port. It is also what
 * an owner begins with. */
static void test_form_is_told(void **state)
{
	struct sad_path path = path_of("10.79.0.100:4500", "192.0.2.7:4500");
	struct memory_node *gateway, *client;

	(void)state;
	pair(&gateway, &client, (struct sa_options){0});
	path.udp_encap = path.followed = true;
	update(gateway, (struct sa_update){.kind = SA_UPDATE_PATH, .spi_in = SPI_GATEWAY, .path = path});
	gateway_sends(gateway, 1);
	assert_true(gateway->outer[0].path.udp_encap);
	for (size_t i = 0; i < 5; i++) {
		client_sends(client, 1);
		client->outer[i].path.local.port = 41000;
	}
	arrive(gateway, client, 0);
	assert_int_equal(reports_of(gateway, SA_REPORT_FORM), 0);
	update(gateway, (struct sa_update){.kind = SA_UPDATE_PATH, .spi_in = SPI_GATEWAY, .path = path});
	gateway_sends(gateway, 1);
	assert_int_equal(gateway->outer[1].path.remote.port, 41000);
	client->outer[1].path.udp_encap = client->outer[2].path.udp_encap = false;
	client->outer[1].path.local.port = client->outer[2].path.local.port = 0;
	arrive(gateway, client, 1);
	assert_int_equal(reports_of(gateway, SA_REPORT_FORM), 1);
	gateway->e.now_us += 1000000; /* The leader that was told may be gone. */
	arrive(gateway, client, 2);
	assert_int_equal(reports_of(gateway, SA_REPORT_FORM), 2);
	assert_int_equal(reports_of(gateway, SA_REPORT_PEER), 0);
	path.udp_encap = path.followed = false;
	path.local.port = path.remote.port = 0;
	update(gateway, (struct sa_update){.kind = SA_UPDATE_PATH, .spi_in = SPI_GATEWAY, .path = path});
	gateway->e.now_us += 1000000;
	arrive(gateway, client, 3); /* In UDP, of somebody who has sent raw ESP from there. */
	gateway_sends(gateway, 1);
	assert_false(gateway->outer[2].path.udp_encap);
	assert_int_equal(reports_of(gateway, SA_REPORT_FORM), 2);
	memory_node_free(gateway);
	memory_node_free(client);
}

/* Behind a NAT the gateway's own ESP goes in UDP, whatever comes. */
static void test_stays_in_udp_behind_a_nat(void **state)
{
	struct memory_node *gateway, *client;

	(void)state;
	pair(&gateway, &client, (struct sa_options){0});
	client_sends(client, 1);
	client->outer[0].path.udp_encap = false;
	client->outer[0].path.local.port = client->outer[0].path.remote.port = 0;
	arrive(gateway, client, 0);
	gateway_sends(gateway, 1);
	assert_true(gateway->outer[0].path.udp_encap);
	assert_int_equal(gateway->outer[0].path.remote.port, 4500);
	memory_node_free(gateway);
	memory_node_free(client);
}

/* ---- After the process stood still ---- */

static void test_stopped_holds(void **state)
{
	struct memory_node *gateway, *client;

	(void)state;
	pair(&gateway, &client, (struct sa_options){0});
	put(gateway, true, (struct sa_options){.spi_add = 16});
	grant(gateway, SPI_GATEWAY + 16, (struct seq_grant){.epoch = 1, .start = 1, .end = 9});
	for (uint8_t i = 0; i < 4; i++)
		client_sends(client, i);
	arrive(gateway, client, 0);
	engine_stop(&gateway->e);
	arrive(gateway, client, 1);
	arrive(gateway, client, 0); /* A sure replay needs no room. */
	arrive_as(gateway, client, 2, true);
	engine_stop(&gateway->e);
	assert_int_equal(gateway->n_inner, 1);
	assert_int_equal(gateway->e.counters.deferred, 2);
	assert_int_equal(gateway->e.counters.stops, 1);
	gateway_sends(gateway, 1); /* Leases need no other node's word. */
	assert_int_equal(gateway->n_outer, 1);
	/* Another SA's updates, and marks of this one, come first. */
	update(gateway, (struct sa_update){.kind = SA_UPDATE_RESUME, .spi_in = SPI_GATEWAY + 16});
	update(gateway, (struct sa_update){.kind = SA_UPDATE_FLOOR, .spi_in = SPI_GATEWAY, .mark = 2});
	assert_int_equal(gateway->n_inner, 1);
	engine_go_on(&gateway->e);
	assert_int_equal(gateway->n_inner, 2);
	assert_int_equal(gateway->inner[1].len, 22u);
	assert_int_equal(DROPS(gateway, DROP_REPLAY), 2);
	arrive(gateway, client, 3);
	assert_int_equal(gateway->n_inner, 3);
	memory_node_free(gateway);
	memory_node_free(client);
}

/* The others took it for lost: packets that came meanwhile are for the new owner. */
static void test_stopped_and_lost(void **state)
{
	struct memory_node *gateway, *client;

	(void)state;
	pair(&gateway, &client, (struct sa_options){0});
	client_sends(client, 1);
	client_sends(client, 2);
	engine_stop(&gateway->e);
	arrive(gateway, client, 0);
	arrive_as(gateway, client, 1, true);
	update(gateway, (struct sa_update){.kind = SA_UPDATE_REVOKE, .spi_in = SPI_GATEWAY});
	assert_int_equal(gateway->n_forwards, 1);
	assert_int_equal(DROPS(gateway, DROP_FORWARD_TWICE), 1);
	engine_go_on(&gateway->e);
	assert_int_equal(gateway->n_inner, 0);
	assert_int_equal(reports_of(gateway, SA_REPORT_MARK), 0);
	memory_node_free(gateway);
	memory_node_free(client);
}

/* No node answers: packets that do not fit are dropped and counted as that; those that wait until
 * isolation go the way of all packets then. */
static void test_stopped_room(void **state)
{
	struct memory_node *gateway, *client;

	(void)state;
	pair(&gateway, &client, (struct sa_options){0});
	grant(client, SPI_CLIENT, (struct seq_grant){.epoch = 1, .start = 1, .end = DEFERRED_MAX + 10});
	for (size_t i = 0; i < DEFERRED_MAX + 5; i++)
		client_sends(client, 1);
	engine_stop(&gateway->e);
	for (size_t i = 0; i < DEFERRED_MAX + 5; i++)
		arrive(gateway, client, i);
	assert_int_equal(DROPS(gateway, DROP_STOPPED), 5);
	gateway->e.isolated = true;
	engine_go_on(&gateway->e);
	assert_int_equal(DROPS(gateway, DROP_ISOLATED), DEFERRED_MAX);
	assert_int_equal(gateway->n_inner, 0);
	memory_node_free(gateway);
	memory_node_free(client);
}

/* Exact SAs likewise, without the bound for SAs that wait for marks; packets that wait for a
 * majority already go on, for it has the mark. */
static void test_stopped_exact(void **state)
{
	struct seq_grant g = {.epoch = 2, .start = 1000, .end = 2000, .quorum = true, .horizon = 900};
	struct memory_node *gateway, *client;

	(void)state;
	pair(&gateway, &client, (struct sa_options){0});
	for (size_t i = 0; i < DEFERRED_EXACT_MAX + 2; i++)
		client_sends(client, 1);
	grant(gateway, SPI_GATEWAY, g);
	arrive(gateway, client, 0);
	engine_stop(&gateway->e);
	for (size_t i = 1; i < DEFERRED_EXACT_MAX + 2; i++)
		arrive(gateway, client, i);
	assert_int_equal(gateway->e.counters.deferred, DEFERRED_EXACT_MAX + 1);
	assert_int_equal(last_report(gateway, SA_REPORT_MARK)->seq, 1);
	update(gateway, (struct sa_update){.kind = SA_UPDATE_DELIVER, .spi_in = SPI_GATEWAY,
					   .epoch = 2, .mark = 1});
	assert_int_equal(gateway->n_inner, 1);
	engine_go_on(&gateway->e);
	assert_int_equal(gateway->n_inner, 1);
	assert_int_equal(last_report(gateway, SA_REPORT_MARK)->seq, DEFERRED_EXACT_MAX + 2);
	memory_node_free(gateway);
	memory_node_free(client);
}

static void owner_is(struct memory_node *node, uint16_t first, uint16_t n, uint8_t owner)
{
	update(node,
	       (struct sa_update){
		       .kind = SA_UPDATE_OWNER, .slot = first, .n_slots = n, .owner = owner});
}

/* An SA's slot tells its owner: one update covers a run of slots, whatever is in them. */
static void test_owners_of_slots(void **state)
{
	struct memory_node *gateway, *client;

	(void)state;
	pair(&gateway, &client, (struct sa_options){0});
	for (unsigned i = 0; i < 4; i++)
		client_sends(client, 1);
	update(gateway, (struct sa_update){.kind = SA_UPDATE_REVOKE, .spi_in = SPI_GATEWAY});
	update(gateway,
	       (struct sa_update){.kind = SA_UPDATE_SLOT, .spi_in = SPI_GATEWAY, .slot = 4096});
	arrive(gateway, client, 0); /* Nobody is known to own that slot. */
	gateway_sends(gateway, 1);
	assert_int_equal(DROPS(gateway, DROP_NOT_OWNER), 2);
	assert_int_equal(gateway->n_forwards + gateway->e.counters.forwarded_in +
				 gateway->e.counters.forwarded_out,
			 0);
	owner_is(gateway, 4000, 97, 1);
	owner_is(gateway, 0, 4096, 3);
	owner_is(gateway, 4097, SAD_SLOTS_MAX - 4097, 4);
	arrive(gateway, client, 1);
	assert_int_equal(gateway->forward.node, 1);
	owner_is(gateway, 4096, 1, 0);
	gateway_sends(gateway, 1);
	assert_int_equal(gateway->forward.node, 0);
	assert_int_equal(gateway->n_forwards, 2);
	owner_is(gateway, 0, SAD_SLOTS_MAX, SAD_OWNER_NONE);
	arrive(gateway, client, 2);
	assert_int_equal(DROPS(gateway, DROP_NOT_OWNER), 3);
	/* For SAs granted here the slot's owner does not matter. */
	owner_is(gateway, 0, SAD_SLOTS_MAX, 3);
	grant(gateway, SPI_GATEWAY, (struct seq_grant){.epoch = 2, .start = 1000, .end = 2000});
	arrive(gateway, client, 3);
	assert_int_equal(gateway->n_inner, 1);
	memory_node_free(gateway);
	memory_node_free(client);
}

/* A congestion mark of an outside router goes inside, also on packets that were held or came through another
 * node; if the inner packet cannot carry it, the packet is dropped, and its number is spent. */
static void test_congestion(void **state)
{
	enum { NOT_ECT = 0, ECT_0 = 2, CE = 3 };
	struct memory_node *gateway, *client;

	(void)state;
	pair(&gateway, &client, (struct sa_options){0});
	for (size_t i = 0; i < 4; i++) {
		inner_class = 0xb8 | (i == 1 ? NOT_ECT : ECT_0);
		client_sends(client, 1);
		assert_int_equal(client->outer[i].tos, inner_class); /* Normal mode: as inside. */
		client->outer[i].path.class = CE;
	}
	inner_class = 0;
	arrive(gateway, client, 0);
	assert_int_equal(gateway->n_inner, 1);
	assert_int_equal(gateway->inner[0].data[1], 0xb8 | CE);
	arrive(gateway, client, 1);
	arrive(gateway, client, 1);
	assert_int_equal(gateway->n_inner, 1);
	assert_int_equal(DROPS(gateway, DROP_ECN), 1);
	assert_int_equal(DROPS(gateway, DROP_REPLAY), 1);
	update(gateway, (struct sa_update){.kind = SA_UPDATE_REVOKE, .spi_in = SPI_GATEWAY});
	arrive(gateway, client, 2); /* To its owner, with what it came with. */
	assert_int_equal(gateway->n_forwards, 1);
	assert_int_equal(gateway->forward.path.class, CE);
	grant(gateway, SPI_GATEWAY, (struct seq_grant){.epoch = 2, .start = 1000, .end = 2000,
						       .defer = true});
	arrive(gateway, client, 3);
	assert_int_equal(gateway->n_inner, 1);
	update(gateway, (struct sa_update){.kind = SA_UPDATE_RESUME, .spi_in = SPI_GATEWAY});
	assert_int_equal(gateway->n_inner, 2);
	assert_int_equal(gateway->inner[1].data[1], 0xb8 | CE);
	memory_node_free(gateway);
	memory_node_free(client);
}

/* The MSS option of a SYN through the tunnel, from one side to the other. */
static uint16_t mss_after(struct memory_node *from, struct memory_node *to, const char *src, const char *dst)
{
	static const uint8_t tcp[24] = {[12] = 0x60, [13] = 0x02, [20] = 2, 4, 0x05, 0xb4}; /* 1460 */
	uint8_t buffer[PACKET_BUFFER] = {0}, *ip = buffer + PACKET_HEAD_ROOM;
	struct packet p = {.data = ip, .len = 20 + sizeof(tcp)};
	struct address a;
	const uint8_t *got;

	ip[0] = 0x45;
	ip[3] = (uint8_t)p.len;
	ip[9] = 6;
	assert_int_equal(address_parse(&a, src), OK);
	memcpy(ip + 12, a.octets, 4);
	assert_int_equal(address_parse(&a, dst), OK);
	memcpy(ip + 16, a.octets, 4);
	memcpy(ip + 20, tcp, sizeof(tcp));
	engine_outbound(&from->e, &p, 1);
	assert_true(from->n_outer > 0);
	arrive(to, from, from->n_outer - 1);
	assert_true(to->n_inner > 0);
	got = to->inner[to->n_inner - 1].data + 40;
	return (uint16_t)(got[2] << 8 | got[3]);
}

/* Both ends of a connection learn what fits, if it is so configured; the gateway alone does it. */
static void test_segment_size(void **state)
{
	static const char inside[] = "10.20.0.9", away[] = "10.30.0.5";
	struct memory_node *gateway, *client;

	(void)state;
	pair(&gateway, &client, (struct sa_options){0});
	assert_int_equal(mss_after(gateway, client, inside, away), 1460);
	assert_int_equal(mss_after(client, gateway, away, inside), 1460);
	assert_int_equal(gateway->e.counters.mss_clamped, 0);
	gateway->e.mss_mtu = 1000;
	assert_int_equal(mss_after(gateway, client, inside, away), 960);
	assert_int_equal(mss_after(client, gateway, away, inside), 960);
	assert_int_equal(gateway->e.counters.mss_clamped, 2);
	assert_int_equal(gateway->e.counters.packets_in, 2);
	memory_node_free(gateway);
	memory_node_free(client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_owners_of_slots),
		cmocka_unit_test(test_hold_and_release),
		cmocka_unit_test(test_unreported),
		cmocka_unit_test(test_held_of_deleted),
		cmocka_unit_test(test_peer_told_again),
		cmocka_unit_test(test_answers_in_udp_what_comes_in_udp),
		cmocka_unit_test(test_form_is_told),
		cmocka_unit_test(test_stays_in_udp_behind_a_nat),
		cmocka_unit_test(test_stopped_holds),
		cmocka_unit_test(test_stopped_and_lost),
		cmocka_unit_test(test_stopped_room),
		cmocka_unit_test(test_stopped_exact),
		cmocka_unit_test(test_congestion),
		cmocka_unit_test(test_segment_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

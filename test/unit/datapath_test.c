/* SPDX-License-Identifier: Apache-2.0 */
/* xdp/engine/engine.c, inbound.c, outbound.c: packets through a gateway's stages, without a
 * kernel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "test/unit/memory_node.h"

static void round_trip(struct sa_options o)
{
	struct memory_node *gateway, *client;

	pair(&gateway, &client, o);
	for (uint8_t n = 0; n < 40; n++) {
		client_sends(client, n);
		arrive(gateway, client, n);
		assert_int_equal(gateway->n_inner, n + 1u);
		assert_int_equal(gateway->inner[n].len, 20u + n);
		assert_int_equal(gateway->inner[n].data[15], 5); /* From 10.30.0.5 */
		for (uint8_t k = 0; k < n; k++)
			assert_int_equal(gateway->inner[n].data[20 + k], n);
		gateway_sends(gateway, n);
		arrive(client, gateway, n);
		assert_int_equal(client->n_inner, n + 1u);
		assert_int_equal(seq_of(&gateway->outer[n]), n + 1u);
	}
	assert_int_equal(gateway->e.counters.packets_in, 40);
	assert_int_equal(gateway->e.counters.packets_out, 40);
	for (unsigned d = 1; d < DROP_COUNT; d++)
		assert_int_equal(DROPS(gateway, d) + DROPS(client, d), 0);
	assert_int_equal(reports_of(gateway, SA_REPORT_FIRST_IN), 1);
	assert_int_equal(last_report(gateway, SA_REPORT_MARK)->seq, 40);
	assert_int_equal(reports_of(gateway, SA_REPORT_PEER), 0);
	memory_node_free(gateway);
	memory_node_free(client);
}

static void test_round_trip(void **state)
{
	(void)state;
	round_trip((struct sa_options){0});
	round_trip((struct sa_options){.cbc = true});
	round_trip((struct sa_options){.esn = true});
}

static void test_replay_and_forgery(void **state)
{
	struct memory_node *gateway, *client;

	(void)state;
	pair(&gateway, &client, (struct sa_options){0});
	client_sends(client, 8);
	client_sends(client, 8);
	client->outer[1].data[30] ^= 1;
	arrive(gateway, client, 1);
	assert_int_equal(DROPS(gateway, DROP_ICV), 1);
	client->outer[1].data[30] ^= 1;
	arrive(gateway, client, 0);
	arrive(gateway, client, 0);
	assert_int_equal(DROPS(gateway, DROP_REPLAY), 1);
	arrive(gateway, client, 1); /* The forgery had not marked its number. */
	assert_int_equal(gateway->n_inner, 2);
	/* The same packet twice in one burst: the filter passes both, accept one. */
	client_sends(client, 8);
	uint8_t copies[2][PACKET_BUFFER];
	struct packet burst[2] = {{.data = copies[0], .len = client->outer[2].len},
				  {.data = copies[1], .len = client->outer[2].len}};

	memcpy(copies[0], client->outer[2].data, client->outer[2].len);
	memcpy(copies[1], client->outer[2].data, client->outer[2].len);
	engine_inbound(&gateway->e, burst, 2);
	assert_int_equal(gateway->n_inner, 3);
	assert_int_equal(DROPS(gateway, DROP_REPLAY), 2);
	/* A number far ahead on a forged packet moves nothing. */
	client->outer[2].data[4] = 0x7f;
	arrive(gateway, client, 2);
	assert_int_equal(DROPS(gateway, DROP_ICV), 2);
	client_sends(client, 8);
	arrive(gateway, client, 3);
	assert_int_equal(gateway->n_inner, 4);
	memory_node_free(gateway);
	memory_node_free(client);
}

static void test_unknown_and_short(void **state)
{
	struct memory_node *gateway = memory_node_new();
	uint8_t data[64] = {1, 2, 3, 4};
	struct packet burst[2] = {{.data = data, .len = 64}, {.data = data, .len = 7}};

	(void)state;
	engine_inbound(&gateway->e, burst, 2);
	assert_int_equal(DROPS(gateway, DROP_UNKNOWN_SPI), 1);
	assert_int_equal(DROPS(gateway, DROP_SHORT), 1);
	assert_int_equal(gateway->unknown, 0x01020304);
	memory_node_free(gateway);
}

/* The ESP trailer says IPv6, the packet is IPv4 (RFC 4303 2.6): which one counts? */
static void test_next_header(void **state)
{
	struct memory_node *gateway, *client;
	uint8_t buffer[PACKET_BUFFER] = {0}, *ip = buffer + PACKET_HEAD_ROOM, *out;
	static const uint8_t header[20] = {0x45, 0, 0, 20, 0, 0, 0, 0, 64, 1, 0, 0,
					   10,   30, 0, 5, 10, 20, 0, 9};
	static const uint8_t claims[] = {4, 41, 59, 17};

	(void)state;
	pair(&gateway, &client, (struct sa_options){0});
	for (size_t i = 0; i < sizeof(claims); i++) { /* Only the first is true. */
		struct sa *sa = spi_table_find(&client->e.spis, SPI_CLIENT);
		struct packet p = {0};

		memcpy(ip, header, sizeof(header));
		assert_int_equal(esp_seal(&sa->e.out, SPI_GATEWAY, i + 1, 7, &client->e.entropy,
					  claims[i], ip, sizeof(header), &out, &p.len),
				 DROP_NONE);
		p.data = out;
		p.path.local = sa->e.path.remote;
		p.path.remote = sa->e.path.local;
		engine_inbound(&gateway->e, &p, 1);
		assert_int_equal(gateway->n_inner, 1);
	}
	memory_node_free(gateway);
	memory_node_free(client);
}

static void test_policy(void **state)
{
	struct memory_node *gateway, *client;

	(void)state;
	/* The client believes it may send from all of 10.30/16; the gateway does not. */
	pair(&gateway, &client, (struct sa_options){.remote_ts = "10.30.0.0/16"});
	send_inner_from(client, "10.30.0.6", "10.20.0.9", 8);
	arrive(gateway, client, 0);
	assert_int_equal(DROPS(gateway, DROP_POLICY), 1);
	assert_int_equal(gateway->n_inner, 0);
	/* It was authentic all the same: its number is spent and its mark reported. */
	arrive(gateway, client, 0);
	assert_int_equal(DROPS(gateway, DROP_REPLAY), 1);
	assert_int_equal(last_report(gateway, SA_REPORT_MARK)->seq, 1);
	send_inner_from(gateway, "10.21.0.9", "10.30.0.5", 8);
	assert_int_equal(DROPS(gateway, DROP_POLICY), 2);
	send_inner_from(gateway, "10.20.0.9", "10.30.0.77", 8);
	assert_int_equal(DROPS(gateway, DROP_NO_SESSION), 1);
	assert_int_equal(gateway->n_outer, 0);
	memory_node_free(gateway);
	memory_node_free(client);
}

static void test_forward_once(void **state)
{
	struct memory_node *gateway, *client;

	(void)state;
	pair(&gateway, &client, (struct sa_options){0});
	client_sends(client, 8);
	client_sends(client, 8);
	update(gateway, (struct sa_update){.kind = SA_UPDATE_REVOKE, .spi_in = SPI_GATEWAY});
	arrive(gateway, client, 0);
	assert_int_equal(gateway->n_forwards, 1);
	assert_int_equal(gateway->forward.direction, DATAPATH_INBOUND);
	assert_int_equal(gateway->forward.node, OTHER_NODE);
	assert_int_equal(gateway->forward.spi, SPI_GATEWAY);
	assert_int_equal(gateway->forward.session, 1);
	assert_int_equal(gateway->forward.len, client->outer[0].len);
	assert_memory_equal(gateway->forwarded, client->outer[0].data, client->outer[0].len);
	assert_int_equal(gateway->forward.path.remote.port, 4500);
	gateway_sends(gateway, 9);
	assert_int_equal(gateway->n_forwards, 2);
	assert_int_equal(gateway->forward.direction, DATAPATH_OUTBOUND);
	assert_int_equal(gateway->forward.len, 29);
	arrive_as(gateway, client, 0, true);
	assert_int_equal(gateway->n_forwards, 2);
	assert_int_equal(DROPS(gateway, DROP_FORWARD_TWICE), 1);
	grant(gateway, SPI_GATEWAY, (struct seq_grant){.epoch = 1, .start = 1, .end = 1000});
	arrive_as(gateway, client, 0, true);
	assert_int_equal(gateway->n_inner, 1);
	assert_int_equal(gateway->n_outer, 0);
	memory_node_free(gateway);
	memory_node_free(client);
}

static void test_deferred_room(void **state)
{
	struct memory_node *gateway, *client;

	(void)state;
	pair(&gateway, &client, (struct sa_options){0});
	grant(client, SPI_CLIENT, (struct seq_grant){.epoch = 1, .start = 1, .end = DEFERRED_MAX + 10});
	for (size_t i = 0; i < DEFERRED_MAX + 5; i++)
		client_sends(client, 1);
	grant(gateway, SPI_GATEWAY, (struct seq_grant){.epoch = 2, .start = 1000, .end = 2000,
						       .defer = true});
	for (size_t i = 0; i < DEFERRED_MAX + 5; i++)
		arrive(gateway, client, i);
	assert_int_equal(DROPS(gateway, DROP_DEFERRED_EXPIRED), 5);
	/* Taken away while they wait: all of them go to the new owner. */
	update(gateway, (struct sa_update){.kind = SA_UPDATE_REVOKE, .spi_in = SPI_GATEWAY});
	assert_int_equal(gateway->n_forwards, DEFERRED_MAX);
	assert_int_equal(gateway->n_inner, 0);
	memory_node_free(gateway);
	memory_node_free(client);
}

/* A table too small for the grants reports that: a client's traffic is lost. */
static void test_full_table_is_counted(void **state)
{
	struct memory_node *gateway = memory_node_new();

	(void)state;
	for (uint32_t i = 0; i < 64; i++)
		put(gateway, true, (struct sa_options){.spi_add = i});
	put(gateway, true, (struct sa_options){.spi_add = 63}); /* Once more: nothing to say. */
	assert_int_equal(gateway->e.counters.sas_refused, 0);
	put(gateway, true, (struct sa_options){.spi_add = 64});
	assert_int_equal(gateway->e.counters.sas_refused, 1);
	assert_int_equal(gateway->e.counters.sas, 64);
	memory_node_free(gateway);
}

static void test_isolation(void **state)
{
	struct memory_node *gateway, *client;

	(void)state;
	pair(&gateway, &client, (struct sa_options){0});
	client_sends(client, 1);
	gateway->e.isolated = true;
	arrive(gateway, client, 0);
	gateway_sends(gateway, 1);
	assert_int_equal(DROPS(gateway, DROP_ISOLATED), 2);
	assert_int_equal(gateway->n_inner + gateway->n_outer + gateway->n_forwards, 0);
	gateway->e.isolated = false;
	arrive(gateway, client, 0);
	gateway_sends(gateway, 1);
	assert_int_equal(gateway->n_inner, 1);
	assert_int_equal(seq_of(&gateway->outer[0]), 1);
	memory_node_free(gateway);
	memory_node_free(client);
}

static void test_lease(void **state)
{
	struct memory_node *gateway, *client;

	(void)state;
	pair(&gateway, &client, (struct sa_options){0});
	grant(gateway, SPI_GATEWAY, (struct seq_grant){.epoch = 2, .start = 100, .end = 110});
	for (int i = 0; i < 14; i++)
		gateway_sends(gateway, 1);
	assert_int_equal(gateway->n_outer, 10);
	for (uint32_t i = 0; i < 10; i++)
		assert_int_equal(seq_of(&gateway->outer[i]), 100 + i);
	assert_int_equal(DROPS(gateway, DROP_LEASE), 4);
	assert_int_equal(reports_of(gateway, SA_REPORT_LEASE_LOW), 1 + 4);
	/* A renewal continues at the same number; an older epoch changes nothing. */
	grant(gateway, SPI_GATEWAY, (struct seq_grant){.epoch = 2, .start = 100, .end = 120});
	grant(gateway, SPI_GATEWAY, (struct seq_grant){.epoch = 1, .start = 1, .end = 1000});
	for (int i = 0; i < 14; i++)
		gateway_sends(gateway, 1);
	assert_int_equal(gateway->n_outer, 20);
	assert_int_equal(seq_of(&gateway->outer[19]), 119);
	grant(gateway, SPI_GATEWAY,
	      (struct seq_grant){.epoch = 3, .start = 0xfffffffeu, .end = 1ull << 32});
	for (int i = 0; i < 4; i++)
		gateway_sends(gateway, 1);
	assert_int_equal(gateway->n_outer, 22);
	assert_int_equal(DROPS(gateway, DROP_SEQUENCE_END), 2);
	assert_int_equal(reports_of(gateway, SA_REPORT_SEQUENCE_END), 2);
	memory_node_free(gateway);
	memory_node_free(client);
}

/* However fast packets come, marks are told at a bounded rate, and none is lost, whether the client
 * falls silent, the epoch changes or the grant ends. */
static void test_marks_are_batched(void **state)
{
	struct memory_node *gateway, *client;

	(void)state;
	pair(&gateway, &client, (struct sa_options){0});
	for (size_t i = 0; i < 8; i++)
		client_sends(client, 1);
	gateway->e.now_us = 1000000;
	arrive(gateway, client, 0);
	assert_int_equal(reports_of(gateway, SA_REPORT_MARK), 1);
	for (size_t i = 1; i < 4; i++) {
		gateway->e.now_us -= MARKS_US; /* arrive() lets time pass. */
		arrive(gateway, client, i);
	}
	assert_int_equal(reports_of(gateway, SA_REPORT_MARK), 1);
	assert_true(engine_marks(&gateway->e));
	gateway->e.now_us += MARKS_US;
	assert_false(engine_marks(&gateway->e));
	assert_int_equal(reports_of(gateway, SA_REPORT_MARK), 2);
	assert_int_equal(last_report(gateway, SA_REPORT_MARK)->seq, 4);
	gateway->e.now_us -= MARKS_US;
	arrive(gateway, client, 4);
	grant(gateway, SPI_GATEWAY, (struct seq_grant){.epoch = 2, .start = 1000, .end = 2000});
	assert_int_equal(last_report(gateway, SA_REPORT_MARK)->seq, 5);
	assert_int_equal(last_report(gateway, SA_REPORT_MARK)->epoch, 1);
	gateway->e.now_us -= MARKS_US;
	arrive(gateway, client, 5);
	update(gateway, (struct sa_update){.kind = SA_UPDATE_REVOKE, .spi_in = SPI_GATEWAY});
	assert_int_equal(last_report(gateway, SA_REPORT_MARK)->seq, 6);
	assert_int_equal(last_report(gateway, SA_REPORT_MARK)->epoch, 2);
	grant(gateway, SPI_GATEWAY, (struct seq_grant){.epoch = 2, .start = 1000, .end = 2000});
	gateway->e.now_us -= MARKS_US;
	arrive(gateway, client, 6); /* Deleted with a mark still to be told: no harm. */
	update(gateway, (struct sa_update){.kind = SA_UPDATE_DEL, .spi_in = SPI_GATEWAY});
	assert_false(engine_marks(&gateway->e));
	memory_node_free(gateway);
	memory_node_free(client);
}

static void test_peer_moves(void **state)
{
	struct memory_node *gateway, *client;
	struct sad_path moved = path_of("192.0.2.7:40000", "10.79.0.100:4500");
	struct sad_path third = path_of("192.0.2.66:40000", "10.79.0.100:4500");

	(void)state;
	pair(&gateway, &client, (struct sa_options){0});
	for (size_t i = 0; i < 4; i++)
		client_sends(client, 1);
	for (size_t i = 0; i < 3; i++)
		client->outer[i].path.local = moved.local;
	client->outer[1].data[20] ^= 1;
	arrive(gateway, client, 1); /* Forged from elsewhere: nothing. */
	assert_int_equal(reports_of(gateway, SA_REPORT_PEER), 0);
	client->outer[1].data[20] ^= 1;
	arrive(gateway, client, 1);
	assert_int_equal(reports_of(gateway, SA_REPORT_PEER), 1);
	assert_true(endpoint_equal(&last_report(gateway, SA_REPORT_PEER)->remote, &moved.local));
	arrive(gateway, client, 2); /* Told already. */
	client->outer[0].path.local = client->outer[1].path.local = third.local;
	arrive(gateway, client, 0); /* Late: older than what was seen. */
	arrive(gateway, client, 1); /* Repeated. */
	assert_int_equal(reports_of(gateway, SA_REPORT_PEER), 1);
	moved = path_of("10.79.0.100:4500", "192.0.2.7:40000");
	update(gateway, (struct sa_update){.kind = SA_UPDATE_PATH, .spi_in = SPI_GATEWAY, .path = moved});
	gateway_sends(gateway, 1);
	assert_int_equal(gateway->outer[0].path.remote.port, 40000);
	arrive(gateway, client, 3); /* Back again. */
	assert_int_equal(reports_of(gateway, SA_REPORT_PEER), 2);
	assert_int_equal(last_report(gateway, SA_REPORT_PEER)->remote.port, 4500);
	memory_node_free(gateway);
	memory_node_free(client);
}

static void test_rekey_and_delete(void **state)
{
	struct memory_node *gateway, *client;
	struct sa_options rekeyed = {.spi_add = 0x10, .replaces = SPI_GATEWAY};
	struct seq_grant g = {.epoch = 1, .start = 1, .end = 1000};

	(void)state;
	pair(&gateway, &client, (struct sa_options){0});
	put(gateway, true, rekeyed);
	grant(gateway, SPI_GATEWAY + 0x10, g);
	gateway_sends(gateway, 1);
	assert_int_equal(gateway->outer[0].data[3], 0x12); /* The new SA's spi_out. */
	client_sends(client, 1);
	arrive(gateway, client, 0); /* The old one still opens. */
	assert_int_equal(gateway->n_inner, 1);
	assert_int_equal(gateway->e.counters.sas, 2);
	update(gateway, (struct sa_update){.kind = SA_UPDATE_DEL, .spi_in = SPI_GATEWAY});
	client_sends(client, 1);
	arrive(gateway, client, 1);
	assert_int_equal(DROPS(gateway, DROP_UNKNOWN_SPI), 1);
	for (unsigned kind = SA_UPDATE_DEL; kind <= SA_UPDATE_SLOT; kind++)
		update(gateway, (struct sa_update){.kind = kind, .spi_in = SPI_GATEWAY, .grant = g});
	gateway_sends(gateway, 1);
	assert_int_equal(gateway->n_outer, 2);
	update(gateway, (struct sa_update){.kind = SA_UPDATE_DEL, .spi_in = SPI_GATEWAY + 0x10});
	gateway_sends(gateway, 1);
	assert_int_equal(DROPS(gateway, DROP_NO_SESSION), 1);
	put(gateway, true, (struct sa_options){0});
	put(gateway, true, (struct sa_options){0}); /* Known already: the first stays. */
	assert_int_equal(gateway->e.counters.sas, 1);
	memory_node_free(gateway);
	memory_node_free(client);
}

static void test_output_refused(void **state)
{
	struct memory_node *gateway, *client;

	(void)state;
	pair(&gateway, &client, (struct sa_options){0});
	client_sends(client, 1);
	gateway->refuse = true;
	arrive(gateway, client, 0);
	assert_int_equal(DROPS(gateway, DROP_OUTPUT), 1);
	assert_int_equal(gateway->e.counters.packets_in, 0);
	memory_node_free(gateway);
	memory_node_free(client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_replay_and_forgery),
		cmocka_unit_test(test_unknown_and_short),
		cmocka_unit_test(test_next_header),
		cmocka_unit_test(test_policy),
		cmocka_unit_test(test_forward_once),
		cmocka_unit_test(test_deferred_room),
		cmocka_unit_test(test_full_table_is_counted),
		cmocka_unit_test(test_isolation),
		cmocka_unit_test(test_lease),
		cmocka_unit_test(test_marks_are_batched),
		cmocka_unit_test(test_peer_moves),
		cmocka_unit_test(test_rekey_and_delete),
		cmocka_unit_test(test_output_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

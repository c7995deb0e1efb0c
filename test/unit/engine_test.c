/* SPDX-License-Identifier: Apache-2.0 */
/* xdp/engine/engine.c: what it keeps between bursts, and what it tells again. */
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
	struct sa_update release = {.kind = SA_UPDATE_RELEASE, .spi_in = SPI_GATEWAY};

	(void)state;
	pair(&gateway, &client, (struct sa_options){0});
	for (uint8_t i = 0; i < 10; i++)
		client_sends(client, i);
	grant(gateway, SPI_GATEWAY, (struct seq_grant){.epoch = 2, .start = 1000, .end = 2000,
						       .floor = 3, .hold = true});
	for (size_t i = 0; i < 8; i++)
		arrive(gateway, client, i);
	arrive(gateway, client, 7); /* Held twice; delivered once. */
	assert_int_equal(gateway->n_inner, 0);
	assert_int_equal(DROPS(gateway, DROP_REPLAY), 3); /* At or below the floor. */
	assert_int_equal(gateway->e.counters.held, 6);
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

/* What is held of an SA that is gone takes no room from others. */
static void test_held_of_deleted(void **state)
{
	struct memory_node *gateway, *client;

	(void)state;
	pair(&gateway, &client, (struct sa_options){0});
	client_sends(client, 1);
	grant(gateway, SPI_GATEWAY, (struct seq_grant){.epoch = 2, .start = 1000, .end = 2000,
						       .hold = true});
	arrive(gateway, client, 0);
	assert_int_equal(gateway->e.n_held, 1);
	update(gateway, (struct sa_update){.kind = SA_UPDATE_DEL, .spi_in = SPI_GATEWAY});
	assert_int_equal(gateway->e.n_held, 0);
	assert_int_equal(DROPS(gateway, DROP_UNKNOWN_SPI), 1);
	memory_node_free(gateway);
	memory_node_free(client);
}

/* Whoever led when it was told may be gone; and who gets no answer sends little. */
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hold_and_release),
		cmocka_unit_test(test_held_of_deleted),
		cmocka_unit_test(test_peer_told_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* xdp/engine/waiting.c and what inbound.c does with exact SAs: accepted is not delivered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#pragma GCC diagnostic ignored "-Wunused-function" /* Not all of it is used here. */
#include "test/unit/memory_node.h"

static void deliver(struct memory_node *n, int64_t epoch, uint64_t mark)
{
	update(n, (struct sa_update){.kind = SA_UPDATE_DELIVER, .spi_in = SPI_GATEWAY,
				     .epoch = epoch, .mark = mark});
}

static void test_exact_waits(void **state)
{
	struct seq_grant g = {.epoch = 2, .start = 1000, .end = 2000, .quorum = true, .horizon = 9};
	struct memory_node *gateway, *client;

	(void)state;
	pair(&gateway, &client, (struct sa_options){0});
	for (uint8_t i = 0; i < 12; i++)
		client_sends(client, i); /* Numbers 1 to 12. */
	grant(gateway, SPI_GATEWAY, g);
	for (size_t i = 0; i < 4; i++)
		if (i != 1)
			arrive(gateway, client, i);
	assert_int_equal(gateway->n_inner, 0);
	assert_int_equal(gateway->e.counters.waited, 3);
	assert_int_equal(last_report(gateway, SA_REPORT_MARK)->seq, 4); /* At once. */
	deliver(gateway, 1, 4); /* Of an epoch that is over. */
	assert_int_equal(gateway->n_inner, 0);
	deliver(gateway, 2, 3);
	assert_int_equal(gateway->n_inner, 2);
	assert_int_equal(gateway->inner[0].len, 20u);
	assert_int_equal(gateway->inner[1].len, 22u);
	arrive(gateway, client, 1); /* Late, but a majority has a mark that covers it. */
	assert_int_equal(gateway->n_inner, 3);
	arrive(gateway, client, 1);
	arrive(gateway, client, 3); /* Again while it waits, too. */
	assert_int_equal(DROPS(gateway, DROP_REPLAY), 2);
	deliver(gateway, 2, 4);
	assert_int_equal(gateway->n_inner, 4);
	/* Cut off when the majority's word comes. */
	arrive(gateway, client, 4);
	gateway->e.isolated = true;
	deliver(gateway, 2, 5);
	gateway->e.isolated = false;
	assert_int_equal(DROPS(gateway, DROP_ISOLATED), 1);
	/* The epoch ends while it waits: its number counts as received, but it is never delivered. */
	arrive(gateway, client, 5);
	update(gateway, (struct sa_update){.kind = SA_UPDATE_REVOKE, .spi_in = SPI_GATEWAY});
	assert_int_equal(DROPS(gateway, DROP_UNDELIVERED), 1);
	g.epoch = 3;
	grant(gateway, SPI_GATEWAY, g);
	deliver(gateway, 2, 6);
	arrive(gateway, client, 5);
	assert_int_equal(DROPS(gateway, DROP_REPLAY), 3);
	/* The horizon. */
	arrive(gateway, client, 8);
	assert_int_equal(DROPS(gateway, DROP_HORIZON), 1);
	assert_int_equal(last_report(gateway, SA_REPORT_HORIZON_LOW)->seq, 9);
	g.horizon = 100;
	grant(gateway, SPI_GATEWAY, g);
	arrive(gateway, client, 8);
	deliver(gateway, 3, 9);
	assert_int_equal(gateway->n_inner, 5);
	memory_node_free(gateway);
	memory_node_free(client);
}

/* A late mark above a waiting packet: no other number below it is let in, but the accepted packet
 * goes inward with its own majority, and need not wait for that of the mark. */
static void test_exact_late_mark(void **state)
{
	struct seq_grant g = {.epoch = 2, .start = 1000, .end = 2000, .quorum = true, .horizon = 99};
	struct memory_node *gateway, *client;

	(void)state;
	pair(&gateway, &client, (struct sa_options){0});
	for (uint8_t i = 0; i < 12; i++)
		client_sends(client, i);
	grant(gateway, SPI_GATEWAY, g);
	arrive(gateway, client, 2);
	update(gateway, (struct sa_update){.kind = SA_UPDATE_FLOOR, .spi_in = SPI_GATEWAY, .mark = 8});
	arrive(gateway, client, 1);
	arrive(gateway, client, 4);
	assert_int_equal(DROPS(gateway, DROP_REPLAY), 2);
	assert_int_equal(gateway->n_inner, 0);
	deliver(gateway, 2, 3);
	assert_int_equal(gateway->n_inner, 1);
	assert_int_equal(gateway->inner[0].len, 22u);
	arrive(gateway, client, 2);
	assert_int_equal(DROPS(gateway, DROP_REPLAY), 3);
	arrive(gateway, client, 8);
	assert_int_equal(last_report(gateway, SA_REPORT_MARK)->seq, 9);
	deliver(gateway, 2, 8);
	assert_int_equal(gateway->n_inner, 1);
	deliver(gateway, 2, 9);
	assert_int_equal(gateway->n_inner, 2);
	memory_node_free(gateway);
	memory_node_free(client);
}

/* No node remembers: below the horizon nothing is let in, and that is reported. */
static void test_exact_horizon_floor(void **state)
{
	struct seq_grant g = {.epoch = 2, .start = 1000, .end = 2000, .defer = true, .quorum = true,
			      .horizon = 9};
	struct memory_node *gateway, *client;

	(void)state;
	pair(&gateway, &client, (struct sa_options){0});
	for (uint8_t i = 0; i < 12; i++)
		client_sends(client, i);
	grant(gateway, SPI_GATEWAY, g);
	arrive(gateway, client, 2);
	assert_int_equal(gateway->e.counters.deferred, 1);
	update(gateway, (struct sa_update){.kind = SA_UPDATE_FLOOR, .spi_in = SPI_GATEWAY,
					   .mark = 8, .from_horizon = true});
	update(gateway, (struct sa_update){.kind = SA_UPDATE_RESUME, .spi_in = SPI_GATEWAY});
	assert_int_equal(DROPS(gateway, DROP_REPLAY), 1);
	assert_int_equal(reports_of(gateway, SA_REPORT_BELOW_HORIZON), 1);
	for (size_t i = 0; i < 4; i++)
		arrive(gateway, client, i);
	assert_int_equal(reports_of(gateway, SA_REPORT_BELOW_HORIZON), 1); /* Not for each. */
	arrive(gateway, client, 7);
	assert_int_equal(reports_of(gateway, SA_REPORT_BELOW_HORIZON), 2);
	client->outer[6].data[20] ^= 1; /* Forged: tells nothing. */
	for (size_t i = 0; i < 300; i++)
		arrive(gateway, client, 6);
	assert_int_equal(reports_of(gateway, SA_REPORT_BELOW_HORIZON), 2);
	assert_int_equal(gateway->n_inner, 0);
	g.horizon = 100;
	grant(gateway, SPI_GATEWAY, g);
	arrive(gateway, client, 8);
	deliver(gateway, 2, 9);
	assert_int_equal(gateway->n_inner, 1);
	memory_node_free(gateway);
	memory_node_free(client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exact_waits),
		cmocka_unit_test(test_exact_late_mark),
		cmocka_unit_test(test_exact_horizon_floor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

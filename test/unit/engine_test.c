/* SPDX-License-Identifier: Apache-2.0 */
/* xdp/engine.c: what it keeps between bursts, and what it tells again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "test/unit/memory_node.h"

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
		cmocka_unit_test(test_held_of_deleted),
		cmocka_unit_test(test_peer_told_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

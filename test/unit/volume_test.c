/* SPDX-License-Identifier: Apache-2.0 */
/* The volume of SA pairs: rising numbers, and sums; and what the packet engine counts and
 * reports. */
#include "proto/esp/volume.h"
#include "xdp/engine/carried.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test/unit/memory_node.h"

static void test_numbers(void **unused)
{
	struct volume a = { 5, 1, 0, 0 };

	(void)unused;
	assert_false(volume_is_zero(&a));
	assert_true(volume_is_zero(&(struct volume){ 0 }));
	assert_true(volume_covers(&a, &a));
	assert_false(volume_raise(&a, &(struct volume){ 4, 1, 0, 0 }));
	assert_true(volume_raise(&a, &(struct volume){ 4, 1, 9, 2 })); /* Each by itself. */
	assert_memory_equal(&a, (&(struct volume){ 5, 1, 9, 2 }), sizeof(a));
	for (unsigned i = 0; i < 4; i++) {
		struct volume more = a;

		(&more.octets_in)[i]++;
		assert_true(volume_covers(&more, &a));
		assert_false(volume_covers(&a, &more));
	}
	volume_add(&a, &(struct volume){ 1, 2, 3, UINT64_MAX });
	assert_memory_equal(&a, (&(struct volume){ 6, 3, 12, UINT64_MAX }), sizeof(a));
}

static void assert_told(const struct memory_node *n, enum sa_report_kind kind, uint64_t in, uint64_t out)
{
	const struct sa_report *r = last_report(n, kind);

	assert_int_equal(r->volume.packets_in, in);
	assert_int_equal(r->volume.packets_out, out);
}

/* A mark carries it. Where there is none, as outward, it is told within VOLUMES_US. */
static void test_told(void **unused)
{
	struct memory_node *gateway, *client;

	(void)unused;
	pair(&gateway, &client, (struct sa_options){0});
	gateway->e.now_us = 10 * VOLUMES_US;
	client_sends(client, 9);
	arrive(gateway, client, 0);
	assert_told(gateway, SA_REPORT_MARK, 1, 0);
	assert_int_equal(last_report(gateway, SA_REPORT_MARK)->volume.octets_in, 29);
	carried_report(&gateway->e);
	assert_int_equal(reports_of(gateway, SA_REPORT_VOLUME), 0); /* That was all. */
	gateway_sends(gateway, 3);
	gateway_sends(gateway, 4);
	carried_report(&gateway->e);
	assert_int_equal(reports_of(gateway, SA_REPORT_VOLUME), 0); /* Not so soon again. */
	assert_non_null(gateway->e.volumes);
	gateway->e.now_us += VOLUMES_US;
	carried_report(&gateway->e);
	assert_null(gateway->e.volumes);
	assert_int_equal(reports_of(gateway, SA_REPORT_VOLUME), 1);
	assert_told(gateway, SA_REPORT_VOLUME, 1, 2);
	assert_int_equal(last_report(gateway, SA_REPORT_VOLUME)->volume.octets_out, 23 + 24);
	gateway->e.now_us += VOLUMES_US;
	carried_report(&gateway->e);
	assert_int_equal(reports_of(gateway, SA_REPORT_VOLUME), 1);
	gateway_sends(gateway, 1); /* Deleted before it was told: no harm. */
	update(gateway, (struct sa_update){.kind = SA_UPDATE_DEL, .spi_in = SPI_GATEWAY});
	assert_null(gateway->e.volumes);
	memory_node_free(gateway);
	memory_node_free(client);
}

/* Dropped packets do not count. An epoch ends with its volume; the next one goes on from the volume
 * in the log, but not from less than was carried here. */
static void test_epochs(void **unused)
{
	struct memory_node *gateway, *client;
	struct seq_grant next = {.epoch = 2, .start = 1000, .end = 2000};

	(void)unused;
	pair(&gateway, &client, (struct sa_options){0});
	client_sends(client, 9);
	arrive(gateway, client, 0);
	arrive(gateway, client, 0); /* A replay. */
	send_inner_from(gateway, "10.20.0.9", "10.30.0.77", 1); /* Nobody's. */
	gateway_sends(gateway, 3);
	update(gateway, (struct sa_update){.kind = SA_UPDATE_REVOKE, .spi_in = SPI_GATEWAY});
	assert_told(gateway, SA_REPORT_VOLUME, 1, 1);
	assert_int_equal(last_report(gateway, SA_REPORT_VOLUME)->epoch, 1);
	next.volume = (struct volume){ 700, 7, 0, 0 };
	grant(gateway, SPI_GATEWAY, next);
	gateway_sends(gateway, 3);
	gateway->e.now_us += VOLUMES_US;
	carried_report(&gateway->e);
	assert_told(gateway, SA_REPORT_VOLUME, 7, 2);
	assert_int_equal(last_report(gateway, SA_REPORT_VOLUME)->epoch, 2);
	memory_node_free(gateway);
	memory_node_free(client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_told),
		cmocka_unit_test(test_epochs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* xdp/engine/sa.c: the SPI table against a plain array, the routes by hand. */
#include "xdp/engine/sa.h"
#include "xdp/engine/inner.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define N 200u

static struct address ip(const char *text)
{
	struct address a;

	assert_int_equal(address_parse(&a, text), OK);
	return a;
}

static struct traffic_selector range(const char *start, const char *end)
{
	return (struct traffic_selector){.start = ip(start), .end = ip(end), .port_end = 65535};
}

/* SPIs that collide a lot: 64 of them over a table of 512 slots and the rest
 * spread, so that chains run into each other and around the end. */
static uint32_t spi_of(uint32_t i)
{
	return i < 64 ? i + 1 : i * 2654435761u;
}

static void test_spi_table_against_array(void **state)
{
	struct spi_table t;
	struct sa *sas = calloc(N, sizeof(*sas));
	bool in[N] = {false};
	uint32_t x = 1, n_in = 0;

	(void)state;
	assert_int_equal(spi_table_init(&t, N), OK);
	for (uint32_t i = 0; i < N; i++)
		sas[i].e.child.spi_in = spi_of(i);
	for (int step = 0; step < 20000; step++) {
		uint32_t i;

		x = x * 1664525u + 1013904223u;
		i = (x >> 8) % N;
		if (x & 0x80) {
			assert_int_equal(spi_table_put(&t, &sas[i]), in[i] ? ERR_EXISTS : OK);
			n_in += !in[i];
			in[i] = true;
		} else {
			assert_ptr_equal(spi_table_take(&t, spi_of(i)), in[i] ? &sas[i] : NULL);
			n_in -= in[i];
			in[i] = false;
		}
		assert_int_equal(t.used, n_in);
		if (step % 97)
			continue;
		for (uint32_t k = 0; k < N; k++)
			assert_ptr_equal(spi_table_find(&t, spi_of(k)), in[k] ? &sas[k] : NULL);
	}
	assert_null(spi_table_find(&t, 0));
	assert_null(spi_table_take(&t, 0));
	spi_table_fini(&t);
	free(sas);
}

static void test_spi_table_is_bounded(void **state)
{
	struct spi_table t;
	struct sa sas[3] = {0};

	(void)state;
	assert_int_equal(spi_table_init(&t, 2), OK);
	for (uint32_t i = 0; i < 3; i++)
		sas[i].e.child.spi_in = 100 + i;
	assert_int_equal(spi_table_put(&t, &sas[0]), OK);
	assert_int_equal(spi_table_put(&t, &sas[1]), OK);
	assert_int_equal(spi_table_put(&t, &sas[2]), ERR_FULL);
	assert_ptr_equal(spi_table_take(&t, 100), &sas[0]);
	assert_int_equal(spi_table_put(&t, &sas[2]), OK);
	spi_table_fini(&t);
}

static struct sa *client(uint64_t session, const char *start, const char *end)
{
	struct sa *sa = calloc(1, sizeof(*sa));

	sa->e.session = session;
	sa->e.child.local.n = sa->e.child.remote.n = 1;
	sa->e.child.local.ts[0] = range("10.20.0.0", "10.20.255.255");
	sa->e.child.remote.ts[0] = range(start, end);
	return sa;
}

static enum drop find(const struct route_table *t, const char *src, const char *dst, struct sa **sa)
{
	struct inner_packet p = {.src = ip(src), .dst = ip(dst), .protocol = 1, .len = 20};

	*sa = NULL;
	return route_table_find(t, &p, sa);
}

static void test_routes(void **state)
{
	struct route_table t;
	struct sa *a = client(1, "10.30.0.1", "10.30.0.1");
	struct sa *b = client(2, "10.30.0.2", "10.30.0.2");
	struct sa *site = client(3, "10.40.0.0", "10.40.0.255");
	struct sa *found;

	(void)state;
	assert_int_equal(route_table_init(&t, 16), OK);
	route_table_put(&t, a);
	route_table_put(&t, b);
	route_table_put(&t, site);
	assert_int_equal(find(&t, "10.20.0.9", "10.30.0.1", &found), DROP_NONE);
	assert_ptr_equal(found, a);
	assert_int_equal(find(&t, "10.20.0.9", "10.30.0.2", &found), DROP_NONE);
	assert_ptr_equal(found, b);
	assert_int_equal(find(&t, "10.20.0.9", "10.40.0.77", &found), DROP_NONE);
	assert_ptr_equal(found, site);
	assert_int_equal(find(&t, "10.20.0.9", "10.30.0.3", &found), DROP_NO_SESSION);
	assert_int_equal(find(&t, "10.21.0.9", "10.30.0.1", &found), DROP_POLICY);
	assert_int_equal(find(&t, "10.21.0.9", "10.40.0.1", &found), DROP_POLICY);
	route_table_take(&t, a);
	route_table_take(&t, a); /* Twice is nothing. */
	assert_int_equal(find(&t, "10.20.0.9", "10.30.0.1", &found), DROP_NO_SESSION);
	assert_int_equal(find(&t, "10.20.0.9", "10.30.0.2", &found), DROP_NONE);
	route_table_fini(&t);
	free(a), free(b), free(site);
}

static void test_newest_carries(void **state)
{
	struct route_table t;
	struct sa *old = client(1, "10.30.0.1", "10.30.0.1");
	struct sa *rekeyed = client(1, "10.30.0.1", "10.30.0.1");
	struct sa *other = client(1, "10.30.0.1", "10.30.0.1");
	struct sa *found;

	(void)state;
	other->e.child.local.ts[0] = range("10.50.0.0", "10.50.0.255"); /* A second child. */
	assert_int_equal(route_table_init(&t, 16), OK);
	route_table_put(&t, old);
	old->e.outbound = true;
	route_table_put(&t, other);
	route_table_supersede(&t, other, NULL);
	assert_true(old->e.outbound); /* Other selectors: both carry. */
	assert_int_equal(find(&t, "10.20.0.9", "10.30.0.1", &found), DROP_NONE);
	assert_ptr_equal(found, old);
	assert_int_equal(find(&t, "10.50.0.9", "10.30.0.1", &found), DROP_NONE);
	assert_ptr_equal(found, other);
	route_table_put(&t, rekeyed);
	route_table_supersede(&t, rekeyed, old);
	assert_false(old->e.outbound);
	assert_int_equal(find(&t, "10.20.0.9", "10.30.0.1", &found), DROP_NONE);
	assert_ptr_equal(found, rekeyed);
	route_table_take(&t, rekeyed);
	assert_int_equal(find(&t, "10.20.0.9", "10.30.0.1", &found), DROP_POLICY);
	route_table_fini(&t);
	free(old), free(rekeyed), free(other);
}

/* All of them in one bucket, two selectors each: the chain holds together. */
static void test_supersede_in_one_chain(void **state)
{
	struct route_table t;
	struct sa *sas[5], *found;

	(void)state;
	assert_int_equal(route_table_init(&t, 1), OK);
	for (size_t i = 0; i < 5; i++) {
		sas[i] = client(i == 3 ? 9 : 1, "10.30.0.1", "10.30.0.1");
		sas[i]->e.child.remote.n = 2;
		sas[i]->e.child.remote.ts[1] = range("10.30.0.1", "10.30.0.1");
		route_table_put(&t, sas[i]);
		sas[i]->e.outbound = true;
	}
	route_table_supersede(&t, sas[1], NULL);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(sas[i]->e.outbound, i == 1 || i == 3);
	route_table_take(&t, sas[3]);
	assert_int_equal(find(&t, "10.20.0.9", "10.30.0.1", &found), DROP_NONE);
	assert_ptr_equal(found, sas[1]);
	route_table_take(&t, sas[1]);
	assert_int_equal(find(&t, "10.20.0.9", "10.30.0.1", &found), DROP_NO_SESSION);
	route_table_fini(&t);
	for (size_t i = 0; i < 5; i++)
		free(sas[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_spi_table_against_array),
		cmocka_unit_test(test_spi_table_is_bounded),
		cmocka_unit_test(test_routes),
		cmocka_unit_test(test_newest_carries),
		cmocka_unit_test(test_supersede_in_one_chain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

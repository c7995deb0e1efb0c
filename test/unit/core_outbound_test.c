/* SPDX-License-Identifier: Apache-2.0 */
/* Stories of a client with Child SAs for several networks: at every node each network has the SA
 * that carries packets to the client, whatever is rekeyed or deleted in which order, and however
 * many changes a node sees at once. */
#include "test/lib/story.h"
#include "xdp/engine/inner.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* The client asks for 10.20.NET.0/24 from now on. */
static void to(struct story *l, uint8_t net)
{
	struct prefix p = { .address = { .family = 4, .octets = { 10, 20, net, 0 } }, .bits = 24 };

	l->client.config.tsr.n = 1;
	l->client.config.tsr.ts[0] = ts_from_prefix(&p);
}

/* Its session begins with a Child SA to net 1. Returns spi_in. */
static uint32_t begin(struct story *l)
{
	story_begin(l, 3);
	to(l, 1);
	story_client_connect(l);
	story_run(l, 100);
	return story_spi(l);
}

static uint32_t made(struct story *l, struct blob *request)
{
	story_client_send(l, request);
	assert_int_equal(l->client.error, OK);
	return story_spi(l);
}

static uint32_t another(struct story *l, uint8_t net)
{
	to(l, net);
	return made(l, initiator_create_child(&l->client, DH_NONE));
}

/* The client's own SPI of the Child SA that is ours by spi_in. */
static uint32_t its_spi(const struct story *l, uint32_t spi_in)
{
	for (unsigned i = 0; i < l->client.n_child; i++)
		if (l->client.child[i].spi_out == spi_in)
			return l->client.child[i].spi_in;
	fail();
	return 0;
}

static uint32_t rekeyed(struct story *l, uint8_t net, uint32_t old)
{
	to(l, net);
	return made(l, initiator_create_child_rekey(&l->client, its_spi(l, old), DH_NONE));
}

static void deleted(struct story *l, uint32_t spi_in)
{
	story_client_send(l, initiator_create_child_delete(&l->client, its_spi(l, spi_in)));
	story_run(l, 100);
	assert_null(story_sad(l, story_holder(l), spi_in));
}

/* The client's first packet by that SA. */
static void used(struct story *l, uint32_t spi_in)
{
	uint32_t holder = story_holder(l);

	story_report(l, holder, story_sad(l, holder, spi_in), SA_REPORT_FIRST_IN, 1);
	story_run(l, 100);
}

/* Which SA a packet from that network to the client finds, as the engine looks it up. */
static uint32_t finds(struct story *l, uint32_t node, uint32_t any_spi, uint8_t net)
{
	const struct address client = story_sad(l, node, any_spi)->child.remote.ts[0].start;
	const struct inner_packet p = {
		.src = { .family = 4, .octets = { 10, 20, net, 7 } }, .dst = client, .protocol = 17,
	};
	struct sa *sa = NULL;

	if (route_table_find(&l->node[node].worker.engine.routes, &p, &sa) != DROP_NONE)
		return 0;
	return sa->e.child.spi_in;
}

/* Both networks' Child SAs are replaced before the old ones are deleted; the client uses the later
 * one first. */
static void two_rekeys_cross(void **unused)
{
	struct story l;
	uint32_t a, b, new_a, new_b;

	(void)unused;
	a = begin(&l);
	b = another(&l, 2);
	new_a = rekeyed(&l, 1, a);
	new_b = rekeyed(&l, 2, b);
	used(&l, new_b);
	assert_int_equal(finds(&l, story_holder(&l), a, 1), a);
	assert_int_equal(finds(&l, story_holder(&l), a, 2), new_b);
	used(&l, new_a);
	assert_int_equal(finds(&l, story_holder(&l), a, 1), new_a);
	assert_int_equal(finds(&l, story_holder(&l), a, 2), new_b);
	assert_false(story_sad(&l, story_holder(&l), a)->outbound);
	assert_false(story_sad(&l, story_holder(&l), b)->outbound);
	deleted(&l, a);
	deleted(&l, b);
	for (uint32_t n = 0; n < 3; n++) {
		assert_int_equal(finds(&l, n, new_a, 1), new_a);
		assert_int_equal(finds(&l, n, new_a, 2), new_b);
	}
	story_fini(&l);
}

/* It was cut off, and sees two new Child SAs in one look. */
static void two_are_seen_at_once(void **unused)
{
	struct story l;
	uint32_t third, spi[3];

	(void)unused;
	spi[0] = begin(&l);
	third = story_third(&l);
	story_cut_off(&l, third);
	for (uint8_t i = 1; i < 3; i++)
		spi[i] = another(&l, (uint8_t)(i + 1));
	story_rejoin(&l, third);
	story_run(&l, 3000);
	story_level(&l);
	for (uint32_t n = 0; n < 3; n++)
		for (uint8_t i = 0; i < 3; i++)
			assert_int_equal(finds(&l, n, spi[0], (uint8_t)(i + 1)), spi[i]);
	story_lose(&l, story_holder(&l));
	story_run(&l, 3000);
	for (uint8_t i = 0; i < 3; i++)
		assert_int_equal(finds(&l, story_holder(&l), spi[0], (uint8_t)(i + 1)), spi[i]);
	story_fini(&l);
}

/* The client deletes the replacement, or a second SA of the same selectors: the older one, which
 * is not the last of the session, carries again. */
static void what_was_superseded_carries_again(void **unused)
{
	struct story l;
	uint32_t a, b, new_a, same_b, new_same_b;

	(void)unused;
	a = begin(&l);
	b = another(&l, 2);
	new_a = rekeyed(&l, 1, a);
	used(&l, new_a);
	same_b = another(&l, 2);
	assert_int_equal(finds(&l, story_holder(&l), a, 1), new_a);
	assert_int_equal(finds(&l, story_holder(&l), a, 2), same_b);
	deleted(&l, new_a);
	for (uint32_t n = 0; n < 3; n++) {
		assert_int_equal(finds(&l, n, a, 1), a);
		assert_int_equal(finds(&l, n, a, 2), same_b);
	}
	new_same_b = another(&l, 3);
	deleted(&l, same_b);
	for (uint32_t n = 0; n < 3; n++) {
		assert_int_equal(finds(&l, n, a, 1), a);
		assert_int_equal(finds(&l, n, a, 2), b);
		assert_int_equal(finds(&l, n, a, 3), new_same_b);
	}
	story_fini(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_rekeys_cross),
		cmocka_unit_test(two_are_seen_at_once),
		cmocka_unit_test(what_was_superseded_carries_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Stories of slow groups: the loop computes none of their values, each message waits for its own,
 * and messages that come meanwhile, again or through another leader, cost no further value. */
#include "test/lib/story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define LIMIT (UINT64_C(1) << 32)
#define PER_SOURCE 32u /* SLOW_DH_PER_SOURCE */
#define CROWD 64u      /* SLOW_DH_CROWD */

static void begin(struct story *l, const char *ike, const char *esp)
{
	struct ike_connection *c;

	story_init(l, 3);
	for (uint32_t i = 0; i < 3; i++) {
		c = l->config[i].policy->ike.connections;
		assert_int_equal(proposal_parse_ike(&c->ike[0], ike, NULL), OK);
		assert_int_equal(proposal_parse_esp(&c->esp[0], esp, NULL), OK);
		l->config[i].lease = LIMIT - LIMIT / 4 - 2; /* The first ends just below 75 %. */
	}
	c = l->config[0].policy->ike.connections;
	l->client.config.ike[0] = c->ike[0];
	l->client.config.esp[0] = c->esp[0];
	story_start_all(l);
	story_run(l, 2000);
}

/* As the client calls it. */
static uint32_t newest(const struct story *l)
{
	return l->client.child[l->client.n_child - 1].spi_in;
}

static uint64_t busy_drops(struct story *l)
{
	struct core_status s;

	core_status(l->node[story_leader(l)].core, &s);
	return s.drops[DROP_IKE_BUSY];
}

static void a_handshake_costs(const char *ike, unsigned computations)
{
	struct story l;

	begin(&l, ike, "aes128gcm16");
	story_client_connect(&l);
	assert_int_equal(l.client.state, INITIATOR_ESTABLISHED);
	assert_int_equal(l.n_computed, computations);
	story_fini(&l);
}

static void a_slow_group_costs_one_computation_outside(void **unused)
{
	(void)unused;
	a_handshake_costs("aes128gcm16-prfsha256-modp4096", 1);
	a_handshake_costs("aes128gcm16-prfsha256-modp2048", 0);
}

static void a_request_again_is_computed_once(void **unused)
{
	struct blob *init;
	struct story l;

	(void)unused;
	begin(&l, "aes128gcm16-prfsha256-modp3072", "aes128gcm16");
	l.computes_never = true;
	init = initiator_create_init(&l.client);
	for (unsigned i = 0; i < 5; i++)
		story_datagram(&l, story_holder(&l), &l.client, init);
	assert_int_equal(l.n_computed, 1);
	assert_int_equal(l.n_to_client, 0);
	blob_unref(init);
	story_fini(&l);
}

/* An attacker who has seen it sends the client's public value first, from elsewhere. */
static void the_same_value_from_elsewhere_delays_nobody(void **unused)
{
	struct initiator other;
	struct blob *init;
	struct story l;

	(void)unused;
	begin(&l, "aes128gcm16-prfsha256-modp3072", "aes128gcm16");
	story_client_other(&l, &other, &l.client.config);
	other.config.local.port++;
	init = initiator_create_init(&l.client);
	l.computes_never = true;
	story_datagram(&l, story_holder(&l), &other, init);
	l.computes_never = false;
	story_client_send(&l, init);
	assert_int_equal(l.client.state, INITIATOR_ESTABLISHED);
	assert_int_equal(l.n_computed, 2);
	initiator_fini(&other);
	story_fini(&l);
}

/* Nothing is answered, so all questions stay. */
static void who_asks_for_much_shows_where_it_is(void **unused)
{
	struct blob *init;
	struct story l;

	(void)unused;
	begin(&l, "aes128gcm16-prfsha256-modp3072", "aes128gcm16");
	l.computes_never = true;
	for (unsigned i = 0; i < CROWD + 8; i++) {
		l.client.config.local.address = address_ipv4(0xc6336400u + i / 16);
		init = initiator_create_init(&l.client);
		story_datagram(&l, story_holder(&l), &l.client, init);
		blob_unref(init);
	}
	assert_int_equal(l.n_computed, CROWD);
	assert_int_equal(l.n_to_client, 8); /* COOKIEs */
	story_fini(&l);
}

static void one_address_has_a_share(void **unused)
{
	struct blob *init;
	struct story l;

	(void)unused;
	begin(&l, "aes128gcm16-prfsha256-modp3072", "aes128gcm16");
	l.computes_never = true;
	for (unsigned i = 0; i < PER_SOURCE + 3; i++) {
		init = initiator_create_init(&l.client);
		story_datagram(&l, story_holder(&l), &l.client, init);
		blob_unref(init);
	}
	assert_int_equal(busy_drops(&l), 3);
	assert_int_equal(l.n_computed, PER_SOURCE);
	story_fini(&l);
}

static void a_bad_value_is_dropped(void **unused)
{
	struct blob *init;
	struct story l;

	(void)unused;
	begin(&l, "aes128gcm16-prfsha256-modp4096", "aes128gcm16");
	init = initiator_create_init(&l.client);
	/* The KE payload is the longest: all that is not zero in its midst becomes zero. */
	for (size_t i = 0, run = 0; i < init->len; i++) {
		static const uint8_t ke_head[] = {0, 16, 0, 0};

		run = run > 0 ? run - 1 : 0;
		if (i >= 4 && run == 0 && memcmp(init->data + i - 4, ke_head, 4) == 0)
			run = 512;
		if (run > 0)
			init->data[i] = 0;
	}
	story_client_send(&l, init);
	assert_int_equal(l.n_computed, 1);
	assert_int_equal(l.client.state, INITIATOR_INIT_SENT);
	story_fini(&l);
}

/* The leader that would have got the value is gone. */
static void the_next_leader_computes_anew(void **unused)
{
	struct blob *init;
	struct story l;

	(void)unused;
	begin(&l, "aes128gcm16-prfsha256-modp3072", "aes128gcm16");
	l.computes_never = true;
	init = initiator_create_init(&l.client);
	story_datagram(&l, story_holder(&l), &l.client, init);
	story_lose_leader(&l);
	l.computes_never = false;
	story_client_send(&l, init);
	assert_int_equal(l.client.state, INITIATOR_ESTABLISHED);
	assert_int_equal(l.n_computed, 2);
	story_fini(&l);
}

static void the_client_rekeys(void **unused)
{
	uint64_t spi_r;
	struct story l;
	uint32_t spi;

	(void)unused;
	begin(&l, "aes128gcm16-prfsha256-ecp384", "aes128gcm16-ecp384");
	story_client_connect(&l);
	assert_int_equal(l.n_computed, 1);
	spi = story_spi(&l);
	spi_r = l.client.ike[0].spi_r;
	story_client_send(&l, initiator_create_child_rekey(&l.client, newest(&l), DH_ECP_384));
	assert_int_equal(l.n_computed, 2);
	assert_int_not_equal(story_spi(&l), spi);
	story_client_send(&l, initiator_create_child_delete(&l.client, l.client.child[0].spi_in));
	story_client_send(&l, initiator_create_ike_rekey(&l.client, DH_ECP_384));
	assert_int_equal(l.n_computed, 3);
	assert_true(l.client.ike[0].spi_r != spi_r);
	story_level(&l);
	story_fini(&l);
}

/* Two values: its own pair, and the shared one when the client has answered. The leader that asked
 * is lost before the answer: the next one has what finishes it. */
static void the_gateway_rekeys(void **unused)
{
	struct story l;
	uint32_t spi;

	(void)unused;
	begin(&l, "aes128gcm16-prfsha256-x25519", "aes128gcm16-modp3072");
	l.client.config.esp[0] = l.config[0].policy->ike.connections->esp[0];
	story_client_connect(&l);
	assert_int_equal(l.n_computed, 0); /* The first Child SA has no KE payload. */
	spi = story_spi(&l);
	/* A rekey with KE, so that the next one has it, too. */
	story_client_send(&l, initiator_create_child_rekey(&l.client, newest(&l), DH_MODP_3072));
	story_client_send(&l, initiator_create_child_delete(&l.client, l.client.child[0].spi_in));
	assert_int_equal(l.n_computed, 1);
	spi = story_spi(&l);
	story_report(&l, story_holder(&l), story_owned(&l), SA_REPORT_LEASE_LOW, LIMIT / 2);
	story_run(&l, 3000);
	assert_int_equal(l.n_computed, 2);
	story_lose_leader(&l);
	for (unsigned k = 0; k < 30; k++) {
		story_client_listen(&l);
		story_run(&l, 100);
	}
	assert_int_equal(l.client.counts.rekeys, 1);
	assert_int_not_equal(story_spi(&l), spi);
	assert_int_equal(l.client.n_child, 1);
	assert_int_equal(l.n_computed, 3);
	story_level(&l);
	story_fini(&l);
}

/* What waits in the session's line comes after it, in order. */
static void the_client_goes_on_meanwhile(void **unused)
{
	struct blob *rekey;
	struct story l;
	uint32_t spi;

	(void)unused;
	begin(&l, "aes128gcm16-prfsha256-x25519", "aes128gcm16-modp3072");
	story_client_connect(&l);
	spi = story_spi(&l);
	rekey = initiator_create_child_rekey(&l.client, newest(&l), DH_MODP_3072);
	story_datagram(&l, story_holder(&l), &l.client, rekey);
	story_datagram(&l, story_holder(&l), &l.client, rekey);
	story_datagram(&l, story_holder(&l), &l.client, rekey);
	story_run(&l, 10);
	story_client_send(&l, rekey);
	assert_int_equal(l.n_computed, 1);
	assert_int_not_equal(story_spi(&l), spi);
	story_level(&l);
	story_fini(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_slow_group_costs_one_computation_outside),
		cmocka_unit_test(a_request_again_is_computed_once),
		cmocka_unit_test(the_same_value_from_elsewhere_delays_nobody),
		cmocka_unit_test(who_asks_for_much_shows_where_it_is),
		cmocka_unit_test(one_address_has_a_share),
		cmocka_unit_test(a_bad_value_is_dropped),
		cmocka_unit_test(the_next_leader_computes_anew),
		cmocka_unit_test(the_client_rekeys),
		cmocka_unit_test(the_gateway_rekeys),
		cmocka_unit_test(the_client_goes_on_meanwhile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

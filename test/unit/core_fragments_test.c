/* SPDX-License-Identifier: Apache-2.0 */
/* Stories of messages in fragments (RFC 7383): leaders come and go between any two of them; what is
 * kept, and how long; and an attacker without keys cannot make us keep anything. */
#include "test/lib/story.h"
#include "test/unit/same.h"

#include "cluster/core/fragments.h"
#include "proto/ike/fragment.h"
#include "proto/ike/ike_message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Both sides cut what is longer than 224 octets. */
static void begin(struct story *l)
{
	story_begin(l, 3);
	for (uint32_t i = 0; i < 3; i++)
		l->config[i].policy->ike.fragment_size = IKE_FRAGMENT_SIZE_MIN;
	l->client.config.fragment_size = IKE_FRAGMENT_SIZE_MIN;
	l->client.config.mobike = l->client.config.initial_contact = l->client.config.request_dns = true;
	assert_int_equal(ike_id_parse(&l->client.config.remote_id, "gw"), OK);
}

static size_t kept(struct story *l)
{
	struct core_status s;

	core_status(l->node[story_leader(l)].core, &s);
	return s.fragments;
}

/* The client's whole message that begins with data; adopts data. */
static struct ike_datagrams *all_of(const struct initiator *i, struct blob *data)
{
	struct blob *b[IKE_DATAGRAMS_MAX];
	uint32_t n = 0;

	for (; data; data = initiator_next_datagram(i, data)) {
		assert_true(n < IKE_DATAGRAMS_MAX);
		b[n++] = data;
	}
	return ike_datagrams_new(b, n);
}

static void give(struct story *l, const struct ike_datagrams *m, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++)
		story_datagram(l, story_holder(l), &l->client, m->datagram[i]);
	story_run(l, 10);
}

/* Its IKE_AUTH request. */
static struct ike_datagrams *auth_of(struct story *l)
{
	struct blob *b, *d = initiator_create_init(&l->client);

	story_datagram(l, story_holder(l), &l->client, d);
	story_run(l, 10);
	blob_unref(d);
	assert_int_equal(l->n_to_client, 1);
	b = blob_ref(l->to_client[0]);
	story_swallow(l);
	d = initiator_consume(&l->client, b->data, b->len);
	blob_unref(b);
	return all_of(&l->client, d);
}

/* Half-open: the leader is lost after any number of fragments. */
static void the_leader_is_lost_between_fragments_of_ike_auth(void **unused)
{
	uint32_t n = 1;

	(void)unused;
	for (uint32_t k = 0; k <= n; k++) {
		struct ike_datagrams *m;
		struct story l;

		begin(&l);
		m = auth_of(&l);
		n = m->n;
		assert_true(n > 1);
		give(&l, m, 0, k);
		assert_int_equal(kept(&l) > 0, k > 0 && k < n);
		story_swallow(&l);
		story_lose_leader(&l);
		give(&l, m, k, n); /* The others alone make nothing. */
		assert_int_equal(l.n_to_client > 0, k == 0);
		give(&l, m, 0, n);
		story_client_listen(&l);
		assert_int_equal(l.client.state, INITIATOR_ESTABLISHED);
		assert_int_equal(l.client.n_child, 1);
		story_client_send(&l, initiator_create_dpd(&l.client));
		assert_int_equal(l.client.counts.responses, 1);
		assert_int_equal(kept(&l), 0);
		story_level(&l);
		ike_datagrams_unref(m);
		story_fini(&l);
	}
}

/* All that has come out: one message, in as many datagrams as it has. */
static struct ike_datagrams *said(struct story *l)
{
	struct blob *b[IKE_DATAGRAMS_MAX];
	uint32_t n = l->n_to_client;

	assert_true(n > 0);
	for (uint32_t i = 0; i < n; i++)
		b[i] = blob_ref(l->to_client[i]);
	story_swallow(l);
	return ike_datagrams_new(b, n);
}

/* Of a session: a rekey by the client, whose answer comes in fragments too. */
static void the_next_leader_repeats_all_fragments_for_the_first(void **unused)
{
	struct ike_datagrams *m, *answer, *again;
	struct story l;

	(void)unused;
	begin(&l);
	story_client_connect(&l);
	m = all_of(&l.client, initiator_create_child_rekey(&l.client, l.client.child[0].spi_in, DH_MODP_2048));
	assert_true(m->n > 2);
	give(&l, m, 1, m->n);
	assert_true(kept(&l) > 0);
	assert_int_equal(l.n_to_client, 0);
	give(&l, m, 0, 1);
	answer = said(&l);
	assert_true(answer->n > 1);
	assert_int_equal(kept(&l), 0);
	story_lose_leader(&l);
	story_swallow(&l); /* What a new leader sends by itself: notices, the cached response. */
	give(&l, m, 1, m->n);
	assert_int_equal(l.n_to_client, 0);
	assert_int_equal(kept(&l), 0);
	give(&l, m, 0, 1);
	again = said(&l);
	assert_true(ike_datagrams_equal(answer, again));
	ike_datagrams_unref(m);
	ike_datagrams_unref(answer);
	ike_datagrams_unref(again);
	story_fini(&l);
}

/* RFC 7383 2.6: "it MUST discard all IKE Fragment messages received so far". */
static void half_a_message_is_kept_for_half_a_minute(void **unused)
{
	struct ike_datagrams *m;
	struct story l;

	(void)unused;
	begin(&l);
	story_client_connect(&l);
	m = all_of(&l.client, initiator_create_child_rekey(&l.client, l.client.child[0].spi_in, DH_MODP_2048));
	give(&l, m, 1, m->n);
	story_run(&l, 29000);
	assert_true(kept(&l) > 0);
	story_run(&l, 1100);
	assert_int_equal(kept(&l), 0);
	give(&l, m, 0, 1);
	story_swallow(&l);
	assert_int_equal(l.client.n_child, 1);
	ike_datagrams_unref(m);
	story_fini(&l);
}

/* The client gives up on the fragments, and sends the same in one piece. */
static void what_the_window_has_passed_is_forgotten(void **unused)
{
	struct ike_datagrams *m;
	struct story l;

	(void)unused;
	begin(&l);
	story_client_connect(&l);
	m = all_of(&l.client, initiator_create_child_rekey(&l.client, l.client.child[0].spi_in, DH_MODP_2048));
	give(&l, m, 0, 1);
	assert_true(kept(&l) > 0);
	ike_datagrams_unref(m);
	ike_datagrams_set(&l.client.ike[0].window.outstanding, NULL);
	story_client_send(&l, initiator_create_dpd(&l.client));
	assert_int_equal(l.client.counts.responses, 1);
	assert_int_equal(kept(&l), 0);
	story_fini(&l);
}

/* Forged fragments: for a session, for a half-open SA, for no SA. */
static void forged_fragments_are_not_kept(void **unused)
{
	struct ike_datagrams *m;
	struct story l;

	(void)unused;
	begin(&l);
	for (unsigned session = 0; session < 2; session++) {
		m = session ? all_of(&l.client, initiator_create_child_rekey(
						 &l.client, l.client.child[0].spi_in, DH_MODP_2048))
			    : auth_of(&l);
		for (size_t at = 0; at < m->datagram[1]->len; at++) {
			struct blob *b = blob_new(m->datagram[1]->data, m->datagram[1]->len);

			b->data[at] ^= 1;
			story_datagram(&l, story_holder(&l), &l.client, b);
			blob_unref(b);
		}
		story_run(&l, 10);
		assert_int_equal(kept(&l), 0);
		assert_int_equal(l.n_to_client, 0);
		give(&l, m, 0, m->n);
		story_client_listen(&l);
		assert_int_equal(l.client.state, INITIATOR_ESTABLISHED);
		ike_datagrams_unref(m);
	}
	assert_int_equal(l.client.n_child, 2);
	story_fini(&l);
}

/* IKE_SA_INIT from another address, then all but the last fragment of a long IKE_AUTH. */
static void fill_one(struct story *l, struct initiator *i, unsigned n)
{
	static const uint8_t body[1800];
	struct ike_datagrams *m;
	struct ike_builder b;
	struct blob *d, *answer;

	i->config.local.address = address_ipv4(0x0a500000u + n);
	d = initiator_create_init(i);
	story_datagram(l, story_leader(l), i, d);
	story_run(l, 1);
	blob_unref(d);
	assert_int_equal(l->n_to_client, 1);
	answer = blob_ref(l->to_client[0]);
	story_swallow(l);
	blob_unref(initiator_consume(i, answer->data, answer->len));
	blob_unref(answer);
	ike_datagrams_set(&i->ike[0].window.outstanding, NULL);
	initiator_begin(i, 0, IKE_EXCHANGE_AUTH, &b);
	for (unsigned k = 0; k < 4; k++)
		ike_add_payload(&b, IKE_PAYLOAD_V, false, body, sizeof(body));
	m = all_of(i, initiator_send(i, 0, INITIATOR_OTHER, &b));
	for (uint32_t k = 0; k + 1 < m->n; k++)
		story_datagram(l, story_leader(l), i, m->datagram[k]);
	ike_datagrams_unref(m);
}

/* Many half-open SAs, and never a last fragment: what is kept is bounded, and an honest client gets
 * through. */
static void all_together_have_a_bound(void **unused)
{
	struct initiator_config c;
	struct initiator i;
	struct story l;
	size_t most = 0;

	(void)unused;
	begin(&l);
	for (uint32_t k = 0; k < 3; k++)
		l.config[k].policy->limits.cookie_above = 9000;
	c = l.client.config;
	c.fragment_size = 1400;
	story_client_other(&l, &i, &c);
	for (unsigned n = 0; n < 1500; n++) {
		fill_one(&l, &i, n);
		if (kept(&l) > most)
			most = kept(&l);
	}
	assert_true(most <= FRAGMENTS_OCTETS_MAX);
	assert_true(most > FRAGMENTS_OCTETS_MAX - 10000);
	story_client_connect(&l);
	assert_int_equal(l.client.state, INITIATOR_ESTABLISHED);
	initiator_fini(&i);
	story_fini(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_leader_is_lost_between_fragments_of_ike_auth),
		cmocka_unit_test(the_next_leader_repeats_all_fragments_for_the_first),
		cmocka_unit_test(half_a_message_is_kept_for_half_a_minute),
		cmocka_unit_test(what_the_window_has_passed_is_forgotten),
		cmocka_unit_test(forged_fragments_are_not_kept),
		cmocka_unit_test(all_together_have_a_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

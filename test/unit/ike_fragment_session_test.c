/* SPDX-License-Identifier: Apache-2.0 */
/* Exchanges in fragments, both ways, by the clauses of RFC 7383:
 *
 *	2.3    the NOTIFY, from both sides                        it_takes_two
 *	2.4    not unless both have indicated their support       it_takes_two, fragments_unasked
 *	2.4    what is long is fragmented from then on            everything_in_fragments
 *	2.6    silently discarded                                 nobody_answers_a_part
 *	2.6    then it is processed as a regular message          everything_in_fragments
 *	2.6.1  a response once more for fragment 1 alone          the_first_fragment_alone_is_answered
 *	2.6.1  the numbers tell a retransmission                  cut_otherwise
 *	3      RFC 6311's messages are never fragmented            by construction: they are short
 */
#include "proto/ike/fragment.h"
#include "test/unit/hostile.h"
#include "test/unit/same.h"

/* Both ends cut what is longer than 224 octets. */
static void setup(struct fixture *f)
{
	fixture_setup(f, "aes128gcm16-prfsha384-x25519-modp2048", ESP_DEFAULT);
	f->g.config.fragment_size = f->config.fragment_size = IKE_FRAGMENT_SIZE_MIN;
	fixture_handshake(f);
	assert_int_equal(f->i.state, INITIATOR_ESTABLISHED);
}

/* The client's request of so much content, whole: all its datagrams. */
static struct ike_datagrams *request_of(struct fixture *f, size_t octets)
{
	uint8_t body[2000] = {1};
	struct ike_builder b;

	initiator_begin(&f->i, 0, IKE_EXCHANGE_INFORMATIONAL, &b);
	ike_add_payload(&b, IKE_PAYLOAD_V, false, body, octets);
	blob_unref(initiator_send(&f->i, 0, INITIATOR_OTHER, &b));
	return ike_datagrams_ref(f->i.ike[0].window.outstanding);
}

/* A copy to the gateway; its verdict, and its reply in f->g.reply. */
static enum ike_verdict give(struct fixture *f, const struct blob *b)
{
	blob_unref(fixture_to_gateway(f, blob_new(b->data, b->len)));
	return f->g.verdict;
}

/* All but the last are kept, and the last is answered. */
static void give_all(struct fixture *f, const struct ike_datagrams *m)
{
	for (uint32_t i = 0; i + 1 < m->n; i++)
		assert_int_equal(give(f, m->datagram[i]), IKE_VERDICT_WAIT);
	assert_int_equal(give(f, m->datagram[m->n - 1]), IKE_VERDICT_STEP);
}

static bool has_notify(const struct blob *b)
{
	struct ike_message m;
	const struct ike_notify *n;

	assert_int_equal(ike_message_parse(&m, b->data, b->len), OK);
	n = ike_message_notify(&m, IKE_NOTIFY_FRAGMENTATION_SUPPORTED);
	if (!n)
		return false;
	assert_int_equal(n->protocol, 0);
	assert_int_equal(CBS_len(&n->spi), 0);
	assert_int_equal(CBS_len(&n->data), 0);
	return true;
}

static void it_takes_two(void **unused)
{
	(void)unused;
	for (unsigned k = 0; k < 4; k++) {
		bool client = k & 1, gateway = k & 2;
		struct ike_datagrams *m;
		struct blob *d, *reply;
		struct fixture f;

		fixture_setup(&f, OFFER, ESP_DEFAULT);
		f.g.config.fragment_size = f.config.fragment_size = IKE_FRAGMENT_SIZE_MIN;
		f.config.fragmentation = client;
		f.g.config.fragmentation = gateway;
		f.i.config = f.config;
		d = initiator_create_init(&f.i);
		assert_int_equal(has_notify(d), client);
		reply = fixture_to_gateway(&f, d);
		assert_int_equal(has_notify(reply), client && gateway);
		assert_int_equal((f.g.half_open->features & IKE_PEER_FRAGMENTATION) != 0, client && gateway);
		gateway_exchange(&f.g, &f.i, fixture_to_client(&f, reply));
		assert_int_equal(f.i.state, INITIATOR_ESTABLISHED);
		assert_int_equal((f.g.session->features & IKE_PEER_FRAGMENTATION) != 0, client && gateway);
		assert_int_equal(f.g.reply->n > 1, client && gateway);
		m = request_of(&f, 500);
		assert_int_equal(m->n > 1, client && gateway);
		ike_datagrams_unref(m);
		fixture_teardown(&f);
	}
}

/* IKE_AUTH, rekeys of both kinds and by both sides, with messages of several datagrams each. */
static void everything_in_fragments(void **unused)
{
	struct ike_request r = {.purpose = IKE_PURPOSE_REKEY_CHILD};
	struct blob *request, *answer;
	struct fixture f;
	unsigned n;

	(void)unused;
	setup(&f);
	assert_true(f.i.counts.fragments > 0);
	n = gateway_exchange(&f.g, &f.i, initiator_create_child_rekey(&f.i, f.i.child[0].spi_in, DH_ECP_256));
	assert_true(n >= 4);
	assert_int_equal(f.i.n_child, 2);
	n = gateway_exchange(&f.g, &f.i, initiator_create_ike_rekey(&f.i, DH_MODP_2048));
	assert_true(n >= 3);
	assert_int_equal(f.g.session->ike[0].spi_r, f.i.ike[0].spi_r);
	gateway_exchange(&f.g, &f.i, initiator_create_ike_delete(&f.i, 1));
	gateway_exchange(&f.g, &f.i, initiator_create_child_delete(&f.i, f.i.child[0].spi_in));
	r.spi_in = f.g.session->child[0].spi_in;
	r.group = DH_MODP_2048;
	request = gateway_request(&f.g, &r);
	assert_true(f.g.reply->n > 1);
	assert_true(ike_datagrams_equal(f.g.reply, f.g.session->ike[0].window.outstanding));
	answer = NULL;
	for (uint32_t i = 0; i < f.g.reply->n; i++) {
		assert_null(answer);
		answer = initiator_consume(&f.i, f.g.reply->datagram[i]->data, f.g.reply->datagram[i]->len);
	}
	assert_int_equal(f.i.counts.rekeys, 1);
	gateway_exchange(&f.g, &f.i, answer);
	assert_int_equal(f.g.session->n_child, 2);
	blob_unref(request);
	fixture_teardown(&f);
}

/* A side that did not offer it does not accept it. */
static void fragments_unasked(void **unused)
{
	struct ike_datagrams *m;
	struct fixture f;

	(void)unused;
	setup(&f);
	f.g.session->features &= ~(uint32_t)IKE_PEER_FRAGMENTATION;
	m = request_of(&f, 500);
	for (uint32_t i = 0; i < m->n; i++) {
		assert_int_equal(give(&f, m->datagram[i]), IKE_VERDICT_DROP);
		assert_int_equal(f.g.drop, DROP_IKE_FRAGMENT);
	}
	ike_datagrams_unref(m);
	fixture_teardown(&f);
}

/* A single fragment is no message: none of it is read, whichever it is. */
static void nobody_answers_a_part(void **unused)
{
	struct ike_datagrams *m;
	struct fixture f;
	uint32_t next;

	(void)unused;
	setup(&f);
	next = f.g.session->ike[0].window.next_in;
	m = request_of(&f, 500);
	for (uint32_t i = 0; i + 1 < m->n; i++) {
		assert_int_equal(give(&f, m->datagram[i]), IKE_VERDICT_WAIT);
		assert_null(f.g.reply);
	}
	assert_int_equal(f.g.session->ike[0].window.next_in, next);
	assert_int_equal(give(&f, m->datagram[m->n - 1]), IKE_VERDICT_STEP);
	assert_int_equal(f.g.session->ike[0].window.next_in, next + 1);
	ike_datagrams_unref(m);
	fixture_teardown(&f);
}

static void the_first_fragment_alone_is_answered(void **unused)
{
	struct ike_datagrams *m, *first;
	struct fixture f;

	(void)unused;
	setup(&f);
	m = request_of(&f, 500);
	give_all(&f, m);
	first = ike_datagrams_ref(f.g.reply);
	for (unsigned again = 0; again < 2; again++) {
		for (uint32_t i = m->n - 1; i > 0; i--) {
			assert_int_equal(give(&f, m->datagram[i]), IKE_VERDICT_DROP);
			assert_int_equal(f.g.drop, DROP_IKE_MESSAGE_ID);
		}
		assert_int_equal(give(&f, m->datagram[0]), IKE_VERDICT_REPLY);
		assert_true(ike_datagrams_equal(f.g.reply, first));
	}
	ike_datagrams_unref(first);
	ike_datagrams_unref(m);
	fixture_teardown(&f);
}

/* The client's last request, sealed anew with other datagrams. */
static struct ike_datagrams *cut_again(struct fixture *f, uint32_t fragment_size)
{
	uint32_t features = f->i.features;
	struct ike_datagrams *m;

	f->i.config.fragment_size = fragment_size;
	if (fragment_size == 0)
		f->i.features &= ~(uint32_t)IKE_PEER_FRAGMENTATION;
	ike_datagrams_set(&f->i.ike[0].window.outstanding, NULL);
	m = request_of(f, 500);
	f->i.features = features;
	return m;
}

/* 2.4: "might first try to send an unfragmented message and resend it as fragmented"; 2.5.2: it may
 * try smaller fragments then. Once one form was executed, the others get its answer. */
static void cut_otherwise(void **unused)
{
	static const struct {
		uint32_t first, then; /* Fragment sizes; 0: one datagram */
		bool answered;
	} rows[] = {
		{0, IKE_FRAGMENT_SIZE_MIN, true},
		{IKE_FRAGMENT_SIZE_MIN, 0, true},
		{400, IKE_FRAGMENT_SIZE_MIN, true},
		{IKE_FRAGMENT_SIZE_MIN, 400, false}, /* The total never falls. */
		{0, 0, false},                       /* RFC 7296 2.1: bitwise identical */
	};

	(void)unused;
	for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
		struct ike_datagrams *m, *answer;
		struct fixture f;
		struct blob *b;

		setup(&f);
		m = cut_again(&f, rows[k].first);
		give_all(&f, m);
		answer = ike_datagrams_ref(f.g.reply);
		ike_datagrams_unref(m);
		m = cut_again(&f, rows[k].then);
		b = blob_new(m->datagram[0]->data, m->datagram[0]->len);
		b->data[b->len - 1] ^= 1; /* Without a key an attacker gains nothing. */
		assert_int_equal(give(&f, b), IKE_VERDICT_DROP);
		blob_unref(b);
		assert_int_equal(give(&f, m->datagram[0]),
				 rows[k].answered ? IKE_VERDICT_REPLY : IKE_VERDICT_DROP);
		if (rows[k].answered)
			assert_true(ike_datagrams_equal(f.g.reply, answer));
		ike_datagrams_unref(answer);
		ike_datagrams_unref(m);
		fixture_teardown(&f);
	}
}

/* The same at the initiator, whose gateway's request came in fragments. */
static void the_initiator_repeats_its_answer(void **unused)
{
	struct ike_request r = {.purpose = IKE_PURPOSE_REKEY_CHILD, .group = DH_MODP_2048};
	struct ike_datagrams *m;
	struct blob *answer, *again;
	struct fixture f;

	(void)unused;
	setup(&f);
	r.spi_in = f.g.session->child[0].spi_in;
	blob_unref(gateway_request(&f.g, &r));
	m = ike_datagrams_ref(f.g.reply);
	for (uint32_t i = 0; i + 1 < m->n; i++)
		assert_null(initiator_consume(&f.i, m->datagram[i]->data, m->datagram[i]->len));
	answer = initiator_consume(&f.i, m->datagram[m->n - 1]->data, m->datagram[m->n - 1]->len);
	assert_non_null(answer);
	for (uint32_t i = 1; i < m->n; i++)
		assert_null(initiator_consume(&f.i, m->datagram[i]->data, m->datagram[i]->len));
	again = initiator_consume(&f.i, m->datagram[0]->data, m->datagram[0]->len);
	assert_same_unref(answer, again);
	assert_int_equal(f.i.counts.repeated, 1);
	ike_datagrams_unref(m);
	fixture_teardown(&f);
}

/* Half of a request, then the client gives up on it: the next one does not mix with it. */
static void half_of_a_request_is_left(void **unused)
{
	struct ike_datagrams *half, *m;
	struct fixture f;

	(void)unused;
	setup(&f);
	half = request_of(&f, 500);
	assert_int_equal(give(&f, half->datagram[0]), IKE_VERDICT_WAIT);
	m = cut_again(&f, 0); /* It repeats it in one piece. */
	assert_int_equal(give(&f, m->datagram[0]), IKE_VERDICT_STEP);
	ike_datagrams_unref(m);
	f.i.config.fragment_size = IKE_FRAGMENT_SIZE_MIN;
	ike_window_answered(&f.i.ike[0].window);
	m = request_of(&f, 500);
	give_all(&f, m);
	ike_datagrams_unref(m);
	ike_datagrams_unref(half);
	fixture_teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_takes_two),
		cmocka_unit_test(everything_in_fragments),
		cmocka_unit_test(fragments_unasked),
		cmocka_unit_test(nobody_answers_a_part),
		cmocka_unit_test(the_first_fragment_alone_is_answered),
		cmocka_unit_test(cut_otherwise),
		cmocka_unit_test(the_initiator_repeats_its_answer),
		cmocka_unit_test(half_of_a_request_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

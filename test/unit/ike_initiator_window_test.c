/* SPDX-License-Identifier: Apache-2.0 */
/* The established initiator: its window, the gateway's requests, RFC 6311. */
#include "proto/ike/payload.h"
#include "test/unit/hostile.h"
#include "test/unit/same.h"

/* ---- The window ---- */

static void answers_must_fit(void **state)
{
	struct fixture f;
	struct blob *request;

	(void)state;
	establish(&f, ESP_DEFAULT);
	/* Answers to nothing; then of another exchange, another ID; then the true one. */
	assert_null(to_client(&f, empty(&f, IKE_EXCHANGE_INFORMATIONAL, true, 2)));
	request = initiator_create_dpd(&f.i);
	assert_null(to_client(&f, empty(&f, IKE_EXCHANGE_AUTH, true, 2)));
	assert_null(to_client(&f, empty(&f, IKE_EXCHANGE_CREATE_CHILD_SA, true, 2)));
	assert_null(to_client(&f, empty(&f, IKE_EXCHANGE_INFORMATIONAL, true, 3)));
	assert_null(to_client(&f, empty(&f, IKE_EXCHANGE_INFORMATIONAL, true, 1)));
	assert_int_equal(f.i.counts.responses, 0);
	assert_int_equal(f.i.state, INITIATOR_ESTABLISHED);
	assert_null(fixture_to_client(&f, fixture_to_gateway(&f, request)));
	assert_int_equal(f.i.counts.responses, 1);
	fixture_teardown(&f);
}

static void malformed_request_ends_it(void **state)
{
	struct ike_builder b;
	struct ike_header h;
	struct fixture f;
	struct ike_sa copy;
	struct blob *d;

	(void)state;
	establish(&f, ESP_DEFAULT);
	copy = f.i.ike[0];
	h = header_of(&f, IKE_EXCHANGE_INFORMATIONAL, false, 0);
	ike_builder_init_message(&b, &h);
	ike_add_payload(&b, IKE_PAYLOAD_N, false, "\0\0", 2);
	d = to_client(&f, seal(&f, &b));
	assert_int_equal(f.i.state, INITIATOR_CLOSED);
	assert_int_equal(f.i.n_child, 0);
	f.i.ike[0] = copy; /* To read what it said. */
	assert_int_equal(says(&f, d, NULL), IKE_NOTIFY_INVALID_SYNTAX);
	f.i.ike[0].window.response = f.i.ike[0].window.outstanding = NULL;
	fixture_teardown(&f);
}

/* ---- The gateway rekeys ---- */

static struct blob *gateway_rekey(struct fixture *f, uint32_t id, uint32_t spi, const char *esp)
{
	struct ike_header h = header_of(f, IKE_EXCHANGE_CREATE_CHILD_SA, false, id);
	struct proposal p;
	struct sa_offer offer = {.protocol = IKE_PROTOCOL_ESP, .spi_len = 4, .spi = 0x77777777,
				 .proposals = &p, .n = 1, .with_dh = false};
	const struct ts_set gw = ts("10.20.0.0/16"), cl = ts("0.0.0.0/0");
	struct ike_builder b;

	assert_int_equal(proposal_parse_esp(&p, esp, NULL), OK);
	ike_builder_init_message(&b, &h);
	if (spi)
		ike_add_notify_esp(&b, IKE_NOTIFY_REKEY_SA, spi);
	ike_add_sa_offer(&b, &offer);
	ike_add_nonce(&b, (const uint8_t *)"0123456789abcdef0123456789abcdef", 32);
	ike_add_ts(&b, IKE_PAYLOAD_TSi, &gw);
	ike_add_ts(&b, IKE_PAYLOAD_TSr, &cl);
	return seal(f, &b);
}

static void gateway_may_rekey(void **state)
{
	struct fixture f;
	struct child_sa old;
	uint8_t first;

	(void)state;
	establish(&f, ESP_DEFAULT);
	old = f.i.child[0];
	assert_int_equal(says(&f, to_client(&f, gateway_rekey(&f, 0, 0, ESP_DEFAULT)), NULL),
			 IKE_NOTIFY_NO_ADDITIONAL_SAS);
	assert_int_equal(says(&f, to_client(&f, gateway_rekey(&f, 1, 0x12345678, ESP_DEFAULT)), NULL),
			 IKE_NOTIFY_CHILD_SA_NOT_FOUND);
	assert_int_equal(says(&f, to_client(&f, gateway_rekey(&f, 2, old.spi_out, "aes256gcm16")), NULL),
			 IKE_NOTIFY_NO_PROPOSAL_CHOSEN);
	assert_int_equal(f.i.n_child, 1);
	says(&f, to_client(&f, gateway_rekey(&f, 3, old.spi_out, ESP_DEFAULT)), &first);
	assert_int_equal(first, IKE_PAYLOAD_SA);
	assert_int_equal(f.i.n_child, 2);
	assert_int_equal(f.i.counts.rekeys, 1);
	/* The old one carries packets out until it is deleted. */
	assert_int_equal(f.i.child[1].spi_in, old.spi_in);
	assert_int_equal(f.i.child[0].spi_out, 0x77777777);
	assert_int_equal(f.i.child[0].replaces, 0);
	assert_true(ts_set_equal(&f.i.child[0].local, &old.local));
	assert_true(ts_set_equal(&f.i.child[0].remote, &old.remote));
	/* Its SPI cannot be given twice. */
	assert_int_equal(says(&f, to_client(&f, gateway_rekey(&f, 4, old.spi_out, ESP_DEFAULT)), NULL),
			 IKE_NOTIFY_NO_PROPOSAL_CHOSEN);
	/* An SA that we are closing is not rekeyed. */
	blob_unref(initiator_create_child_delete(&f.i, old.spi_in));
	assert_int_equal(says(&f, to_client(&f, gateway_rekey(&f, 5, old.spi_out, ESP_DEFAULT)), NULL),
			 IKE_NOTIFY_TEMPORARY_FAILURE);
	fixture_teardown(&f);
}

/* ---- RFC 6311 ---- */

struct sync {
	uint32_t nonce, send, receive;
};

static struct blob *sync_request(struct fixture *f, uint32_t id, struct sync s, uint16_t extra,
				 size_t extra_len)
{
	static const uint8_t delta[8] = {0, 0, 4, 0};
	struct ike_header h = header_of(f, IKE_EXCHANGE_INFORMATIONAL, false, id);
	uint8_t data[16];
	struct ike_builder b;

	wire_put_u64(data, (uint64_t)s.nonce << 32 | s.send);
	wire_put_u64(data + 8, (uint64_t)s.receive << 32);
	ike_builder_init_message(&b, &h);
	ike_add_notify(&b, IKE_NOTIFY_IKEV2_MESSAGE_ID_SYNC, data, 12);
	if (extra)
		ike_add_notify(&b, extra, delta, extra_len);
	return seal(f, &b);
}

static struct sync sync_answer(struct fixture *f, struct blob *d)
{
	struct sk_direction dir = sk_direction_of(&f->i.ike[0].suite, &f->i.ike[0].keys, true);
	uint8_t plain[512], type;
	struct ike_message m;
	struct sync s;
	CBS chain;

	assert_non_null(d);
	assert_int_equal(ike_message_parse(&m, d->data, d->len), OK);
	assert_int_equal(m.header.message_id, 0);
	assert_int_equal(m.header.flags, IKE_FLAG_INITIATOR | IKE_FLAG_RESPONSE);
	assert_int_equal(sk_open(&dir, d->data, d->len, plain, &chain, &type), DROP_NONE);
	assert_int_equal(ike_message_parse_content(&m, type, CBS_data(&chain), CBS_len(&chain)), OK);
	/* 5.1: "the response MUST NOT contain any additional payloads" */
	assert_int_equal(m.n_notify, 1);
	assert_int_equal(m.present, UINT64_C(1) << IKE_PAYLOAD_N);
	assert_int_equal(m.notify[0].type, IKE_NOTIFY_IKEV2_MESSAGE_ID_SYNC);
	assert_true(CBS_get_u32(&m.notify[0].data, &s.nonce) &&
		    CBS_get_u32(&m.notify[0].data, &s.send) &&
		    CBS_get_u32(&m.notify[0].data, &s.receive));
	assert_int_equal(CBS_len(&m.notify[0].data), 0);
	blob_unref(d);
	return s;
}

/* Both ends agreed on it; baton's own gateway never does. */
static void agree(struct fixture *f)
{
	establish(f, ESP_DEFAULT);
	assert_int_equal(f->i.features & (IKE_PEER_SYNC | IKE_PEER_REPLAY_SYNC), 0);
	f->i.features |= IKE_PEER_SYNC | IKE_PEER_REPLAY_SYNC;
}

static void message_ids_are_set(void **state)
{
	static const struct {
		uint32_t in, out;  /* What the client stood at. */
		bool outstanding;
		uint32_t m1, p1;   /* Asked for. */
		bool accepted;
		uint32_t m2, p2;
	} rows[] = {
		{5, 7, false, 5, 7, true, 5, 7},   /* 0: both knew it all */
		{5, 7, false, 9, 7, true, 9, 7},   /* 1: M2 is the higher one of M1 and ours */
		{5, 7, false, 4, 7, false, 0, 0},  /* 2: M1 was seen already */
		{5, 7, false, 0, 7, false, 0, 0},  /* 3 */
		{5, 7, false, 6, 3, true, 6, 7},   /* 4: P2 is one more than the highest we used */
		{5, 7, true, 6, 3, true, 6, 8},    /* 5: ... the outstanding one included */
		{5, 7, true, 6, 8, true, 6, 8},    /* 6 */
		{5, 7, false, 6, 20, true, 6, 20}, /* 7: P2 is the higher P1 */
		{0, 2, false, 0, 2, true, 0, 2},   /* 8: nothing was asked yet */
		{5, 7, false, 0x80000000, 7, false, 0, 0}, /* 9: no IKE SA gets that far */
		{5, 7, false, 6, 0xffffffff, false, 0, 0}, /* 10 */
	};

	(void)state;
	for (size_t k = 0; k < sizeof(rows) / sizeof(*rows); k++) {
		struct fixture f;
		struct blob *d;
		struct sync s;

		agree(&f);
		f.i.ike[0].window.next_in = rows[k].in;
		f.i.ike[0].window.next_out = rows[k].out;
		if (rows[k].outstanding)
			blob_unref(initiator_create_dpd(&f.i));
		d = to_client(&f, sync_request(&f, 0, (struct sync){0xabcdef01, rows[k].m1, rows[k].p1}, 0, 0));
		assert_int_equal(d != NULL, rows[k].accepted);
		assert_int_equal(f.i.counts.syncs, rows[k].accepted);
		if (d) {
			s = sync_answer(&f, d);
			assert_int_equal(s.nonce, 0xabcdef01);
			assert_int_equal(s.send, rows[k].p2);
			assert_int_equal(s.receive, rows[k].m2);
			assert_null(initiator_retransmit(&f.i));
		}
		assert_int_equal(f.i.ike[0].window.next_in, rows[k].accepted ? rows[k].m2 : rows[k].in);
		assert_int_equal(f.i.ike[0].window.next_out, rows[k].accepted ? rows[k].p2 : rows[k].out);
		fixture_teardown(&f);
	}
}

static void syncs_are_not_replayed(void **state)
{
	struct fixture f;
	struct blob *first, *one, *two;

	(void)state;
	agree(&f);
	first = sync_request(&f, 0, (struct sync){1, 10, 10}, 0, 0);
	one = to_client(&f, blob_ref(first));
	assert_non_null(one);
	/* The same octets are a retransmission: the same answer, and nothing else. */
	f.i.ike[0].window.next_out = 12;
	two = to_client(&f, blob_ref(first));
	assert_same(one, two);
	assert_int_equal(f.i.ike[0].window.next_out, 12);
	assert_int_equal(f.i.counts.repeated, 1);
	blob_unref(one);
	blob_unref(two);
	/* Other octets with the same M1, or a lower one: dropped. */
	assert_null(to_client(&f, sync_request(&f, 0, (struct sync){2, 10, 10}, 0, 0)));
	/* A later one is taken; then the first is a replay. */
	sync_answer(&f, to_client(&f, sync_request(&f, 0, (struct sync){3, 11, 10}, 0, 0)));
	assert_null(to_client(&f, first));
	assert_int_equal(f.i.ike[0].window.next_in, 11);
	assert_int_equal(f.i.counts.syncs, 2);
	/* What comes next is in the new window. */
	assert_null(to_client(&f, empty(&f, IKE_EXCHANGE_INFORMATIONAL, false, 10)));
	blob_unref(to_client(&f, empty(&f, IKE_EXCHANGE_INFORMATIONAL, false, 11)));
	assert_int_equal(f.i.counts.requests, 1);
	/* A new IKE SA counts from 0. */
	f.i.ike[0].window.next_out = f.g.session->ike[0].window.next_in;
	gateway_exchange(&f.g, &f.i, initiator_create_ike_rekey(&f.i, DH_CURVE25519));
	assert_int_equal(f.i.error, 0);
	assert_int_equal(f.i.sync.floor, 0);
	fixture_teardown(&f);
}

static void syncs_stand_alone(void **state)
{
	const struct sync s = {1, 10, 10};
	struct fixture f;

	(void)state;
	/* Not agreed on. */
	establish(&f, ESP_DEFAULT);
	f.i.ike[0].window.next_in = 3;
	assert_null(to_client(&f, sync_request(&f, 0, s, 0, 0)));
	assert_int_equal(f.i.ike[0].window.next_in, 3);
	fixture_teardown(&f);

	agree(&f);
	f.i.ike[0].window.next_in = 3;
	/* With other payloads, twice, with another ID, in pieces. */
	assert_null(to_client(&f, sync_request(&f, 0, s, IKE_NOTIFY_TAKEOVER, 0)));
	assert_null(to_client(&f, sync_request(&f, 0, s, IKE_NOTIFY_IKEV2_MESSAGE_ID_SYNC, 8)));
	assert_null(to_client(&f, sync_request(&f, 7, s, 0, 0)));
	assert_int_equal(f.i.counts.syncs, 0);
	assert_int_equal(f.i.ike[0].window.next_in, 3);
	/* In the window it is a request like others, and sets nothing. */
	blob_unref(to_client(&f, sync_request(&f, 3, s, 0, 0)));
	assert_int_equal(f.i.ike[0].window.next_in, 4);
	/* Together with IPSEC_REPLAY_COUNTER_SYNC, and that one alone. */
	assert_int_equal(f.i.skip, 0);
	sync_answer(&f, to_client(&f, sync_request(&f, 0, s, IKE_NOTIFY_IPSEC_REPLAY_COUNTER_SYNC, 4)));
	assert_int_equal(f.i.skip, 1024);
	/* A replay of it adds nothing; nor does a delta for ESN. */
	assert_null(to_client(&f, sync_request(&f, 0, s, IKE_NOTIFY_IPSEC_REPLAY_COUNTER_SYNC, 4)));
	sync_answer(&f, to_client(&f, sync_request(&f, 0, (struct sync){1, 12, 10},
						   IKE_NOTIFY_IPSEC_REPLAY_COUNTER_SYNC, 8)));
	assert_int_equal(f.i.skip, 1024);
	fixture_teardown(&f);
}

static void damaged_messages_change_nothing(void **state)
{
	struct fixture f;
	struct blob *d, *bad;
	struct initiator_counts before;

	(void)state;
	agree(&f);
	d = sync_request(&f, 0, (struct sync){1, 10, 10}, 0, 0);
	for (size_t k = 0; k < d->len; k++) {
		before = f.i.counts;
		bad = blob_new(d->data, d->len);
		bad->data[k] ^= 0x40;
		assert_null(to_client(&f, bad));
		assert_int_equal(f.i.counts.ignored, before.ignored + 1);
		assert_int_equal(f.i.ike[0].window.next_in, 0);
	}
	sync_answer(&f, to_client(&f, d));
	fixture_teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_must_fit),
		cmocka_unit_test(malformed_request_ends_it),
		cmocka_unit_test(gateway_may_rekey),
		cmocka_unit_test(message_ids_are_set),
		cmocka_unit_test(syncs_are_not_replayed),
		cmocka_unit_test(syncs_stand_alone),
		cmocka_unit_test(damaged_messages_change_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

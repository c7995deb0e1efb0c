/* SPDX-License-Identifier: Apache-2.0 */
/* Established sessions: message IDs, our own requests, moves. */
#include "test/lib/gateway.h"
#include "test/unit/same.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void assert_dropped(struct fixture *f, struct blob *d, enum drop why)
{
	assert_null(fixture_to_gateway(f, d));
	assert_int_equal(f->g.verdict, IKE_VERDICT_DROP);
	assert_int_equal(f->g.drop, why);
}

/* ---- Message IDs, RFC 7296 2.2 ---- */

static void repeated_request_gets_the_same_bytes(void **state)
{
	struct fixture f;
	struct blob *request, *first;

	(void)state;
	fixture_establish(&f);
	/* INFORMATIONAL -->   <-- INFORMATIONAL, lost   again -->   <-- the same */
	request = initiator_create_dpd(&f.i);
	first = fixture_to_gateway(&f, blob_ref(request));
	assert_int_equal(f.g.verdict, IKE_VERDICT_STEP);
	for (int k = 0; k < 3; k++) {
		assert_same_unref(blob_ref(first), fixture_to_gateway(&f, initiator_retransmit(&f.i)));
		assert_int_equal(f.g.verdict, IKE_VERDICT_REPLY);
	}
	assert_null(fixture_to_client(&f, first));
	assert_int_equal(f.i.counts.responses, 1);
	/* After the next request the old one gets no answer. */
	assert_int_equal(gateway_exchange(&f.g, &f.i, initiator_create_dpd(&f.i)), 2);
	assert_dropped(&f, request, DROP_IKE_MESSAGE_ID);
	fixture_teardown(&f);
}

static void repeated_auth_gets_the_same_bytes(void **state)
{
	struct fixture f;
	struct blob *d, *auth;

	(void)state;
	fixture_setup(&f, IKE_DEFAULT, ESP_DEFAULT);
	d = fixture_to_gateway(&f, initiator_create_init(&f.i));
	auth = fixture_to_client(&f, d);
	d = fixture_to_gateway(&f, blob_ref(auth));
	assert_int_equal(f.g.verdict, IKE_VERDICT_ESTABLISH);
	assert_same_unref(fixture_to_gateway(&f, blob_ref(auth)), d);
	assert_int_equal(f.g.verdict, IKE_VERDICT_REPLY);
	/* Same ID, other bytes: not what we answered. */
	auth->data[auth->len - 1] ^= 1;
	assert_dropped(&f, auth, DROP_IKE_MESSAGE_ID);
	fixture_teardown(&f);
}

/* A command may be refused and its request executed again: never with the same IV. */
static void same_state_other_iv(void **state)
{
	struct ike_datagrams *request;
	struct ike_outcome o[2];
	struct blob *reply[2];
	struct fixture f;

	(void)state;
	fixture_establish(&f);
	request = ike_datagrams_of(initiator_create_dpd(&f.i));
	for (int k = 0; k < 2; k++)
		ike_respond(&f.g.env, f.g.session, &f.g.local, &f.config.local, request, &o[k]);
	assert_int_equal(o[0].verdict, IKE_VERDICT_STEP);
	for (int k = 0; k < 2; k++)
		reply[k] = ike_datagrams_only(o[k].reply);
	assert_int_equal(reply[0]->len, reply[1]->len);
	assert_memory_not_equal(reply[0]->data + IKE_HEADER_LEN + 4,
				reply[1]->data + IKE_HEADER_LEN + 4, 8);
	ike_outcome_fini(&o[0]);
	ike_outcome_fini(&o[1]);
	ike_datagrams_unref(request);
	fixture_teardown(&f);
}

static void skipped_id_is_dropped(void **state)
{
	struct fixture f;

	(void)state;
	fixture_establish(&f);
	f.i.ike[0].window.next_out++;
	assert_dropped(&f, initiator_create_dpd(&f.i), DROP_IKE_MESSAGE_ID);
	fixture_teardown(&f);
}

static void damage_changes_nothing(void **state)
{
	struct fixture f;
	struct blob *request, *bad;

	(void)state;
	fixture_establish(&f);
	request = initiator_create_dpd(&f.i);
	for (size_t k = 0; k < request->len; k++) {
		if (k == 17) /* The version, see other_versions() in ike_init_test.c. */
			continue;
		bad = blob_new(request->data, request->len);
		bad->data[k] ^= 0x10;
		bad = fixture_to_gateway(&f, bad);
		assert_null(bad);
		assert_int_equal(f.g.verdict, IKE_VERDICT_DROP);
		assert_int_equal(f.g.session->ike[0].window.next_in, 2);
	}
	assert_null(fixture_to_client(&f, fixture_to_gateway(&f, request)));
	assert_int_equal(f.i.counts.responses, 1);
	fixture_teardown(&f);
}

static void malformed_request_is_fatal(void **state)
{
	struct fixture f;
	struct ike_builder b;

	(void)state;
	fixture_establish(&f);
	/* INFORMATIONAL with a truncated NOTIFY --> <-- N(INVALID_SYNTAX) */
	initiator_begin(&f.i, 0, IKE_EXCHANGE_INFORMATIONAL, &b);
	ike_add_payload(&b, IKE_PAYLOAD_N, false, "\0\0", 2);
	assert_null(fixture_to_client(&f, fixture_to_gateway(&f, initiator_send(&f.i, 0, INITIATOR_OTHER, &b))));
	assert_int_equal(f.i.error, IKE_NOTIFY_INVALID_SYNTAX);
	assert_int_equal(f.g.verdict, IKE_VERDICT_DELETE);
	fixture_teardown(&f);
}

/* 2.21.2: the client refuses our AUTH, which it can say only in an exchange of its own. 2.21.3: or our syntax. */
static void who_rejects_us_is_gone(void **state)
{
	const uint16_t why[] = {IKE_NOTIFY_AUTHENTICATION_FAILED, IKE_NOTIFY_INVALID_SYNTAX};

	(void)state;
	for (unsigned k = 0; k < 2; k++) {
		struct fixture f;
		struct ike_builder b;

		fixture_establish(&f);
		initiator_begin(&f.i, 0, IKE_EXCHANGE_INFORMATIONAL, &b);
		ike_add_notify(&b, why[k], NULL, 0);
		assert_null(fixture_to_client(
			&f, fixture_to_gateway(&f, initiator_send(&f.i, 0, INITIATOR_OTHER, &b))));
		assert_int_equal(f.i.error, 0);
		assert_null(f.i.ike[0].window.outstanding); /* It is answered, as all requests are. */
		assert_int_equal(f.g.verdict, IKE_VERDICT_DELETE);
		fixture_teardown(&f);
	}
}

static void unknown_payloads(void **state)
{
	struct fixture f;

	(void)state;
	fixture_establish(&f);
	for (int critical = 0; critical < 2; critical++) {
		struct ike_builder b;

		initiator_begin(&f.i, 0, IKE_EXCHANGE_INFORMATIONAL, &b);
		ike_add_notify(&b, 50000, "?", 1);
		ike_add_payload(&b, 99, critical, "?", 1);
		assert_null(fixture_to_client(
			&f, fixture_to_gateway(&f, initiator_send(&f.i, 0, INITIATOR_OTHER, &b))));
		assert_int_equal(f.i.error, critical ? IKE_NOTIFY_UNSUPPORTED_CRITICAL_PAYLOAD : 0);
		assert_int_equal(f.g.verdict, IKE_VERDICT_STEP);
	}
	assert_int_equal(gateway_exchange(&f.g, &f.i, initiator_create_dpd(&f.i)), 2);
	fixture_teardown(&f);
}

/* ---- Takeover notices ---- */

static void notices_have_exact_ids(void **state)
{
	struct ike_request r = {.purpose = IKE_PURPOSE_NOTICE, .node = 77};
	struct blob *request, *answer, *old = NULL;
	struct fixture f;

	(void)state;
	fixture_establish(&f);
	for (uint32_t k = 0; k < 3; k++) {
		r.epoch = (int64_t)k - 1;
		request = gateway_request(&f.g, &r);
		assert_int_equal(f.g.session->ike[0].window.next_out, k);
		assert_int_equal(request->data[23], k);
		if (old) /* An answer to the previous request does not answer this one. */
			assert_dropped(&f, old, DROP_IKE_MESSAGE_ID);
		/* <-- INFORMATIONAL(N(takeover))   INFORMATIONAL -->, lost   again */
		answer = initiator_consume(&f.i, request->data, request->len);
		assert_same(ike_datagrams_only(f.g.session->ike[0].window.outstanding), request);
		assert_same_unref(fixture_to_client(&f, request), blob_ref(answer));
		assert_int_equal(f.i.counts.repeated, k + 1);
		assert_null(fixture_to_gateway(&f, blob_ref(answer)));
		assert_true(f.g.answered);
		assert_int_equal(f.g.answered_purpose, IKE_PURPOSE_NOTICE);
		assert_int_equal(f.g.session->ike[0].window.next_out, k + 1);
		assert_null(f.g.session->ike[0].window.outstanding);
		assert_int_equal(f.i.counts.notices, k + 1);
		assert_int_equal(f.i.notice_epoch, r.epoch);
		assert_int_equal(f.i.notice_node, 77);
		/* The answer again: nothing is outstanding. */
		old = blob_ref(answer);
		assert_dropped(&f, answer, DROP_IKE_MESSAGE_ID);
	}
	blob_unref(old);
	assert_int_equal(f.i.counts.ignored, 0);
	/* Requests of the client go on meanwhile, IDs are per direction. */
	blob_unref(gateway_request(&f.g, &r));
	assert_int_equal(gateway_exchange(&f.g, &f.i, initiator_create_dpd(&f.i)), 2);
	assert_non_null(f.g.session->ike[0].window.outstanding);
	fixture_teardown(&f);
}

static void notice_may_be_empty(void **state)
{
	struct ike_request r = {.purpose = IKE_PURPOSE_NOTICE, .epoch = 1, .node = 2};
	struct fixture f;

	(void)state;
	fixture_establish(&f);
	f.g.connections[0].empty_notice = true;
	assert_null(fixture_to_gateway(&f, fixture_to_client(&f, gateway_request(&f.g, &r))));
	assert_int_equal(f.g.answered_purpose, IKE_PURPOSE_NOTICE);
	assert_int_equal(f.i.counts.requests, 1);
	assert_int_equal(f.i.counts.notices, 0);
	fixture_teardown(&f);
}

static void notice_crosses_an_ike_rekey(void **state)
{
	struct ike_request r = {.purpose = IKE_PURPOSE_NOTICE, .epoch = 1, .node = 2};
	struct blob *notice;
	struct fixture f;

	(void)state;
	fixture_establish(&f);
	notice = gateway_request(&f.g, &r);
	gateway_exchange(&f.g, &f.i, initiator_create_ike_rekey(&f.i, 0));
	assert_int_equal(f.i.error, 0);
	/* The client answers on the old IKE SA, which is as good. */
	assert_null(fixture_to_gateway(&f, fixture_to_client(&f, notice)));
	assert_true(f.g.answered);
	/* The new one starts at message 0. */
	assert_null(fixture_to_gateway(&f, fixture_to_client(&f, gateway_request(&f.g, &r))));
	assert_true(f.g.answered);
	assert_int_equal(f.i.counts.notices, 2);
	fixture_teardown(&f);
}

/* ---- Addresses ---- */

static void address_follows(void **state)
{
	static const struct {
		bool mobike, nat, update;
		const char *expected;
	} rows[] = {
		{false, false, false, "192.0.2.7:500"},
		{false, true, false, "203.0.113.5:4500"}, /* RFC 7296 2.23 */
		{true, true, false, "192.0.2.7:500"},     /* RFC 4555 3.8 */
		{true, true, true, "203.0.113.5:4500"},
		{true, false, true, "203.0.113.5:4500"},
		{false, false, true, "192.0.2.7:500"},    /* Not negotiated: ignored. */
	};
	struct endpoint moved = gateway_endpoint("203.0.113.5:4500"), expected;

	(void)state;
	for (size_t k = 0; k < sizeof(rows) / sizeof(*rows); k++) {
		struct fixture f;
		struct blob *d;

		fixture_setup(&f, IKE_DEFAULT, ESP_DEFAULT);
		f.config.mobike = rows[k].mobike;
		f.config.fake_nat = rows[k].nat;
		fixture_handshake(&f);
		d = rows[k].update ? initiator_create_move(&f.i, &moved)
				   : initiator_create_dpd(&f.i);
		/* Damaged, it moves nothing. */
		d->data[d->len - 1] ^= 1;
		assert_null(gateway_receive(&f.g, &moved, blob_new(d->data, d->len)));
		assert_true(endpoint_equal(&f.g.session->remote, &f.config.local));
		d->data[d->len - 1] ^= 1;
		d = gateway_receive(&f.g, &moved, d);
		expected = gateway_endpoint(rows[k].expected);
		assert_true(endpoint_equal(&f.g.session->remote, &expected));
		assert_null(fixture_to_client(&f, d));
		assert_int_equal(f.i.counts.responses, 1);
		fixture_teardown(&f);
	}
}

static void forbidden_nat_is_reported(void **state)
{
	static const uint8_t truth[12] = {203, 0, 113, 5, 198, 51, 100, 1, 500 >> 8, 500 & 255,
					  500 >> 8, 500 & 255};
	struct endpoint moved = gateway_endpoint("203.0.113.5:500");

	(void)state;
	for (size_t k = 0; k <= sizeof(truth); k++) {
		uint8_t claim[sizeof(truth)];
		struct ike_builder b;
		struct fixture f;

		fixture_setup(&f, IKE_DEFAULT, ESP_DEFAULT);
		f.config.mobike = true;
		fixture_handshake(&f);
		memcpy(claim, truth, sizeof(claim));
		if (k < sizeof(truth))
			claim[k] ^= 1;
		initiator_begin(&f.i, 0, IKE_EXCHANGE_INFORMATIONAL, &b);
		ike_add_notify(&b, IKE_NOTIFY_UPDATE_SA_ADDRESSES, NULL, 0);
		ike_add_notify(&b, IKE_NOTIFY_NO_NATS_ALLOWED, claim, sizeof(claim));
		assert_null(fixture_to_client(&f, gateway_receive(&f.g, &moved, initiator_send(
									&f.i, 0, INITIATOR_OTHER, &b))));
		assert_int_equal(f.i.error, k < sizeof(truth) ? IKE_NOTIFY_UNEXPECTED_NAT_DETECTED : 0);
		assert_int_equal(endpoint_equal(&f.g.session->remote, &moved), k == sizeof(truth));
		fixture_teardown(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(repeated_request_gets_the_same_bytes),
		cmocka_unit_test(repeated_auth_gets_the_same_bytes),
		cmocka_unit_test(same_state_other_iv),
		cmocka_unit_test(skipped_id_is_dropped),
		cmocka_unit_test(damage_changes_nothing),
		cmocka_unit_test(malformed_request_is_fatal),
		cmocka_unit_test(who_rejects_us_is_gone),
		cmocka_unit_test(unknown_payloads),
		cmocka_unit_test(notices_have_exact_ids),
		cmocka_unit_test(notice_may_be_empty),
		cmocka_unit_test(notice_crosses_an_ike_rekey),
		cmocka_unit_test(address_follows),
		cmocka_unit_test(forbidden_nat_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

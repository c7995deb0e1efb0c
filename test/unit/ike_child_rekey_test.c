/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway rekeys a Child SA itself: the exchange and its refusals. What happens when
 * the client does the same is in ike_child_collide_test.c. */
#include "proto/ike/payload.h"
#include "proto/ike/sk.h"
#include "test/unit/rekey.h"

#include <string.h>

static void gateway_rekeys(void **state)
{
	static const struct {
		const char *gateway, *client;
		uint16_t before; /* The client rekeys first, with that group. */
		uint16_t group;
		unsigned exchanges;
	} rows[] = {
		{"aes128gcm16", "aes128gcm16", 0, DH_NONE, 2},                       /* 0 */
		{"aes128gcm16-x25519", "aes128gcm16-x25519", 0, DH_CURVE25519, 2},   /* 1 */
		{"aes256-sha256-ecp256-esn", "aes256-sha256-ecp256-esn", 0, DH_ECP_256, 2},
		{"aes128gcm16", "aes128gcm16-x25519", 0, DH_CURVE25519, 2},          /* 3: it insists */
		{"aes128gcm16", "aes128gcm16-ecp256", 0, DH_ECP_256, 3},             /* 4: INVALID_KE */
		{"aes128gcm16-modp2048-ecp256", "aes128gcm16-ecp256", 0, DH_ECP_256, 3}, /* 5 */
		{"aes128gcm16", "aes128gcm16", DH_ECP_256, DH_ECP_256, 2},           /* 6: not weaker */
		{"aes128gcm16-modp2048", "aes128gcm16-modp2048", DH_MODP_2048, DH_MODP_2048, 2},
	};

	(void)state;
	for (size_t k = 0; k < sizeof(rows) / sizeof(*rows); k++) {
		struct fixture f;
		struct child_sa old;

		fixture_setup(&f, IKE_DEFAULT, rows[k].gateway);
		f.config = gateway_client_config(IKE_DEFAULT, rows[k].client);
		fixture_handshake(&f);
		if (rows[k].before) {
			gateway_exchange(&f.g, &f.i, initiator_create_child_rekey(
						     &f.i, f.i.child[0].spi_in, rows[k].before));
			gateway_exchange(&f.g, &f.i, initiator_create_child_delete(&f.i, f.i.child[0].spi_in));
			assert_int_equal(f.g.session->child[0].suite.dh, rows[k].before);
		}
		old = f.g.session->child[0];
		blob_unref(ask(&f));
		assert_int_equal(settle(&f), rows[k].exchanges);
		assert_int_equal(f.g.session->n_child, 1);
		assert_int_not_equal(f.g.session->child[0].spi_in, old.spi_in);
		assert_int_equal(f.g.session->child[0].replaces, old.spi_in);
		assert_int_equal(f.g.session->child[0].suite.dh, rows[k].group);
		assert_int_equal(f.g.session->child[0].suite.esn, old.suite.esn);
		assert_true(ts_set_equal(&f.g.session->child[0].local, &old.local));
		assert_true(ts_set_equal(&f.g.session->child[0].remote, &old.remote));
		assert_memory_not_equal(&f.g.session->child[0].in, &old.in, sizeof(old.in));
		assert_null(f.g.session->ike[0].finish);
		assert_agree(&f);
		assert_int_equal(f.i.counts.rekeys, 1);
		/* Both can go on asking. */
		gateway_exchange(&f.g, &f.i, initiator_create_dpd(&f.i));
		assert_int_equal(f.i.error, 0);
		blob_unref(ask(&f));
		settle(&f);
		assert_agree(&f);
		fixture_teardown(&f);
	}
}

/* The step that consumes the answer makes the new SA and the DELETE. */
static void one_step_makes_both(void **state)
{
	struct fixture f;
	struct blob *request, *answer;
	uint32_t old;

	(void)state;
	fixture_setup(&f, IKE_DEFAULT, ESP_DEFAULT);
	fixture_handshake(&f);
	old = f.g.session->child[0].spi_in;
	request = ask(&f);
	answer = fixture_to_client(&f, blob_ref(request));
	/* Lost, and asked again: the same bytes. */
	blob_unref(answer);
	answer = fixture_to_client(&f, request);
	assert_int_equal(f.i.counts.repeated, 1);
	assert_null(fixture_to_gateway(&f, blob_ref(answer)));
	assert_int_equal(f.g.answered_purpose, IKE_PURPOSE_REKEY_CHILD);
	assert_int_equal(f.g.session->n_child, 2);
	assert_int_equal(f.g.session->child[1].replaces, old);
	assert_int_equal(f.g.session->ike[0].purpose, IKE_PURPOSE_DELETE_CHILD);
	assert_int_equal(f.g.session->ike[0].purpose_arg, old);
	assert_int_equal(f.g.session->ike[0].window.next_out, 1);
	/* A repeated answer answers nothing. */
	assert_null(fixture_to_gateway(&f, answer));
	assert_int_equal(f.g.drop, DROP_IKE_MESSAGE_ID);
	settle(&f);
	assert_agree(&f);
	fixture_teardown(&f);
}

/* ---- Refusals ---- */

/* The client's answer to what is outstanding, of any content. */
static struct blob *answer_with(struct fixture *f, struct ike_builder *b)
{
	struct sk_direction d = sk_direction_of(&f->i.ike[0].suite, &f->i.ike[0].keys, true);
	struct blob *clear, *out;

	assert_int_equal(ike_builder_finish(b, &clear), OK);
	assert_int_equal(sk_seal(&d, &f->i.iv, &f->i.entropy, clear->data, clear->len, &out), OK);
	blob_unref(clear);
	return out;
}

static void answer_begin(const struct fixture *f, struct ike_builder *b, uint8_t exchange)
{
	struct ike_header h = {.spi_i = f->i.ike[0].spi_i, .spi_r = f->i.ike[0].spi_r, .major = 2,
			       .exchange = exchange,
			       .flags = IKE_FLAG_INITIATOR | IKE_FLAG_RESPONSE,
			       .message_id = f->g.session->ike[0].window.next_out};

	ike_builder_init_message(b, &h);
}

static void errors_leave_it_as_it_is(void **state)
{
	static const uint16_t errors[] = {IKE_NOTIFY_TEMPORARY_FAILURE, IKE_NOTIFY_NO_PROPOSAL_CHOSEN,
					  IKE_NOTIFY_NO_ADDITIONAL_SAS, IKE_NOTIFY_TS_UNACCEPTABLE,
					  IKE_NOTIFY_INVALID_KE_PAYLOAD};

	(void)state;
	for (size_t k = 0; k < sizeof(errors) / sizeof(*errors); k++) {
		struct ike_builder b;
		struct fixture f;
		struct child_sa old;

		fixture_setup(&f, IKE_DEFAULT, ESP_DEFAULT);
		fixture_handshake(&f);
		old = f.g.session->child[0];
		blob_unref(ask(&f));
		answer_begin(&f, &b, IKE_EXCHANGE_CREATE_CHILD_SA);
		ike_add_notify(&b, errors[k], NULL, 0);
		assert_null(fixture_to_gateway(&f, answer_with(&f, &b)));
		assert_true(f.g.answered);
		assert_int_equal(f.g.session->n_child, 1);
		assert_memory_equal(&f.g.session->child[0], &old, sizeof(old));
		assert_null(f.g.session->ike[0].window.outstanding);
		assert_null(f.g.session->ike[0].finish);
		blob_unref(ask(&f));
		fixture_teardown(&f);
	}
}

static void not_found_drops_it(void **state)
{
	struct fixture f;

	(void)state;
	fixture_setup(&f, IKE_DEFAULT, ESP_DEFAULT);
	fixture_handshake(&f);
	blob_unref(ask(&f));
	f.i.n_child = 0; /* It has forgotten. */
	assert_int_equal(settle(&f), 1);
	assert_int_equal(f.g.session->n_child, 0);
	fixture_teardown(&f);
}

/* A client that wants another group each time gets one more try. */
static void groups_are_not_chased(void **state)
{
	struct ike_builder b;
	struct fixture f;

	(void)state;
	fixture_setup(&f, IKE_DEFAULT, ESP_DEFAULT);
	fixture_handshake(&f);
	blob_unref(ask(&f));
	for (unsigned k = 0; k < 2; k++) {
		answer_begin(&f, &b, IKE_EXCHANGE_CREATE_CHILD_SA);
		ike_add_notify_u16(&b, IKE_NOTIFY_INVALID_KE_PAYLOAD, k ? DH_MODP_2048 : DH_ECP_256);
		assert_null(fixture_to_gateway(&f, answer_with(&f, &b)));
		assert_int_equal(f.g.session->ike[0].window.outstanding != NULL, k == 0);
	}
	fixture_teardown(&f);

	/* Nor is one that is not configured. */
	fixture_setup(&f, IKE_DEFAULT, "aes128gcm16-x25519");
	fixture_handshake(&f);
	blob_unref(ask(&f));
	answer_begin(&f, &b, IKE_EXCHANGE_CREATE_CHILD_SA);
	ike_add_notify_u16(&b, IKE_NOTIFY_INVALID_KE_PAYLOAD, DH_MODP_2048);
	assert_null(fixture_to_gateway(&f, answer_with(&f, &b)));
	assert_null(f.g.session->ike[0].window.outstanding);
	fixture_teardown(&f);
}

/* A suite that was not offered is refused, and the SA deleted at the client. */
static void answers_are_checked(void **state)
{
	enum { ELSEWHERE = 1, SUITE, NUMBER, SPI, NONCE, NO_TS, MALFORMED, GONE, KINDS };

	(void)state;
	for (int kind = 0; kind < KINDS; kind++) {
		struct sa_choice c = {.number = kind == NUMBER ? 9 : 1, .protocol = IKE_PROTOCOL_ESP,
				      .spi_len = 4,
				      .suite = {.encr = ENCR_AES_GCM_16,
						.encr_key_bits = kind == SUITE ? 256 : 128}};
		struct ike_builder b;
		struct fixture f;
		struct ts_set tsi, tsr;
		uint32_t old;

		fixture_setup(&f, IKE_DEFAULT, ESP_DEFAULT);
		fixture_handshake(&f);
		old = f.g.session->child[0].spi_in;
		tsi = f.g.session->child[0].local;
		tsr = f.g.session->child[0].remote;
		if (kind == ELSEWHERE)
			tsr.ts[0].start.octets[3] = ++tsr.ts[0].end.octets[3];
		blob_unref(ask(&f));
		if (kind == GONE)
			f.g.session->n_child = 0;
		answer_begin(&f, &b, IKE_EXCHANGE_CREATE_CHILD_SA);
		ike_add_sa_answer(&b, &c, kind == SPI ? f.i.child[0].spi_in : 0x7000);
		ike_add_nonce(&b, (const uint8_t *)"0123456789abcdef0123456789abcdef",
			      kind == NONCE ? 15 : 32);
		if (kind != NO_TS) {
			ike_add_ts(&b, IKE_PAYLOAD_TSi, &tsi);
			ike_add_ts(&b, IKE_PAYLOAD_TSr, &tsr);
		}
		if (kind == MALFORMED)
			ike_add_payload(&b, IKE_PAYLOAD_N, false, "\0\0", 2);
		assert_null(fixture_to_gateway(&f, answer_with(&f, &b)));
		assert_true(f.g.answered);
		assert_int_equal(f.g.session->n_child, kind == 0 ? 2 : kind == GONE ? 0 : 1);
		assert_int_equal(f.g.session->ike[0].purpose, IKE_PURPOSE_DELETE_CHILD);
		assert_int_equal(f.g.session->ike[0].purpose_arg == old, kind == 0);
		fixture_teardown(&f);
	}
}

/* TSi 10.20.0.0 to 10.20.255.255; TSr 0.0.0.0 to 255.255.255.255. OpenIKED answers with the
 * selectors of its policy, from where it is in IKE_AUTH, whatever it is offered; it was offered a
 * single address as TSr. */
static const uint8_t openiked_tsi[] = {1, 0, 0, 0, 7, 0, 0, 16, 0, 0, 0xff, 0xff, 10, 20, 0, 0, 10, 20, 255, 255};
static const uint8_t openiked_tsr[] = {1, 0, 0, 0, 7, 0, 0, 16, 0, 0, 0xff, 0xff, 0, 0, 0, 0, 255, 255, 255, 255};
/* Of a selector that only touches what was offered, its part of it; of one beside it, nothing. */
static const uint8_t parts_tsi[] = {3, 0, 0, 0, 7, 6, 0, 16, 0, 80, 0, 90, 10, 19, 0, 0, 10, 20, 0, 9,
				    7, 0, 0, 16, 0, 0, 0xff, 0xff, 10, 21, 0, 0, 10, 21, 255, 255,
				    7, 17, 0, 16, 0, 53, 0, 53, 10, 20, 255, 1, 10, 255, 0, 0};

static void what_is_wider_is_cut_away(void **state)
{
	static const struct {
		const uint8_t *tsi, *tsr;
		size_t tsi_len, tsr_len;
	} rows[] = {
		{openiked_tsi, openiked_tsr, sizeof(openiked_tsi), sizeof(openiked_tsr)}, /* 0 */
		{openiked_tsr, openiked_tsr, sizeof(openiked_tsr), sizeof(openiked_tsr)}, /* 1 */
		{parts_tsi, openiked_tsr, sizeof(parts_tsi), sizeof(openiked_tsr)},       /* 2 */
	};

	(void)state;
	for (size_t k = 0; k < sizeof(rows) / sizeof(*rows); k++) {
		struct sa_choice c = {.number = 1, .protocol = IKE_PROTOCOL_ESP, .spi_len = 4,
				      .suite = {.encr = ENCR_AES_GCM_16, .encr_key_bits = 128}};
		struct ts_set local = {.n = 2}, *got;
		struct ike_builder b;
		struct child_sa old;
		struct fixture f;

		fixture_setup(&f, IKE_DEFAULT, ESP_DEFAULT);
		fixture_handshake(&f);
		old = f.g.session->child[0];
		blob_unref(ask(&f));
		answer_begin(&f, &b, IKE_EXCHANGE_CREATE_CHILD_SA);
		ike_add_sa_answer(&b, &c, 0x7000);
		ike_add_nonce(&b, (const uint8_t *)"0123456789abcdef0123456789abcdef", 32);
		ike_add_payload(&b, IKE_PAYLOAD_TSi, false, rows[k].tsi, rows[k].tsi_len);
		ike_add_payload(&b, IKE_PAYLOAD_TSr, false, rows[k].tsr, rows[k].tsr_len);
		assert_null(fixture_to_gateway(&f, answer_with(&f, &b)));
		assert_int_equal(f.g.session->n_child, 2);
		assert_int_equal(f.g.session->child[1].replaces, old.spi_in);
		assert_true(ts_set_equal(&f.g.session->child[1].remote, &old.remote));
		got = &f.g.session->child[1].local;
		local.ts[0] = (struct traffic_selector){{4, {10, 20, 0, 0}}, {4, {10, 20, 0, 9}}, 80, 90, 6};
		local.ts[1] = (struct traffic_selector){{4, {10, 20, 255, 1}}, {4, {10, 20, 255, 255}}, 53, 53, 17};
		assert_true(ts_set_equal(got, k == 2 ? &local : &old.local));
		fixture_teardown(&f);
	}
}

static void answers_have_their_exchange(void **state)
{
	struct ike_builder b;
	struct fixture f;

	(void)state;
	fixture_setup(&f, IKE_DEFAULT, ESP_DEFAULT);
	fixture_handshake(&f);
	blob_unref(ask(&f));
	answer_begin(&f, &b, IKE_EXCHANGE_INFORMATIONAL);
	assert_null(fixture_to_gateway(&f, answer_with(&f, &b)));
	assert_int_equal(f.g.drop, DROP_IKE_EXCHANGE);
	assert_non_null(f.g.session->ike[0].finish);
	assert_int_equal(settle(&f), 2);
	fixture_teardown(&f);
}

static void unreadable_finish_is_survived(void **state)
{
	(void)state;
	for (size_t len = 1; len < 79; len += 7) {
		struct fixture f;
		struct blob *whole;

		fixture_setup(&f, IKE_DEFAULT, "aes128gcm16-x25519");
		fixture_handshake(&f);
		blob_unref(ask(&f));
		whole = f.g.session->ike[0].finish;
		assert_true(len < whole->len);
		f.g.session->ike[0].finish = blob_new(whole->data, len);
		blob_unref(whole);
		assert_int_equal(settle(&f), 1);
		assert_int_equal(f.g.session->n_child, 1);
		fixture_teardown(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gateway_rekeys),
		cmocka_unit_test(one_step_makes_both),
		cmocka_unit_test(errors_leave_it_as_it_is),
		cmocka_unit_test(not_found_drops_it),
		cmocka_unit_test(groups_are_not_chased),
		cmocka_unit_test(answers_are_checked),
		cmocka_unit_test(what_is_wider_is_cut_away),
		cmocka_unit_test(answers_have_their_exchange),
		cmocka_unit_test(unreadable_finish_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

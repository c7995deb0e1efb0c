/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/ike/builder.h"
#include "proto/ike/payload.h"

#include "test/unit/hex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static const uint8_t bytes[600] = {1, 2, 3, 4, 5, 6, 7, 8};

static void check_bytes(const struct blob *got, const char *want)
{
	size_t len;
	uint8_t *data = hex_bytes(want, &len);

	assert_non_null(got);
	assert_int_equal(got->len, len);
	assert_memory_equal(got->data, data, len);
	free(data);
}

/* Octet for octet what RFC 7296 draws. */
static void test_octets(void **state)
{
	const struct ike_header h = {.spi_i = 0x1111111111111111, .spi_r = 0x2222222222222222,
				     .major = 2, .exchange = IKE_EXCHANGE_SA_INIT,
				     .flags = IKE_FLAG_RESPONSE};
	const struct sa_choice c = {.number = 2, .protocol = IKE_PROTOCOL_IKE,
				    .suite = {ENCR_AES_GCM_16, 128, AUTH_NONE, PRF_HMAC_SHA2_256,
					      DH_CURVE25519, 0}};
	struct ike_builder b;
	struct blob *out;

	(void)state;
	ike_builder_init_message(&b, &h);
	ike_add_sa_answer(&b, &c, 0);
	ike_add_ke(&b, 31, bytes, 4);
	ike_add_nonce(&b, bytes, 4);
	ike_add_notify_u16(&b, IKE_NOTIFY_INVALID_KE_PAYLOAD, 31);
	ike_add_notify_esp(&b, IKE_NOTIFY_REKEY_SA, 0xc0ffee01);
	assert_int_equal(ike_builder_finish(&b, &out), OK);
	assert_int_equal(b.first, IKE_PAYLOAD_SA);
	check_bytes(out, "1111111111111111 2222222222222222 21 20 22 20 00000000 0000006e"
			 "22 00 0028 00 00 0024 02 01 00 03 03 00 000c 01 00 0014 800e0080"
			 "           03 00 0008 02 00 0005 00 00 0008 04 00 001f"
			 "28 00 000c 001f 0000 01020304"
			 "29 00 0008 01020304"
			 "29 00 000a 00 00 0011 001f"
			 "00 00 000c 03 04 4009 c0ffee01");
	blob_unref(out);
}

static void test_empty(void **state)
{
	const struct ike_header h = {.spi_i = 1, .spi_r = 2, .major = 2, .exchange = 37, .flags = 0x20,
				     .message_id = 7, .next_payload = 46, .length = 99};
	struct ike_builder b;
	struct blob *out;

	(void)state;
	ike_builder_init(&b);
	assert_int_equal(ike_builder_finish(&b, &out), OK);
	assert_null(out);
	assert_int_equal(b.first, IKE_PAYLOAD_NONE);
	ike_builder_init_message(&b, &h);
	assert_int_equal(ike_builder_finish(&b, &out), OK);
	check_bytes(out, "0000000000000001 0000000000000002 00 20 25 20 00000007 0000001c");
	blob_unref(out);
	ike_builder_init(&b);
	ike_add_delete_ike(&b);
	ike_builder_fini(&b);
}

static void add_auth_response(struct ike_builder *b, const struct ts_set *tsi, const struct ts_set *tsr)
{
	const struct sa_choice c = {.number = 1, .protocol = IKE_PROTOCOL_ESP, .spi_len = 4,
				    .integ_none = true, .dh_none = true,
				    .suite = {ENCR_AES_GCM_16, 256, AUTH_NONE, 0, DH_NONE, ESN_YES}};
	struct ike_id gw;
	struct address a4 = address_ipv4(0x0a1e0001), a6, dns4 = address_ipv4(0x08080808);

	assert_int_equal(ike_id_parse(&gw, "gw"), OK);
	assert_int_equal(address_parse(&a6, "2001:db8::1"), OK);
	ike_add_id(b, IKE_PAYLOAD_IDr, &gw);
	ike_add_auth(b, IKE_AUTH_SHARED_KEY, bytes, 32);
	ike_cp_open(b, IKE_CFG_REPLY);
	ike_cp_add_address(b, &a4);
	ike_cp_add_address(b, &a6);
	ike_cp_add_dns(b, &dns4);
	ike_cp_add_dns(b, &a6);
	ike_cp_close(b);
	ike_add_sa_answer(b, &c, 0xc0ffee02);
	ike_add_ts(b, IKE_PAYLOAD_TSi, tsi);
	ike_add_ts(b, IKE_PAYLOAD_TSr, tsr);
	ike_add_notify(b, IKE_NOTIFY_MOBIKE_SUPPORTED, NULL, 0);
}

/* What is written is read back. */
static void test_round_trip(void **state)
{
	struct prefix p4, p6;
	struct ts_set tsi = {.n = 1}, tsr = {.n = 2}, ts;
	struct ike_message m = {.header = {.exchange = IKE_EXCHANGE_AUTH, .flags = IKE_FLAG_RESPONSE,
					   .message_id = 1}};
	struct ike_builder b;
	struct blob *out;
	struct ike_cp_request r;
	struct sa_choice c;
	struct ike_id id;
	char text[ADDRESS_TEXT_LEN];

	(void)state;
	assert_int_equal(prefix_parse(&p4, "10.20.0.0/16"), OK);
	assert_int_equal(prefix_parse(&p6, "2001:db8::/64"), OK);
	tsi.ts[0] = ts_from_prefix(&p4);
	tsi.ts[0].protocol = 17;
	tsi.ts[0].port_start = tsi.ts[0].port_end = 53;
	tsr.ts[0] = ts_from_prefix(&p6);
	tsr.ts[1] = ts_from_prefix(&p4);
	ike_builder_init(&b);
	add_auth_response(&b, &tsi, &tsr);
	assert_int_equal(ike_builder_finish(&b, &out), OK);
	assert_int_equal(b.first, IKE_PAYLOAD_IDr);

	assert_int_equal(ike_message_parse_content(&m, b.first, out->data, out->len), OK);
	assert_int_equal(ike_message_check(&m), DROP_NONE);
	assert_int_equal(ike_id_from_payload(&id, &m.idr), OK);
	assert_string_equal(ike_id_format(&id, text, sizeof(text)), "gw");
	assert_int_equal(CBS_len(&m.idr.body), 6);
	assert_int_equal(m.auth.method, IKE_AUTH_SHARED_KEY);
	assert_int_equal(CBS_len(&m.auth.data), 32);
	assert_int_equal(m.cp.type, IKE_CFG_REPLY);
	ike_cp_read(&r, &m.cp);
	assert_string_equal(address_format(&r.wanted4, text), "10.30.0.1");
	assert_string_equal(address_format(&r.wanted6, text), "2001:db8::1");
	assert_true(r.dns4 && r.dns6);
	assert_int_equal(sa_parse_answer(&c, &m.sa), OK);
	assert_true(c.spi == 0xc0ffee02 && c.integ_none && c.dh_none);
	assert_int_equal(c.suite.esn, ESN_YES);
	assert_int_equal(c.suite.encr_key_bits, 256);
	assert_int_equal(ts_payload_parse(&ts, &m.tsi), OK);
	assert_true(ts_set_equal(&ts, &tsi));
	assert_int_equal(ts_payload_parse(&ts, &m.tsr), OK);
	assert_true(ts_set_equal(&ts, &tsr));
	assert_non_null(ike_message_notify(&m, IKE_NOTIFY_MOBIKE_SUPPORTED));
	blob_unref(out);
}

/* Offer, choose, answer, read the answer: the same suite on both sides. */
static const struct {
	int row;
	bool ike;
	const char *offered[2], *ours, *suite;
} agree_rows[] = {
	{1, true, {"aes256-sha256-modp2048", "aes128gcm16-prfsha256-x25519"},
	 "aes128gcm16-prfsha256-x25519", "aes128gcm16-prfsha256-x25519"},
	{2, true, {"aes128-aes256-sha256-prfsha256-prfsha384-x25519-ecp256", "aes256gcm16-prfsha384-ecp256"},
	 "aes256-sha256-prfsha384-ecp256", "aes256-sha256-prfsha384-ecp256"},
	{3, false, {"aes128gcm16-aes256gcm16-x25519-esn-noesn", "aes256-sha256"}, "aes256gcm16-x25519",
	 "aes256gcm16-x25519"},
	{4, false, {"aes128gcm16-x25519-modpnone", "aes256-sha256"}, "aes128gcm16", "aes128gcm16"},
	{5, false, {"aes128gcm16", "aes256-sha256-ecp256-esn"}, "aes256-sha256-ecp256-esn",
	 "aes256-sha256-ecp256-esn"},
};

static void agree(size_t i)
{
	struct proposal offered[2], ours;
	struct sa_offer offer = {.protocol = agree_rows[i].ike ? IKE_PROTOCOL_IKE : IKE_PROTOCOL_ESP,
				 .spi_len = agree_rows[i].ike ? 8 : 4, .spi = 0xc0ffee01,
				 .proposals = offered, .n = 2, .with_dh = true};
	struct ike_message m = {.n_notify = 0};
	struct sa_choice chosen, answer;
	struct ike_builder b;
	struct blob *out;
	char text[SUITE_TEXT_LEN];
	enum status (*parse)(struct proposal *, const char *, const char **) =
		agree_rows[i].ike ? proposal_parse_ike : proposal_parse_esp;

	assert_int_equal(parse(&offered[0], agree_rows[i].offered[0], NULL), OK);
	assert_int_equal(parse(&offered[1], agree_rows[i].offered[1], NULL), OK);
	assert_int_equal(parse(&ours, agree_rows[i].ours, NULL), OK);
	/* SA --> */
	ike_builder_init(&b);
	ike_add_sa_offer(&b, &offer);
	assert_int_equal(ike_builder_finish(&b, &out), OK);
	assert_int_equal(ike_message_parse_content(&m, b.first, out->data, out->len), OK);
	assert_int_equal(agree_rows[i].ike ? sa_select_ike(&chosen, &m.sa, &ours, 1, 8, 0)
					   : sa_select_esp(&chosen, &m.sa, &ours, 1, SA_DH_NEGOTIATE, 0),
			 OK);
	assert_true(chosen.spi == 0xc0ffee01);
	blob_unref(out);
	/* <-- SA */
	ike_builder_init(&b);
	ike_add_sa_answer(&b, &chosen, 0x0badcafe);
	assert_int_equal(ike_builder_finish(&b, &out), OK);
	assert_int_equal(ike_message_parse_content(&m, b.first, out->data, out->len), OK);
	assert_int_equal(sa_parse_answer(&answer, &m.sa), OK);
	assert_memory_equal(&answer.suite, &chosen.suite, sizeof(answer.suite));
	assert_int_equal(answer.number, chosen.number);
	assert_true(answer.spi == 0x0badcafe && answer.spi_len == chosen.spi_len);
	assert_int_equal(answer.dh_none, chosen.dh_none);
	if (strcmp(suite_format(&answer.suite, text), agree_rows[i].suite) != 0)
		fail_msg("row %d: %s", agree_rows[i].row, text);
	blob_unref(out);
}

static void test_agree(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(agree_rows) / sizeof(agree_rows[0]); i++)
		agree(i);
}

static void test_deletes(void **state)
{
	const uint32_t spis[] = {0x100, 0xc0ffee01};
	struct ike_message m = {.n_notify = 0};
	struct ike_delete_walk w;
	struct ike_builder b;
	struct ike_delete d;
	struct blob *out;
	uint32_t spi;

	(void)state;
	ike_builder_init(&b);
	ike_add_delete_esp(&b, spis, 2);
	ike_add_delete_ike(&b);
	assert_int_equal(ike_builder_finish(&b, &out), OK);
	check_bytes(out, "2a 00 0010 03 04 0002 00000100 c0ffee01 00 00 0008 01 00 0000");
	assert_int_equal(ike_message_parse_content(&m, b.first, out->data, out->len), OK);
	assert_int_equal(m.n_delete, 2);
	w = ike_message_deletes(&m);
	assert_true(ike_message_next_delete(&w, &d));
	assert_int_equal(d.n, 2);
	assert_true(ike_delete_next(&d.spis, &spi) && spi == 0x100);
	assert_true(ike_message_next_delete(&w, &d));
	assert_int_equal(d.protocol, IKE_PROTOCOL_IKE);
	assert_false(ike_message_next_delete(&w, &d));
	blob_unref(out);
}

/* A failure sticks: nothing half-written gets out. */
static void test_too_long(void **state)
{
	static uint8_t big[65536];
	struct ike_builder b;
	struct blob *out;

	(void)state;
	ike_builder_init(&b);
	ike_add_payload(&b, IKE_PAYLOAD_V, false, big, 65535 - 4);
	assert_int_equal(ike_builder_finish(&b, &out), OK);
	blob_unref(out);
	ike_builder_init(&b);
	ike_add_payload(&b, IKE_PAYLOAD_V, false, big, 65535 - 3);
	ike_add_delete_ike(&b);
	assert_int_equal(ike_builder_finish(&b, &out), ERR_TOO_LONG);
	assert_null(out);
	ike_builder_init(&b);
	ike_cp_open(&b, IKE_CFG_REPLY);
	ike_cp_add(&b, 1, big, 65536);
	ike_cp_close(&b);
	assert_int_equal(ike_builder_finish(&b, &out), ERR_TOO_LONG);
	assert_null(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_octets), cmocka_unit_test(test_empty),
		cmocka_unit_test(test_round_trip), cmocka_unit_test(test_agree),
		cmocka_unit_test(test_deletes), cmocka_unit_test(test_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/ike/builder.h"

#include "test/unit/hex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

/* IKE_SA_INIT as strongSwan sends it for aes128gcm16-prfsha256-x25519. */
static const char init_request[] =
	"a1a2a3a4a5a6a7a8 0000000000000000 21 20 22 08 00000000 000000e8"
	/* SA: one proposal, three transforms */
	"22 00 0028  00 00 0024 01 01 00 03"
	"  03 00 000c 01 00 0014 800e0080  03 00 0008 02 00 0005  00 00 0008 04 00 001f"
	/* KE: group 31 */
	"28 00 0028 001f 0000 0101010101010101 0202020202020202 0303030303030303 0404040404040404"
	/* Ni */
	"29 00 0024 0505050505050505 0606060606060606 0707070707070707 0808080808080808"
	/* N(NAT_DETECTION_SOURCE_IP), N(NAT_DETECTION_DESTINATION_IP) */
	"29 00 001c 00 00 4004 0909090909090909 0909090909090909 09090909"
	"29 00 001c 00 00 4005 0a0a0a0a0a0a0a0a 0a0a0a0a0a0a0a0a 0a0a0a0a"
	/* N(FRAGMENTATION_SUPPORTED), N(SIGNATURE_HASH_ALGORITHMS), N(REDIRECT_SUPPORTED) */
	"29 00 0008 00 00 402e"
	"29 00 0010 00 00 402f 0002 0003 0004 0005"
	"00 00 0008 00 00 4016";

static void test_init_request(void **state)
{
	size_t len;
	uint8_t *data = hex_bytes(init_request, &len);
	struct ike_message m;

	(void)state;
	assert_int_equal(len, 0xe8);
	assert_int_equal(ike_message_parse(&m, data, len), OK);
	assert_int_equal(ike_message_check(&m), DROP_NONE);
	assert_true(ike_message_has(&m, IKE_PAYLOAD_SA));
	assert_false(ike_message_has(&m, IKE_PAYLOAD_SK));
	assert_int_equal(CBS_len(&m.sa), 0x24);
	assert_int_equal(m.ke.group, DH_CURVE25519);
	assert_int_equal(CBS_len(&m.ke.data), 32);
	assert_int_equal(CBS_data(&m.ke.data)[31], 4);
	assert_int_equal(CBS_len(&m.nonce), 32);
	assert_int_equal(CBS_data(&m.nonce)[0], 5);
	assert_int_equal(m.n_notify, 5);
	assert_int_equal(CBS_len(&ike_message_notify(&m, IKE_NOTIFY_NAT_DETECTION_SOURCE_IP)->data), 20);
	assert_non_null(ike_message_notify(&m, IKE_NOTIFY_FRAGMENTATION_SUPPORTED));
	assert_null(ike_message_notify(&m, IKE_NOTIFY_COOKIE));
	assert_null(ike_message_error(&m));
	free(data);
}

/* Cut anywhere, with a header that admits it, it is malformed. */
static void test_truncated(void **state)
{
	size_t len;
	uint8_t *data = hex_bytes(init_request, &len);
	struct ike_message m;

	(void)state;
	for (size_t n = 0; n < len; n++) {
		uint8_t *part = exact_copy(data, n);

		if (n >= IKE_HEADER_LEN)
			part[27] = (uint8_t)n;
		if (ike_message_parse(&m, part, n) != ERR_MALFORMED)
			fail_msg("cut at %zu", n);
		free(part);
	}
	free(data);
}

/* Each payload length a little wrong. */
static void test_lengths(void **state)
{
	static const size_t heads[] = {28, 68, 108, 144, 172, 200, 208, 224};
	static const int deltas[] = {-4, -1, 1, 4, 0x7000};
	size_t len;
	uint8_t *data = hex_bytes(init_request, &len);
	struct ike_message m;

	(void)state;
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		for (size_t j = 0; j < sizeof(deltas) / sizeof(deltas[0]); j++) {
			uint8_t *wrong = exact_copy(data, len);
			int value = (data[heads[i] + 2] << 8 | data[heads[i] + 3]) + deltas[j];

			wrong[heads[i] + 2] = (uint8_t)(value >> 8);
			wrong[heads[i] + 3] = (uint8_t)value;
			if (ike_message_parse(&m, wrong, len) != ERR_MALFORMED)
				fail_msg("payload at %zu, %+d", heads[i], deltas[j]);
			free(wrong);
		}
	}
	free(data);
}

#define NONCE16 "00000000000000000000000000000000"
#define KE32 "001f0000 0000000000000000000000000000000000000000000000000000000000000000"

/* Decrypted chains: type of the first payload, bytes. */
static const struct {
	int row;
	uint8_t first;
	const char *content;
	enum status want;
	uint8_t critical;
} chain_rows[] = {
	{1, 0, "", OK, 0},                                    /* empty: a liveness check */
	{2, 0, "00", ERR_MALFORMED, 0},                       /* octets behind the last payload */
	{3, 41, "", ERR_MALFORMED, 0},
	{4, 41, "00 00 0008 00 00 4000", OK, 0},
	{5, 41, "00 00 0008 00 00 4000 00", ERR_MALFORMED, 0},
	{6, 41, "29 00 0008 00 00 4000", ERR_MALFORMED, 0},   /* promises one more */
	{7, 41, "00 00 0009 00 00 4000", ERR_MALFORMED, 0},
	{8, 41, "00 00 0007 00 00 4000", ERR_MALFORMED, 0},
	{9, 41, "00 00 0003 00 00 4000", ERR_MALFORMED, 0},   /* shorter than its own header */
	{10, 41, "00 00 0000 00 00 4000", ERR_MALFORMED, 0},
	{11, 41, "00 00 0004", ERR_MALFORMED, 0},             /* shorter than a NOTIFY */
	{12, 41, "29 00 0008 00 00 4000 00 00 0008 00 00 4000", OK, 0}, /* NOTIFY may repeat */
	/* RFC 7296 2.5 */
	{20, 200, "00 00 0004", OK, 0},
	{21, 200, "29 00 0006 ffff 00 00 0008 00 00 4000", OK, 0},
	{22, 200, "00 80 0004", ERR_UNSUPPORTED, 200},
	{23, 41, "c8 00 0008 00 00 4000 00 80 0005 ff", ERR_UNSUPPORTED, 200},
	{24, 200, "c9 80 0004 00 80 0004", ERR_UNSUPPORTED, 200}, /* the first of them */
	{25, 200, "29 80 0004 00 00 0003", ERR_MALFORMED, 200},
	{26, 41, "00 80 0008 00 00 4000", OK, 0},             /* known: the bit is ignored */
	{27, 41, "00 ff 0008 00 00 4000", OK, 0},             /* RESERVED bits too */
	{28, 1, "00 80 0004", ERR_UNSUPPORTED, 1},            /* IKEv1's types are unknown */
	{29, 49, "00 80 0004", ERR_UNSUPPORTED, 49},
	{30, 200, "c8 00 0004 00 00 0004", OK, 0},
	/* once only */
	{40, 33, "21 00 0005 00 00 00 0005 00", ERR_MALFORMED, 0},
	{41, 34, "22 00 0028" KE32 "00 00 0028" KE32, ERR_MALFORMED, 0},
	{42, 40, "28 00 0014" NONCE16 "00 00 0014" NONCE16, ERR_MALFORMED, 0},
	{43, 35, "23 00 0009 01000000 ff 00 00 0009 01000000 ff", ERR_MALFORMED, 0},
	{44, 36, "24 00 0009 01000000 ff 00 00 0009 01000000 ff", ERR_MALFORMED, 0},
	{45, 39, "27 00 0009 02000000 ff 00 00 0009 02000000 ff", ERR_MALFORMED, 0},
	{46, 44, "2c 00 0004 00 00 0004", ERR_MALFORMED, 0},
	{47, 45, "2d 00 0004 00 00 0004", ERR_MALFORMED, 0},
	{48, 47, "2f 00 0008 01000000 00 00 0008 01000000", ERR_MALFORMED, 0},
	{49, 48, "30 00 0004 00 00 0004", ERR_MALFORMED, 0},
	{50, 43, "2b 00 0004 00 00 0005 ff", OK, 0},          /* Vendor IDs may repeat */
	/* KE */
	{60, 34, "00 00 0028" KE32, OK, 0},
	{61, 34, "00 00 0029" KE32 "00", ERR_MALFORMED, 0},   /* not the group's length */
	{62, 34, "00 00 0009 0063 0000 ff", OK, 0},           /* unknown group: INVALID_KE_PAYLOAD */
	{63, 34, "00 00 0008 0063 0000", ERR_MALFORMED, 0},
	{65, 34, "00 00 0009 0002 0000 ff", ERR_MALFORMED, 0}, /* MODP-1024 has 128 octets */
	{64, 34, "00 00 0007 0002 00", ERR_MALFORMED, 0},
	/* ID, AUTH */
	{70, 35, "00 00 0008 01000000", OK, 0},
	{71, 35, "00 00 0007 010000", ERR_MALFORMED, 0},
	{72, 39, "00 00 0009 02000000 ff", OK, 0},
	{73, 39, "00 00 0008 02000000", ERR_MALFORMED, 0},
	{74, 40, "00 00 0014" NONCE16, OK, 0},
	{75, 40, "00 00 0013 000000000000000000000000000000", ERR_MALFORMED, 0},
	{76, 33, "00 00 0004", ERR_MALFORMED, 0},
	{77, 37, "00 00 0004", ERR_MALFORMED, 0},
	{78, 37, "00 00 0005 04", OK, 0},
	/* NOTIFY with SPI */
	{80, 41, "00 00 000c 03 04 4009 c0ffee01", OK, 0},
	{81, 41, "00 00 000b 03 04 4009 c0ffee", ERR_MALFORMED, 0},
	{82, 41, "00 00 0008 03 ff 4009", ERR_MALFORMED, 0},
	/* DELETE */
	{90, 42, "00 00 0008 01 00 0000", OK, 0},
	{91, 42, "00 00 0010 01 08 0001 1111111111111111", ERR_MALFORMED, 0},
	{92, 42, "00 00 0010 03 04 0002 00000100 00000101", OK, 0},
	{93, 42, "00 00 0010 03 04 0003 00000100 00000101", ERR_MALFORMED, 0},
	{94, 42, "00 00 0010 03 04 0001 00000100 00000101", ERR_MALFORMED, 0},
	{95, 42, "00 00 0010 03 08 0001 0000010000000101", ERR_MALFORMED, 0},
	{96, 42, "00 00 000c 09 04 0001 00000100", ERR_MALFORMED, 0},
	{97, 42, "00 00 0008 03 04 ffff", ERR_MALFORMED, 0},
	{98, 42, "2a 00 0008 01 00 0000 00 00 000c 03 04 0001 00000100", OK, 0},
	{99, 42, "00 00 0008 03 04 0000", OK, 0},
	/* CP */
	{100, 47, "00 00 0010 01000000 0001 0000 0003 0000", OK, 0},
	{101, 47, "00 00 000f 01000000 0001 0000 0003 00", ERR_MALFORMED, 0},
	{102, 47, "00 00 000e 01000000 0001 0004 0a1e", ERR_MALFORMED, 0},
	{103, 47, "00 00 0007 010000", ERR_MALFORMED, 0},
	/* SK inside SK */
	{110, 46, "00 00 0024 00000000000000000000000000000000 00000000000000000000000000000000", ERR_MALFORMED, 0},
	{111, 53, "00 00 000c 0001 0001 00000000", ERR_MALFORMED, 0},
};

static void test_chains(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(chain_rows) / sizeof(chain_rows[0]); i++) {
		size_t len;
		uint8_t *content = hex_bytes(chain_rows[i].content, &len);
		struct ike_message m = {.unknown_critical = 7, .n_notify = 3};
		enum status s = ike_message_parse_content(&m, chain_rows[i].first, content, len);

		if (s != chain_rows[i].want || m.unknown_critical != chain_rows[i].critical)
			fail_msg("row %d: %s, critical %u", chain_rows[i].row, status_text(s),
				 m.unknown_critical);
		free(content);
	}
}

/* n payloads of one type and body as a chain. */
static enum status parse_many(struct ike_message *m, uint8_t type, size_t n, const void *body,
			      size_t len)
{
	struct ike_builder b;
	struct blob *content;
	enum status s;

	ike_builder_init(&b);
	for (size_t i = 0; i < n; i++)
		ike_add_payload(&b, type, false, body, len);
	assert_int_equal(ike_builder_finish(&b, &content), OK);
	memset(m, 0, sizeof(*m));
	s = ike_message_parse_content(m, b.first, content->data, content->len);
	blob_unref(content);
	return s;
}

/* RFC 4555 3.6 has no limit: a client names each of its addresses, and says after that
 * what it wants. */
static void test_many_notifies(void **state)
{
	static const uint8_t address[8] = {0, 0, 0x40, 0x0d, 192, 0, 2, 1}, moved[4] = {0, 0, 0x40, 0x10};
	struct ike_builder b;
	struct ike_message m;
	struct blob *content;

	(void)state;
	ike_builder_init(&b);
	for (unsigned i = 0; i < 1000; i++)
		ike_add_payload(&b, IKE_PAYLOAD_N, false, address, sizeof(address));
	ike_add_payload(&b, IKE_PAYLOAD_N, false, moved, sizeof(moved));
	assert_int_equal(ike_builder_finish(&b, &content), OK);
	memset(&m, 0, sizeof(m));
	assert_int_equal(ike_message_parse_content(&m, b.first, content->data, content->len), OK);
	assert_int_equal(m.n_notify, IKE_NOTIFIES_ALIKE_MAX + 1);
	assert_non_null(ike_message_notify(&m, IKE_NOTIFY_ADDITIONAL_IP4_ADDRESS));
	assert_non_null(ike_message_notify(&m, IKE_NOTIFY_UPDATE_SA_ADDRESSES));
	blob_unref(content);
	/* Each of another type: nothing is written past the end. */
	ike_builder_init(&b);
	for (uint16_t i = 0; i < 200; i++)
		ike_add_notify(&b, (uint16_t)(50000 + i), NULL, 0);
	assert_int_equal(ike_builder_finish(&b, &content), OK);
	memset(&m, 0, sizeof(m));
	assert_int_equal(ike_message_parse_content(&m, b.first, content->data, content->len), OK);
	assert_int_equal(m.n_notify, IKE_NOTIFIES_MAX);
	blob_unref(content);
}

static void test_bounds(void **state)
{
	static const uint8_t notify[4] = {0, 0, 0x40, 0}, del[4] = {1}, body[300];
	struct ike_message m;

	(void)state;
	assert_int_equal(parse_many(&m, IKE_PAYLOAD_N, 500, notify, 4), OK); /* the rest is ignored */
	assert_int_equal(m.n_notify, IKE_NOTIFIES_ALIKE_MAX);
	assert_int_equal(parse_many(&m, IKE_PAYLOAD_D, 500, del, 4), OK); /* all are read */
	assert_int_equal(m.n_delete, 500);
	assert_int_equal(parse_many(&m, IKE_PAYLOAD_CERT, IKE_CERTS_MAX + 1, body, 9), OK);
	assert_int_equal(m.n_cert, IKE_CERTS_MAX); /* the rest is ignored */
	assert_int_equal(parse_many(&m, IKE_PAYLOAD_CERTREQ, 100, body, 21), OK);
	assert_int_equal(m.n_certreq, IKE_CERTS_MAX);
	assert_int_equal(parse_many(&m, IKE_PAYLOAD_NONCE, 1, body, 256), OK); /* 3.9 */
	assert_int_equal(parse_many(&m, IKE_PAYLOAD_NONCE, 1, body, 257), ERR_MALFORMED);
	assert_int_equal(parse_many(&m, IKE_PAYLOAD_V, 500, body, 16), OK);
	assert_int_equal(parse_many(&m, 200, 500, body, 16), OK);
}

#define HEADER(next) "1111111111111111 2222222222222222" next "20 25 08 00000002"
#define BODY "00000000000000000000000000000000"

static const struct {
	int row;
	const char *message;
	enum status want;
	uint8_t first;
	size_t aad_len;
} encrypted_rows[] = {
	{1, HEADER("2e") "00000030 29 00 0014" BODY, OK, 41, 32},
	{2, HEADER("2e") "00000030 00 00 0014" BODY, OK, 0, 32}, /* empty INFORMATIONAL */
	{3, HEADER("35") "00000034 29 00 0018 0001 0002" BODY, OK, 41, 36},
	{4, HEADER("c8") "00000034 2e 00 0004 29 00 0014" BODY, OK, 41, 36}, /* unknown before SK */
	{5, HEADER("c8") "00000034 2e 80 0004 29 00 0014" BODY, ERR_MALFORMED, 0, 0},
	{6, HEADER("29") "00000038 2e 00 0008 00 00 4000 29 00 0014" BODY, ERR_MALFORMED, 0, 0},
	{7, HEADER("2e") "00000031 29 00 0014" BODY "00", ERR_MALFORMED, 0, 0}, /* SK is not last */
	{8, HEADER("2e") "00000044 2e 00 0014" BODY "00 00 0014" BODY, ERR_MALFORMED, 0, 0},
	{9, HEADER("2e") "00000020 29 00 0004", ERR_MALFORMED, 0, 0}, /* nothing in it */
	{10, HEADER("00") "0000001c", ERR_MALFORMED, 0, 0},           /* nothing encrypted */
	{11, HEADER("29") "00000024 00 00 0008 00 00 4000", ERR_MALFORMED, 0, 0},
	{12, HEADER("35") "00000034 29 00 0018 0000 0002" BODY, ERR_MALFORMED, 0, 0},
	{13, HEADER("35") "00000034 29 00 0018 0003 0002" BODY, ERR_MALFORMED, 0, 0},
	{14, HEADER("35") "00000034 00 00 0018 0000 0000" BODY, ERR_MALFORMED, 0, 0},
	{15, HEADER("35") "00000034 00 00 0018 0002 0002" BODY, OK, 0, 36},
	{16, HEADER("35") "00000023 00 00 0007 0001 00", ERR_MALFORMED, 0, 0},
	{17, HEADER("35") "00000024 00 00 0008 0001 0001", ERR_MALFORMED, 0, 0},
	/* SK has no keys in IKE_SA_INIT */
	{18, "1111111111111111 0000000000000000 2e 20 22 08 00000000 00000030 29 00 0014" BODY,
	 ERR_MALFORMED, 0, 0},
};

static void test_encrypted(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(encrypted_rows) / sizeof(encrypted_rows[0]); i++) {
		size_t len;
		uint8_t *data = hex_bytes(encrypted_rows[i].message, &len);
		struct ike_message m;
		enum status s = ike_message_parse(&m, data, len);

		if (s != encrypted_rows[i].want)
			fail_msg("row %d: %s", encrypted_rows[i].row, status_text(s));
		if (s == OK) {
			const struct ike_payload_sk *sk =
				ike_message_has(&m, IKE_PAYLOAD_SK) ? &m.sk : &m.skf;

			if (sk->first != encrypted_rows[i].first || sk->aad_len != encrypted_rows[i].aad_len ||
			    CBS_len(&sk->body) != 16 || CBS_data(&sk->body) != data + sk->aad_len)
				fail_msg("row %d: aad_len %zu", encrypted_rows[i].row, sk->aad_len);
		}
		free(data);
	}
}

/* The decrypted chain replaces the clear one. */
static void test_content_replaces(void **state)
{
	size_t len, content_len;
	uint8_t *data = hex_bytes(encrypted_rows[2].message, &len);
	uint8_t *content = hex_bytes("00 00 000c 00 00 4000 01020304", &content_len);
	struct ike_message m;

	(void)state;
	assert_int_equal(ike_message_parse(&m, data, len), OK);
	assert_int_equal(m.skf.fragment, 1);
	assert_int_equal(m.skf.total, 2);
	assert_int_equal(ike_message_parse_content(&m, 41, content, content_len), OK);
	assert_int_equal(m.header.message_id, 2);
	assert_int_equal(m.n_notify, 1);
	assert_int_equal(CBS_len(&m.notify[0].data), 4);
	assert_false(ike_message_has(&m, IKE_PAYLOAD_SKF));
	assert_int_equal(m.skf.total, 2);
	assert_int_equal(ike_message_check(&m), DROP_NONE);
	free(data);
	free(content);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_init_request),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_chains),
		cmocka_unit_test(test_many_notifies),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_encrypted),
		cmocka_unit_test(test_content_replaces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

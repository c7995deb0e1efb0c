/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/auth/eap_mschapv2_packet.h"
#include "test/unit/hex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define CHALLENGE "5b5d7c7d7b3f2f3e3c2c602132262628"
#define RESPONSE "82309ecd8d708b5ea08faa3981cd83544233114a3d85d6df"

/* RFC 3748 4.1, 4.2. */
static void shapes_of_packets(void **unused)
{
	static const struct {
		int row;
		const char *packet;
		enum status status;
		uint8_t code, id, type;
		size_t data;
	} rows[] = {
		{1, "01070005 01", OK, EAP_REQUEST, 7, EAP_TYPE_IDENTITY, 0},
		{2, "02070009 01616c6963", OK, EAP_RESPONSE, 7, EAP_TYPE_IDENTITY, 4},
		{3, "02ff0006 031a", OK, EAP_RESPONSE, 255, EAP_TYPE_NAK, 1},
		{4, "03080004", OK, EAP_SUCCESS, 8, 0, 0},
		{5, "04080004", OK, EAP_FAILURE, 8, 0, 0},
		{6, "", ERR_MALFORMED, 0, 0, 0, 0},
		{7, "010700", ERR_MALFORMED, 0, 0, 0, 0},
		{8, "01070004", ERR_MALFORMED, 0, 0, 0, 0},           /* A request has a type, ... */
		{9, "0107000500", ERR_MALFORMED, 0, 0, 0, 0},         /* ... which is not 0; */
		{10, "0308000501", ERR_MALFORMED, 0, 0, 0, 0},        /* success has none. */
		{11, "00070005 01", ERR_MALFORMED, 0, 0, 0, 0},
		{12, "05070005 01", ERR_MALFORMED, 0, 0, 0, 0},
		{13, "01070006 01", ERR_MALFORMED, 0, 0, 0, 0},       /* Longer than what is there, */
		{14, "01070005 0100", ERR_MALFORMED, 0, 0, 0, 0},     /* or with padding. */
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct eap e;
		uint8_t *b;
		size_t len;
		CBS in;

		b = hex_bytes(rows[i].packet, &len);
		CBS_init(&in, b, len);
		assert_int_equal(eap_parse(&e, in), rows[i].status);
		if (rows[i].status == OK) {
			struct blob *again = eap_encode(&e);

			assert_int_equal(e.code, rows[i].code);
			assert_int_equal(e.id, rows[i].id);
			assert_int_equal(e.type, rows[i].type);
			assert_int_equal(CBS_len(&e.data), rows[i].data);
			assert_int_equal(again->len, len);
			assert_memory_equal(again->data, b, len);
			blob_unref(again);
		}
		free(b);
	}
}

static void packets_have_a_greatest_length(void **unused)
{
	static uint8_t text[EAP_LEN_MAX];
	struct eap e = {.code = EAP_RESPONSE, .id = 1, .type = EAP_TYPE_IDENTITY};
	struct blob *b;
	CBS in;

	(void)unused;
	CBS_init(&e.data, text, EAP_LEN_MAX - 4);
	assert_null(eap_encode(&e));
	CBS_init(&e.data, text, EAP_LEN_MAX - 5);
	b = eap_encode(&e);
	CBS_init(&in, b->data, b->len);
	assert_int_equal(eap_parse(&e, in), OK);
	blob_unref(b);
	b = blob_new(NULL, EAP_LEN_MAX + 1);
	memset(b->data, 1, b->len);
	b->data[2] = (uint8_t)(b->len >> 8);
	b->data[3] = (uint8_t)b->len;
	CBS_init(&in, b->data, b->len);
	assert_int_equal(eap_parse(&e, in), ERR_TOO_LONG);
	blob_unref(b);
}

static void shapes_of_mschapv2(void **unused)
{
	static const struct {
		int row;
		const char *packet;
		bool good;
	} rows[] = {
		{1, "0102001d 1a 01 02 0018 10" CHALLENGE "676174", true},
		{2, "0202003f 1a 02 02 003a 31" CHALLENGE "0000000000000000" RESPONSE "00 616c6963", true},
		{3, "0103000d 1a 03 03 0008 533d3132", true},
		{4, "02030006 1a 03", true},
		{5, "02030006 1a 04", true},
		{6, "0103000d 1a 04 03 0008 453d3639", true},
		{7, "02030009 1a 03 03 0004", true}, /* As some write it. */
		{10, "01020005 1a", false},
		{11, "0102001d 1a 01 02 0019 10" CHALLENGE "676174", false}, /* MS-Length */
		{12, "0102001c 1a 01 02 0017 0f" CHALLENGE "6761", false},   /* Value-Size */
		{13, "0102001d 1a 01 02 0018 ff" CHALLENGE "676174", false},
		{14, "0202001d 1a 01 02 0018 10" CHALLENGE "676174", false}, /* A challenge of the peer, */
		{15, "0102003f 1a 02 02 003a 31" CHALLENGE "0000000000000000" RESPONSE "00 616c6963", false},
		{16, "0203000d 1a 05 03 0008 533d3132", false},
		{17, "0103000d 1a 07 03 0008 533d3132", false}, /* Change of the password. */
		{18, "0203003e 1a 02 02 0039 30" CHALLENGE "00000000000000" RESPONSE "00 616c6963", false},
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct mschapv2_packet p;
		struct eap e;
		uint8_t *b;
		size_t len;
		CBS in;

		b = hex_bytes(rows[i].packet, &len);
		CBS_init(&in, b, len);
		assert_int_equal(eap_parse(&e, in), OK);
		assert_int_equal(mschapv2_packet_parse(&p, &e) == OK, rows[i].good);
		if (rows[i].good && rows[i].row != 7) {
			struct blob *again;

			p.id = e.id;
			again = mschapv2_packet_encode(e.code, &p);
			assert_non_null(again);
			assert_int_equal(again->len, len);
			assert_memory_equal(again->data, b, len);
			blob_unref(again);
		}
		free(b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shapes_of_packets),
		cmocka_unit_test(packets_have_a_greatest_length),
		cmocka_unit_test(shapes_of_mschapv2),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

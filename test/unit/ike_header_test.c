/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/ike/ike_message.h"

#include "test/unit/hex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define I "1111111111111111"
#define R "2222222222222222"
#define Z "0000000000000000"

/* SPIs, next payload, version, exchange, flags, Message ID, length */
static const struct {
	int row;
	const char *header;
	size_t behind; /* Octets behind the header. */
	enum drop want;
} rows[] = {
	{1, I Z "21 20 22 08 00000000 0000001c", 0, DROP_NONE},
	{2, I R "21 20 22 20 00000000 0000001c", 0, DROP_NONE},        /* its response */
	{3, I Z "29 20 22 20 00000000 0000001c", 0, DROP_NONE},        /* COOKIE: no SPI yet */
	{4, I R "2e 20 23 08 00000001 0000001c", 0, DROP_NONE},        /* IKE_AUTH */
	{5, I R "2e 20 23 20 00000001 0000001c", 0, DROP_NONE},
	{6, I R "2e 20 24 08 00000002 0000001c", 0, DROP_NONE},        /* CREATE_CHILD_SA, all four */
	{7, I R "2e 20 24 00 00000000 0000001c", 0, DROP_NONE},
	{8, I R "2e 20 24 28 00000002 0000001c", 0, DROP_NONE},
	{9, I R "2e 20 25 20 00000002 0000001c", 0, DROP_NONE},
	{10, I R "2e 20 25 00 00000000 0000001c", 0, DROP_NONE},       /* INFORMATIONAL with ID 0 */
	{11, I R "2e 2f 25 d8 00000003 0000001c", 0, DROP_NONE},       /* minor, V, reserved flags */
	{12, I R "2e 20 25 08 ffffffff 00000020", 4, DROP_NONE},
	{20, I Z "21 10 22 08 00000000 0000001c", 0, DROP_IKE_HEADER}, /* IKEv1 */
	{21, I Z "21 30 22 08 00000000 0000001c", 0, DROP_IKE_HEADER}, /* version 3 */
	{22, I Z "21 20 22 08 00000000 0000001b", 0, DROP_IKE_HEADER},
	{23, I Z "21 20 22 08 00000000 0000001d", 0, DROP_IKE_HEADER},
	{24, I Z "21 20 22 08 00000000 0000001c", 1, DROP_IKE_HEADER}, /* octets behind */
	{25, I Z "21 20 22 08 00000000 8000001c", 0, DROP_IKE_HEADER},
	{26, I R "2e 20 21 08 00000001 0000001c", 0, DROP_IKE_HEADER}, /* exchange 33 */
	{27, I R "2e 20 26 08 00000001 0000001c", 0, DROP_IKE_HEADER}, /* exchange 38 */
	{28, Z Z "21 20 22 08 00000000 0000001c", 0, DROP_IKE_HEADER}, /* no initiator's SPI */
	{29, I R "21 20 22 08 00000000 0000001c", 0, DROP_IKE_HEADER}, /* first message has none of ours */
	{30, I Z "21 20 22 08 00000001 0000001c", 0, DROP_IKE_HEADER}, /* its Message ID is 0 */
	{31, I Z "21 20 22 28 00000000 0000001c", 0, DROP_IKE_HEADER}, /* initiator and response */
	{32, I Z "21 20 22 00 00000000 0000001c", 0, DROP_IKE_HEADER},
	{33, I Z "2e 20 23 08 00000001 0000001c", 0, DROP_IKE_HEADER}, /* no responder's SPI */
	{34, I R "2e 20 23 08 00000000 0000001c", 0, DROP_IKE_HEADER}, /* IKE_AUTH with ID 0 */
	{35, I R "2e 20 23 28 00000001 0000001c", 0, DROP_IKE_HEADER},
	{36, I Z "2e 20 25 08 00000002 0000001c", 0, DROP_IKE_HEADER},
	{37, Z R "2e 20 25 08 00000002 0000001c", 0, DROP_IKE_HEADER},
};

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t len;
		uint8_t *header = hex_bytes(rows[i].header, &len);
		uint8_t *data = calloc(1, len + rows[i].behind);
		struct ike_header h;
		enum drop got;

		assert_non_null(data);
		assert_int_equal(len, IKE_HEADER_LEN);
		memcpy(data, header, len);
		got = ike_header_parse(&h, data, len + rows[i].behind);
		if (got != rows[i].want)
			fail_msg("row %d: %s", rows[i].row, drop_text(got));
		free(header);
		free(data);
	}
}

static void test_short(void **state)
{
	size_t len;
	uint8_t *data = hex_bytes(rows[0].header, &len);
	struct ike_header h;

	(void)state;
	for (size_t n = 0; n < IKE_HEADER_LEN; n++) {
		uint8_t *part = exact_copy(data, n);

		assert_int_equal(ike_header_parse(&h, part, n), DROP_SHORT);
		free(part);
	}
	free(data);
}

/* Fields, and a header that is refused is still readable: INVALID_MAJOR_VERSION. */
static void test_fields(void **state)
{
	size_t len;
	uint8_t *data = hex_bytes("0102030405060708 1112131415161718 2e 35 25 28 01020304 0000001c", &len);
	uint8_t written[IKE_HEADER_LEN];
	struct ike_header h;

	(void)state;
	assert_int_equal(ike_header_parse(&h, data, len), DROP_IKE_HEADER);
	assert_true(h.spi_i == UINT64_C(0x0102030405060708));
	assert_true(h.spi_r == UINT64_C(0x1112131415161718));
	assert_int_equal(h.next_payload, 0x2e);
	assert_int_equal(h.major, 3);
	assert_int_equal(h.minor, 5);
	assert_int_equal(h.exchange, IKE_EXCHANGE_INFORMATIONAL);
	assert_int_equal(h.flags, IKE_FLAG_INITIATOR | IKE_FLAG_RESPONSE);
	assert_int_equal(h.message_id, 0x01020304);
	assert_int_equal(h.length, 28);
	ike_header_write(written, &h);
	assert_memory_equal(written, data, len);
	free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_short),
		cmocka_unit_test(test_fields),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Disconnect- and CoA-Requests, and their answers. test/netns/t_radius.sh has a foreign client for them. */
#include "proto/auth/radius_coa.h"
#include "test/lib/radius_packet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t zero[RADIUS_AUTHENTICATOR_LEN];
static struct secret secret;

static int setup(void **unused)
{
	(void)unused;
	secret_set(&secret, "xyzzy5461", 9);
	return 0;
}

/* Attributes as they are. */
static struct blob *request(uint8_t code, const char *attributes, size_t len)
{
	struct radius none = {.code = code};
	struct radius_attribute a;
	struct radius_builder b;
	CBS rest;

	CBS_init(&none.authenticator, zero, sizeof(zero));
	CBS_init(&rest, (const uint8_t *)attributes, len);
	radius_begin(&b, code, 7, zero);
	while (radius_next(&rest, &a))
		radius_add(&b, a.type, CBS_data(&a.value), CBS_len(&a.value));
	return radius_finish_answer(&b, &none, &secret);
}

#define TIME "\x37\6\x65\x53\xf1\0"

static void test_rows(void **unused)
{
	static const struct {
		int row;
		uint8_t code;
		const char *attributes;
		size_t len;
		enum radius_error_cause error;
	} rows[] = {
#define ROW(n, code, text, error) {n, code, text, sizeof(text) - 1, error}
		ROW(1, 40, TIME "\1\7alice", RADIUS_ERROR_NONE),
		ROW(2, 40, TIME "\x2c\x15" "1f-0011223344556677", RADIUS_ERROR_NONE),
		ROW(3, 40, TIME "\10\6\12\36\0\1", RADIUS_ERROR_NONE),
		ROW(4, 40, TIME "\x20\6farm\1\7alice\x21\4ab", RADIUS_ERROR_NONE),
		ROW(5, 43, TIME "\1\7alice\x1b\6\0\0\0\74", RADIUS_ERROR_NONE),
		ROW(10, 40, TIME, RADIUS_ERROR_MISSING_ATTRIBUTE),
		ROW(11, 43, TIME "\1\7alice", RADIUS_ERROR_MISSING_ATTRIBUTE),
		ROW(12, 40, TIME "\1\7alice\x1b\6\0\0\0\74", RADIUS_ERROR_UNSUPPORTED_ATTRIBUTE),
		ROW(13, 43, TIME "\1\7alice\x0b\5out", RADIUS_ERROR_UNSUPPORTED_ATTRIBUTE), /* Filter-Id */
		ROW(14, 43, TIME "\1\7alice\x1b\6\0\0\0\0", RADIUS_ERROR_INVALID_REQUEST),
		ROW(15, 43, TIME "\1\7alice\x1b\5\0\0\1", RADIUS_ERROR_INVALID_REQUEST),
		ROW(16, 40, TIME "\1\7alice\1\5bob", RADIUS_ERROR_INVALID_REQUEST),
		ROW(17, 40, TIME "\x20\6elsw\1\7alice", RADIUS_ERROR_NAS_MISMATCH),
		ROW(18, 40, TIME TIME "\1\7alice", RADIUS_ERROR_INVALID_REQUEST),
		ROW(6, 40, TIME "\1\7alice\x1f\x0c" "192.0.2.77\x1e\x0d" "10.79.0.100\4\6\12\24\0\1", RADIUS_ERROR_NONE),
		ROW(7, 40, TIME "\x2c\6" "0-1!", RADIUS_ERROR_NONE), /* Another NAS': no session of ours has it. */
		ROW(20, 43, TIME "\1\7alice\6\6\0\0\0\x11", RADIUS_ERROR_UNSUPPORTED_SERVICE), /* Authorize Only */
		ROW(21, 40, TIME "\1\7alice\6\6\0\0\0\x11", RADIUS_ERROR_UNSUPPORTED_ATTRIBUTE),
		ROW(22, 40, TIME "\x1f\x0c" "192.0.2.77", RADIUS_ERROR_MISSING_ATTRIBUTE),
		ROW(23, 40, TIME "\1\7alice\x1f\3a\x1f\3b", RADIUS_ERROR_INVALID_REQUEST),
		ROW(24, 40, TIME "\1\7alice\5\6\0\0\0\1", RADIUS_ERROR_UNSUPPORTED_ATTRIBUTE), /* NAS-Port */
		ROW(19, 40, TIME "\10\5\12\36\0", RADIUS_ERROR_INVALID_REQUEST),
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct blob *b = request(rows[i].code, rows[i].attributes, rows[i].len);
		struct radius r = parsed(b);
		struct radius_coa q;
		enum radius_error_cause error = radius_coa_parse(&q, &r, "farm");

		if (error != rows[i].error)
			fail_msg("row %d: %d", rows[i].row, (int)error);
		assert_int_equal(q.event_unix_s, 1700000000);
		assert_true(radius_is_coa(&r, &secret));
		blob_unref(b);
	}
}

static void test_fields(void **unused)
{
	static const char text[] = TIME "\x2c\x15" "1f-0011223344556677\10\6\12\36\0\1\1\7alice\x1b\6\0\0\1\0";
	struct blob *b = request(RADIUS_COA_REQUEST, text, sizeof(text) - 1);
	struct radius r = parsed(b);
	struct radius_coa q;

	(void)unused;
	assert_int_equal(radius_coa_parse(&q, &r, "farm"), RADIUS_ERROR_NONE);
	assert_false(q.disconnect);
	assert_true(q.has_session && q.session == 0x1f && q.spi == 0x11223344556677);
	assert_true(CBS_mem_equal(&q.user_name, (const uint8_t *)"alice", 5));
	assert_memory_equal(q.framed.octets, "\12\36\0\1", 4);
	assert_int_equal(q.timeout_s, 256);
	blob_unref(b);
}

/* Each octet counts, and another secret makes no request. */
static void test_signed(void **unused)
{
	static const char text[] = TIME "\1\7alice";
	struct blob *b = request(RADIUS_DISCONNECT_REQUEST, text, sizeof(text) - 1);
	struct secret other;
	struct radius_builder x;
	struct radius r;

	(void)unused;
	secret_set(&other, "xyzzy5462", 9);
	r = parsed(b);
	assert_false(radius_is_coa(&r, &other));
	for (size_t i = 0; i < b->len; i++) {
		CBS in;

		b->data[i] ^= 1;
		CBS_init(&in, b->data, b->len);
		assert_false(radius_parse(&r, in) == OK && radius_is_coa(&r, &secret));
		b->data[i] ^= 1;
	}
	blob_unref(b);
	/* With a right Request Authenticator, and without Message-Authenticator. */
	radius_begin_unsigned(&x, RADIUS_DISCONNECT_REQUEST, 7);
	radius_add(&x, RADIUS_USER_NAME, "alice", 5);
	b = radius_finish_unsigned(&x, &secret);
	r = parsed(b);
	assert_false(radius_is_coa(&r, &secret));
	blob_unref(b);
}

static void test_answer(void **unused)
{
	static const char text[] = TIME "\1\7alice\x21\4ab\x21\5cde";
	struct blob *b = request(RADIUS_COA_REQUEST, text, sizeof(text) - 1), *answer;
	struct radius asked = parsed(b), r;
	CBS value;

	(void)unused;
	answer = radius_coa_answer(&asked, RADIUS_ERROR_NONE, &secret);
	r = parsed(answer);
	assert_int_equal(r.code, 44);
	assert_int_equal(r.id, 7);
	assert_true(radius_is_answer(&r, &asked, &secret));
	assert_false(radius_find(&r, RADIUS_ERROR_CAUSE, &value));
	assert_true(radius_find(&r, RADIUS_PROXY_STATE, &value) && CBS_mem_equal(&value, (const uint8_t *)"ab", 2));
	blob_unref(answer);
	answer = radius_coa_answer(&asked, RADIUS_ERROR_SESSION_NOT_FOUND, &secret);
	r = parsed(answer);
	assert_int_equal(r.code, 45);
	assert_true(radius_find(&r, RADIUS_ERROR_CAUSE, &value) &&
		    CBS_mem_equal(&value, (const uint8_t *)"\0\0\1\xf7", 4));
	assert_true(radius_is_answer(&r, &asked, &secret));
	blob_unref(answer);
	blob_unref(b);
}

/* RFC 5176 3.3: it comes back in what answers a CoA. */
static void test_state(void **unused)
{
	static const char text[] = TIME "\1\7alice\x18\4ab";

	(void)unused;
	for (unsigned i = 0; i < 2; i++) {
		struct blob *b = request(i ? RADIUS_COA_REQUEST : RADIUS_DISCONNECT_REQUEST, text,
					 sizeof(text) - 1),
			    *answer;
		struct radius asked = parsed(b), r;
		struct radius_coa q;
		CBS value;

		assert_int_equal(radius_coa_parse(&q, &asked, "farm"), RADIUS_ERROR_UNSUPPORTED_ATTRIBUTE);
		answer = radius_coa_answer(&asked, RADIUS_ERROR_UNSUPPORTED_ATTRIBUTE, &secret);
		r = parsed(answer);
		assert_int_equal(radius_find(&r, RADIUS_STATE, &value), i);
		blob_unref(answer);
		blob_unref(b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_signed),
		cmocka_unit_test(test_answer),
		cmocka_unit_test(test_state),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}

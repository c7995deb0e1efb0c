/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/auth/radius.h"
#include "test/unit/hex.h"
#include "test/lib/radius_packet.h"

#include <openssl/md5.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static const uint8_t authenticator[RADIUS_AUTHENTICATOR_LEN] = "0123456789abcdef";

static struct blob *request_new(const struct secret *secret)
{
	struct radius_builder b;
	uint8_t eap[600];
	CBS packet;

	memset(eap, 'e', sizeof(eap));
	CBS_init(&packet, eap, sizeof(eap));
	radius_begin(&b, RADIUS_ACCESS_REQUEST, 7, authenticator);
	radius_add(&b, RADIUS_USER_NAME, "alice", 5);
	radius_add_eap(&b, packet);
	radius_add_u32(&b, RADIUS_SERVICE_TYPE, 2);
	return radius_finish(&b, secret);
}

static struct blob *answer_new(const struct radius *request, const struct secret *secret)
{
	struct radius_builder b;

	radius_begin(&b, RADIUS_ACCESS_CHALLENGE, request->id, authenticator);
	radius_add(&b, RADIUS_STATE, "state", 5);
	return radius_finish_answer(&b, request, secret);
}

/* BLAST-RADIUS: before all that an attacker may choose. */
static void a_request_is_signed_first_of_all(void **unused)
{
	struct secret secret = secret_of("xyzzy5461");
	struct blob *b = request_new(&secret), *eap;
	struct radius r = parsed(b);
	CBS name;

	(void)unused;
	assert_int_equal(b->data[RADIUS_HEADER_LEN], RADIUS_MESSAGE_AUTHENTICATOR);
	assert_int_equal(r.code, RADIUS_ACCESS_REQUEST);
	assert_int_equal(r.id, 7);
	assert_true(radius_find(&r, RADIUS_USER_NAME, &name));
	assert_true(CBS_mem_equal(&name, (const uint8_t *)"alice", 5));
	eap = radius_eap(&r); /* In three attributes. */
	assert_int_equal(eap->len, 600);
	blob_unref(eap);
	blob_unref(b);
}

static void an_answer_is_the_servers(void **unused)
{
	struct secret secret = secret_of("xyzzy5461"), other = secret_of("xyzzy5462"), none = {0};
	struct blob *request = request_new(&secret), *answer, *again;
	struct radius q = parsed(request), a, p;

	(void)unused;
	answer = answer_new(&q, &secret);
	a = parsed(answer);
	assert_true(radius_is_answer(&a, &q, &secret));
	assert_false(radius_is_answer(&a, &q, &other));
	assert_false(radius_is_answer(&a, &q, &none));
	/* Of another request. */
	again = request_new(&secret);
	again->data[4] ^= 1;
	p = parsed(again);
	assert_false(radius_is_answer(&a, &p, &secret));
	again->data[4] ^= 1;
	again->data[1] ^= 1;
	p = parsed(again);
	assert_false(radius_is_answer(&a, &p, &secret));
	blob_unref(again);
	/* Any octet of it that is another one. */
	for (size_t i = 0; i < answer->len; i++) {
		CBS in;

		answer->data[i] ^= 0x41;
		CBS_init(&in, answer->data, answer->len);
		assert_false(radius_parse(&a, in) == OK && radius_is_answer(&a, &q, &secret));
		answer->data[i] ^= 0x41;
	}
	blob_unref(answer);
	blob_unref(request);
}

/* With MD5 collisions the Response Authenticator can be forged for a packet without
 * Message-Authenticator: such a one is none, however right all else is. */
static void no_answer_without_message_authenticator(void **unused)
{
	static const struct {
		int row;
		const char *attributes;
	} rows[] = {
		{1, ""},
		{2, "1807 7374617465"},
		{3, "5012 00000000000000000000000000000000"},
		{4, "5003 00"},
	};
	struct secret secret = secret_of("xyzzy5461");
	struct blob *request = request_new(&secret);
	struct radius q = parsed(request);

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t packet[128] = {RADIUS_ACCESS_ACCEPT, 7}, md5_in[200];
		size_t len, n;
		uint8_t *attributes = hex_bytes(rows[i].attributes, &len);
		struct radius a;
		CBS in;

		packet[3] = (uint8_t)(RADIUS_HEADER_LEN + len);
		memcpy(packet + RADIUS_HEADER_LEN, attributes, len);
		memcpy(md5_in, packet, 4);
		memcpy(md5_in + 4, authenticator, 16);
		memcpy(md5_in + 20, attributes, len);
		n = 20 + len;
		memcpy(md5_in + n, secret.bytes, secret.len);
		MD5(md5_in, n + secret.len, packet + 4);
		CBS_init(&in, packet, RADIUS_HEADER_LEN + len);
		assert_int_equal(radius_parse(&a, in), OK);
		assert_false(radius_is_answer(&a, &q, &secret));
		free(attributes);
	}
	blob_unref(request);
}

/* A second one beside the right one. */
static void one_message_authenticator_and_no_more(void **unused)
{
	static const uint8_t zeroes[16];
	struct secret secret = secret_of("xyzzy5461");
	struct blob *request = request_new(&secret), *answer;
	struct radius q = parsed(request), a;
	struct radius_builder b;

	(void)unused;
	radius_begin(&b, RADIUS_ACCESS_ACCEPT, q.id, authenticator);
	radius_add(&b, RADIUS_MESSAGE_AUTHENTICATOR, zeroes, sizeof(zeroes));
	answer = radius_finish_answer(&b, &q, &secret);
	a = parsed(answer);
	assert_false(radius_is_answer(&a, &q, &secret));
	blob_unref(answer);
	blob_unref(request);
}

static void shapes_of_packets(void **unused)
{
	static const struct {
		int row;
		const char *packet;
		enum status status;
	} rows[] = {
		{1, "0b070014 30313233343536373839616263646566", OK},
		{2, "0b070014 30313233343536373839616263646566 ffff", OK}, /* Padding. */
		{3, "0b070019 30313233343536373839616263646566 1805616263", OK},
		{4, "0b070016 30313233343536373839616263646566 1802", OK},
		{5, "", ERR_MALFORMED},
		{6, "0b0700", ERR_MALFORMED},
		{7, "0b070013 30313233343536373839616263646566", ERR_MALFORMED},
		{8, "0b070015 30313233343536373839616263646566", ERR_MALFORMED},
		{9, "0b070015 30313233343536373839616263646566 18", ERR_MALFORMED},
		{10, "0b070016 30313233343536373839616263646566 1801", ERR_MALFORMED},
		{11, "0b070016 30313233343536373839616263646566 1800", ERR_MALFORMED},
		{12, "0b070017 30313233343536373839616263646566 180400", ERR_MALFORMED},
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct radius r;
		size_t len;
		uint8_t *b = hex_bytes(rows[i].packet, &len);
		CBS in;

		CBS_init(&in, b, len);
		assert_int_equal(radius_parse(&r, in), rows[i].status);
		free(b);
	}
}

static void what_is_too_long_is_not_sent(void **unused)
{
	static uint8_t text[RADIUS_LEN_MAX];
	struct secret secret = secret_of("s"), none = {0};
	struct radius_builder b;
	CBS eap;

	(void)unused;
	radius_begin(&b, RADIUS_ACCESS_REQUEST, 1, authenticator);
	radius_add(&b, RADIUS_USER_NAME, text, RADIUS_VALUE_MAX + 1);
	assert_null(radius_finish(&b, &secret));
	radius_begin(&b, RADIUS_ACCESS_REQUEST, 1, authenticator);
	radius_add(&b, RADIUS_USER_NAME, text, 0);
	assert_null(radius_finish(&b, &secret));
	radius_begin(&b, RADIUS_ACCESS_REQUEST, 1, authenticator);
	CBS_init(&eap, text, sizeof(text));
	radius_add_eap(&b, eap);
	assert_null(radius_finish(&b, &secret));
	radius_begin(&b, RADIUS_ACCESS_REQUEST, 1, authenticator);
	assert_null(radius_finish(&b, &none));
}

/* RFC 2548 2.4.2, encrypted here as it says there. */
static void mppe_keys_come_out_as_they_went_in(void **unused)
{
	static const size_t lens[] = {1, 15, 16, 31, 32, 33, 64};
	struct secret secret = secret_of("xyzzy5461"), other = secret_of("xyzzy5462");
	struct blob *request = request_new(&secret);
	struct radius q = parsed(request);
	uint8_t out[RADIUS_KEY_MAX];

	(void)unused;
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		uint8_t value[2 + 80] = {0x80, 1}, clear[80] = {(uint8_t)lens[i]}, key[64], in[64];
		size_t blocks = (lens[i] + 16) / 16;
		CBS v;

		memset(key, (int)i + 1, sizeof(key));
		memcpy(clear + 1, key, lens[i]);
		for (size_t k = 0; k < blocks; k++) {
			uint8_t pad[16];
			size_t n = secret.len;

			memcpy(in, secret.bytes, n);
			memcpy(in + n, k == 0 ? authenticator : value + 2 + 16 * (k - 1), 16);
			n += 16;
			if (k == 0)
				memcpy(in + n, value, 2);
			MD5(in, k == 0 ? n + 2 : n, pad);
			for (unsigned j = 0; j < 16; j++)
				value[2 + 16 * k + j] = clear[16 * k + j] ^ pad[j];
		}
		CBS_init(&v, value, 2 + 16 * blocks);
		assert_int_equal(radius_mppe_key(out, v, &q, &secret), lens[i]);
		assert_memory_equal(out, key, lens[i]);
		assert_true(radius_mppe_key(out, v, &q, &other) != lens[i] || memcmp(out, key, lens[i]) != 0);
		CBS_init(&v, value, 2 + 16 * blocks - 1);
		assert_int_equal(radius_mppe_key(out, v, &q, &secret), 0);
		CBS_init(&v, value, 2);
		assert_int_equal(radius_mppe_key(out, v, &q, &secret), 0);
	}
	blob_unref(request);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_is_signed_first_of_all),
		cmocka_unit_test(an_answer_is_the_servers),
		cmocka_unit_test(no_answer_without_message_authenticator),
		cmocka_unit_test(one_message_authenticator_and_no_more),
		cmocka_unit_test(shapes_of_packets),
		cmocka_unit_test(what_is_too_long_is_not_sent),
		cmocka_unit_test(mppe_keys_come_out_as_they_went_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

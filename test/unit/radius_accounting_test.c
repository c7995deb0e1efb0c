/* SPDX-License-Identifier: Apache-2.0 */
/* Accounting-Requests and their answers. test/netns/t_radius.sh has a foreign server for them. */
#include "proto/auth/radius_accounting.h"
#include "test/lib/radius_packet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct radius_accounting sample(uint8_t status)
{
	struct radius_accounting a = {
		.status = status,
		.cause = RADIUS_CAUSE_SESSION_TIMEOUT,
		.session = 0x1f,
		.spi = 0x11223344556677,
		.nas_identifier = "farm",
		.framed = address_ipv4(0x0a1e0001),
		.called = address_ipv4(0x0a4f0064),
		.calling = address_ipv4(0xc0000201),
		.session_s = 77,
		.volume = {(UINT64_C(3) << 32) + 5, 6, UINT64_C(1) << 32, (UINT64_C(9) << 32) + 8},
		.event_unix_s = 1700000000,
		.delay_s = 4,
	};

	CBS_init(&a.attributes, (const uint8_t *)"\1\7alice\31\4xy\31\4ab", 15);
	return a;
}

static uint32_t number(const struct radius *r, uint8_t type)
{
	uint32_t v = 0;
	CBS value;

	assert_true(radius_find(r, type, &value) && CBS_get_u32(&value, &v) && CBS_len(&value) == 0);
	return v;
}

static void assert_text(const struct radius *r, uint8_t type, const char *text)
{
	CBS value;

	assert_true(radius_find(r, type, &value) && CBS_mem_equal(&value, (const uint8_t *)text, strlen(text)));
}

static void test_stop(void **unused)
{
	struct radius_accounting a = sample(RADIUS_STATUS_STOP);
	struct secret secret = secret_of("xyzzy5461");
	struct blob *b = radius_accounting_request(&a, 9, &secret), *same;
	struct radius r = parsed(b);
	CBS value, rest = r.attributes;
	struct radius_attribute x;
	unsigned classes = 0;

	(void)unused;
	assert_int_equal(r.code, RADIUS_ACCOUNTING_REQUEST);
	assert_int_equal(r.id, 9);
	assert_int_equal(number(&r, RADIUS_ACCT_STATUS_TYPE), 2);
	assert_text(&r, RADIUS_ACCT_SESSION_ID, "1f-0011223344556677");
	assert_text(&r, RADIUS_NAS_IDENTIFIER, "farm");
	assert_text(&r, RADIUS_USER_NAME, "alice");
	assert_text(&r, RADIUS_CALLING_STATION_ID, "192.0.2.1");
	assert_int_equal(number(&r, RADIUS_FRAMED_IP_ADDRESS), 0x0a1e0001);
	assert_int_equal(number(&r, RADIUS_ACCT_INPUT_OCTETS), 5);
	assert_int_equal(number(&r, RADIUS_ACCT_INPUT_GIGAWORDS), 3);
	assert_int_equal(number(&r, RADIUS_ACCT_OUTPUT_OCTETS), 0);
	assert_int_equal(number(&r, RADIUS_ACCT_OUTPUT_GIGAWORDS), 1);
	assert_int_equal(number(&r, RADIUS_ACCT_INPUT_PACKETS), 6);
	assert_int_equal(number(&r, RADIUS_ACCT_OUTPUT_PACKETS), 8);
	assert_int_equal(number(&r, RADIUS_ACCT_SESSION_TIME), 77);
	assert_int_equal(number(&r, RADIUS_ACCT_TERMINATE_CAUSE), 5);
	assert_int_equal(number(&r, RADIUS_ACCT_DELAY_TIME), 4);
	assert_int_equal(number(&r, RADIUS_EVENT_TIMESTAMP), 1700000000);
	while (radius_next(&rest, &x))
		classes += x.type == RADIUS_CLASS;
	assert_int_equal(classes, 2);
	assert_false(radius_find(&r, RADIUS_MESSAGE_AUTHENTICATOR, &value));
	same = radius_accounting_request(&a, 9, &secret);
	assert_memory_equal(same->data, b->data, b->len);
	blob_unref(same);
	blob_unref(b);
}

static void test_start(void **unused)
{
	static const uint8_t none[] = {RADIUS_ACCT_INPUT_OCTETS, RADIUS_ACCT_SESSION_TIME, RADIUS_ACCT_TERMINATE_CAUSE,
				       RADIUS_EVENT_TIMESTAMP, RADIUS_FRAMED_IP_ADDRESS};
	struct radius_accounting a = sample(RADIUS_STATUS_START);
	struct secret secret = secret_of("xyzzy5461");
	struct blob *b;
	struct radius r;
	CBS value;

	(void)unused;
	a.event_unix_s = 0;
	a.framed = (struct address){.family = 6, .octets = {0x20, 0x01, 0x0d, 0xb8, [15] = 7}};
	b = radius_accounting_request(&a, 0, &secret);
	r = parsed(b);
	for (size_t i = 0; i < sizeof(none); i++)
		assert_false(radius_find(&r, none[i], &value));
	assert_true(radius_find(&r, RADIUS_FRAMED_IPV6_ADDRESS, &value));
	assert_int_equal(CBS_len(&value), 16);
	blob_unref(b);
}

/* With a Message-Authenticator or without; an answer changed, or signed with another secret, is none. */
static void test_answers(void **unused)
{
	static const uint8_t zero[RADIUS_AUTHENTICATOR_LEN];
	struct radius_accounting a = sample(RADIUS_STATUS_START);
	struct secret secret = secret_of("xyzzy5461"), other = secret_of("xyzzy5462");
	struct blob *b = radius_accounting_request(&a, 3, &secret), *answer;
	struct radius request = parsed(b), r;
	struct radius_builder x;

	(void)unused;
	radius_begin(&x, RADIUS_ACCOUNTING_RESPONSE, 3, zero);
	answer = radius_finish_answer(&x, &request, &secret);
	r = parsed(answer);
	assert_true(radius_is_accounted(&r, &request, &secret));
	assert_false(radius_is_accounted(&r, &request, &other));
	for (size_t i = 0; i < answer->len; i++) {
		CBS in;

		answer->data[i] ^= 1;
		CBS_init(&in, answer->data, answer->len);
		assert_false(radius_parse(&r, in) == OK && radius_is_accounted(&r, &request, &secret));
		answer->data[i] ^= 1;
	}
	blob_unref(answer);
	blob_unref(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stop),
		cmocka_unit_test(test_start),
		cmocka_unit_test(test_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

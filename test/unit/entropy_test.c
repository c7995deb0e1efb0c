/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/crypto/entropy.h"
#include "proto/crypto/secret.h"
#include "test/unit/hex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

/* RFC 8439 A.1, test vectors 1 and 2: key and nonce zero, counters 0 and 1. */
static const char stream[] =
	"76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7"
	"da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586"
	"9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed"
	"29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f";

static void test_stream(void **state)
{
	static const size_t steps[] = {1, 3, 60, 7, 32, 25}; /* 128 in all, across the block */
	uint8_t seed[ENTROPY_SEED_LEN] = {0}, out[128];
	struct entropy e;
	size_t len, at = 0;
	uint8_t *expected = hex_bytes(stream, &len);

	(void)state;
	assert_int_equal(len, sizeof(out));
	entropy_init(&e, seed);
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); at += steps[i++])
		entropy_draw(&e, out + at, steps[i]);
	assert_int_equal(at, sizeof(out));
	assert_memory_equal(out, expected, len);
	free(expected);
	entropy_fini(&e);
}

static void test_numbers(void **state)
{
	uint8_t seed[ENTROPY_SEED_LEN] = {0};
	struct entropy e;

	(void)state;
	entropy_init(&e, seed);
	assert_true(entropy_u64(&e) == UINT64_C(0x76b8e0ada0f13d90));
	assert_true(entropy_u32(&e) == 0x5386bd28);
	assert_true(entropy_u64(&e) == UINT64_C(0xbdd219b8a08ded1a));
}

/* Octets that were given out are wiped from memory. */
static void test_forgets(void **state)
{
	uint8_t seed[ENTROPY_SEED_LEN] = {7}, out[24];
	static const uint8_t zero[sizeof(struct entropy)];
	struct entropy e;

	(void)state;
	entropy_init(&e, seed);
	entropy_draw(&e, out, sizeof(out));
	assert_memory_equal(e.pool, zero, sizeof(out));
	assert_memory_not_equal(out, zero, sizeof(out));
	entropy_fini(&e);
	assert_memory_equal(&e, zero, sizeof(e));
}

static void test_secret(void **state)
{
	static const uint8_t zero[SECRET_MAX];
	struct secret a, b;

	(void)state;
	secret_set(&a, "a longer secret", 15);
	secret_set(&a, "short", 5);
	assert_int_equal(a.len, 5);
	assert_memory_equal(a.bytes, "short", 5);
	assert_memory_equal(a.bytes + 5, zero, SECRET_MAX - 5);
	secret_set(&b, "short", 5);
	assert_true(secret_equal(&a, &b));
	secret_set(&b, "shorT", 5);
	assert_false(secret_equal(&a, &b));
	secret_set(&b, "shor", 4);
	assert_false(secret_equal(&a, &b));
	secret_set(&b, NULL, 0);
	assert_false(secret_equal(&a, &b));
	secret_cleanse(&a);
	assert_true(secret_equal(&a, &b));
	assert_memory_equal(a.bytes, zero, SECRET_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stream),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_forgets),
		cmocka_unit_test(test_secret),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

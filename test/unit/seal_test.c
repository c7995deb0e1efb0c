/* SPDX-License-Identifier: Apache-2.0 */
/* Sealing: a sealed text opens only with the same key, kind and cluster; a foreign key is told from
 * damage; no octet can be changed. */
#include "cluster/core/seal.h"

#include <openssl/hmac.h>

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t key_a[32] = {1, 2, 3}, key_b[32] = {1, 2, 4};
static const uint8_t text[] = "a command with a key in it";

static struct blob *sealed_by(const struct seal_key *k, enum seal_kind kind, size_t len)
{
	static const uint8_t seed[ENTROPY_SEED_LEN] = {9};
	struct entropy e;
	struct blob *b;

	entropy_init(&e, seed);
	b = seal_create(k, kind, &e, text, len);
	entropy_fini(&e);
	return b;
}

static void test_round_trip(void **unused)
{
	struct seal_key *k = seal_key_new(key_a, "demo"), *same = seal_key_new(key_a, "demo");
	struct blob *b = sealed_by(k, SEAL_COMMAND, sizeof(text)), *plain;

	(void)unused;
	assert_int_equal(b->len, sizeof(text) + SEAL_OVERHEAD);
	assert_null(memmem(b->data, b->len, "command", 7));
	assert_int_equal(seal_open(same, SEAL_COMMAND, b->data, b->len, &plain), OK);
	assert_int_equal(plain->len, sizeof(text));
	assert_memory_equal(plain->data, text, sizeof(text));
	blob_unref(plain);
	blob_unref(b);

	b = sealed_by(k, SEAL_COMMAND, 0);
	assert_int_equal(b->len, SEAL_OVERHEAD);
	assert_int_equal(seal_open(k, SEAL_COMMAND, b->data, b->len, &plain), OK);
	assert_null(plain);
	blob_unref(b);
	seal_key_free(k);
	seal_key_free(same);
}

/* The nonce is drawn anew for each, so that equal commands do not look equal. */
static void test_nonce(void **unused)
{
	static const uint8_t seed[ENTROPY_SEED_LEN] = {9};
	struct seal_key *k = seal_key_new(key_a, "demo");
	struct blob *b[16];
	struct entropy e;

	(void)unused;
	entropy_init(&e, seed);
	for (size_t i = 0; i < 16; i++) {
		b[i] = seal_create(k, SEAL_COMMAND, &e, text, sizeof(text));
		for (size_t j = 0; j < i; j++) {
			assert_memory_equal(b[i]->data, b[j]->data, 5); /* Version, key id */
			assert_memory_not_equal(b[i]->data + 5, b[j]->data + 5, 12);
			assert_memory_not_equal(b[i]->data + 17, b[j]->data + 17, sizeof(text));
		}
	}
	for (size_t i = 0; i < 16; i++)
		blob_unref(b[i]);
	entropy_fini(&e);
	seal_key_free(k);
}

static void test_foreign(void **unused)
{
	struct seal_key *k = seal_key_new(key_a, "demo"), *other = seal_key_new(key_b, "demo"),
			*cluster = seal_key_new(key_a, "demo2");
	struct blob *b = sealed_by(k, SEAL_COMMAND, sizeof(text)), *plain;

	(void)unused;
	assert_int_equal(seal_open(other, SEAL_COMMAND, b->data, b->len, &plain), ERR_FOREIGN);
	assert_int_equal(seal_open(cluster, SEAL_COMMAND, b->data, b->len, &plain), ERR_FOREIGN);
	assert_int_equal(seal_open(k, SEAL_SNAPSHOT_PART, b->data, b->len, &plain), ERR_DAMAGED);
	assert_null(plain);
	blob_unref(b);
	seal_key_free(k);
	seal_key_free(other);
	seal_key_free(cluster);
}

static void test_damage(void **unused)
{
	struct seal_key *k = seal_key_new(key_a, "demo");
	struct blob *b = sealed_by(k, SEAL_COMMAND, sizeof(text)), *plain;

	(void)unused;
	for (size_t i = 0; i < b->len; i++)
		for (unsigned bit = 0; bit < 8; bit++) {
			enum status expected = i == 0 ? ERR_MALFORMED
					       : i < 5 ? ERR_FOREIGN
						       : ERR_DAMAGED;

			b->data[i] ^= (uint8_t)(1u << bit);
			assert_int_equal(seal_open(k, SEAL_COMMAND, b->data, b->len, &plain),
					 expected);
			assert_null(plain);
			b->data[i] ^= (uint8_t)(1u << bit);
		}
	for (size_t cut = 0; cut < b->len; cut++)
		assert_int_equal(seal_open(k, SEAL_COMMAND, b->data, cut, &plain),
				 cut < SEAL_OVERHEAD ? ERR_MALFORMED : ERR_DAMAGED);
	blob_unref(b);
	seal_key_free(k);
}

static void test_derive(void **unused)
{
	struct seal_key *k = seal_key_new(key_a, "demo");
	uint8_t one[32], two[32], mac[32];
	unsigned len;

	(void)unused;
	seal_derive(k, "cookie", one);
	seal_derive(k, "tip", two);
	HMAC(EVP_sha256(), key_a, sizeof(key_a), (const uint8_t *)"cookie", 6, mac, &len);
	assert_memory_equal(one, mac, 32);
	assert_memory_not_equal(one, two, 32);
	seal_key_free(k);
	seal_key_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_nonce),
		cmocka_unit_test(test_foreign),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_derive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

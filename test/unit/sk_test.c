/* SPDX-License-Identifier: Apache-2.0 */
/* The Encrypted payload against rows of an independent implementation (test/vectors/crypto.py), and
 * against every way one can be wrong. */
#include "proto/ike/sk.h"
#include "test/unit/hex.h"
#include "test/vectors/sk_rows.h"

#include <openssl/aead.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

enum { ROWS = sizeof(sk_rows) / sizeof(*sk_rows) };

struct fixture {
	struct suite suite;
	struct secret encr, integ;
	struct sk_direction direction;
	struct entropy entropy;
	struct iv_source iv;
	uint8_t *message, *sealed;
	size_t message_len, sealed_len;
};

static void fixture_init(struct fixture *f, size_t i)
{
	size_t n;
	uint8_t *octets;

	f->suite = (struct suite){.encr = sk_rows[i].encr, .encr_key_bits = sk_rows[i].bits,
				  .integ = sk_rows[i].integ};
	octets = hex_bytes(sk_rows[i].key, &n);
	secret_set(&f->encr, octets, n);
	free(octets);
	octets = hex_bytes(sk_rows[i].integ_key, &n);
	secret_set(&f->integ, octets, n);
	free(octets);
	octets = hex_bytes(sk_rows[i].seed, &n);
	entropy_init(&f->entropy, octets);
	free(octets);
	f->direction = (struct sk_direction){&f->suite, &f->encr, &f->integ};
	f->iv = (struct iv_source){sk_rows[i].salt, sk_rows[i].counter & IV_COUNTER_MAX,
				     sk_rows[i].counter >> IV_COUNTER_BITS};
	f->message = hex_bytes(sk_rows[i].message, &f->message_len);
	f->sealed = hex_bytes(sk_rows[i].sealed, &f->sealed_len);
}

static void fixture_fini(struct fixture *f)
{
	free(f->message);
	free(f->sealed);
}

static void test_seal(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		struct ike_header h;
		struct fixture f;
		struct blob *b;

		fixture_init(&f, i);
		assert_int_equal(sk_seal(&f.direction, &f.iv, &f.entropy, f.message, f.message_len,
					 &b), OK);
		assert_int_equal(b->len, f.sealed_len);
		assert_memory_equal(b->data, f.sealed, f.sealed_len);
		assert_int_equal(ike_header_parse(&h, b->data, b->len), DROP_NONE);
		assert_int_equal(f.iv.next, (sk_rows[i].counter & IV_COUNTER_MAX) +
						    (sk_rows[i].encr != ENCR_AES_CBC));
		blob_unref(b);
		fixture_fini(&f);
	}
}

static enum drop open_copy(const struct fixture *f, const uint8_t *data, size_t len, CBS *chain,
			   uint8_t *first, uint8_t **plain)
{
	uint8_t *copy = exact_copy(data, len);
	enum drop d;

	*plain = malloc(len ? len : 1);
	d = sk_open(&f->direction, copy, len, *plain, chain, first);
	free(copy);
	return d;
}

static void test_open(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		struct fixture f;
		uint8_t *plain, first;
		CBS chain;

		fixture_init(&f, i);
		assert_int_equal(open_copy(&f, f.sealed, f.sealed_len, &chain, &first, &plain),
				 DROP_NONE);
		assert_int_equal(first, f.message[16]);
		assert_int_equal(CBS_len(&chain), f.message_len - IKE_HEADER_LEN);
		assert_memory_equal(CBS_data(&chain), f.message + IKE_HEADER_LEN, CBS_len(&chain));
		free(plain);
		/* In place */
		assert_int_equal(sk_open(&f.direction, f.sealed, f.sealed_len, f.sealed, &chain,
					 &first), DROP_NONE);
		assert_int_equal(CBS_len(&chain), f.message_len - IKE_HEADER_LEN);
		assert_memory_equal(CBS_data(&chain), f.message + IKE_HEADER_LEN, CBS_len(&chain));
		fixture_fini(&f);
	}
}

/* Every single flipped bit is refused: "the cryptographic checksum of the entire message". */
static void test_flipped_bits(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		struct fixture f;

		fixture_init(&f, i);
		for (size_t bit = 0; bit < f.sealed_len * 8 && bit < 2000; bit++) {
			uint8_t *plain, first;
			enum drop d;
			CBS chain;

			f.sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
			d = open_copy(&f, f.sealed, f.sealed_len, &chain, &first, &plain);
			f.sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
			free(plain);
			if (d != DROP_IKE_INTEGRITY && d != DROP_IKE_PAYLOAD)
				fail_msg("row %d, bit %zu: drop %d", sk_rows[i].row, bit, (int)d);
			/* Only Next Payload and the SK payload's length say where to look. */
			if (d == DROP_IKE_PAYLOAD)
				assert_true(bit / 8 == 16 || bit / 8 == 30 || bit / 8 == 31);
		}
		fixture_fini(&f);
	}
}

/* "The Encrypted payload, if present in a message, MUST be the last payload" */
static void test_not_last(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		struct fixture f;
		uint8_t *longer, *plain, first;
		CBS chain;

		fixture_init(&f, i);
		longer = malloc(f.sealed_len + 4);
		memcpy(longer, f.sealed, f.sealed_len);
		memset(longer + f.sealed_len, 0, 4);
		for (size_t more = 1; more <= 4; more++) {
			assert_int_equal(open_copy(&f, longer, f.sealed_len + more, &chain, &first,
						   &plain), DROP_IKE_PAYLOAD);
			free(plain);
		}
		free(longer);
		fixture_fini(&f);
	}
}

static void test_truncated(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		struct fixture f;

		fixture_init(&f, i);
		for (size_t len = 0; len < f.sealed_len; len += len < 200 ? 1 : 97) {
			uint8_t *plain, first;
			CBS chain;

			assert_int_equal(open_copy(&f, f.sealed, len, &chain, &first, &plain),
					 DROP_IKE_PAYLOAD);
			free(plain);
			/* Also when the lengths are made to fit */
			if (len >= 32) {
				uint8_t *copy = exact_copy(f.sealed, len);

				copy[30] = (uint8_t)((len - 28) >> 8);
				copy[31] = (uint8_t)(len - 28);
				assert_int_not_equal(open_copy(&f, copy, len, &chain, &first, &plain),
						     DROP_NONE);
				free(copy);
				free(plain);
			}
		}
		fixture_fini(&f);
	}
}

/* A message of row 1's keys (AES-GCM), sealed by hand: unencrypted | SK(text). */
static size_t seal_by_hand(const struct fixture *f, uint8_t *m, uint8_t header_next, CBS before,
			   uint8_t first, CBS text)
{
	size_t sk = 28 + CBS_len(&before), at = sk + 12, out, n = CBS_len(&text) + 16;
	uint8_t nonce[12] = {0};
	EVP_AEAD_CTX ctx;

	memset(m, 0, at);
	m[16] = header_next;
	m[17] = 0x20;
	m[18] = 37;
	if (CBS_len(&before) > 0)
		memcpy(m + 28, CBS_data(&before), CBS_len(&before));
	m[sk] = first;
	m[sk + 2] = (uint8_t)((12 + n) >> 8);
	m[sk + 3] = (uint8_t)(12 + n);
	memcpy(nonce, f->encr.bytes + 16, 4);
	assert_true(EVP_AEAD_CTX_init(&ctx, EVP_aead_aes_128_gcm(), f->encr.bytes, 16, 16, NULL));
	assert_true(EVP_AEAD_CTX_seal(&ctx, m + at, &out, n, nonce, 12, CBS_data(&text),
				      CBS_len(&text), m, sk + 4));
	EVP_AEAD_CTX_cleanup(&ctx);
	return at + n;
}

/* Messages that authenticate and are wrong, or right, in themselves. */
static void test_authentic_shapes(void **state)
{
	static const struct {
		int row;
		uint8_t header_next;
		const char *before, *text;
		enum drop drop;
		size_t chain_len;
	} shapes[] = {
		{1, 46, "", "00", DROP_NONE, 0},
		{2, 46, "", "2b000004 00", DROP_NONE, 4},
		{3, 46, "", "2b000004 aabb02", DROP_NONE, 4},  /* "Padding MAY contain any value" */
		{4, 46, "", "aabbccddeeff06", DROP_NONE, 0},   /* All of it padding */
		{5, 46, "", "aabb03", DROP_IKE_PAYLOAD, 0},    /* More padding than there is */
		{6, 46, "", "ff", DROP_IKE_PAYLOAD, 0},
		{7, 43, "2e000008 01020304", "00", DROP_NONE, 0},      /* Vendor ID in clear */
		{8, 43, "2e800008 01020304", "00", DROP_IKE_PAYLOAD, 0}, /* the same, critical */
		{9, 43, "2b000004 2e000005 01", "00", DROP_NONE, 0},     /* two of them */
		{10, 43, "00000004", "00", DROP_IKE_PAYLOAD, 0},         /* the chain ends before SK */
		{11, 43, "2e000003", "00", DROP_IKE_PAYLOAD, 0},         /* length below the header */
		{12, 0, "", "00", DROP_IKE_PAYLOAD, 0},                  /* no payload at all */
		{13, 43, "2e00ffff", "00", DROP_IKE_PAYLOAD, 0},         /* longer than the message */
	};
	struct fixture f;

	(void)state;
	fixture_init(&f, 0);
	for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++) {
		size_t n_before, n_text, len;
		uint8_t *before = hex_bytes(shapes[i].before, &n_before);
		uint8_t *text = hex_bytes(shapes[i].text, &n_text);
		uint8_t m[256], *plain, first = 0;
		CBS before_piece, text_piece, chain;
		enum drop d;

		CBS_init(&before_piece, before, n_before);
		CBS_init(&text_piece, text, n_text);
		len = seal_by_hand(&f, m, shapes[i].header_next, before_piece, 43, text_piece);
		d = open_copy(&f, m, len, &chain, &first, &plain);
		if (d != shapes[i].drop)
			fail_msg("row %d: drop %d", shapes[i].row, (int)d);
		if (d == DROP_NONE) {
			assert_int_equal(CBS_len(&chain), shapes[i].chain_len);
			assert_int_equal(first, 43);
		}
		free(plain);
		free(before);
		free(text);
	}
	fixture_fini(&f);
}

static void test_refusals(void **state)
{
	static uint8_t big[65536];
	struct fixture f;
	struct blob *b;
	uint8_t *plain, first;
	CBS chain;

	(void)state;
	for (size_t i = 1; i < ROWS; i += 2) { /* Of each family */
		fixture_init(&f, i);
		assert_int_equal(sk_seal(&f.direction, &f.iv, &f.entropy, f.message, 27, &b),
				 ERR_MALFORMED);
		assert_null(b);
		assert_int_equal(sk_seal(&f.direction, &f.iv, &f.entropy, big, sizeof(big), &b),
				 ERR_TOO_LONG);
		assert_int_equal(sk_seal(&f.direction, &f.iv, &f.entropy, big, sizeof(big) - 20, &b),
				 ERR_TOO_LONG);
		f.encr.len--;
		assert_int_equal(sk_seal(&f.direction, &f.iv, &f.entropy, f.message, f.message_len,
					 &b), ERR_CRYPTO);
		assert_int_equal(open_copy(&f, f.sealed, f.sealed_len, &chain, &first, &plain),
				 DROP_CRYPTO);
		free(plain);
		f.encr.len++;
		f.suite.encr_key_bits = 192;
		assert_int_equal(sk_seal(&f.direction, &f.iv, &f.entropy, f.message, f.message_len,
					 &b), ERR_CRYPTO);
		fixture_fini(&f);
	}
}

static void test_direction(void **state)
{
	struct suite s = {0};
	struct ike_keys k = {0};

	(void)state;
	assert_ptr_equal(sk_direction_of(&s, &k, true).encr, &k.ei);
	assert_ptr_equal(sk_direction_of(&s, &k, true).integ, &k.ai);
	assert_ptr_equal(sk_direction_of(&s, &k, false).encr, &k.er);
	assert_ptr_equal(sk_direction_of(&s, &k, false).integ, &k.ar);
}

/* Counts up; at the end of the counter comes a new salt, never the old IVs again. */
static void test_iv_source(void **state)
{
	struct iv_source iv = {0xaabbccdd, 0xffffd, 0x5003}, other = iv;
	uint8_t seed[ENTROPY_SEED_LEN] = {0};
	struct entropy e;
	uint64_t v;

	(void)state;
	entropy_init(&e, seed);
	assert_true(iv_source_draw(&iv, &e) == UINT64_C(0xaabbccdd003ffffd));
	assert_true(iv_source_draw(&iv, &e) == UINT64_C(0xaabbccdd003ffffe));
	other.term++; /* Who leads next may have drawn the same salt. */
	assert_true(iv_source_draw(&other, &e) == UINT64_C(0xaabbccdd004ffffd));
	v = iv_source_draw(&iv, &e);
	assert_true(v >> 32 != 0xaabbccdd);
	assert_true(v >> 32 == iv.salt);
	assert_true((uint32_t)v == 0x00300000);
	assert_true(iv_source_draw(&iv, &e) == v + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_seal),
		cmocka_unit_test(test_open),
		cmocka_unit_test(test_flipped_bits),
		cmocka_unit_test(test_not_last),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_authentic_shapes),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_direction),
		cmocka_unit_test(test_iv_source),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

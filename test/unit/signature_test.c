/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures of AUTH payloads: openssl's verify, ours verify with our own code, and a false one is
 * refused with its reason. */
#include "proto/crypto/signature.h"
#include "test/unit/hex.h"
#include "test/vectors/signature_rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static CBS octets_of(const char *text)
{
	CBS out;

	CBS_init(&out, (const uint8_t *)text, strlen(text));
	return out;
}

static EVP_PKEY *key_of(const char *name)
{
	for (size_t i = 0; i < COUNT(signature_keys); i++) {
		EVP_PKEY *key;
		uint8_t *der;
		size_t len;
		CBS in;

		if (strcmp(signature_keys[i].name, name) != 0)
			continue;
		der = hex_bytes(signature_keys[i].der, &len);
		CBS_init(&in, der, len);
		key = EVP_parse_private_key(&in);
		assert_non_null(key);
		free(der);
		return key;
	}
	fail_msg("no key %s", name);
	return NULL;
}

static bool verifies(EVP_PKEY *key, uint8_t method, const uint8_t *auth, size_t len, const char **why)
{
	CBS in;

	CBS_init(&in, auth, len);
	return signature_verify(key, method, in, octets_of(signature_octets), why);
}

static void what_openssl_signed_is_verified(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNT(signature_rows); i++) {
		EVP_PKEY *key = key_of(signature_rows[i].key);
		const char *why = NULL;
		size_t len;
		uint8_t *auth = hex_bytes(signature_rows[i].auth, &len);
		CBS in;

		if (!verifies(key, signature_rows[i].method, auth, len, &why))
			fail_msg("row %d: %s", signature_rows[i].row, why);
		CBS_init(&in, auth, len);
		assert_false(signature_verify(key, signature_rows[i].method, in, octets_of("something else"),
					      &why));
		assert_string_equal(why, "its signature does not verify");
		EVP_PKEY_free(key);
		free(auth);
	}
}

/* Any octet of length, algorithm or value is changed, or left out. */
static void no_changed_octet_passes(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNT(signature_rows); i++) {
		EVP_PKEY *key = key_of(signature_rows[i].key);
		const char *why = NULL;
		size_t len;
		uint8_t *auth = hex_bytes(signature_rows[i].auth, &len);

		for (size_t at = 0; at < len; at += at < 80 ? 1 : 37) {
			auth[at] ^= 0x11;
			if (verifies(key, signature_rows[i].method, auth, len, &why))
				fail_msg("row %d, octet %zu", signature_rows[i].row, at);
			assert_non_null(why);
			auth[at] ^= 0x11;
		}
		for (size_t cut = 0; cut < len; cut += 1 + len / 50) {
			uint8_t *exact = exact_copy(auth, cut);

			assert_false(verifies(key, signature_rows[i].method, exact, cut, &why));
			free(exact);
		}
		EVP_PKEY_free(key);
		free(auth);
	}
}

static void only_the_right_kind_of_key_verifies(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNT(signature_rows); i++) {
		size_t len;
		uint8_t *auth = hex_bytes(signature_rows[i].auth, &len);

		for (size_t k = 0; k < COUNT(signature_keys); k++) {
			EVP_PKEY *key = key_of(signature_keys[k].name);
			const char *why = NULL;

			assert_int_equal(verifies(key, signature_rows[i].method, auth, len, &why),
					 strcmp(signature_keys[k].name, signature_rows[i].key) == 0);
			EVP_PKEY_free(key);
		}
		free(auth);
	}
}

static const uint32_t sha256 = 1u << SIGNATURE_HASH_SHA2_256, sha384 = 1u << SIGNATURE_HASH_SHA2_384,
		      sha512 = 1u << SIGNATURE_HASH_SHA2_512, identity = 1u << SIGNATURE_HASH_IDENTITY,
		      sha1 = 1u << SIGNATURE_HASH_SHA1;

static void a_key_signs_what_the_peer_can_verify(void **unused)
{
	const struct {
		const char *key;
		uint32_t hashes;
		bool pss;
		uint8_t method; /* 0: there is none */
		const char *algorithm; /* The start of AUTH data. */
	} rows[] = {
		{"rsa2048", 0, false, 1, ""},
		{"rsa4096", sha256 | sha384, false, 14, "0f300d06092a864886f70d01010b0500"},
		{"rsa4096", sha384 | identity, false, 14, "0f300d06092a864886f70d01010c0500"},
		{"rsa2048", sha512, true, 14, "43304106092a864886f70d01010a3034a00f300d0609608648016503040203"},
		{"rsa2048", sha256, true, 14, "43304106092a864886f70d01010a3034a00f300d0609608648016503040201"},
		{"rsa2048", identity, false, 0, ""},
		{"rsa2048", sha1, false, 0, ""},
		{"p256", 0, false, 9, ""},
		{"p256", sha256 | sha384, false, 14, "0c300a06082a8648ce3d040302"},
		{"p256", sha512, true, 14, "0c300a06082a8648ce3d040304"},
		{"p384", 0, false, 10, ""},
		{"p384", sha256 | sha384, false, 14, "0c300a06082a8648ce3d040303"},
		{"p384", sha256, false, 14, "0c300a06082a8648ce3d040302"},
		{"p384", identity, false, 0, ""},
		{"ed25519", identity | sha256, false, 14, "07300506032b6570"},
		{"ed25519", 0, false, 0, ""},
		{"ed25519", sha256, false, 0, ""},
		{"p521", sha512, false, 0, ""},
		{"rsa1024", sha256, false, 0, ""},
	};

	(void)unused;
	for (size_t i = 0; i < COUNT(rows); i++) {
		EVP_PKEY *key = key_of(rows[i].key);
		struct signature_scheme s;
		const char *why = NULL;
		struct blob *auth;
		uint8_t *begin;
		size_t len;
		CBS in;

		assert_int_equal(signature_choose(&s, key, rows[i].hashes, rows[i].pss), rows[i].method != 0);
		if (rows[i].method != 0) {
			assert_int_equal(s.method, rows[i].method);
			assert_true(signature_fits(&s, key));
			auth = signature_create(key, &s, octets_of(signature_octets));
			assert_non_null(auth);
			assert_true(auth->len <= SIGNATURE_MAX);
			begin = hex_bytes(rows[i].algorithm, &len);
			assert_memory_equal(auth->data, begin, len);
			assert_true(verifies(key, s.method, auth->data, auth->len, &why));
			CBS_init(&in, auth->data, auth->len);
			assert_int_equal(signature_is_pss(s.method, in), rows[i].pss && rows[i].key[0] == 'r');
			free(begin);
			blob_unref(auth);
		}
		EVP_PKEY_free(key);
	}
}

static void a_scheme_of_another_key_makes_nothing(void **unused)
{
	EVP_PKEY *rsa = key_of("rsa2048"), *ec = key_of("p256");
	struct signature_scheme s;

	(void)unused;
	assert_true(signature_choose(&s, rsa, sha256, false));
	assert_null(signature_create(ec, &s, octets_of("x")));
	s.algorithm = 200;
	assert_null(signature_create(rsa, &s, octets_of("x")));
	assert_true(signature_choose(&s, ec, sha256, false));
	s.method = SIGNATURE_RSA;
	assert_null(signature_create(ec, &s, octets_of("x")));
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(ec);
}

/* RFC 7427 appendix A and near misses: AUTH data up to the value. */
static void algorithms_are_read_to_the_letter(void **unused)
{
	static const struct {
		const char *key, *auth, *why;
	} rows[] = {
		/* sha1WithRSAEncryption, ecdsa-with-SHA1: not announced */
		{"rsa2048", "0f300d06092a864886f70d0101050500", "its signature algorithm is not accepted"},
		{"p256", "0b300906072a8648ce3d0401", "its signature algorithm is not accepted"},
		/* RSASSA-PSS with its defaults, and with SHA-1 said */
		{"rsa2048", "0f300d06092a864886f70d01010a3000", "its signature algorithm is not accepted"},
		{"rsa2048",
		 "40303e06092a864886f70d01010a3031a00b300906052b0e03021a0500a118301606092a864886f70d010108"
		 "300906052b0e03021a0500a203020114a303020101", "its signature algorithm is not accepted"},
		/* ... with SHA-256, as A.4.3 has it: read, and no signature */
		{"rsa2048",
		 "48304606092a864886f70d01010a3039a00f300d06096086480165030402010500a11c301a06092a864886f7"
		 "0d010108300d06096086480165030402010500a203020120a303020101", "its signature does not verify"},
		/* ... MGF1 with another hash; a trailer that does not exist; something behind it */
		{"rsa2048",
		 "48304606092a864886f70d01010a3039a00f300d06096086480165030402010500a11c301a06092a864886f7"
		 "0d010108300d06096086480165030402020500a203020120a303020101",
		 "its signature algorithm is not accepted"},
		{"rsa2048",
		 "48304606092a864886f70d01010a3039a00f300d06096086480165030402010500a11c301a06092a864886f7"
		 "0d010108300d06096086480165030402010500a203020120a303020102",
		 "its signature algorithm is not accepted"},
		{"rsa2048",
		 "49304606092a864886f70d01010a3039a00f300d06096086480165030402010500a11c301a06092a864886f7"
		 "0d010108300d06096086480165030402010500a203020120a30302010100",
		 "its signature algorithm is not accepted"},
		/* sha256WithRSAEncryption without NULL is taken, with something else not */
		{"rsa2048", "0d300b06092a864886f70d01010b", "its signature does not verify"},
		{"rsa2048", "0f300d06092a864886f70d01010b0400", "its signature algorithm is not accepted"},
		/* ecdsa-with-SHA256 "absent": no NULL */
		{"p256", "0e300c06082a8648ce3d0403020500", "its signature algorithm is not accepted"},
		{"p256", "0f300d06092a864886f70d01010b0500", "its signature algorithm is not that of its key"},
		{"rsa2048", "07300506032b6570", "its signature algorithm is not that of its key"},
		{"rsa2048", "0c300a06082a8648ce3d040302", "its signature algorithm is not that of its key"},
		{"ed25519", "", "its signature algorithm is not accepted"},
		{"ed25519", "00", "its signature algorithm is not accepted"},
		{"ed25519", "20300506032b6570", "its signature algorithm is not accepted"},
	};

	(void)unused;
	for (size_t i = 0; i < COUNT(rows); i++) {
		EVP_PKEY *key = key_of(rows[i].key);
		const char *why = NULL;
		size_t len;
		uint8_t *auth = hex_bytes(rows[i].auth, &len);

		assert_false(verifies(key, SIGNATURE_DIGITAL, auth, len, &why));
		if (strcmp(why, rows[i].why) != 0)
			fail_msg("row %zu: %s", i, why);
		EVP_PKEY_free(key);
		free(auth);
	}
}

static void keys_of_other_kinds_are_named(void **unused)
{
	EVP_PKEY *p521 = key_of("p521"), *small = key_of("rsa1024"), *good = key_of("rsa4096");
	const char *why;

	(void)unused;
	assert_string_equal(signature_key_refused(p521), "its key is on another curve than P-256 and P-384");
	assert_string_equal(signature_key_refused(small), "its RSA key has less than 2048 bits");
	assert_null(signature_key_refused(good));
	assert_false(verifies(good, 2, (const uint8_t *)"x", 1, &why));
	assert_string_equal(why, "its AUTH method is no signature");
	EVP_PKEY_free(p521);
	EVP_PKEY_free(small);
	EVP_PKEY_free(good);
}

static void hashes_are_read_and_written(void **unused)
{
	static const struct {
		const char *data;
		uint32_t hashes;
	} rows[] = {
		{"00020003", 1u << 2 | 1u << 3}, {"00010002000300040005", 0x3e}, {"", 0}, {"000200", 0},
		{"00000006ffff0005", 1u << 5},
	};
	uint8_t ours[SIGNATURE_HASHES_LEN];
	CBS in;

	(void)unused;
	for (size_t i = 0; i < COUNT(rows); i++) {
		size_t len;
		uint8_t *data = hex_bytes(rows[i].data, &len);

		CBS_init(&in, data, len);
		assert_int_equal(signature_hashes_read(in), rows[i].hashes);
		free(data);
	}
	signature_hashes_write(ours);
	CBS_init(&in, ours, sizeof(ours));
	assert_int_equal(signature_hashes_read(in), SIGNATURE_HASHES_OURS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_openssl_signed_is_verified),
		cmocka_unit_test(no_changed_octet_passes),
		cmocka_unit_test(only_the_right_kind_of_key_verifies),
		cmocka_unit_test(a_key_signs_what_the_peer_can_verify),
		cmocka_unit_test(a_scheme_of_another_key_makes_nothing),
		cmocka_unit_test(algorithms_are_read_to_the_letter),
		cmocka_unit_test(keys_of_other_kinds_are_named),
		cmocka_unit_test(hashes_are_read_and_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

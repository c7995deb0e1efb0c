/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/crypto/mschapv2.h"
#include "test/unit/hex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define AUTHENTICATOR "5b5d7c7d7b3f2f3e3c2c602132262628"
#define PEER "21402324255e262a28295f2b3a337c7e"
#define RESPONSE "82309ecd8d708b5ea08faa3981cd83544233114a3d85d6df"

static void put(uint8_t *out, const char *text)
{
	size_t len;
	uint8_t *b = hex_bytes(text, &len);

	memcpy(out, b, len);
	free(b);
}

static void assert_hex(const uint8_t *is, const char *text)
{
	size_t len;
	uint8_t *b = hex_bytes(text, &len);

	assert_memory_equal(is, b, len);
	free(b);
}

static struct mschapv2 exchange(const char *name)
{
	struct mschapv2 m;

	put(m.authenticator_challenge, AUTHENTICATOR);
	put(m.peer_challenge, PEER);
	CBS_init(&m.name, (const uint8_t *)name, strlen(name));
	return m;
}

/* RFC 2759 9.2 and 9.3; RFC 3079 3.5.3 for the keys. */
static void the_vectors_of_the_rfcs(void **unused)
{
	struct mschapv2 m = exchange("User");
	uint8_t response[MSCHAPV2_RESPONSE_LEN], msk[MSCHAPV2_MSK_LEN];
	static const uint8_t zeroes[32];
	char proof[MSCHAPV2_PROOF_LEN];
	struct nt_hash hash;

	(void)unused;
	assert_int_equal(nt_hash_of(&hash, "clientPass", 10), OK);
	assert_hex(hash.bytes, "44ebba8d5312b8d611474411f56989ae");
	mschapv2_response(response, &hash, &m);
	assert_hex(response, RESPONSE);
	mschapv2_proof(proof, &hash, &m, response);
	assert_memory_equal(proof, "S=407A5589115FD0D6209F510FE9C04566932CDA56", sizeof(proof));
	mschapv2_msk(msk, &hash, response);
	assert_hex(msk + 16, "8b7cdc149b993a1ba118cb153f56dccb");
	assert_memory_equal(msk + 32, zeroes, 32);
	assert_memory_not_equal(msk, msk + 16, 16);
}

static void a_domain_is_no_part_of_the_name(void **unused)
{
	static const struct {
		const char *name, *user;
	} rows[] = {{"User", "User"}, {"DOMAIN\\User", "User"}, {"\\User", "User"}, {"D\\", ""},
		    {"D\\E\\User", "E\\User"}, {"", ""}};

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CBS user = mschapv2_user(exchange(rows[i].name).name);

		assert_int_equal(CBS_len(&user), strlen(rows[i].user));
		assert_memory_equal(CBS_data(&user), rows[i].user, CBS_len(&user));
	}
}

/* Known from elsewhere: MD4 of the octets in UTF-16, made with another implementation. */
static void passwords_are_utf_8(void **unused)
{
	static const char *const good[] = {
		"", "a", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x94\x91", "\xed\x9f\xbf", "\xef\xbf\xbf",
		"\xf4\x8f\xbf\xbf",
	};
	static const char *const bad[] = {
		"\x80", "a\xff", "\xc3", "\xc0\xaf", "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
		"\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xe2\x82", "\xe2\x28\xa1",
	};
	struct nt_hash hash, other;

	(void)unused;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(nt_hash_of(&hash, good[i], strlen(good[i])), OK);
		for (size_t k = 0; k < i; k++) {
			assert_int_equal(nt_hash_of(&other, good[k], strlen(good[k])), OK);
			assert_memory_not_equal(&hash, &other, sizeof(hash));
		}
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(nt_hash_of(&hash, bad[i], strlen(bad[i])), ERR_MALFORMED);
	assert_int_equal(nt_hash_of(&hash, "", 0), OK);
	assert_hex(hash.bytes, "31d6cfe0d16ae931b73c59d7e0c089c0");
	assert_int_equal(nt_hash_of(&hash, "p\xc3\xa4sswort\xf0\x9f\x94\x91", 13), OK);
	assert_hex(hash.bytes, "ca063a1edca7057eab9f1178cdb51e8f");
}

static void passwords_have_256_units(void **unused)
{
	char text[4 * 129];
	struct nt_hash hash;

	(void)unused;
	memset(text, 'x', 257);
	assert_int_equal(nt_hash_of(&hash, text, 256), OK);
	assert_int_equal(nt_hash_of(&hash, text, 257), ERR_TOO_LONG);
	for (unsigned i = 0; i < 129; i++)
		memcpy(text + 4 * i, "\xf0\x9f\x94\x91", 4); /* Two units each. */
	assert_int_equal(nt_hash_of(&hash, text, sizeof(text) - 4), OK);
	assert_int_equal(nt_hash_of(&hash, text, sizeof(text)), ERR_TOO_LONG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_vectors_of_the_rfcs),
		cmocka_unit_test(a_domain_is_no_part_of_the_name),
		cmocka_unit_test(passwords_are_utf_8),
		cmocka_unit_test(passwords_have_256_units),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

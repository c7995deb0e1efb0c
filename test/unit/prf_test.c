/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/crypto/hmac.h"
#include "proto/crypto/prf.h"
#include "test/unit/hex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define AA20 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define AA131 AA20 AA20 AA20 AA20 AA20 AA20 "aaaaaaaaaaaaaaaaaaaaaa"

/* RFC 4868 2.7.1, PRF-1 to PRF-6 (those of RFC 4231, 4.2 to 4.8 without 4.6). */
static const struct {
	int row;
	const char *key, *data, *sha256, *sha384, *sha512;
} rows[] = {
	{1, "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
	 "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
	 "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59c"
	 "faea9ea9076ede7f4af152e8b2fa9cb6",
	 "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde"
	 "daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854"},
	{2, "4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
	 "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
	 "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e"
	 "8e2240ca5e69e2c78b3239ecfab21649",
	 "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
	 "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"},
	{3, AA20,
	 "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"
	 "dddddddddddddddddddddddddddddddddddd",
	 "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
	 "88062608d3e6ad8a0aa2ace014c8a86f0aa635d947ac9febe83ef4e55966144b"
	 "2a5ab39dc13814b94e3ab6e101a34f27",
	 "fa73b0089d56a284efb0f0756c890be9b1b5dbdd8ee81a3655f83e33b2279d39"
	 "bf3e848279a722c806b485a47e67c807b946a337bee8942674278859e13292fb"},
	{4, "0102030405060708090a0b0c0d0e0f10111213141516171819",
	 "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"
	 "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd",
	 "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
	 "3e8a69b7783c25851933ab6290af6ca77a9981480850009cc5577c6e1f573b4e"
	 "6801dd23c4a7d679ccf8a386c674cffb",
	 "b0ba465637458c6990e5a8c5f61d4af7e576d97ff94b872de76f8050361ee3db"
	 "a91ca5c11aa25eb4d679275cc5788063a5f19741120c4f2de2adebeb10a298dd"},
	{5, AA131,
	 "54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a"
	 "65204b6579202d2048617368204b6579204669727374",
	 "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
	 "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c6"
	 "0c2ef6ab4030fe8296248df163f44952",
	 "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352"
	 "6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598"},
	{6, AA131,
	 "5468697320697320612074657374207573696e672061206c6172676572207468"
	 "616e20626c6f636b2d73697a65206b657920616e642061206c61726765722074"
	 "68616e20626c6f636b2d73697a6520646174612e20546865206b6579206e6565"
	 "647320746f20626520686173686564206265666f7265206265696e6720757365"
	 "642062792074686520484d414320616c676f726974686d2e",
	 "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
	 "6617178e941f020d351e2f254e8fd32c602420feb0b8fb9adccebb82461e99c5"
	 "a678cc31e799176d3860e6110c46523e",
	 "e37b6a775dc87dbaa4dfa9f96e5e3ffddebd71f8867289865df5a32d20cdc944"
	 "b6022cac3c4982b10d5eeb55c3e4de15134676fb6de0446065c97440fa8c6a58"},
};

/* The data is given in one piece, and in three, one of them empty. */
static void test_prf(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		size_t key_len, data_len, len256, len384, len512, cut;
		uint8_t *key = hex_bytes(rows[i].key, &key_len);
		uint8_t *data = hex_bytes(rows[i].data, &data_len);
		uint8_t *sha256 = hex_bytes(rows[i].sha256, &len256);
		uint8_t *sha384 = hex_bytes(rows[i].sha384, &len384);
		uint8_t *sha512 = hex_bytes(rows[i].sha512, &len512);
		uint8_t out[PRF_LEN_MAX];
		CBS whole = prf_piece(data, data_len), pieces[3];

		cut = data_len / 3;
		pieces[0] = prf_piece(data, cut);
		pieces[1] = prf_piece(NULL, 0);
		pieces[2] = prf_piece(data + cut, data_len - cut);
		assert_int_equal(prf_compute(PRF_HMAC_SHA2_256, prf_piece(key, key_len), &whole, 1,
					     out), 32);
		assert_memory_equal(out, sha256, 32);
		assert_int_equal(prf_compute(PRF_HMAC_SHA2_384, prf_piece(key, key_len), pieces, 3,
					     out), 48);
		assert_memory_equal(out, sha384, 48);
		assert_int_equal(prf_compute(PRF_HMAC_SHA2_512, prf_piece(key, key_len), pieces, 3,
					     out), 64);
		assert_memory_equal(out, sha512, 64);
		if (key_len <= SHA256_CBLOCK) {
			uint8_t mac[HMAC_LEN_MAX];
			struct hmac h;

			hmac_init(&h, AUTH_HMAC_SHA2_256_128, key, key_len);
			for (int again = 0; again < 2; again++) {
				memset(mac, 0, sizeof(mac));
				assert_int_equal(hmac_compute(&h, pieces, 3, mac), 32);
				assert_memory_equal(mac, sha256, 32);
			}
			hmac_cleanse(&h);
		}
		free(key);
		free(data);
		free(sha256);
		free(sha384);
		free(sha512);
	}
}

/* An empty key is a key, not "the key of before". */
static void test_empty_key(void **state)
{
	uint8_t out[PRF_LEN_MAX], *expected;
	size_t len;

	(void)state;
	/* HMAC-SHA-256("", "") */
	expected = hex_bytes("b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad",
			     &len);
	assert_int_equal(prf_compute(PRF_HMAC_SHA2_256, prf_piece(NULL, 0), NULL, 0, out), 32);
	assert_memory_equal(out, expected, len);
	free(expected);
}

/* RFC 7296 2.13 by its definition, and that a shorter output is a prefix. */
static void test_prf_plus(void **state)
{
	const CBS key = prf_piece("a key", 5);
	const CBS seed[] = {prf_piece("Ni", 2), prf_piece("Nr", 2)};
	uint8_t t[3][PRF_LEN_MAX], out[255 * 32], part[65];

	(void)state;
	for (uint8_t n = 0; n < 3; n++) {
		uint8_t count = (uint8_t)(n + 1);
		const CBS pieces[] = {prf_piece(n ? t[n - 1] : NULL, n ? 32 : 0),
				      prf_piece("NiNr", 4), prf_piece(&count, 1)};

		prf_compute(PRF_HMAC_SHA2_256, key, pieces, 3, t[n]);
	}
	prf_plus(PRF_HMAC_SHA2_256, key, seed, 2, out, sizeof(out));
	for (size_t n = 0; n < 3; n++)
		assert_memory_equal(out + 32 * n, t[n], 32);
	prf_plus(PRF_HMAC_SHA2_256, key, seed, 2, part, sizeof(part));
	assert_memory_equal(out, part, sizeof(part));
}

static void test_hash(void **state)
{
	uint8_t out[SHA256_DIGEST_LENGTH], *expected;
	size_t len;

	(void)state;
	/* FIPS 180-2, appendix B.1 */
	expected = hex_bytes("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
			     &len);
	hash_sha256("abc", 3, out);
	assert_memory_equal(out, expected, len);
	free(expected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prf),
		cmocka_unit_test(test_empty_key),
		cmocka_unit_test(test_prf_plus),
		cmocka_unit_test(test_hash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

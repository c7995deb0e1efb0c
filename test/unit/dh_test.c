/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/crypto/dh.h"
#include "test/unit/hex.h"
#include "test/vectors/modp_rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

/* A private value, a peer's public value, the shared secret. */
static const struct {
	int row;
	uint16_t group;
	const char *private_value, *public_value, *peer, *shared; /* public_value NULL: not given */
} rows[] = {
	/* RFC 7748 5.2 */
	{1, DH_CURVE25519, "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4", NULL,
	 "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
	 "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"},
	{2, DH_CURVE25519, "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d", NULL,
	 "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
	 "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957"},
	/* RFC 7748 6.1: Alice, Bob */
	{3, DH_CURVE25519, "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
	 "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
	 "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
	 "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"},
	{4, DH_CURVE25519, "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
	 "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
	 "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
	 "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"},
	/* RFC 8031, appendix A: initiator, responder, before their bits are set and cleared */
	{5, DH_CURVE25519, "751fb4308655b476b6789b7325f9ea8cddd16a58533ff6d9e60009464a5f9d94",
	 "48d5ddd4061257ba166fa3f9bbdb74f1a4e81c089384fa77f790709f0dfbc766",
	 "0be7c1f5aad87d7e448662673298a443478b859745179eaf564c79c0ef6eee25",
	 "c74950607a12327f3204d94b6825bfb068b7f8319a9e3708ed3d43ce8130c950"},
	{6, DH_CURVE25519, "0a54645253290d60ddadd0e030bacd9e5501efdc220755a1e978f1b839a05688",
	 "0be7c1f5aad87d7e448662673298a443478b859745179eaf564c79c0ef6eee25",
	 "48d5ddd4061257ba166fa3f9bbdb74f1a4e81c089384fa77f790709f0dfbc766",
	 "c74950607a12327f3204d94b6825bfb068b7f8319a9e3708ed3d43ce8130c950"},
	/* RFC 5903 8.1: initiator, responder */
	{7, DH_ECP_256, "c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1433",
	 "dad0b65394221cf9b051e1feca5787d098dfe637fc90b9ef945d0c3772581180"
	 "5271a0461cdb8252d61f1c456fa3e59ab1f45b33accf5f58389e0577b8990bb3",
	 "d12dfb5289c8d4f81208b70270398c342296970a0bccb74c736fc7554494bf63"
	 "56fbf3ca366cc23e8157854c13c58d6aac23f046ada30f8353e74f33039872ab",
	 "d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de"},
	{8, DH_ECP_256, "c6ef9c5d78ae012a011164acb397ce2088685d8f06bf9be0b283ab46476bee53",
	 "d12dfb5289c8d4f81208b70270398c342296970a0bccb74c736fc7554494bf63"
	 "56fbf3ca366cc23e8157854c13c58d6aac23f046ada30f8353e74f33039872ab",
	 "dad0b65394221cf9b051e1feca5787d098dfe637fc90b9ef945d0c3772581180"
	 "5271a0461cdb8252d61f1c456fa3e59ab1f45b33accf5f58389e0577b8990bb3",
	 "d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de"},
	/* RFC 5903 8.2: initiator, responder */
	{9, DH_ECP_384,
	 "099f3c7034d4a2c699884d73a375a67f7624ef7c6b3c0f160647b67414dce655"
	 "e35b538041e649ee3faef896783ab194",
	 "667842d7d180ac2cde6f74f37551f55755c7645c20ef73e31634fe72b4c55ee6"
	 "de3ac808acb4bdb4c88732aee95f41aa9482ed1fc0eeb9cafc4984625ccfc23f"
	 "65032149e0e144ada024181535a0f38eeb9fcff3c2c947dae69b4c634573a81c",
	 "e558dbef53eecde3d3fccfc1aea08a89a987475d12fd950d83cfa41732bc509d"
	 "0d1ac43a0336def96fda41d0774a3571dcfbec7aacf3196472169e838430367f"
	 "66eebe3c6e70c416dd5f0c68759dd1fff83fa40142209dff5eaad96db9e6386c",
	 "11187331c279962d93d604243fd592cb9d0a926f422e47187521287e7156c5c4"
	 "d603135569b9e9d09cf5d4a270f59746"},
	{10, DH_ECP_384,
	 "41cb0779b4bdb85d47846725fbec3c9430fab46cc8dc5060855cc9bda0aa2942"
	 "e0308312916b8ed2960e4bd55a7448fc",
	 "e558dbef53eecde3d3fccfc1aea08a89a987475d12fd950d83cfa41732bc509d"
	 "0d1ac43a0336def96fda41d0774a3571dcfbec7aacf3196472169e838430367f"
	 "66eebe3c6e70c416dd5f0c68759dd1fff83fa40142209dff5eaad96db9e6386c",
	 "667842d7d180ac2cde6f74f37551f55755c7645c20ef73e31634fe72b4c55ee6"
	 "de3ac808acb4bdb4c88732aee95f41aa9482ed1fc0eeb9cafc4984625ccfc23f"
	 "65032149e0e144ada024181535a0f38eeb9fcff3c2c947dae69b4c634573a81c",
	 "11187331c279962d93d604243fd592cb9d0a926f422e47187521287e7156c5c4"
	 "d603135569b9e9d09cf5d4a270f59746"},
	/* RFC 5903 8.3: initiator, responder */
	{11, DH_ECP_521,
	 "0037ade9319a89f4dabdb3ef411aaccca5123c61acab57b5393dce47608172a0"
	 "95aa85a30fe1c2952c6771d937ba9777f5957b2639bab072462f68c27a57382d"
	 "4a52",
	 "0015417e84dbf28c0ad3c278713349dc7df153c897a1891bd98bab4357c9ecbe"
	 "e1e3bf42e00b8e380aeae57c2d107564941885942af5a7f4601723c4195d176c"
	 "ed3e017cae20b6641d2eeb695786d8c946146239d099e18e1d5a514c739d7cb4"
	 "a10ad8a788015ac405d7799dc75e7b7d5b6cf2261a6a7f1507438bf01beb6ca3"
	 "926f9582",
	 "00d0b3975ac4b799f5bea16d5e13e9af971d5e9b984c9f39728b5e5739735a21"
	 "9b97c356436adc6e95bb0352f6be64a6c2912d4ef2d0433ced2b6171640012d9"
	 "460f015c68226383956e3bd066e797b623c27ce0eac2f551a10c2c724d985207"
	 "7b87220b6536c5c408a1d2aebb8e86d678ae49cb57091f4732296579ab44fcd1"
	 "7f0fc56a",
	 "01144c7d79ae6956bc8edb8e7c787c4521cb086fa64407f97894e5e6b2d79b04"
	 "d1427e73ca4baa240a34786859810c06b3c715a3a8cc3151f2bee417996d19f3"
	 "ddea"},
	{12, DH_ECP_521,
	 "0145ba99a847af43793fdd0e872e7cdfa16be30fdc780f97bccc3f078380201e"
	 "9c677d600b343757a3bdbf2a3163e4c2f869cca7458aa4a4effc311f5cb15168"
	 "5eb9",
	 "00d0b3975ac4b799f5bea16d5e13e9af971d5e9b984c9f39728b5e5739735a21"
	 "9b97c356436adc6e95bb0352f6be64a6c2912d4ef2d0433ced2b6171640012d9"
	 "460f015c68226383956e3bd066e797b623c27ce0eac2f551a10c2c724d985207"
	 "7b87220b6536c5c408a1d2aebb8e86d678ae49cb57091f4732296579ab44fcd1"
	 "7f0fc56a",
	 "0015417e84dbf28c0ad3c278713349dc7df153c897a1891bd98bab4357c9ecbe"
	 "e1e3bf42e00b8e380aeae57c2d107564941885942af5a7f4601723c4195d176c"
	 "ed3e017cae20b6641d2eeb695786d8c946146239d099e18e1d5a514c739d7cb4"
	 "a10ad8a788015ac405d7799dc75e7b7d5b6cf2261a6a7f1507438bf01beb6ca3"
	 "926f9582",
	 "01144c7d79ae6956bc8edb8e7c787c4521cb086fa64407f97894e5e6b2d79b04"
	 "d1427e73ca4baa240a34786859810c06b3c715a3a8cc3151f2bee417996d19f3"
	 "ddea"},
};

static void test_vectors(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		size_t private_len, peer_len, shared_len, len;
		uint8_t *private_value = hex_bytes(rows[i].private_value, &private_len);
		uint8_t *peer = hex_bytes(rows[i].peer, &peer_len);
		uint8_t *expected = hex_bytes(rows[i].shared, &shared_len);
		uint8_t public_value[DH_PUBLIC_MAX];
		struct dh_keypair k = {.group = rows[i].group};
		struct dh_secret shared;

		secret_set(&k.private_value, private_value, private_len);
		if (rows[i].public_value) {
			size_t n;
			uint8_t *p = hex_bytes(rows[i].public_value, &n);

			assert_int_equal(dh_public(&k, public_value, &len), OK);
			assert_int_equal(len, n);
			assert_memory_equal(public_value, p, n);
			free(p);
		}
		assert_int_equal(dh_shared(&k, peer, peer_len, &shared), OK);
		assert_int_equal(shared.len, shared_len);
		assert_memory_equal(shared.bytes, expected, shared_len);
		free(private_value);
		free(peer);
		free(expected);
	}
}

/* RFC 7748 5.2: the function on its own results, 1000 times. */
static void test_x25519_iterated(void **state)
{
	static const struct {
		int after;
		const char *k;
	} expected[] = {
		{1, "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079"},
		{1000, "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51"},
	};
	uint8_t k[32] = {9}, u[32] = {9};
	int done = 0;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		size_t n;
		uint8_t *octets = hex_bytes(expected[i].k, &n);

		for (; done < expected[i].after; done++) {
			struct dh_keypair pair = {.group = DH_CURVE25519};
			struct dh_secret shared;

			secret_set(&pair.private_value, k, sizeof(k));
			assert_int_equal(dh_shared(&pair, u, sizeof(u), &shared), OK);
			memcpy(u, k, sizeof(u));
			memcpy(k, shared.bytes, sizeof(k));
		}
		assert_memory_equal(k, octets, n);
		free(octets);
	}
}

/* No RFC prints an example for these. Their primes are computed by the formulas of RFC 3526 and
 * RFC 2409, by another implementation. */
static void test_modp(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(modp_rows) / sizeof(*modp_rows); i++) {
		size_t n, len;
		uint8_t *seed = hex_bytes(modp_rows[i].seed, &n);
		uint8_t *expected_public = hex_bytes(modp_rows[i].public_value, &n);
		uint8_t *peer = hex_bytes(modp_rows[i].peer, &n);
		uint8_t *expected = hex_bytes(modp_rows[i].shared, &n);
		uint8_t public_value[DH_PUBLIC_MAX];
		struct dh_keypair k;
		struct dh_secret shared;
		struct entropy e;

		entropy_init(&e, seed);
		assert_int_equal(dh_generate(modp_rows[i].group, &e, &k, public_value, &len), OK);
		assert_int_equal(len, n);
		assert_memory_equal(public_value, expected_public, n);
		assert_int_equal(dh_shared(&k, peer, n, &shared), OK);
		assert_int_equal(shared.len, n);
		assert_memory_equal(shared.bytes, expected, n);
		free(seed);
		free(expected_public);
		free(peer);
		free(expected);
	}
}

static const uint16_t groups[] = {DH_CURVE25519, DH_ECP_256,   DH_ECP_384,   DH_ECP_521,
				  DH_MODP_2048,  DH_MODP_3072, DH_MODP_4096, DH_MODP_1024};

/* Two sides of one group agree; a seed gives the same pair again, another does not. */
static void test_agree(void **state)
{
	(void)state;
	for (size_t g = 0; g < sizeof(groups) / sizeof(groups[0]); g++) {
		uint8_t seed[ENTROPY_SEED_LEN] = {(uint8_t)g};
		uint8_t a_public[DH_PUBLIC_MAX], b_public[DH_PUBLIC_MAX], again[DH_PUBLIC_MAX];
		struct dh_keypair a, b, c;
		struct dh_secret ab, ba;
		struct entropy e;
		size_t len;

		entropy_init(&e, seed);
		assert_int_equal(dh_generate(groups[g], &e, &a, a_public, &len), OK);
		assert_int_equal(dh_generate(groups[g], &e, &b, b_public, &len), OK);
		assert_int_equal(len, dh_public_len(groups[g]));
		assert_memory_not_equal(a_public, b_public, len);
		entropy_init(&e, seed);
		assert_int_equal(dh_generate(groups[g], &e, &c, again, &len), OK);
		assert_memory_equal(a_public, again, len);
		assert_int_equal(dh_shared(&a, b_public, len, &ab), OK);
		assert_int_equal(dh_shared(&b, a_public, len, &ba), OK);
		assert_true(ab.len > 0);
		assert_int_equal(ab.len, ba.len);
		assert_memory_equal(ab.bytes, ba.bytes, ab.len);
		/* One octet too few and too many */
		assert_int_equal(dh_shared(&a, b_public, len - 1, &ab), ERR_MALFORMED);
		assert_int_equal(ab.len, 0);
		assert_int_equal(dh_shared(&a, b_public, len + 1, &ab), ERR_MALFORMED);
		dh_keypair_cleanse(&a);
		assert_int_equal(a.private_value.len, 0);
	}
}

static void test_unknown_group(void **state)
{
	uint8_t seed[ENTROPY_SEED_LEN] = {0}, public_value[DH_PUBLIC_MAX];
	struct dh_keypair k;
	struct dh_secret shared;
	struct entropy e;
	size_t len = 1;

	(void)state;
	entropy_init(&e, seed);
	assert_int_equal(dh_generate(22, &e, &k, public_value, &len), ERR_UNSUPPORTED);
	assert_int_equal(len, 0);
	assert_int_equal(dh_shared(&k, public_value, 128, &shared), ERR_UNSUPPORTED);
	assert_int_equal(dh_generate(DH_NONE, &e, &k, public_value, &len), ERR_UNSUPPORTED);
}

static void refuse(uint16_t group, const uint8_t *peer, int row)
{
	uint8_t seed[ENTROPY_SEED_LEN] = {42}, public_value[DH_PUBLIC_MAX];
	struct dh_keypair k;
	struct dh_secret shared;
	struct entropy e;
	size_t len;

	entropy_init(&e, seed);
	assert_int_equal(dh_generate(group, &e, &k, public_value, &len), OK);
	if (dh_shared(&k, peer, len, &shared) != ERR_CRYPTO)
		fail_msg("row %d: a bad public value was taken", row);
	assert_int_equal(shared.len, 0);
}

/* Points of small order (RFC 7748 6.1: the all-zero value): 0, 1, the two of order
 * 8 and p - 1. */
static void test_x25519_small_order(void **state)
{
	static const char *const bad[] = {
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
		"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		size_t len;
		uint8_t *peer = hex_bytes(bad[i], &len);

		refuse(DH_CURVE25519, peer, (int)i + 1);
		free(peer);
	}
}

/* RFC 6989 2.3 */
static void test_off_curve(void **state)
{
	(void)state;
	for (size_t i = 6; i < sizeof(rows) / sizeof(*rows); i += 2) {
		uint8_t zero[2 * 66] = {0}, field[2 * 66];
		size_t len;
		uint8_t *peer = hex_bytes(rows[i].public_value, &len);

		peer[len - 1] ^= 1;
		refuse(rows[i].group, peer, rows[i].row);
		peer[len - 1] ^= 1;
		peer[1] ^= 0x80;
		refuse(rows[i].group, peer, rows[i].row);
		refuse(rows[i].group, zero, rows[i].row);
		memset(field, 0xff, sizeof(field)); /* Beyond the field */
		refuse(rows[i].group, field, rows[i].row);
		free(peer);
	}
}

/* RFC 6989 2.1: 1 < r < p - 1 */
static void test_modp_range(void **state)
{
	static const struct {
		int row;
		int from_p; /* 1: p + value, 0: value */
		int value;
		bool ok;
	} range[] = {
		{1, 0, 0, false}, {2, 0, 1, false}, {3, 0, 2, true}, {4, 1, -2, true},
		{5, 1, -1, false}, {6, 1, 0, false}, {7, 1, 1, false},
	};
	uint8_t p[256];
	size_t n;
	uint8_t *hex = hex_bytes( /* RFC 3526 3 */
		"ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74"
		"020bbea63b139b22514a08798e3404ddef9519b3cd3a431b302b0a6df25f1437"
		"4fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7ed"
		"ee386bfb5a899fa5ae9f24117c4b1fe649286651ece45b3dc2007cb8a163bf05"
		"98da48361c55d39a69163fa8fd24cf5f83655d23dca3ad961c62f356208552bb"
		"9ed529077096966d670c354e4abc9804f1746c08ca18217c32905e462e36ce3b"
		"e39e772c180e86039b2783a2ec07a28fb5c55df06f4c52c9de2bcbf695581718"
		"3995497cea956ae515d2261898fa051015728e5a8aacaa68ffffffffffffffff",
		&n);

	(void)state;
	assert_int_equal(n, sizeof(p));
	for (size_t i = 0; i < sizeof(range) / sizeof(*range); i++) {
		memset(p, 0, sizeof(p));
		if (range[i].from_p)
			memcpy(p, hex, n);
		if (range[i].from_p && range[i].value > 0) { /* p + 1: the low 64 bits carry */
			memset(p + 248, 0, 8);
			p[247]++;
		} else {
			p[255] = (uint8_t)(p[255] + range[i].value);
		}
		if (!range[i].ok) {
			refuse(DH_MODP_2048, p, range[i].row);
		} else {
			struct dh_keypair k = {.group = DH_MODP_2048};
			struct dh_secret shared;

			secret_set(&k.private_value, "\x05", 1);
			assert_int_equal(dh_shared(&k, p, 256, &shared), OK);
			/* 2^5 = 32; (p-2)^5 = p - 32 */
			assert_int_equal(shared.bytes[255], range[i].from_p ? 0xff - 32 : 32);
			assert_int_equal(shared.bytes[0], range[i].from_p ? 0xff : 0);
		}
	}
	free(hex);
}

/* 0, 1 and all ones, which is beyond every prime, of the other MODP groups. */
static void test_modp_ends(void **state)
{
	static const uint16_t modp[] = {DH_MODP_1024, DH_MODP_3072, DH_MODP_4096};
	uint8_t r[DH_PUBLIC_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(modp) / sizeof(*modp); i++) {
		memset(r, 0, sizeof(r));
		refuse(modp[i], r, modp[i]);
		r[dh_public_len(modp[i]) - 1] = 1;
		refuse(modp[i], r, modp[i]);
		memset(r, 0xff, sizeof(r));
		refuse(modp[i], r, modp[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_x25519_iterated),
		cmocka_unit_test(test_modp),
		cmocka_unit_test(test_agree),
		cmocka_unit_test(test_unknown_group),
		cmocka_unit_test(test_x25519_small_order),
		cmocka_unit_test(test_off_curve),
		cmocka_unit_test(test_modp_range),
		cmocka_unit_test(test_modp_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

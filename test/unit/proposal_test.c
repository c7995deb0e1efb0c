/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/crypto/suite.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

/* A proposal as numbers: "encr:bits,... integ,... prf,... dh,... esn,...". */
static void describe(const struct proposal *p, char *out, size_t size)
{
	const struct {
		const uint16_t *ids;
		uint8_t n;
	} lists[] = {{p->integ, p->n_integ}, {p->prf, p->n_prf}, {p->dh, p->n_dh}, {p->esn, p->n_esn}};
	size_t at = 0;

	out[0] = '\0';
	for (uint8_t i = 0; i < p->n_encr; i++)
		at += (size_t)snprintf(out + at, size - at, "%s%u:%u", i ? "," : "", p->encr[i],
				       p->encr_key_bits[i]);
	for (size_t l = 0; l < 4; l++) {
		at += (size_t)snprintf(out + at, size - at, "%s", lists[l].n ? " " : " -");
		for (uint8_t i = 0; i < lists[l].n; i++)
			at += (size_t)snprintf(out + at, size - at, "%s%u", i ? "," : "",
					       lists[l].ids[i]);
	}
}

static const struct {
	int row;
	bool ike;
	const char *text, *want; /* NULL: refused, */
	const char *why;         /* with this in the reason. */
} rows[] = {
	/* encr integ prf dh esn */
	{1, true, "aes128gcm16-prfsha256-x25519", "20:128 - 5 31 -", NULL},
	{2, true, "aes256gcm16-prfsha384-ecp256", "20:256 - 6 19 -", NULL},
	{3, true, "aes256-sha256-modp2048", "12:256 12 5 14 -", NULL}, /* prf follows integ */
	{4, true, "aes256-sha256-prfsha384-modp2048", "12:256 12 6 14 -", NULL},
	{5, true, "aes128-aes256-sha256-x25519-ecp256-modp2048", "12:128,12:256 12 5 31,19,14 -", NULL},
	{6, true, "x25519-prfsha256-aes128gcm16", "20:128 - 5 31 -", NULL}, /* any order */
	{7, true, "aes128gcm128-prfsha256-curve25519", "20:128 - 5 31 -", NULL}, /* other spellings */
	{8, true, "aes-sha2_256-modp2048", "12:128 12 5 14 -", NULL},
	{9, true, "aes128gcm16-x25519", NULL, "no prf"},
	{10, true, "aes128gcm16-prfsha256", NULL, "Diffie-Hellman"},
	{11, true, "aes256-modp2048", NULL, "no integrity"},
	{12, true, "sha256-modp2048", NULL, "no encryption"},
	{13, true, "aes127-sha256-modp2048", NULL, "unknown algorithm 'aes127'"},
	{14, true, "aes128gcm16-aes128-sha256-modp2048", NULL, "two proposals"},
	{15, true, "aes128gcm16-sha256-prfsha256-x25519", NULL, "no integrity algorithm goes"},
	{16, true, "aes128-aes128-sha256-modp2048", NULL, "twice"},
	{17, true, "aes128-sha256-modp2048-esn", NULL, "not for IKE"},
	{18, true, "aes128-sha256-modpnone", NULL, "not for IKE"},
	{19, true, "", NULL, "unknown algorithm ''"},
	{20, true, "aes128--sha256-modp2048", NULL, "unknown algorithm ''"},
	{21, true, "aes128-sha256-modp2048-", NULL, "unknown algorithm ''"},
	{22, true, "AES128-sha256-modp2048", NULL, "unknown algorithm 'AES128'"},
	{23, true, "aes128-sha256-modp2048-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	 NULL, "unknown algorithm"},
	{24, true, "3des-sha1-modp1024", NULL, "'3des'"},
	{45, true, "aes256-sha1-modp1024", "12:256 2 2 2 -", NULL},
	{46, true, "aes128gcm16-prfsha512-ecp384-ecp521-modp3072-modp4096", "20:128 - 7 20,21,15,16 -", NULL},
	{25, true, "chacha20poly1305-prfsha256-x25519", "28:0 - 5 31 -", NULL},
	{26, true, "chacha20poly1305-aes256gcm16-prfsha384-ecp256", "28:0,20:256 - 6 19 -", NULL},
	{27, true, "chacha20poly1305-sha256-x25519", NULL, "no integrity algorithm goes"},
	{28, true, "aes256-chacha20poly1305-sha256-x25519", NULL, "two proposals"},
	{29, true, "aes256ctr-aes128-sha512-sha384-modp2048", "13:256,12:128 14,13 7,6 14 -", NULL},
	{30, true, "aes128ctr-sha384-prfsha512-x25519", "13:128 13 7 31 -", NULL},
	{31, false, "aes128gcm16", "20:128 - - - 0", NULL}, /* without esn: noesn */
	{32, false, "aes256-sha256-ecp256-esn-noesn", "12:256 12 - 19 1,0", NULL},
	{33, false, "aes128gcm16-esn", "20:128 - - - 1", NULL},
	{34, false, "aes128gcm16-x25519-modpnone", "20:128 - - 31,0 0", NULL},
	{35, false, "aes128gcm16-aes256gcm16", "20:128,20:256 - - - 0", NULL},
	{36, false, "aes128gcm16-prfsha256", NULL, "not for ESP"},
	{37, false, "aes128", NULL, "no integrity"},
	{38, false, "sha256", NULL, "no encryption"},
	{39, false, "aes128gcm16-esn-esn", NULL, "twice"},
	{40, false, "aes128-sha256-sha256", NULL, "twice"},
	{42, false, "aes256ctr-sha256-sha512-esn", "13:256 12,14 - - 1", NULL},
	{43, false, "aes256ctr", NULL, "no integrity"},
	{44, false, "aes256ctr-aes256gcm16", NULL, "two proposals"},
	{41, false, "chacha20poly1305-esn", "28:0 - - - 1", NULL},
};

static void test_spelling(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct proposal p;
		const char *why = "";
		char got[128];
		enum status s = rows[i].ike ? proposal_parse_ike(&p, rows[i].text, &why)
					    : proposal_parse_esp(&p, rows[i].text, &why);

		if ((s == OK) != (rows[i].want != NULL))
			fail_msg("row %d: %s %s", rows[i].row, status_text(s), why);
		if (s != OK) {
			if (!strstr(why, rows[i].why))
				fail_msg("row %d: %s", rows[i].row, why);
			continue;
		}
		describe(&p, got, sizeof(got));
		if (strcmp(got, rows[i].want) != 0)
			fail_msg("row %d: %s", rows[i].row, got);
	}
}

static void test_without_reason(void **state)
{
	struct proposal p;

	(void)state;
	assert_int_equal(proposal_parse_ike(&p, "rot13", NULL), ERR_MALFORMED);
}

static const struct {
	int row;
	struct suite suite;
	size_t encr_key, integ_key, iv, block, icv;
	const char *text;
} suite_rows[] = {
	{1, {ENCR_AES_GCM_16, 128, AUTH_NONE, PRF_HMAC_SHA2_256, DH_CURVE25519, 0}, 20, 0, 8, 4, 16,
	 "aes128gcm16-prfsha256-x25519"},
	{2, {ENCR_AES_GCM_16, 256, AUTH_NONE, 0, DH_NONE, ESN_YES}, 36, 0, 8, 4, 16, "aes256gcm16-esn"},
	{3, {ENCR_AES_CBC, 256, AUTH_HMAC_SHA2_256_128, PRF_HMAC_SHA2_384, DH_MODP_2048, 0}, 32, 32, 16,
	 16, 16, "aes256-sha256-prfsha384-modp2048"},
	{4, {ENCR_AES_CBC, 128, AUTH_HMAC_SHA2_256_128, 0, DH_ECP_256, 0}, 16, 32, 16, 16, 16,
	 "aes128-sha256-ecp256"},
	{5, {ENCR_CHACHA20_POLY1305, 0, AUTH_NONE, PRF_HMAC_SHA2_256, DH_CURVE25519, 0}, 36, 0, 8, 4, 16,
	 "chacha20poly1305-prfsha256-x25519"},
	{6, {ENCR_AES_CTR, 128, AUTH_HMAC_SHA2_384_192, PRF_HMAC_SHA2_512, DH_CURVE25519, 0}, 20, 48, 8, 4, 24,
	 "aes128ctr-sha384-prfsha512-x25519"},
	{7, {ENCR_AES_CTR, 256, AUTH_HMAC_SHA2_512_256, 0, DH_NONE, 1}, 36, 64, 8, 4, 32, "aes256ctr-sha512-esn"},
};

/* Algorithms without a row in a table of sizes are refused before any size is needed. */
static const struct {
	int row;
	struct suite suite;
} odd_rows[] = {
	{1, {ENCR_AES_GCM_16, 192, AUTH_NONE, 0, DH_NONE, 0}},
	{2, {ENCR_CHACHA20_POLY1305, 256, AUTH_NONE, 0, DH_NONE, 0}},
	{3, {ENCR_CHACHA20_POLY1305, 0, AUTH_HMAC_SHA2_256_128, 0, DH_NONE, 0}},
	{4, {ENCR_AES_CBC, 128, AUTH_NONE, 0, DH_NONE, 0}},
	{5, {ENCR_AES_CBC, 128, 5, 0, DH_NONE, 0}},
	{6, {11, 0, AUTH_HMAC_SHA2_256_128, 0, DH_NONE, 0}}, /* NULL */
	{7, {ENCR_AES_GCM_16, 128, AUTH_NONE, 4, DH_NONE, 0}}, /* AES-XCBC */
	{8, {ENCR_AES_GCM_16, 128, AUTH_NONE, 0, 22, 0}},
	{9, {ENCR_AES_GCM_16, 128, AUTH_NONE, 0, DH_NONE, 2}},
	{10, {ENCR_AES_CTR, 192, AUTH_HMAC_SHA2_256_128, 0, DH_NONE, 0}},
	{11, {ENCR_AES_CTR, 128, AUTH_NONE, 0, DH_NONE, 0}}, /* RFC 3686 7: never without. */
};

static void test_suites(void **state)
{
	char text[SUITE_TEXT_LEN];

	(void)state;
	for (size_t i = 0; i < sizeof(suite_rows) / sizeof(suite_rows[0]); i++) {
		const struct suite *s = &suite_rows[i].suite;

		assert_int_equal(suite_encr_key_len(s), suite_rows[i].encr_key);
		assert_int_equal(suite_integ_key_len(s), suite_rows[i].integ_key);
		assert_int_equal(suite_iv_len(s), suite_rows[i].iv);
		assert_int_equal(suite_block_len(s), suite_rows[i].block);
		assert_int_equal(suite_icv_len(s), suite_rows[i].icv);
		assert_int_equal(suite_counts_iv(s), suite_rows[i].iv == 8);
		assert_int_equal(suite_is_aead(s), suite_rows[i].integ_key == 0);
		assert_string_equal(suite_format(s, text), suite_rows[i].text);
		assert_true(suite_supported(s));
	}
	for (size_t i = 0; i < sizeof(odd_rows) / sizeof(odd_rows[0]); i++)
		if (suite_supported(&odd_rows[i].suite))
			fail_msg("row %d", odd_rows[i].row);
	assert_int_equal(prf_key_len(PRF_HMAC_SHA2_256), 32);
	assert_int_equal(prf_key_len(PRF_HMAC_SHA2_384), 48);
	assert_int_equal(prf_key_len(PRF_HMAC_SHA2_512), 64);
	assert_int_equal(dh_public_len(DH_MODP_2048), 256);
	assert_int_equal(dh_public_len(DH_ECP_256), 64);
	assert_int_equal(dh_public_len(DH_CURVE25519), 32);
	assert_true(dh_supported(DH_ECP_256));
	assert_false(dh_supported(DH_NONE));
	assert_int_equal(dh_public_len(DH_ECP_521), 132);
	assert_int_equal(dh_public_len(DH_MODP_4096), 512);
	assert_true(dh_supported(DH_MODP_1024));
	assert_false(dh_supported(5)); /* 1536 bits */
}

/* A weak algorithm in a proposal is reported by name; no other proposal has one. */
static void test_weakness(void **state)
{
	static const struct {
		const char *text, *weak;
	} weak[] = {
		{"aes256-sha1-modp1024", "sha1"},
		{"aes256-sha256-prfsha1-modp2048", "prfsha1"},
		{"aes256-sha256-modp2048-modp1024", "modp1024"},
		{"aes256-sha256-modp2048", NULL},
		{"aes256gcm16-prfsha256-x25519-ecp384", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(weak) / sizeof(weak[0]); i++) {
		struct proposal p;
		const char *got;

		assert_int_equal(proposal_parse_ike(&p, weak[i].text, NULL), OK);
		got = proposal_weakness(&p);
		if (got && weak[i].weak)
			assert_string_equal(got, weak[i].weak);
		else
			assert_true(got == weak[i].weak);
	}
	for (size_t i = 0; i < DH_STRONG_COUNT; i++)
		assert_true(dh_supported(dh_strong[i]) && dh_is_strong(dh_strong[i]));
	assert_false(dh_is_strong(DH_MODP_1024));
	assert_false(dh_is_strong(DH_NONE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_spelling),
		cmocka_unit_test(test_without_reason),
		cmocka_unit_test(test_suites),
		cmocka_unit_test(test_weakness),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

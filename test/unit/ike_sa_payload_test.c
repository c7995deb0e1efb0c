/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/ike/builder.h"

#include "test/unit/hex.h"
#include "test/unit/offer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#define GCM "aes128gcm16-prfsha256-x25519"
#define INIT "aes128gcm16-aes256gcm16-chacha20poly1305-prfsha256-prfsha384-x25519-ecp256-ecp384-modp2048 " \
	     "aes256-aes128-sha256-sha384-x25519-ecp256-ecp384-modp2048"

static const struct {
	int row;
	const char *ours, *offer;
	uint16_t ke_group;
	const char *want; /* "number suite", NULL: NO_PROPOSAL_CHOSEN */
	bool mismatch;
} ike_rows[] = {
	{1, GCM, "1::E20/128,P5,D31", 31, "1 " GCM, false},
	/* strongSwan's default: CBC first, AEAD second */
	{2, GCM, "1::E12/128,E12/256,I12,I13,P5,P6,D19,D31 1::E20/128,E20/256,P5,P6,P7,D19,D20,D31,D14",
	 31, "2 " GCM, false},
	/* our order decides; but of what our first accepts, what needs no INVALID_KE_PAYLOAD */
	{3, GCM " aes256-sha256-modp2048", "1::E12/256,I12,P5,D14 1::E20/128,P5,D31", 14, "2 " GCM, true},
	{46, "aes128-sha256-x25519-modp2048 " GCM, "1::E12/128,I12,P5,D31 1::E12/128,I12,P5,D14", 14,
	 "2 aes128-sha256-prfsha256-modp2048", false},
	/* within one of them our order */
	{4, "aes256-aes128-sha256-modp2048", "1::E12/128,E12/256,I12,P5,D14", 14,
	 "1 aes256-sha256-prfsha256-modp2048", false},
	{5, "aes128-aes256-sha256-modp2048", "1::E12/256,E12/128,I12,P5,D14", 14,
	 "1 aes128-sha256-prfsha256-modp2048", false},
	/* but the group that the client already computed, if we accept it */
	{6, "aes128gcm16-prfsha256-x25519-ecp256", "1::E20/128,P5,D31,D19", 19,
	 "1 aes128gcm16-prfsha256-ecp256", false},
	/* INVALID_KE_PAYLOAD */
	{7, GCM, "1::E20/128,P5,D14,D31", 14, "1 " GCM, true},
	{8, GCM, "1::E20/128,P5,D2,D31", 2, "1 " GCM, true},
	{9, GCM, "1::E20/128,P5,D31", 0, "1 " GCM, true},
	{10, GCM, "1::E20/128,P5,D31", 19, "1 " GCM, true}, /* a KE for what was not offered */
	/* missing mandatory types, 3.3.3 */
	{11, GCM, "1::P5,D31", 31, NULL, false},
	{12, GCM, "1::E20/128,D31", 31, NULL, false},
	{13, GCM, "1::E20/128,P5", 31, NULL, false},
	{14, "aes128-sha256-x25519", "1::E12/128,P5,D31", 31, NULL, false},
	{15, GCM, "1::E20/128,P5,D0", 0, NULL, false},
	/* key length: AES must have one, and it must be ours */
	{16, GCM, "1::E20,P5,D31", 31, NULL, false},
	{17, GCM, "1::E20/256,P5,D31", 31, NULL, false},
	{18, GCM, "1::E20/128/128,P5,D31", 31, NULL, false},
	{19, GCM, "1::E20/128,P5/256,D31", 31, NULL, false}, /* 3.3.5: not for a PRF */
	/* AEAD and INTEG */
	{20, GCM, "1::E20/128,I0,P5,D31", 31, "1 " GCM, false},
	{21, GCM, "1::E20/128,I12,P5,D31", 31, NULL, false},
	{22, GCM " aes128-sha256-x25519", "1::E20/128,E12/128,I12,P5,D31", 31,
	 "1 aes128-sha256-prfsha256-x25519", false},
	{23, "aes128-sha256-x25519", "1::E12/128,I0,P5,D31", 31, NULL, false},
	/* 3.3.6: unknown transforms and attributes are passed over, */
	{24, GCM, "1::E28/256,E20/128?,E20/128,P5,P99,D31,D99", 31, "1 " GCM, false},
	{25, GCM, "1::E20/128?,P5,D31", 31, NULL, false},
	{26, GCM, "1::E20/128~,P5,D31", 31, NULL, false},
	{27, GCM, "1::E20/128,P5,D31?,D31", 31, "1 " GCM, false},
	/* an unknown transform type spoils its proposal, and only that */
	{28, GCM, "1::E20/128,P5,D31,X36", 31, NULL, false},
	{29, GCM, "1::E20/128,P5,D31,X36 1::E20/128,P5,D31", 31, "2 " GCM, false},
	{30, GCM, "1::E20/128,P5,D31,S0", 31, NULL, false}, /* ESN is not for IKE */
	/* protocol and SPI */
	{31, GCM, "3:c0ffee01:E20/128,P5,D31", 31, NULL, false},
	{32, GCM, "1:1111111111111111:E20/128,P5,D31", 31, NULL, false},
	{33, GCM, "2:c0ffee01:I12,S0 1::E20/128,P5,D31", 31, "2 " GCM, false},
	{34, GCM, "1::E12/128,I12,P5,D14", 14, NULL, false},
	/* Windows 10 as it comes: modp1024, 3DES */
	{35, GCM " aes256-sha256-modp2048",
	 "1::E3,I2,P2,D2 1::E12/256,I2,P2,D2 1::E3,I12,P5,D2 1::E12/256,I12,P5,D2", 2, NULL, false},
	/* Apple: one group per proposal */
	{36, "aes256-sha256-ecp256-modp2048",
	 "1::E12/256,I12,P5,D14 1::E12/256,I12,P5,D19 1::E12/256,I12,P5,D5", 14,
	 "1 aes256-sha256-prfsha256-modp2048", false},
	{37, "aes256gcm16-prfsha384-ecp256", "1::E20/256,P6,D19", 19, "1 aes256gcm16-prfsha384-ecp256",
	 false},
	{38, "", "1::E20/128,P5,D31", 31, NULL, false},
	/* What init writes, and strongSwan, Apple, Android, Windows with its registry key, Libreswan,
	 * pfSense: an INVALID_KE_PAYLOAD at most to something better; last Windows as it comes. */
	{39, INIT, "1::E12/128,E12/256,I12,I13,P5,P6,D19,D31 1::E20/128,E20/256,P5,P6,P7,D19,D31,D14", 31,
	 "2 " GCM, false},
	{40, INIT, "1::E12/256,I12,P5,D14 1::E12/256,I12,P5,D19", 14, "1 aes256-sha256-prfsha256-modp2048", false},
	{41, INIT, "1::E13/256,E12/256,E13/128,E12/128,I14,I13,I12,P7,P6,P5,D16,D31,D15,D14 "
	 "1::E28,E20/256,E20/128,P7,P6,P5,D16,D31,D15,D14", 16, "2 " GCM, true},
	{42, INIT, "1::E12/256,I2,P2,D14 1::E12/256,I12,P5,D14 1::E12/256,I13,P6,D14", 14,
	 "2 aes256-sha256-prfsha256-modp2048", false},
	{43, INIT, "1::E20/256,P7,P5,D14,D15,D16,D19,D20,D21,D31 1::E28,P7,P5,D14,D31", 14,
	 "1 aes256gcm16-prfsha256-modp2048", false},
	{44, INIT, "1::E12/256,I12,P5,D14", 14, "1 aes256-sha256-prfsha256-modp2048", false},
	{45, "aes256-sha256-modp1024", "1::E3,I2,P2,D2 1::E12/256,I2,P2,D2 1::E3,I12,P5,D2 1::E12/256,I12,P5,D2",
	 2, "4 aes256-sha256-prfsha256-modp1024", false},
};

/* want: number and suite of what was chosen; NULL: nothing was. */
static void assert_choice(int row, enum status s, const struct sa_choice *c, const char *want,
			  bool mismatch)
{
	char suite[SUITE_TEXT_LEN], got[SUITE_TEXT_LEN + 8] = "";

	if (s == OK)
		snprintf(got, sizeof(got), "%u %s", c->number, suite_format(&c->suite, suite));
	if (s != (want ? OK : ERR_UNSUPPORTED) || strcmp(got, want ? want : "") != 0 ||
	    c->ke_mismatch != mismatch)
		fail_msg("row %d: %s, %s, mismatch %d", row, status_text(s), got, c->ke_mismatch);
}

static void test_select_ike(void **state)
{
	static struct offer_bytes b;

	(void)state;
	for (size_t i = 0; i < sizeof(ike_rows) / sizeof(ike_rows[0]); i++) {
		struct proposal ours[8];
		size_t n = configure(ours, ike_rows[i].ours, true);
		struct sa_choice c;
		enum status s;
		CBS sa;

		offer(&b, ike_rows[i].offer);
		CBS_init(&sa, b.data, b.len);
		s = sa_select_ike(&c, &sa, ours, n, 0, ike_rows[i].ke_group);
		assert_choice(ike_rows[i].row, s, &c, ike_rows[i].want, ike_rows[i].mismatch);
	}
}

static void test_rekey_ike(void **state)
{
	static struct offer_bytes b;
	struct proposal ours[8];
	size_t n = configure(ours, GCM, true);
	struct sa_choice c;
	CBS sa;

	(void)state;
	offer(&b, "1:0102030405060708:E20/128,P5,D31");
	CBS_init(&sa, b.data, b.len);
	assert_int_equal(sa_select_ike(&c, &sa, ours, n, 8, 31), OK);
	assert_true(c.spi == UINT64_C(0x0102030405060708));
	assert_int_equal(c.spi_len, 8);
	offer(&b, "1:0000000000000000:E20/128,P5,D31");
	assert_int_equal(sa_select_ike(&c, &sa, ours, n, 8, 31), ERR_UNSUPPORTED);
	offer(&b, "1::E20/128,P5,D31");
	CBS_init(&sa, b.data, b.len);
	assert_int_equal(sa_select_ike(&c, &sa, ours, n, 8, 31), ERR_UNSUPPORTED);
}

#define SPI "3:c0ffee01:"

static const struct {
	int row;
	const char *ours, *offer;
	enum sa_dh dh;
	uint16_t ke_group;
	const char *want;
	bool mismatch;
} esp_rows[] = {
	{1, "aes128gcm16", SPI "E20/128,S0", SA_DH_IGNORE, 0, "1 aes128gcm16", false},
	{2, "aes128gcm16", SPI "E20/128,S1,S0", SA_DH_IGNORE, 0, "1 aes128gcm16", false},
	{3, "aes128gcm16", SPI "E20/128,S1", SA_DH_IGNORE, 0, NULL, false},
	{4, "aes128gcm16-esn-noesn", SPI "E20/128,S0,S1", SA_DH_IGNORE, 0, "1 aes128gcm16-esn", false},
	{5, "aes128gcm16", SPI "E20/128", SA_DH_IGNORE, 0, NULL, false}, /* ESN is mandatory */
	{6, "aes128gcm16", SPI "E20/128,P5,S0", SA_DH_IGNORE, 0, NULL, false},
	{7, "aes128gcm16", SPI "E20/128,I0,D0,S0", SA_DH_IGNORE, 0, "1 aes128gcm16", false},
	{8, "aes256-sha256", SPI "E12/128,E12/256,I2,I12,S0", SA_DH_IGNORE, 0, "1 aes256-sha256", false},
	{9, "aes256-sha256", SPI "E12/256,S0", SA_DH_IGNORE, 0, NULL, false},
	{10, "aes128gcm16", "3:000000ff:E20/128,S0", SA_DH_IGNORE, 0, NULL, false}, /* reserved SPI */
	{11, "aes128gcm16", "3:00000100:E20/128,S0", SA_DH_IGNORE, 0, "1 aes128gcm16", false},
	{12, "aes128gcm16", "3:c0ffee:E20/128,S0", SA_DH_IGNORE, 0, NULL, false},
	{13, "aes128gcm16", "2:c0ffee01:E20/128,S0", SA_DH_IGNORE, 0, NULL, false},
	/* RFC 7296 3.3's own example: two proposals, each with ESN and without */
	{14, "aes256gcm16", "3:052357bb:E12/128,E12/192,E12/256,I2,I5,S1,S0 3:35a1d6f2:E20/128,E20/256,S1,S0",
	 SA_DH_IGNORE, 0, "2 aes256gcm16", false},
	/* IKE_AUTH: groups have no meaning there */
	{20, "aes128gcm16-x25519", SPI "E20/128,S0", SA_DH_IGNORE, 0, "1 aes128gcm16", false},
	{21, "aes128gcm16", SPI "E20/128,D31,S0", SA_DH_IGNORE, 0, "1 aes128gcm16", false},
	/* CREATE_CHILD_SA */
	{30, "aes128gcm16", SPI "E20/128,S0", SA_DH_NEGOTIATE, 0, "1 aes128gcm16", false},
	{31, "aes128gcm16", SPI "E20/128,D31,S0", SA_DH_NEGOTIATE, 31, "1 aes128gcm16-x25519", false},
	{32, "aes128gcm16", SPI "E20/128,D0,D31,S0", SA_DH_NEGOTIATE, 31, "1 aes128gcm16", false},
	{33, "aes128gcm16", SPI "E20/128,D2,S0", SA_DH_NEGOTIATE, 2, NULL, false},
	{34, "aes128gcm16", SPI "E20/128,D2,D19,D14,S0", SA_DH_NEGOTIATE, 2, "1 aes128gcm16-ecp256", true},
	{35, "aes128gcm16-x25519", SPI "E20/128,D31,S0", SA_DH_NEGOTIATE, 31, "1 aes128gcm16-x25519",
	 false},
	{36, "aes128gcm16-x25519", SPI "E20/128,S0", SA_DH_NEGOTIATE, 0, NULL, false},
	{37, "aes128gcm16-x25519", SPI "E20/128,D0,S0", SA_DH_NEGOTIATE, 0, NULL, false},
	{38, "aes128gcm16-x25519-modpnone", SPI "E20/128,S0", SA_DH_NEGOTIATE, 0, "1 aes128gcm16", false},
	{39, "aes128gcm16-x25519-modpnone", SPI "E20/128,D0,D31,S0", SA_DH_NEGOTIATE, 0,
	 "1 aes128gcm16", false},
	{40, "aes128gcm16-x25519-modpnone", SPI "E20/128,D0,D31,S0", SA_DH_NEGOTIATE, 31,
	 "1 aes128gcm16-x25519", false},
	{41, "aes128gcm16-x25519-ecp256", SPI "E20/128,D19,D31,S0", SA_DH_NEGOTIATE, 19,
	 "1 aes128gcm16-ecp256", false},
	{42, "aes128gcm16-x25519-ecp256", SPI "E20/128,D14,D31,S0", SA_DH_NEGOTIATE, 14,
	 "1 aes128gcm16-x25519", true},
};

static void test_select_esp(void **state)
{
	static struct offer_bytes b;

	(void)state;
	for (size_t i = 0; i < sizeof(esp_rows) / sizeof(esp_rows[0]); i++) {
		struct proposal ours[8];
		size_t n = configure(ours, esp_rows[i].ours, false);
		struct sa_choice c;
		enum status s;
		CBS sa;

		offer(&b, esp_rows[i].offer);
		CBS_init(&sa, b.data, b.len);
		s = sa_select_esp(&c, &sa, ours, n, esp_rows[i].dh, esp_rows[i].ke_group);
		assert_choice(esp_rows[i].row, s, &c, esp_rows[i].want, esp_rows[i].mismatch);
	}
}

/* Bodies whose nested lengths, counts and marks do not agree. */
static const struct {
	int row;
	const char *body;
	enum status want;
} shape_rows[] = {
	{1, "00 00 0024 01 01 00 03 03 00 000c 01 00 0014 800e0080 03 00 0008 02 00 0005 00 00 0008 04 00 001f", OK},
	/* proposal: last mark, reserved, length */
	{2, "02 00 0024 01 01 00 03 03 00 000c 01 00 0014 800e0080 03 00 0008 02 00 0005 00 00 0008 04 00 001f", ERR_MALFORMED},
	{3, "00 ff 0024 01 01 00 03 03 ff 000c 01 ff 0014 800e0080 03 ff 0008 02 ff 0005 00 ff 0008 04 ff 001f", OK},
	{4, "00 00 0025 01 01 00 03 03 00 000c 01 00 0014 800e0080 03 00 0008 02 00 0005 00 00 0008 04 00 001f", ERR_MALFORMED},
	{5, "00 00 0023 01 01 00 03 03 00 000c 01 00 0014 800e0080 03 00 0008 02 00 0005 00 00 0008 04 00 001f", ERR_MALFORMED},
	{6, "00 00 0007 01 01 00", ERR_MALFORMED},
	{7, "00 00 0003 01 01 00 00", ERR_MALFORMED},
	{8, "", ERR_MALFORMED},
	/* transforms: count, last mark, length */
	{9, "00 00 0024 01 01 00 02 03 00 000c 01 00 0014 800e0080 03 00 0008 02 00 0005 00 00 0008 04 00 001f", ERR_MALFORMED},
	{10, "00 00 0024 01 01 00 04 03 00 000c 01 00 0014 800e0080 03 00 0008 02 00 0005 00 00 0008 04 00 001f", ERR_MALFORMED},
	{11, "00 00 0024 01 01 00 03 03 00 000c 01 00 0014 800e0080 00 00 0008 02 00 0005 00 00 0008 04 00 001f", ERR_MALFORMED},
	{12, "00 00 0024 01 01 00 03 03 00 000c 01 00 0014 800e0080 03 00 0008 02 00 0005 03 00 0008 04 00 001f", ERR_MALFORMED},
	{13, "00 00 0024 01 01 00 03 03 00 000b 01 00 0014 800e0080 03 00 0008 02 00 0005 00 00 0008 04 00 001f", ERR_MALFORMED},
	{14, "00 00 0024 01 01 00 03 03 00 000c 01 00 0014 800e0080 03 00 0008 02 00 0005 00 00 0009 04 00 001f", ERR_MALFORMED},
	{15, "00 00 0024 01 01 00 03 03 00 000c 01 00 0014 800e0080 03 00 0008 02 00 0005 00 00 0004 04 00 001f", ERR_MALFORMED},
	/* attributes: half of one; a TLV longer than its transform */
	{16, "00 00 0022 01 01 00 03 03 00 000a 01 00 0014 800e 03 00 0008 02 00 0005 00 00 0008 04 00 001f", ERR_MALFORMED},
	{17, "00 00 0024 01 01 00 03 03 00 000c 01 00 0014 000e0001 03 00 0008 02 00 0005 00 00 0008 04 00 001f", ERR_MALFORMED},
	{18, "00 00 0024 01 01 00 03 03 00 000c 01 00 0014 000e0000 03 00 0008 02 00 0005 00 00 0008 04 00 001f", ERR_UNSUPPORTED},
	/* SPI longer than its proposal */
	{19, "00 00 0008 01 01 ff 00", ERR_MALFORMED},
	{20, "00 00 0008 01 01 00 00", ERR_UNSUPPORTED}, /* nothing offered */
	/* two proposals: marks and rising numbers */
	{21, "02 00 0008 01 01 00 00 00 00 0008 02 01 00 00", ERR_UNSUPPORTED},
	{22, "00 00 0008 01 01 00 00 00 00 0008 02 01 00 00", ERR_MALFORMED},
	{23, "02 00 0008 01 01 00 00 02 00 0008 02 01 00 00", ERR_MALFORMED},
	{24, "02 00 0008 01 01 00 00 00 00 0008 01 01 00 00", ERR_MALFORMED},
	{25, "00 00 0008 00 01 00 00", ERR_MALFORMED},
	/* a good one does not save a broken one behind it */
	{26, "02 00 0024 01 01 00 03 03 00 000c 01 00 0014 800e0080 03 00 0008 02 00 0005 00 00 0008 04 00 001f"
	     "00 00 0008 02 01 00 01", ERR_MALFORMED},
	{27, "02 00 0024 01 01 00 03 03 00 000c 01 00 0014 800e0080 03 00 0008 02 00 0005 00 00 0008 04 00 001f"
	     "00 00 0008 02 01 00 00", OK},
};

static void test_shapes(void **state)
{
	struct proposal ours[8];
	size_t n = configure(ours, GCM, true);

	(void)state;
	for (size_t i = 0; i < sizeof(shape_rows) / sizeof(shape_rows[0]); i++) {
		size_t len;
		uint8_t *body = hex_bytes(shape_rows[i].body, &len);
		struct sa_choice c;
		enum status s;
		CBS sa;

		CBS_init(&sa, body, len);
		s = sa_select_ike(&c, &sa, ours, n, 0, 31);
		if (s != shape_rows[i].want)
			fail_msg("row %d: %s", shape_rows[i].row, status_text(s));
		free(body);
	}
}

/* Every cut of a nested offer is malformed, except between two proposals none. */
static void test_truncated(void **state)
{
	static struct offer_bytes b;
	struct proposal ours[8];
	size_t n = configure(ours, "aes256gcm16", false);

	(void)state;
	offer(&b, "3:052357bb:E12/128,E12/256,I2,S1,S0 3:35a1d6f2:E20/256~,E20/256,S1,S0");
	for (size_t len = 0; len < b.len; len++) {
		uint8_t *part = exact_copy(b.data, len);
		struct sa_choice c;
		CBS sa;

		CBS_init(&sa, part, len);
		if (sa_select_esp(&c, &sa, ours, n, SA_DH_IGNORE, 0) != ERR_MALFORMED)
			fail_msg("cut at %zu", len);
		free(part);
	}
}

/* 255 proposals of 255 transforms: read, not stored. */
static void test_many(void **state)
{
	static struct offer_bytes one;
	struct proposal ours[8];
	size_t n = configure(ours, "aes128gcm16", false), at = 0;
	uint8_t *body;
	struct sa_choice c;
	char text[2048] = "3:c0ffee01:E3";
	CBS sa;

	(void)state;
	for (size_t i = 1; i < 200; i++)
		strcat(text, ",E3");
	offer(&one, text);
	body = malloc(255 * one.len + 64);
	assert_non_null(body);
	for (unsigned number = 1; number < 255; number++, at += one.len) {
		memcpy(body + at, one.data, one.len);
		body[at] = 2;
		body[at + 4] = (uint8_t)number;
	}
	offer(&one, SPI "E20/128,S0");
	memcpy(body + at, one.data, one.len);
	body[at + 4] = 255;
	CBS_init(&sa, body, at + one.len);
	assert_int_equal(sa_select_esp(&c, &sa, ours, n, SA_DH_IGNORE, 0), OK);
	assert_int_equal(c.number, 255);
	free(body);
}

static const struct {
	int row;
	const char *answer;
	enum status want;
	const char *suite;
} answer_rows[] = {
	{1, "1::E20/128,P5,D31", OK, GCM},
	{2, SPI "E20/128,S0", OK, "aes128gcm16"},
	{3, SPI "E20/128,I0,D0,S0", OK, "aes128gcm16"},
	{4, SPI "E12/256,I12,D14,S1", OK, "aes256-sha256-modp2048-esn"},
	{5, "1:0102030405060708:E20/128,P5,D31", OK, GCM},
	{6, SPI "E20/128,E20/256,S0", ERR_UNSUPPORTED, NULL}, /* must be a single one */
	{7, SPI "E20/128,S0,S1", ERR_UNSUPPORTED, NULL},
	{8, SPI "E20/128,S0 " SPI "E20/128,S0", ERR_MALFORMED, NULL},
	{9, SPI "E20/128?,S0", ERR_UNSUPPORTED, NULL},
	{10, SPI "E20/128", ERR_UNSUPPORTED, NULL},
	{11, SPI "S0", ERR_UNSUPPORTED, NULL},
	{12, "1::E12/128,P5,D31", ERR_UNSUPPORTED, NULL},
	{13, "1::E20/128,I12,P5,D31", ERR_UNSUPPORTED, NULL},
	{14, "1::E20/128,P5", ERR_UNSUPPORTED, NULL},
	{15, "1::E20/128,D31", ERR_UNSUPPORTED, NULL},
	{16, SPI "E20/128,S0,X1", ERR_UNSUPPORTED, NULL},
	{17, SPI "E3,S0", ERR_UNSUPPORTED, NULL},
	{18, "2:c0ffee01:I12,S0", ERR_UNSUPPORTED, NULL},
	{19, "3:c0ffee:E20/128,S0", ERR_MALFORMED, NULL},
	{20, "3::E20/128,S0", ERR_MALFORMED, NULL},
	{21, SPI "E20/128,S2", ERR_UNSUPPORTED, NULL},
};

static void test_answers(void **state)
{
	static struct offer_bytes b;
	char suite[SUITE_TEXT_LEN];

	(void)state;
	for (size_t i = 0; i < sizeof(answer_rows) / sizeof(answer_rows[0]); i++) {
		struct sa_choice c;
		enum status s;
		CBS sa;

		offer(&b, answer_rows[i].answer);
		CBS_init(&sa, b.data, b.len);
		s = sa_parse_answer(&c, &sa);
		if (s != answer_rows[i].want)
			fail_msg("row %d: %s", answer_rows[i].row, status_text(s));
		if (s == OK)
			assert_string_equal(suite_format(&c.suite, suite), answer_rows[i].suite);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_select_ike), cmocka_unit_test(test_rekey_ike),
		cmocka_unit_test(test_select_esp), cmocka_unit_test(test_shapes),
		cmocka_unit_test(test_truncated),  cmocka_unit_test(test_many),
		cmocka_unit_test(test_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

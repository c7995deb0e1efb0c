/* SPDX-License-Identifier: Apache-2.0 */
/* One table of algorithms: numbers, sizes and the names strongSwan gives them. proposal.c reads the same
 * names; we speak only what is in the table. Sizes: AES-GCM RFC 4106 (ESP), RFC 5282 (IKE);
 * ChaCha20-Poly1305 RFC 7634; AES-CBC RFC 3602; AES-CTR RFC 3686, RFC 5930; HMAC-SHA2 RFC 4868; groups RFC
 * 2409, RFC 3526, RFC 5903, RFC 8031. */
#include "proto/crypto/suite_names.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

const struct suite_name suite_names[] = {
	{"aes128gcm16", IKE_TRANSFORM_ENCR, ENCR_AES_GCM_16, 128},
	{"aes256gcm16", IKE_TRANSFORM_ENCR, ENCR_AES_GCM_16, 256},
	{"aes128gcm128", IKE_TRANSFORM_ENCR, ENCR_AES_GCM_16, 128},
	{"aes256gcm128", IKE_TRANSFORM_ENCR, ENCR_AES_GCM_16, 256},
	{"aes128gcm", IKE_TRANSFORM_ENCR, ENCR_AES_GCM_16, 128},
	{"aes256gcm", IKE_TRANSFORM_ENCR, ENCR_AES_GCM_16, 256},
	{"chacha20poly1305", IKE_TRANSFORM_ENCR, ENCR_CHACHA20_POLY1305, 0},
	{"aes128", IKE_TRANSFORM_ENCR, ENCR_AES_CBC, 128},
	{"aes256", IKE_TRANSFORM_ENCR, ENCR_AES_CBC, 256},
	{"aes", IKE_TRANSFORM_ENCR, ENCR_AES_CBC, 128},
	{"aes128ctr", IKE_TRANSFORM_ENCR, ENCR_AES_CTR, 128},
	{"aes256ctr", IKE_TRANSFORM_ENCR, ENCR_AES_CTR, 256},
	{"aesctr", IKE_TRANSFORM_ENCR, ENCR_AES_CTR, 128},
	{"sha256", IKE_TRANSFORM_INTEG, AUTH_HMAC_SHA2_256_128, 0},
	{"sha2_256", IKE_TRANSFORM_INTEG, AUTH_HMAC_SHA2_256_128, 0},
	{"sha384", IKE_TRANSFORM_INTEG, AUTH_HMAC_SHA2_384_192, 0},
	{"sha2_384", IKE_TRANSFORM_INTEG, AUTH_HMAC_SHA2_384_192, 0},
	{"sha512", IKE_TRANSFORM_INTEG, AUTH_HMAC_SHA2_512_256, 0},
	{"sha2_512", IKE_TRANSFORM_INTEG, AUTH_HMAC_SHA2_512_256, 0},
	{"sha1", IKE_TRANSFORM_INTEG, AUTH_HMAC_SHA1_96, 0},
	{"sha", IKE_TRANSFORM_INTEG, AUTH_HMAC_SHA1_96, 0},
	{"prfsha256", IKE_TRANSFORM_PRF, PRF_HMAC_SHA2_256, 0},
	{"prfsha384", IKE_TRANSFORM_PRF, PRF_HMAC_SHA2_384, 0},
	{"prfsha512", IKE_TRANSFORM_PRF, PRF_HMAC_SHA2_512, 0},
	{"prfsha1", IKE_TRANSFORM_PRF, PRF_HMAC_SHA1, 0},
	{"x25519", IKE_TRANSFORM_DH, DH_CURVE25519, 0},
	{"curve25519", IKE_TRANSFORM_DH, DH_CURVE25519, 0},
	{"ecp256", IKE_TRANSFORM_DH, DH_ECP_256, 0},
	{"ecp384", IKE_TRANSFORM_DH, DH_ECP_384, 0},
	{"ecp521", IKE_TRANSFORM_DH, DH_ECP_521, 0},
	{"modp2048", IKE_TRANSFORM_DH, DH_MODP_2048, 0},
	{"modp3072", IKE_TRANSFORM_DH, DH_MODP_3072, 0},
	{"modp4096", IKE_TRANSFORM_DH, DH_MODP_4096, 0},
	{"modp1024", IKE_TRANSFORM_DH, DH_MODP_1024, 0},
	{"modpnone", IKE_TRANSFORM_DH, DH_NONE, 0},
	{"noesn", IKE_TRANSFORM_ESN, ESN_NO, 0},
	{"esn", IKE_TRANSFORM_ESN, ESN_YES, 0},
	{NULL, 0, 0, 0},
};

/* Octets; the key's with the salt. */
static const struct cipher_size {
	uint16_t encr, key_bits;
	bool aead;
	uint8_t key, iv, block;
} cipher_sizes[] = {
	{ENCR_AES_GCM_16, 128, true, 16 + 4, 8, 4},
	{ENCR_AES_GCM_16, 256, true, 32 + 4, 8, 4},
	{ENCR_CHACHA20_POLY1305, 0, true, 32 + 4, 8, 4},
	{ENCR_AES_CBC, 128, false, 16, 16, 16},
	{ENCR_AES_CBC, 256, false, 32, 16, 16},
	{ENCR_AES_CTR, 128, false, 16 + 4, 8, 4},
	{ENCR_AES_CTR, 256, false, 32 + 4, 8, 4},
};
static const struct integ_size {
	uint16_t integ;
	uint8_t key, icv;
} integ_sizes[] = {
	{AUTH_HMAC_SHA1_96, 20, 12}, /* RFC 2404 */
	{AUTH_HMAC_SHA2_256_128, 32, 16},
	{AUTH_HMAC_SHA2_384_192, 48, 24},
	{AUTH_HMAC_SHA2_512_256, 64, 32},
};
#define AEAD_ICV_LEN 16u
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static const struct cipher_size *cipher_size(const struct suite *s)
{
	static const struct cipher_size none = {0};

	for (size_t i = 0; i < COUNT(cipher_sizes); i++)
		if (cipher_sizes[i].encr == s->encr && cipher_sizes[i].key_bits == s->encr_key_bits)
			return &cipher_sizes[i];
	return &none;
}

static const struct integ_size *integ_size(const struct suite *s)
{
	static const struct integ_size none = {0};

	for (size_t i = 0; i < COUNT(integ_sizes); i++)
		if (integ_sizes[i].integ == s->integ)
			return &integ_sizes[i];
	return &none;
}

bool suite_encr_supported(const struct suite *s)
{
	const struct cipher_size *c = cipher_size(s);

	return c->key != 0 && (c->aead ? s->integ == AUTH_NONE : integ_size(s)->key != 0);
}

bool suite_supported(const struct suite *s)
{
	return suite_encr_supported(s) && (s->prf == 0 || prf_key_len(s->prf) != 0) &&
	       (s->dh == DH_NONE || dh_supported(s->dh)) && (s->esn == ESN_NO || s->esn == ESN_YES);
}

bool encr_is_aead(uint16_t encr)
{
	for (size_t i = 0; i < COUNT(cipher_sizes); i++)
		if (cipher_sizes[i].encr == encr)
			return cipher_sizes[i].aead;
	return false;
}

bool suite_is_aead(const struct suite *s)
{
	return encr_is_aead(s->encr);
}

bool suite_counts_iv(const struct suite *s)
{
	return s->encr != ENCR_AES_CBC;
}

size_t suite_encr_key_len(const struct suite *s)
{
	return cipher_size(s)->key;
}

size_t suite_integ_key_len(const struct suite *s)
{
	return integ_size(s)->key;
}

size_t suite_icv_len(const struct suite *s)
{
	size_t len = suite_is_aead(s) ? AEAD_ICV_LEN : integ_size(s)->icv;

	assert(len > 0 && len <= SUITE_ICV_MAX);
	return len;
}

size_t suite_iv_len(const struct suite *s)
{
	return cipher_size(s)->iv;
}

size_t suite_block_len(const struct suite *s)
{
	return cipher_size(s)->block;
}

size_t prf_key_len(uint16_t prf)
{
	switch (prf) {
	case PRF_HMAC_SHA1:
		return 20;
	case PRF_HMAC_SHA2_256:
		return 32;
	case PRF_HMAC_SHA2_384:
		return 48;
	case PRF_HMAC_SHA2_512:
		return 64;
	default:
		return 0;
	}
}

size_t dh_public_len(uint16_t dh)
{
	switch (dh) {
	case DH_MODP_1024:
		return 128;
	case DH_MODP_2048:
		return 256;
	case DH_MODP_3072:
		return 384;
	case DH_MODP_4096:
		return 512;
	case DH_ECP_256: /* x and y, RFC 5903 7 */
		return 64;
	case DH_ECP_384:
		return 96;
	case DH_ECP_521:
		return 132;
	case DH_CURVE25519:
		return 32;
	default:
		return 0;
	}
}

bool dh_supported(uint16_t dh)
{
	return dh_public_len(dh) != 0;
}

const uint16_t dh_strong[DH_STRONG_COUNT] = {DH_CURVE25519, DH_ECP_256,   DH_ECP_384,  DH_ECP_521,
					     DH_MODP_2048,  DH_MODP_3072, DH_MODP_4096};

bool dh_is_strong(uint16_t dh)
{
	for (size_t i = 0; i < DH_STRONG_COUNT; i++)
		if (dh_strong[i] == dh)
			return true;
	return false;
}

/* The first name of the table is the one we write. */
static const char *name_of(uint8_t type, uint16_t id, uint16_t key_bits)
{
	for (const struct suite_name *n = suite_names; n->text; n++)
		if (n->type == type && n->id == id && n->key_bits == key_bits)
			return n->text;
	return "unknown";
}

const char *suite_format(const struct suite *s, char text[SUITE_TEXT_LEN])
{
	const char *part[5];
	size_t n = 0, at = 0;

	part[n++] = name_of(IKE_TRANSFORM_ENCR, s->encr, s->encr_key_bits);
	if (s->integ != AUTH_NONE)
		part[n++] = name_of(IKE_TRANSFORM_INTEG, s->integ, 0);
	if (s->prf != 0)
		part[n++] = name_of(IKE_TRANSFORM_PRF, s->prf, 0);
	if (s->dh != DH_NONE)
		part[n++] = name_of(IKE_TRANSFORM_DH, s->dh, 0);
	if (s->esn == ESN_YES)
		part[n++] = "esn";
	text[0] = '\0';
	for (size_t i = 0; i < n; i++)
		at += (size_t)snprintf(text + at, SUITE_TEXT_LEN - at, "%s%s", i ? "-" : "",
				       part[i]);
	assert(at < SUITE_TEXT_LEN);
	return text;
}

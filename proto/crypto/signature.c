/* SPDX-License-Identifier: Apache-2.0 */
/* One table of algorithms serves both directions (signature_algorithm.h). Method 14 names one by
 * an AlgorithmIdentifier in DER (RFC 7427 3):
 *
 * 	length of it (1 octet), AlgorithmIdentifier, signature value
 *
 * For ECDSA the value is an Ecdsa-Sig-Value there, and r | s of fixed width in methods 9 and 10
 * (RFC 4754 7). Method 1 names nothing: "implementations that support this authentication method
 * SHOULD support signatures that use SHA-1 as the hash function and SHOULD use SHA-1 as the default
 * hash function when generating signatures" (RFC 7296 3.8). The octets contain a fresh nonce of
 * each side, so a collision would have to be found within one exchange.
 *
 * The key's type is checked before BoringSSL is called: an AlgorithmIdentifier that does not fit
 * the key is refused, not tried. */
#include "proto/crypto/signature_algorithm.h"

#include <openssl/bn.h>
#include <openssl/digest.h>
#include <openssl/ec.h>
#include <openssl/ec_key.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/mem.h>
#include <openssl/nid.h>
#include <openssl/rsa.h>

#include <assert.h>
#include <string.h>

#define RSA_BITS_MIN 2048u
#define RSA_BITS_MAX 4096u
#define ECDSA_WIDTH_MAX 48u

/* ---- Hashes ---- */

uint32_t signature_hashes_read(CBS data)
{
	uint32_t hashes = 0;
	uint16_t hash;

	if (CBS_len(&data) % 2 != 0)
		return 0;
	while (CBS_get_u16(&data, &hash))
		if (hash >= SIGNATURE_HASH_SHA1 && hash <= SIGNATURE_HASH_IDENTITY)
			hashes |= 1u << hash;
	return hashes;
}

void signature_hashes_write(uint8_t out[SIGNATURE_HASHES_LEN])
{
	memset(out, 0, SIGNATURE_HASHES_LEN);
	for (uint8_t i = 0; i < 4; i++)
		out[2 * i + 1] = (uint8_t)(SIGNATURE_HASH_SHA2_256 + i);
}

/* ---- Keys ---- */

static int curve_of(const EVP_PKEY *key)
{
	const EC_KEY *ec = EVP_PKEY_get0_EC_KEY(key);

	return ec ? EC_GROUP_get_curve_name(EC_KEY_get0_group(ec)) : NID_undef;
}

const char *signature_key_refused(const EVP_PKEY *key)
{
	int bits = EVP_PKEY_bits(key);

	switch (EVP_PKEY_id(key)) {
	case EVP_PKEY_RSA:
		if (bits < (int)RSA_BITS_MIN)
			return "its RSA key has less than 2048 bits";
		return bits > (int)RSA_BITS_MAX ? "its RSA key has more than 4096 bits" : NULL;
	case EVP_PKEY_EC:
		if (curve_of(key) == NID_X9_62_prime256v1 || curve_of(key) == NID_secp384r1)
			return NULL;
		return "its key is on another curve than P-256 and P-384";
	case EVP_PKEY_ED25519:
		return NULL;
	default:
		return "its key is neither RSA nor ECDSA nor Ed25519";
	}
}

static bool kind_fits(enum signature_kind kind, const EVP_PKEY *key)
{
	switch (EVP_PKEY_id(key)) {
	case EVP_PKEY_RSA:
		return kind == RSA_V15 || kind == RSA_PSS;
	case EVP_PKEY_EC:
		return kind == ECDSA;
	case EVP_PKEY_ED25519:
		return kind == EDDSA;
	default:
		return false;
	}
}

/* ---- Choosing ---- */

static bool choose_of(struct signature_scheme *out, enum signature_kind kind, uint32_t hashes)
{
	for (uint8_t i = 0; i < SIGNATURE_ALGORITHMS; i++) {
		if (signature_algorithms[i].kind != kind || !(hashes >> signature_algorithms[i].hash & 1))
			continue;
		*out = (struct signature_scheme){SIGNATURE_DIGITAL, i};
		return true;
	}
	return false;
}

/* For who announced nothing. */
static bool choose_older(struct signature_scheme *out, const EVP_PKEY *key)
{
	bool p256 = curve_of(key) == NID_X9_62_prime256v1;

	if (EVP_PKEY_id(key) == EVP_PKEY_RSA && choose_of(out, RSA_V15, 1u << SIGNATURE_HASH_SHA1))
		out->method = SIGNATURE_RSA;
	else if (EVP_PKEY_id(key) == EVP_PKEY_EC &&
		 choose_of(out, ECDSA, 1u << (p256 ? SIGNATURE_HASH_SHA2_256 : SIGNATURE_HASH_SHA2_384)))
		out->method = p256 ? SIGNATURE_ECDSA_256 : SIGNATURE_ECDSA_384;
	else
		return false; /* Ed25519 has method 14 only. */
	return true;
}

bool signature_choose(struct signature_scheme *out, const EVP_PKEY *key, uint32_t hashes, bool pss)
{
	uint32_t common = hashes & SIGNATURE_HASHES_OURS;

	if (signature_key_refused(key))
		return false;
	if (hashes == 0)
		return choose_older(out, key);
	switch (EVP_PKEY_id(key)) {
	case EVP_PKEY_RSA:
		return choose_of(out, pss ? RSA_PSS : RSA_V15, common);
	case EVP_PKEY_EC:
		if (curve_of(key) == NID_secp384r1 &&
		    choose_of(out, ECDSA, common & 1u << SIGNATURE_HASH_SHA2_384))
			return true;
		return choose_of(out, ECDSA, common);
	default:
		return choose_of(out, EDDSA, common);
	}
}

bool signature_fits(const struct signature_scheme *s, const EVP_PKEY *key)
{
	if (s->algorithm >= SIGNATURE_ALGORITHMS || signature_key_refused(key) ||
	    !kind_fits(signature_algorithms[s->algorithm].kind, key))
		return false;
	if (s->method == SIGNATURE_DIGITAL)
		return true;
	if (s->method == SIGNATURE_RSA)
		return signature_algorithms[s->algorithm].kind == RSA_V15;
	return (s->method == SIGNATURE_ECDSA_256 || s->method == SIGNATURE_ECDSA_384) &&
	       signature_algorithms[s->algorithm].kind == ECDSA;
}

/* ---- ECDSA of fixed width ---- */

static size_t width_of(uint8_t method)
{
	return method == SIGNATURE_ECDSA_256 ? 32 : 48;
}

/* r | s into a DER Ecdsa-Sig-Value, for the caller to free. */
static bool ecdsa_to_der(CBS fixed, size_t width, uint8_t **der, size_t *len)
{
	ECDSA_SIG *sig = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(CBS_data(&fixed), width, NULL);
	BIGNUM *s = BN_bin2bn(CBS_data(&fixed) + width, width, NULL);
	bool ok = sig && r && s && ECDSA_SIG_set0(sig, r, s);

	if (!ok) {
		BN_free(r);
		BN_free(s);
	}
	ok = ok && ECDSA_SIG_to_bytes(der, len, sig);
	ECDSA_SIG_free(sig);
	return ok;
}

static bool ecdsa_from_der(const uint8_t *der, size_t len, size_t width, uint8_t *fixed)
{
	ECDSA_SIG *sig = ECDSA_SIG_from_bytes(der, len);
	const BIGNUM *r, *s;
	bool ok = sig != NULL;

	if (ok) {
		ECDSA_SIG_get0(sig, &r, &s);
		ok = BN_bn2bin_padded(fixed, width, r) && BN_bn2bin_padded(fixed + width, width, s);
	}
	ECDSA_SIG_free(sig);
	return ok;
}

/* ---- Making and verifying ---- */

static bool is_padded(EVP_PKEY_CTX *p, const struct signature_algorithm *a, uint64_t salt)
{
	return a->kind != RSA_PSS || (EVP_PKEY_CTX_set_rsa_padding(p, RSA_PKCS1_PSS_PADDING) &&
				      EVP_PKEY_CTX_set_rsa_pss_saltlen(p, (int)salt));
}

static bool sign(EVP_PKEY *key, const struct signature_algorithm *a, CBS octets, uint8_t *out, size_t *len)
{
	EVP_PKEY_CTX *p;
	EVP_MD_CTX ctx;
	bool ok;

	EVP_MD_CTX_init(&ctx);
	ok = EVP_DigestSignInit(&ctx, &p, signature_digest(a->hash), NULL, key) &&
	     is_padded(p, a, a->kind == RSA_PSS ? EVP_MD_size(signature_digest(a->hash)) : 0) &&
	     EVP_DigestSign(&ctx, out, len, CBS_data(&octets), CBS_len(&octets));
	EVP_MD_CTX_cleanup(&ctx);
	ERR_clear_error();
	return ok;
}

static bool verify(EVP_PKEY *key, const struct signature_algorithm *a, uint64_t salt, CBS value, CBS octets)
{
	EVP_PKEY_CTX *p;
	EVP_MD_CTX ctx;
	bool ok;

	EVP_MD_CTX_init(&ctx);
	ok = EVP_DigestVerifyInit(&ctx, &p, signature_digest(a->hash), NULL, key) && is_padded(p, a, salt) &&
	     EVP_DigestVerify(&ctx, CBS_data(&value), CBS_len(&value), CBS_data(&octets), CBS_len(&octets));
	EVP_MD_CTX_cleanup(&ctx);
	ERR_clear_error();
	return ok;
}

struct blob *signature_create(EVP_PKEY *key, const struct signature_scheme *s, CBS octets)
{
	uint8_t value[RSA_BITS_MAX / 8], fixed[2 * ECDSA_WIDTH_MAX], room[SIGNATURE_MAX];
	const struct signature_algorithm *a;
	size_t len = sizeof(value), total;
	CBB out, prefixed;

	if (!signature_fits(s, key))
		return NULL;
	a = &signature_algorithms[s->algorithm];
	if (!sign(key, a, octets, value, &len))
		return NULL;
	if (s->method == SIGNATURE_RSA)
		return blob_new(value, len);
	if (s->method != SIGNATURE_DIGITAL) {
		size_t width = width_of(s->method);

		return ecdsa_from_der(value, len, width, fixed) ? blob_new(fixed, 2 * width) : NULL;
	}
	if (!CBB_init_fixed(&out, room, sizeof(room)) || !CBB_add_u8_length_prefixed(&out, &prefixed) ||
	    !signature_algorithm_write(&prefixed, a) || !CBB_add_bytes(&out, value, len) ||
	    !CBB_finish(&out, NULL, &total))
		return NULL;
	return blob_new(room, total);
}

static bool verify_rsa(EVP_PKEY *key, CBS auth, CBS octets)
{
	if (EVP_PKEY_id(key) != EVP_PKEY_RSA)
		return false;
	for (size_t i = 0; i < SIGNATURE_ALGORITHMS; i++)
		if (signature_algorithms[i].kind == RSA_V15 && verify(key, &signature_algorithms[i], 0, auth, octets))
			return true;
	return false;
}

static bool verify_ecdsa(EVP_PKEY *key, uint8_t method, CBS auth, CBS octets)
{
	const struct signature_algorithm a = {
		.kind = ECDSA,
		.hash = method == SIGNATURE_ECDSA_256 ? SIGNATURE_HASH_SHA2_256 : SIGNATURE_HASH_SHA2_384,
	};
	size_t width = width_of(method), len = 0;
	uint8_t *der = NULL;
	CBS value;
	bool ok;

	if (curve_of(key) != (method == SIGNATURE_ECDSA_256 ? NID_X9_62_prime256v1 : NID_secp384r1) ||
	    CBS_len(&auth) != 2 * width || !ecdsa_to_der(auth, width, &der, &len))
		return false;
	CBS_init(&value, der, len);
	ok = verify(key, &a, 0, value, octets);
	OPENSSL_free(der);
	return ok;
}

/* *why stays NULL unless there is something to say of the algorithm. */
static bool verify_digital(EVP_PKEY *key, CBS auth, CBS octets, const char **why)
{
	const struct signature_algorithm *a = NULL;
	uint64_t salt = 0;
	CBS der;

	if (CBS_get_u8_length_prefixed(&auth, &der))
		a = signature_algorithm_read(der, &salt);
	if (!a || !(SIGNATURE_HASHES_OURS >> a->hash & 1))
		*why = "its signature algorithm is not accepted";
	else if (!kind_fits(a->kind, key))
		*why = "its signature algorithm is not that of its key";
	else
		return verify(key, a, salt, auth, octets);
	return false;
}

bool signature_verify(EVP_PKEY *key, uint8_t method, CBS auth, CBS octets, const char **why)
{
	const char *bad_key = signature_key_refused(key);
	bool ok = false;

	*why = bad_key;
	if (bad_key)
		return false;
	switch (method) {
	case SIGNATURE_RSA:
		ok = verify_rsa(key, auth, octets);
		break;
	case SIGNATURE_ECDSA_256:
	case SIGNATURE_ECDSA_384:
		ok = verify_ecdsa(key, method, auth, octets);
		break;
	case SIGNATURE_DIGITAL:
		ok = verify_digital(key, auth, octets, why);
		break;
	default:
		*why = "its AUTH method is no signature";
		break;
	}
	if (!ok && !*why)
		*why = "its signature does not verify";
	return ok;
}

bool signature_is_pss(uint8_t method, CBS auth)
{
	const struct signature_algorithm *a;
	uint64_t salt;
	CBS der;

	if (method != SIGNATURE_DIGITAL || !CBS_get_u8_length_prefixed(&auth, &der))
		return false;
	a = signature_algorithm_read(der, &salt);
	return a && a->kind == RSA_PSS;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The MODP groups of RFC 3526 (14 to 16) and group 2 of RFC 2409 6.2: safe primes, generator 2. RFC
 * 6989 2.1: 1 < r < p-1. The exponent's length is twice the strength of the group (RFC 3526 8 gives
 * two estimates, NIST SP 800-56A a third; we use the lower ones). */
#include "proto/crypto/dh_modp.h"

#include <openssl/bn.h>
#include <openssl/dh.h>

#include <assert.h>

/* "2^1024 - 2^960 - 1 + 2^64 * { [2^894 pi] + 129093 }"; the library has no such weak one. */
static BIGNUM *prime_1024(BIGNUM *out)
{
	static const char hex[] =
		"FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74"
		"020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B302B0A6DF25F1437"
		"4FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"
		"EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF";

	return BN_hex2bn(&out, hex) > 0 ? out : NULL;
}

static const struct modp {
	uint16_t group;
	BIGNUM *(*prime)(BIGNUM *out);
	size_t exponent_len;
} groups[] = {
	{DH_MODP_1024, prime_1024, 32},
	{DH_MODP_2048, BN_get_rfc3526_prime_2048, 32},
	{DH_MODP_3072, BN_get_rfc3526_prime_3072, 40},
	{DH_MODP_4096, BN_get_rfc3526_prime_4096, DH_MODP_EXPONENT_MAX},
};

static const struct modp *find(uint16_t group)
{
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (groups[i].group == group)
			return &groups[i];
	assert(!"a MODP group");
	return NULL;
}

size_t dh_modp_exponent_len(uint16_t group)
{
	return find(group)->exponent_len;
}

enum status dh_modp_power(uint16_t group, const struct secret *private_value, const uint8_t *base,
			  uint8_t *out)
{
	size_t len = dh_public_len(group);
	enum status status = ERR_CRYPTO;
	BN_CTX *ctx = BN_CTX_new();
	BIGNUM *p = find(group)->prime(NULL);
	BIGNUM *b = BN_new(), *limit = BN_new(), *result = BN_new();
	BIGNUM *d = BN_bin2bn(private_value->bytes, private_value->len, NULL);
	BN_MONT_CTX *mont = p && ctx ? BN_MONT_CTX_new_for_modulus(p, ctx) : NULL;

	if (!mont || !b || !limit || !result || !d)
		goto out;
	if (base ? !BN_bin2bn(base, len, b) : !BN_set_word(b, 2))
		goto out;
	if (!BN_copy(limit, p) || !BN_sub_word(limit, 1))
		goto out;
	/* RFC 6989 2.1: "Each recipient MUST verify that the peer's public value r is in the
	 * legal range (1 < r < p-1)." */
	if (BN_cmp(b, BN_value_one()) <= 0 || BN_cmp(b, limit) >= 0)
		goto out;
	if (BN_mod_exp_mont_consttime(result, b, d, p, ctx, mont) &&
	    BN_bn2bin_padded(out, len, result))
		status = OK;
out:
	BN_MONT_CTX_free(mont);
	BN_clear_free(d);
	BN_clear_free(result);
	BN_free(limit);
	BN_free(b);
	BN_free(p);
	BN_CTX_free(ctx);
	return status;
}

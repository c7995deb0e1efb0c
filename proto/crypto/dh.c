/* SPDX-License-Identifier: Apache-2.0 */
/* Diffie-Hellman, three groups, one shape: a private value drawn from the event's
 * entropy, a public value of fixed width, a shared value of fixed width.
 *
 *   Curve25519 RFC 7748, in IKEv2 RFC 8031. RFC 7748 6.1: "Both MAY check ...
 *              whether K is the all-zero value and abort if so"; we do.
 *   P-256      RFC 5903: public value x | y, shared value x. RFC 6989 2.3: the
 *              peer's point must lie on the curve; its order is prime, so that
 *              is all (the point at infinity has no such encoding).
 *   MODP-2048  RFC 3526 group 14, a safe prime. RFC 6989 2.1: 1 < r < p-1. The
 *              exponent is 256 random bits: twice the strength of the group
 *              (RFC 3526 8: 110 to 160 bits).
 *
 * Private values are new for each exchange, so reuse (RFC 6989 2's reason) does
 * not arise; the checks are made all the same, they cost nothing. Every operation
 * on a private value is the library's constant-time one. */
#include "proto/crypto/dh.h"

#include <openssl/bn.h>
#include <openssl/curve25519.h>
#include <openssl/dh.h>
#include <openssl/ec.h>
#include <openssl/mem.h>
#include <openssl/nid.h>

#include <assert.h>
#include <string.h>

enum { P256_LEN = 32, MODP_LEN = 256, MODP_EXPONENT_LEN = 32 };

/* ---- P-256 ---- */

struct p256 {
	EC_GROUP *group;
	EC_POINT *point, *peer;
	BIGNUM *d, *x, *y;
};

static void p256_fini(struct p256 *p)
{
	BN_clear_free(p->d);
	BN_clear_free(p->x);
	BN_clear_free(p->y);
	EC_POINT_clear_free(p->point);
	EC_POINT_clear_free(p->peer);
	EC_GROUP_free(p->group);
}

static bool p256_init(struct p256 *p, const struct secret *private_value)
{
	memset(p, 0, sizeof(*p));
	p->group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	if (!p->group)
		return false;
	p->point = EC_POINT_new(p->group);
	p->peer = EC_POINT_new(p->group);
	p->d = BN_bin2bn(private_value->bytes, private_value->len, NULL);
	p->x = BN_new();
	p->y = BN_new();
	return p->point && p->peer && p->d && p->x && p->y;
}

/* RFC 5903 7: the scalar is from 1..n-1, evenly. What does not fit is drawn
 * again, which happens once in 2^32. */
static bool p256_draw(struct entropy *e, struct secret *private_value)
{
	EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	uint8_t octets[P256_LEN];
	BIGNUM *d = BN_new();
	bool ok = group && d;

	while (ok) {
		entropy_draw(e, octets, sizeof(octets));
		ok = BN_bin2bn(octets, sizeof(octets), d) != NULL;
		if (ok && !BN_is_zero(d) && BN_cmp(d, EC_GROUP_get0_order(group)) < 0)
			break;
	}
	if (ok)
		secret_set(private_value, octets, sizeof(octets));
	OPENSSL_cleanse(octets, sizeof(octets));
	BN_clear_free(d);
	EC_GROUP_free(group);
	return ok;
}

static enum status p256_public(const struct secret *private_value, uint8_t *out)
{
	enum status status = ERR_CRYPTO;
	struct p256 p;

	if (p256_init(&p, private_value) &&
	    EC_POINT_mul(p.group, p.point, p.d, NULL, NULL, NULL) &&
	    EC_POINT_get_affine_coordinates_GFp(p.group, p.point, p.x, p.y, NULL) &&
	    BN_bn2bin_padded(out, P256_LEN, p.x) &&
	    BN_bn2bin_padded(out + P256_LEN, P256_LEN, p.y))
		status = OK;
	p256_fini(&p);
	return status;
}

static enum status p256_shared(const struct secret *private_value, const uint8_t *peer,
			       uint8_t *out)
{
	enum status status = ERR_CRYPTO;
	struct p256 p;

	/* Setting a point refuses coordinates outside the field or off the curve. */
	if (p256_init(&p, private_value) && BN_bin2bn(peer, P256_LEN, p.x) &&
	    BN_bin2bn(peer + P256_LEN, P256_LEN, p.y) &&
	    EC_POINT_set_affine_coordinates_GFp(p.group, p.peer, p.x, p.y, NULL) &&
	    EC_POINT_mul(p.group, p.point, NULL, p.peer, p.d, NULL) &&
	    EC_POINT_get_affine_coordinates_GFp(p.group, p.point, p.x, p.y, NULL) &&
	    BN_bn2bin_padded(out, P256_LEN, p.x))
		status = OK;
	p256_fini(&p);
	return status;
}

/* ---- MODP-2048 ---- */

/* out = base^private mod p; peer NULL: the generator, 2. */
static enum status modp_power(const struct secret *private_value, const uint8_t *peer, uint8_t *out)
{
	enum status status = ERR_CRYPTO;
	BN_CTX *ctx = BN_CTX_new();
	BIGNUM *p = BN_get_rfc3526_prime_2048(NULL);
	BIGNUM *base = BN_new(), *limit = BN_new(), *result = BN_new();
	BIGNUM *d = BN_bin2bn(private_value->bytes, private_value->len, NULL);
	BN_MONT_CTX *mont = p && ctx ? BN_MONT_CTX_new_for_modulus(p, ctx) : NULL;

	if (!mont || !base || !limit || !result || !d)
		goto out;
	if (peer ? !BN_bin2bn(peer, MODP_LEN, base) : !BN_set_word(base, 2))
		goto out;
	if (!BN_copy(limit, p) || !BN_sub_word(limit, 1))
		goto out;
	/* RFC 6989 2.1: "Each recipient MUST verify that the peer's public value r is in the
	 * legal range (1 < r < p-1)." */
	if (BN_cmp(base, BN_value_one()) <= 0 || BN_cmp(base, limit) >= 0)
		goto out;
	if (BN_mod_exp_mont_consttime(result, base, d, p, ctx, mont) &&
	    BN_bn2bin_padded(out, MODP_LEN, result))
		status = OK;
out:
	BN_MONT_CTX_free(mont);
	BN_clear_free(d);
	BN_clear_free(result);
	BN_free(limit);
	BN_free(base);
	BN_free(p);
	BN_CTX_free(ctx);
	return status;
}

/* ---- All groups ---- */

enum status dh_generate(uint16_t group, struct entropy *e, struct dh_keypair *k,
			uint8_t public_value[DH_PUBLIC_MAX], size_t *len)
{
	uint8_t octets[32];

	memset(k, 0, sizeof(*k));
	k->group = group;
	*len = 0;
	switch (group) {
	case DH_CURVE25519:
	case DH_MODP_2048:
		entropy_draw(e, octets, sizeof(octets));
		secret_set(&k->private_value, octets, sizeof(octets));
		OPENSSL_cleanse(octets, sizeof(octets));
		break;
	case DH_ECP_256:
		if (!p256_draw(e, &k->private_value))
			return ERR_CRYPTO;
		break;
	default:
		return ERR_UNSUPPORTED;
	}
	return dh_public(k, public_value, len);
}

enum status dh_public(const struct dh_keypair *k, uint8_t public_value[DH_PUBLIC_MAX], size_t *len)
{
	enum status status;

	*len = 0;
	switch (k->group) {
	case DH_CURVE25519:
		assert(k->private_value.len == X25519_PRIVATE_KEY_LEN);
		X25519_public_from_private(public_value, k->private_value.bytes);
		status = OK;
		break;
	case DH_ECP_256:
		status = p256_public(&k->private_value, public_value);
		break;
	case DH_MODP_2048:
		status = modp_power(&k->private_value, NULL, public_value);
		break;
	default:
		return ERR_UNSUPPORTED;
	}
	if (status == OK)
		*len = dh_public_len(k->group);
	return status;
}

enum status dh_shared(const struct dh_keypair *k, const uint8_t *peer, size_t len,
		      struct secret *shared)
{
	uint8_t octets[SECRET_MAX];
	enum status status;
	size_t n = 0;

	memset(shared, 0, sizeof(*shared));
	if (!dh_supported(k->group))
		return ERR_UNSUPPORTED;
	if (len != dh_public_len(k->group))
		return ERR_MALFORMED;
	switch (k->group) {
	case DH_CURVE25519:
		assert(k->private_value.len == X25519_PRIVATE_KEY_LEN);
		status = X25519(octets, k->private_value.bytes, peer) ? OK : ERR_CRYPTO;
		n = X25519_SHARED_KEY_LEN;
		break;
	case DH_ECP_256:
		status = p256_shared(&k->private_value, peer, octets);
		n = P256_LEN;
		break;
	case DH_MODP_2048:
		status = modp_power(&k->private_value, peer, octets);
		n = MODP_LEN;
		break;
	default:
		return ERR_UNSUPPORTED;
	}
	if (status == OK)
		secret_set(shared, octets, n);
	OPENSSL_cleanse(octets, sizeof(octets));
	return status;
}

void dh_keypair_cleanse(struct dh_keypair *k)
{
	OPENSSL_cleanse(k, sizeof(*k));
}

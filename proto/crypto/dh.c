/* SPDX-License-Identifier: Apache-2.0 */
/* Diffie-Hellman, three kinds of groups, one shape: a private value drawn from the event's
 * entropy, a public value of fixed width, a shared value of fixed width.
 *
 *   Curve25519 RFC 7748, in IKEv2 RFC 8031. RFC 7748 6.1: "Both MAY check ...
 *              whether K is the all-zero value and abort if so"; we do.
 *   P-256 ...  RFC 5903: public value x | y, shared value x. RFC 6989 2.3: the
 *              peer's point must lie on the curve; its order is prime, so that
 *              is all (the point at infinity has no such encoding).
 *   MODP       dh_modp.c
 *
 * Private values are new for each exchange, so the reuse that RFC 6989 2 worries about does not
 * arise; the checks are made all the same, because they cost nothing. Every operation on a private
 * value is one of the library's constant-time operations. */
#include "proto/crypto/dh.h"

#include "proto/crypto/dh_modp.h"

#include <openssl/bn.h>
#include <openssl/curve25519.h>
#include <openssl/ec.h>
#include <openssl/mem.h>
#include <openssl/nid.h>

#include <assert.h>
#include <string.h>

/* ---- P-256, P-384, P-521 ---- */

enum { FIELD_MAX = 66 };

static const struct curve {
	uint16_t group;
	int nid;
	size_t len;   /* Octets of a coordinate, and of a scalar. */
	uint8_t mask; /* What its first octet may have. */
} curves[] = {
	{DH_ECP_256, NID_X9_62_prime256v1, 32, 0xff},
	{DH_ECP_384, NID_secp384r1, 48, 0xff},
	{DH_ECP_521, NID_secp521r1, FIELD_MAX, 0x01},
};

/* NULL: no curve of these. */
static const struct curve *curve_of(uint16_t group)
{
	for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++)
		if (curves[i].group == group)
			return &curves[i];
	return NULL;
}

struct ecp {
	EC_GROUP *group;
	EC_POINT *point, *peer;
	BIGNUM *d, *x, *y;
};

static void ecp_fini(struct ecp *p)
{
	BN_clear_free(p->d);
	BN_clear_free(p->x);
	BN_clear_free(p->y);
	EC_POINT_clear_free(p->point);
	EC_POINT_clear_free(p->peer);
	EC_GROUP_free(p->group);
}

static bool ecp_init(struct ecp *p, const struct curve *c, const struct secret *private_value)
{
	memset(p, 0, sizeof(*p));
	p->group = EC_GROUP_new_by_curve_name(c->nid);
	if (!p->group)
		return false;
	p->point = EC_POINT_new(p->group);
	p->peer = EC_POINT_new(p->group);
	p->d = BN_bin2bn(private_value->bytes, private_value->len, NULL);
	p->x = BN_new();
	p->y = BN_new();
	return p->point && p->peer && p->d && p->x && p->y;
}

/* RFC 5903 7: the scalar is uniform in 1..n-1. A value outside is drawn again, which happens once
 * in 2^32, or less. */
static bool ecp_draw(const struct curve *c, struct entropy *e, struct secret *private_value)
{
	EC_GROUP *group = EC_GROUP_new_by_curve_name(c->nid);
	uint8_t octets[FIELD_MAX];
	BIGNUM *d = BN_new();
	bool ok = group && d;

	while (ok) {
		entropy_draw(e, octets, c->len);
		octets[0] &= c->mask;
		ok = BN_bin2bn(octets, c->len, d) != NULL;
		if (ok && !BN_is_zero(d) && BN_cmp(d, EC_GROUP_get0_order(group)) < 0)
			break;
	}
	if (ok)
		secret_set(private_value, octets, c->len);
	OPENSSL_cleanse(octets, sizeof(octets));
	BN_clear_free(d);
	EC_GROUP_free(group);
	return ok;
}

static enum status ecp_public(const struct curve *c, const struct secret *private_value, uint8_t *out)
{
	enum status status = ERR_CRYPTO;
	struct ecp p;

	if (ecp_init(&p, c, private_value) &&
	    EC_POINT_mul(p.group, p.point, p.d, NULL, NULL, NULL) &&
	    EC_POINT_get_affine_coordinates_GFp(p.group, p.point, p.x, p.y, NULL) &&
	    BN_bn2bin_padded(out, c->len, p.x) && BN_bn2bin_padded(out + c->len, c->len, p.y))
		status = OK;
	ecp_fini(&p);
	return status;
}

static enum status ecp_shared(const struct curve *c, const struct secret *private_value,
			      const uint8_t *peer, uint8_t *out)
{
	enum status status = ERR_CRYPTO;
	struct ecp p;

	/* Setting a point refuses coordinates outside the field or off the curve. */
	if (ecp_init(&p, c, private_value) && BN_bin2bn(peer, c->len, p.x) &&
	    BN_bin2bn(peer + c->len, c->len, p.y) &&
	    EC_POINT_set_affine_coordinates_GFp(p.group, p.peer, p.x, p.y, NULL) &&
	    EC_POINT_mul(p.group, p.point, NULL, p.peer, p.d, NULL) &&
	    EC_POINT_get_affine_coordinates_GFp(p.group, p.point, p.x, p.y, NULL) &&
	    BN_bn2bin_padded(out, c->len, p.x))
		status = OK;
	ecp_fini(&p);
	return status;
}

/* ---- All groups ---- */

enum status dh_generate(uint16_t group, struct entropy *e, struct dh_keypair *k,
			uint8_t public_value[DH_PUBLIC_MAX], size_t *len)
{
	const struct curve *curve = curve_of(group);
	uint8_t octets[DH_MODP_EXPONENT_MAX];
	size_t n;

	memset(k, 0, sizeof(*k));
	k->group = group;
	*len = 0;
	if (!dh_supported(group))
		return ERR_UNSUPPORTED;
	if (curve) {
		if (!ecp_draw(curve, e, &k->private_value))
			return ERR_CRYPTO;
	} else {
		n = group == DH_CURVE25519 ? X25519_PRIVATE_KEY_LEN : dh_modp_exponent_len(group);
		entropy_draw(e, octets, n);
		secret_set(&k->private_value, octets, n);
		OPENSSL_cleanse(octets, sizeof(octets));
	}
	return dh_public(k, public_value, len);
}

enum status dh_public(const struct dh_keypair *k, uint8_t public_value[DH_PUBLIC_MAX], size_t *len)
{
	const struct curve *curve = curve_of(k->group);
	enum status status = OK;

	*len = 0;
	if (!dh_supported(k->group))
		return ERR_UNSUPPORTED;
	if (k->group == DH_CURVE25519) {
		assert(k->private_value.len == X25519_PRIVATE_KEY_LEN);
		X25519_public_from_private(public_value, k->private_value.bytes);
	} else if (curve) {
		status = ecp_public(curve, &k->private_value, public_value);
	} else {
		status = dh_modp_power(k->group, &k->private_value, NULL, public_value);
	}
	if (status == OK)
		*len = dh_public_len(k->group);
	return status;
}

enum status dh_shared(const struct dh_keypair *k, const uint8_t *peer, size_t len,
		      struct dh_secret *shared)
{
	const struct curve *curve = curve_of(k->group);
	enum status status;
	size_t n = len;

	memset(shared, 0, sizeof(*shared));
	if (!dh_supported(k->group))
		return ERR_UNSUPPORTED;
	if (len != dh_public_len(k->group))
		return ERR_MALFORMED;
	if (k->group == DH_CURVE25519) {
		assert(k->private_value.len == X25519_PRIVATE_KEY_LEN);
		status = X25519(shared->bytes, k->private_value.bytes, peer) ? OK : ERR_CRYPTO;
	} else if (curve) {
		status = ecp_shared(curve, &k->private_value, peer, shared->bytes);
		n = curve->len;
	} else {
		status = dh_modp_power(k->group, &k->private_value, peer, shared->bytes);
	}
	if (status == OK)
		shared->len = (uint16_t)n;
	else
		dh_secret_cleanse(shared);
	return status;
}

void dh_keypair_cleanse(struct dh_keypair *k)
{
	OPENSSL_cleanse(k, sizeof(*k));
}

void dh_secret_cleanse(struct dh_secret *s)
{
	OPENSSL_cleanse(s, sizeof(*s));
}

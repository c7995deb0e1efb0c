/* SPDX-License-Identifier: Apache-2.0 */
/* AlgorithmIdentifiers in DER (RFC 7427 appendix A, RFC 8420 appendix A). RSASSA-PSS names its
 * hash, MGF1 with the same hash, and the length of the salt; any salt length is accepted, ours is
 * the hash's. Algorithms without parameters there have none here. */
#include "proto/crypto/signature_algorithm.h"

#include <openssl/digest.h>

#include <string.h>

/* In the order in which they are preferred, each for its kind. */
const struct signature_algorithm signature_algorithms[SIGNATURE_ALGORITHMS] = {
	/* sha256WithRSAEncryption, sha384..., sha512..., sha1... */
	{RSA_V15, SIGNATURE_HASH_SHA2_256, 9, {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b}},
	{RSA_V15, SIGNATURE_HASH_SHA2_384, 9, {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0c}},
	{RSA_V15, SIGNATURE_HASH_SHA2_512, 9, {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0d}},
	{RSA_V15, SIGNATURE_HASH_SHA1, 9, {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x05}},
	/* id-RSASSA-PSS */
	{RSA_PSS, SIGNATURE_HASH_SHA2_256, 9, {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a}},
	{RSA_PSS, SIGNATURE_HASH_SHA2_384, 9, {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a}},
	{RSA_PSS, SIGNATURE_HASH_SHA2_512, 9, {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a}},
	/* ecdsa-with-SHA256, -SHA384, -SHA512 */
	{ECDSA, SIGNATURE_HASH_SHA2_256, 8, {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02}},
	{ECDSA, SIGNATURE_HASH_SHA2_384, 8, {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03}},
	{ECDSA, SIGNATURE_HASH_SHA2_512, 8, {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x04}},
	/* id-Ed25519 */
	{EDDSA, SIGNATURE_HASH_IDENTITY, 3, {0x2b, 0x65, 0x70}},
};

/* The hashes of PSS parameters: id-sha256, -384, -512 differ in their last octet; and MGF1. */
static const uint8_t sha2_oid[8] = {0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02};
static const uint8_t mgf1_oid[9] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08};

const EVP_MD *signature_digest(uint8_t hash)
{
	switch (hash) {
	case SIGNATURE_HASH_SHA1:
		return EVP_sha1();
	case SIGNATURE_HASH_SHA2_256:
		return EVP_sha256();
	case SIGNATURE_HASH_SHA2_384:
		return EVP_sha384();
	case SIGNATURE_HASH_SHA2_512:
		return EVP_sha512();
	default:
		return NULL;
	}
}

/* A SEQUENCE of the OID and NULL (or nothing) of a SHA-2. */
static bool read_sha2(CBS *in, uint8_t *hash)
{
	CBS id, oid, none;
	const uint8_t *octets;

	if (!CBS_get_asn1(in, &id, CBS_ASN1_SEQUENCE) || !CBS_get_asn1(&id, &oid, CBS_ASN1_OBJECT) ||
	    CBS_len(&oid) != sizeof(sha2_oid) + 1)
		return false;
	octets = CBS_data(&oid);
	if (memcmp(octets, sha2_oid, sizeof(sha2_oid)) != 0 || octets[8] < 1 || octets[8] > 3)
		return false;
	*hash = (uint8_t)(SIGNATURE_HASH_SHA2_256 + octets[8] - 1);
	if (CBS_len(&id) == 0)
		return true;
	return CBS_get_asn1(&id, &none, CBS_ASN1_NULL) && CBS_len(&none) == 0 && CBS_len(&id) == 0;
}

#define TAGGED(n) (CBS_ASN1_CONSTRUCTED | CBS_ASN1_CONTEXT_SPECIFIC | (n))

/* RSASSA-PSS-params, RFC 4055 3.1. The defaults (SHA-1) are not taken. */
static bool read_pss(CBS *in, uint8_t *hash, uint64_t *salt)
{
	CBS params, field, mgf, oid;
	uint8_t mgf_hash;
	uint64_t trailer;

	if (!CBS_get_asn1(in, &params, CBS_ASN1_SEQUENCE) || CBS_len(in) != 0 ||
	    !CBS_get_asn1(&params, &field, TAGGED(0)) || !read_sha2(&field, hash) || CBS_len(&field) != 0 ||
	    !CBS_get_asn1(&params, &field, TAGGED(1)) ||
	    !CBS_get_asn1(&field, &mgf, CBS_ASN1_SEQUENCE) || CBS_len(&field) != 0 ||
	    !CBS_get_asn1(&mgf, &oid, CBS_ASN1_OBJECT) || !CBS_mem_equal(&oid, mgf1_oid, sizeof(mgf1_oid)) ||
	    !read_sha2(&mgf, &mgf_hash) || CBS_len(&mgf) != 0 || mgf_hash != *hash ||
	    !CBS_get_asn1(&params, &field, TAGGED(2)) || !CBS_get_asn1_uint64(&field, salt) ||
	    CBS_len(&field) != 0 || *salt > 512)
		return false;
	if (CBS_len(&params) == 0)
		return true;
	return CBS_get_asn1(&params, &field, TAGGED(3)) && CBS_get_asn1_uint64(&field, &trailer) &&
	       CBS_len(&field) == 0 && trailer == 1 && CBS_len(&params) == 0;
}

/* The meaning of the AlgorithmIdentifier for a key of this type; NULL: not one that we accept. */
const struct signature_algorithm *signature_algorithm_read(CBS der, uint64_t *salt)
{
	CBS id, oid, none, params;
	uint8_t hash = 0;

	if (!CBS_get_asn1(&der, &id, CBS_ASN1_SEQUENCE) || CBS_len(&der) != 0 ||
	    !CBS_get_asn1(&id, &oid, CBS_ASN1_OBJECT))
		return NULL;
	for (size_t i = 0; i < SIGNATURE_ALGORITHMS; i++) {
		const struct signature_algorithm *a = &signature_algorithms[i];

		if (!CBS_mem_equal(&oid, a->oid, a->oid_len))
			continue;
		params = id;
		if (a->kind == RSA_PSS) {
			if (!read_pss(&params, &hash, salt))
				return NULL;
			if (hash == a->hash)
				return a;
			continue;
		}
		/* Appendix A: NULL behind RSA, "absent" behind the others. */
		if (a->kind == RSA_V15 && CBS_len(&params) != 0 &&
		    !(CBS_get_asn1(&params, &none, CBS_ASN1_NULL) && CBS_len(&none) == 0))
			return NULL;
		return CBS_len(&params) == 0 ? a : NULL;
	}
	return NULL;
}

static bool write_sha2(CBB *out, uint8_t hash)
{
	CBB id, oid, none;

	return CBB_add_asn1(out, &id, CBS_ASN1_SEQUENCE) && CBB_add_asn1(&id, &oid, CBS_ASN1_OBJECT) &&
	       CBB_add_bytes(&oid, sha2_oid, sizeof(sha2_oid)) &&
	       CBB_add_u8(&oid, (uint8_t)(hash - SIGNATURE_HASH_SHA2_256 + 1)) &&
	       CBB_add_asn1(&id, &none, CBS_ASN1_NULL) && CBB_flush(out);
}

static bool write_pss(CBB *out, uint8_t hash)
{
	CBB params, field, mgf, oid;

	return CBB_add_asn1(out, &params, CBS_ASN1_SEQUENCE) && CBB_add_asn1(&params, &field, TAGGED(0)) &&
	       write_sha2(&field, hash) && CBB_add_asn1(&params, &field, TAGGED(1)) &&
	       CBB_add_asn1(&field, &mgf, CBS_ASN1_SEQUENCE) && CBB_add_asn1(&mgf, &oid, CBS_ASN1_OBJECT) &&
	       CBB_add_bytes(&oid, mgf1_oid, sizeof(mgf1_oid)) && write_sha2(&mgf, hash) &&
	       CBB_add_asn1(&params, &field, TAGGED(2)) &&
	       CBB_add_asn1_uint64(&field, EVP_MD_size(signature_digest(hash))) && CBB_flush(out);
}

bool signature_algorithm_write(CBB *out, const struct signature_algorithm *a)
{
	CBB id, oid, none;

	return CBB_add_asn1(out, &id, CBS_ASN1_SEQUENCE) && CBB_add_asn1(&id, &oid, CBS_ASN1_OBJECT) &&
	       CBB_add_bytes(&oid, a->oid, a->oid_len) &&
	       (a->kind != RSA_V15 || CBB_add_asn1(&id, &none, CBS_ASN1_NULL)) &&
	       (a->kind != RSA_PSS || write_pss(&id, a->hash)) && CBB_flush(out);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures of AUTH payloads (RFC 7296 2.15, 3.8): which one a key makes for a peer, making it,
 * verifying one. Keys: RSA of 2048 to 4096 bits, P-256, P-384, Ed25519.
 *
 * 	1   RSA, PKCS #1 v1.5: the older way, here with SHA-1 or SHA-2
 * 	9   ECDSA, P-256 with SHA-256 (RFC 4754)
 * 	10  ECDSA, P-384 with SHA-384
 * 	14  Digital Signature (RFC 7427, Ed25519: RFC 8420): AUTH data says itself which algorithm
 *
 * 14 is for peers that announced hashes in SIGNATURE_HASH_ALGORITHMS, the others for those that did
 * not. Some of this takes milliseconds (RSA): see proto/auth/outside.h for who may wait for it. */
#ifndef PROTO_CRYPTO_SIGNATURE_H
#define PROTO_CRYPTO_SIGNATURE_H

#include "proto/wire/blob.h"
#include "proto/wire/status.h"

#include <openssl/bytestring.h>
#include <openssl/evp.h>

#include <stdbool.h>
#include <stdint.h>

enum { /* Auth Method, RFC 7296 3.8 */
	SIGNATURE_RSA = 1,
	SIGNATURE_ECDSA_256 = 9,
	SIGNATURE_ECDSA_384 = 10,
	SIGNATURE_DIGITAL = 14
};

enum { /* Hash Algorithms, RFC 7427 7, RFC 8420 */
	SIGNATURE_HASH_SHA1 = 1,
	SIGNATURE_HASH_SHA2_256 = 2,
	SIGNATURE_HASH_SHA2_384 = 3,
	SIGNATURE_HASH_SHA2_512 = 4,
	SIGNATURE_HASH_IDENTITY = 5
};

#define SIGNATURE_MAX 600u /* Octets of AUTH data: length, AlgorithmIdentifier, RSA-4096. */
#define SIGNATURE_HASHES_LEN 8u
/* What we announce: SHA2 and Identity. SHA-1 is accepted only from peers that speak only method
 * 1. */
#define SIGNATURE_HASHES_OURS (1u << SIGNATURE_HASH_SHA2_256 | 1u << SIGNATURE_HASH_SHA2_384 | \
			       1u << SIGNATURE_HASH_SHA2_512 | 1u << SIGNATURE_HASH_IDENTITY)

/* The data of a SIGNATURE_HASH_ALGORITHMS NOTIFY: bits 1 << SIGNATURE_HASH_*. Unknown ones are
 * passed over; 0: none that we know, or the data is malformed. */
uint32_t signature_hashes_read(CBS data);
void signature_hashes_write(uint8_t out[SIGNATURE_HASHES_LEN]); /* SIGNATURE_HASHES_OURS */

/* NULL: a key that may sign for us, or for a client. Else a phrase that says why not. */
const char *signature_key_refused(const EVP_PKEY *key);

struct signature_scheme {
	uint8_t method;    /* SIGNATURE_*: for the AUTH payload. */
	uint8_t algorithm; /* From the table in signature.c. */
};

/* How the key signs for a peer that announced those hashes (0: none). pss: the peer itself signs
 * with RSASSA-PSS, so it can verify that. False: it cannot verify anything of this key. */
bool signature_choose(struct signature_scheme *out, const EVP_PKEY *key, uint32_t hashes,
		      bool pss) must_check;
/* Could signature_choose() have returned it for this key? For a choice that came from outside. */
bool signature_fits(const struct signature_scheme *s, const EVP_PKEY *key) must_check;

/* AUTH data over octets; NULL: it cannot be made. */
struct blob *signature_create(EVP_PKEY *key, const struct signature_scheme *s, CBS octets) must_check;

/* Is auth, AUTH data of that method, the signature of octets? False: *why says what is wrong. */
bool signature_verify(EVP_PKEY *key, uint8_t method, CBS auth, CBS octets, const char **why) must_check;

/* Does AUTH data of method 14 say RSASSA-PSS? */
bool signature_is_pss(uint8_t method, CBS auth);

#endif

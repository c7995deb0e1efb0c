/* SPDX-License-Identifier: Apache-2.0 */
/* The algorithms of signatures, and how AUTH method 14 names them; for signature.c alone. */
#ifndef PROTO_CRYPTO_SIGNATURE_ALGORITHM_H
#define PROTO_CRYPTO_SIGNATURE_ALGORITHM_H

#include "proto/crypto/signature.h"

#define SIGNATURE_OID_MAX 9u
#define SIGNATURE_ALGORITHMS 11u

enum signature_kind { RSA_V15, RSA_PSS, ECDSA, EDDSA };

struct signature_algorithm {
	enum signature_kind kind;
	uint8_t hash; /* SIGNATURE_HASH_* */
	uint8_t oid_len;
	uint8_t oid[SIGNATURE_OID_MAX];
};

/* In the order in which they are preferred, each for its kind. */
extern const struct signature_algorithm signature_algorithms[SIGNATURE_ALGORITHMS];

/* NULL for Identity: the octets themselves are signed. */
const EVP_MD *signature_digest(uint8_t hash);

/* What an AlgorithmIdentifier in DER means; NULL: nothing that we know. RSA_PSS: *salt octets. */
const struct signature_algorithm *signature_algorithm_read(CBS der, uint64_t *salt);
bool signature_algorithm_write(CBB *out, const struct signature_algorithm *a) must_check;

#endif

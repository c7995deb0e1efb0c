/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates with which we prove our identity, and their private keys; a connection may have
 * several, and each client is shown the one that it can verify. Immutable, with a reference count
 * for one thread; another thread may use a key as long as its caller keeps a reference. Keys stay
 * in the process: a question (outside.h) names a certificate by its hash. */
#ifndef PROTO_AUTH_CREDENTIAL_H
#define PROTO_AUTH_CREDENTIAL_H

#include "proto/crypto/signature.h"
#include "proto/ike/ike_message.h"

#include <openssl/x509.h>

#define CREDENTIALS_MAX 4u           /* Certificates of one connection. */
#define CREDENTIAL_CHAIN_MAX 6u      /* Certificates of one, with those above it. */
#define CREDENTIAL_CHAIN_LEN_MAX 6144u /* Octets of them in CERT payloads: a response holds more. */
#define CREDENTIAL_HASH_LEN 32u
#define CERT_CA_HASH_LEN 20u         /* SHA-1 of a SubjectPublicKeyInfo, RFC 7296 3.7 */

struct credential {
	EVP_PKEY *key;
	X509 *leaf;
	uint8_t hash[CREDENTIAL_HASH_LEN]; /* SHA-256 of the leaf: its name. */
	struct blob *cert[CREDENTIAL_CHAIN_MAX]; /* DER, the leaf first; what is sent: no root. */
	uint8_t n_certs;
	uint8_t ca[CREDENTIAL_CHAIN_MAX][CERT_CA_HASH_LEN]; /* Those above the leaf, with the root. */
	uint8_t n_cas;
};

struct credentials {
	unsigned refs;
	size_t n;
	struct credential list[CREDENTIALS_MAX];
};

struct credentials *credentials_new(void); /* refs = 1, empty */
struct credentials *credentials_ref(struct credentials *c); /* NULL is accepted. */
void credentials_unref(struct credentials *c);

/* The chain begins with the leaf. NULL: it is in, and keeps references of its own; else a phrase
 * that says what is wrong with it. */
const char *credentials_add(struct credentials *c, X509 *const *chain, size_t n, EVP_PKEY *key);

/* NULL: there is none of that hash. */
const struct credential *credentials_find(const struct credentials *c,
					  const uint8_t hash[CREDENTIAL_HASH_LEN]);

/* What a client can verify: */
struct credential_wish {
	uint32_t hashes; /* signature_hashes_read() of what it announced; 0: nothing. */
	bool pss;
	const struct ike_message *message; /* Its CERTREQs. */
};
/* One below a CA that it asks for, else the first that it can verify by its algorithm. NULL:
 * there is none. */
const struct credential *credentials_choose(const struct credentials *c,
					    const struct credential_wish *wish,
					    struct signature_scheme *scheme);

/* IDs that the certificate shows: is it one of its subjectAltNames, or its subject? */
bool certificate_names(X509 *leaf, const struct ike_id *id) must_check;
/* Is it so for any of those IDs? Names that are longer than an ID can be are none. */
bool certificate_any_name(X509 *leaf, bool (*is)(void *ctx, const struct ike_id *id), void *ctx) must_check;
struct blob *certificate_der(X509 *x); /* A new reference. */
X509 *certificate_read(CBS der) must_check; /* NULL: it is none, or octets follow it. The caller frees it. */
/* SHA-1 of the certificate's key, as CERTREQ names a CA. */
void certificate_ca_hash(const X509 *ca, uint8_t out[CERT_CA_HASH_LEN]);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Which certificates we trust: CAs, the CRLs that they have issued, and which identities may
 * connect. Immutable, with a reference count for one thread; trust_verify() may run in another as
 * long as its caller keeps a reference. New CRLs make a new object. */
#ifndef PROTO_AUTH_TRUST_H
#define PROTO_AUTH_TRUST_H

#include "proto/auth/credential.h"

#define TRUST_CAS_MAX 32u
#define TRUST_CRLS_MAX 64u
#define TRUST_IDS_MAX 64u
#define TRUST_DEPTH_MAX 6     /* CAs between a certificate and a root. */
#define TRUST_WHY_LEN 160u

struct trust {
	unsigned refs;
	X509_STORE *store;
	STACK_OF(X509_CRL) *crls; /* NULL: none are required. */
	uint8_t ca[TRUST_CAS_MAX][CERT_CA_HASH_LEN];
	X509 *ca_cert[TRUST_CAS_MAX]; /* The same CAs. */
	size_t n_cas;
	struct ike_id id[TRUST_IDS_MAX]; /* Patterns, ike_id_matches(); none: anybody whom the CAs name. */
	size_t n_ids;
};

struct trust *trust_new(void); /* refs = 1 */
struct trust *trust_ref(struct trust *t); /* NULL is accepted. */
void trust_unref(struct trust *t);
struct trust *trust_copy(const struct trust *t); /* Without its CRLs; refs = 1 */

/* Only while the trust is being made. NULL: added; else what is wrong. They take their own
 * references. */
const char *trust_add_ca(struct trust *t, X509 *ca);
const char *trust_add_crl(struct trust *t, X509_CRL *crl);
const char *trust_add_id(struct trust *t, const struct ike_id *pattern);
/* From now on a certificate and the CAs above it need a CRL, though there may be none. */
void trust_demand_crls(struct trust *t);

/* Do both have the same CRLs, in the same order? */
bool trust_same_crls(const struct trust *a, const struct trust *b);

/* May this identity connect, if it proves itself? With any method: one without certificates has a trust of
 * patterns alone. */
bool trust_admits(const struct trust *t, const struct ike_id *id);

/* The peer's CERT payloads, the leaf first. */
struct certificate_claim {
	const struct ike_id *id; /* The claimed identity. */
	const CBS *cert;         /* DER */
	size_t n;
	int64_t unix_now;
	bool gateway;            /* A client asks, so serverAuth is a good purpose, too. */
};
/* Chain to a CA, dates, CRLs, purpose, name. The leaf's key for the caller to free; NULL: why is
 * a phrase for the log. */
EVP_PKEY *trust_verify(const struct trust *t, const struct certificate_claim *c,
		       char why[TRUST_WHY_LEN]) must_check;

#endif

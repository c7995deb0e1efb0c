/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates of any shape, made while a test runs. With Ed25519 keys the same wishes give the
 * same octets each time. */
#ifndef TEST_LIB_PKI_H
#define TEST_LIB_PKI_H

#include "proto/auth/credential.h"
#include "proto/auth/trust.h"

#define PKI_NOW INT64_C(1800000000) /* The day of all tests. */
#define PKI_YEAR (INT64_C(365) * 86400)

enum pki_key { PKI_ED25519, PKI_P256, PKI_P384, PKI_RSA2048 };

struct pki_cert {
	X509 *x;
	EVP_PKEY *key;
};

struct pki_wish {
	const char *subject;           /* As dn_parse() takes it. */
	const struct pki_cert *issuer; /* NULL: itself */
	bool ca;
	const char *dns, *email;       /* subjectAltName */
	const char *usage;             /* Of keyUsage: "s" digitalSignature, "e" keyEncipherment; NULL: none. */
	const char *purpose;           /* An OID of extendedKeyUsage */
	int64_t from, until;           /* 0: a year around PKI_NOW */
	uint8_t number;                /* Serial number and key: each certificate another one. */
	enum pki_key kind;
	EVP_PKEY *key;                 /* Instead of a new one. */
};

struct pki_cert pki_issue(const struct pki_wish *w);
void pki_cert_free(struct pki_cert *c);
/* Revokes these serial numbers; a list of n. from, until as above. */
X509_CRL *pki_revoke(const struct pki_cert *issuer, const uint8_t *numbers, size_t n, int64_t from,
		     int64_t until);

/* ---- Both ends of most tests ---- */

/* A root, a CA below it that issues for clients, the gateway's ("gw") and a client's ("cl"). */
struct pki {
	struct pki_cert root, ca, gateway, client;
	struct credentials *own;    /* The gateway's, with its chain. */
	struct credentials *clients_own;
	struct trust *trust;        /* Of both: the root. */
};

void pki_init(struct pki *p, enum pki_key kind);
void pki_fini(struct pki *p);
struct credentials *pki_credentials(const struct pki_cert *leaf, const struct pki_cert *ca);
struct trust *pki_trust(const struct pki_cert *root);

#endif

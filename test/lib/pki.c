/* SPDX-License-Identifier: Apache-2.0 */
#include "test/lib/pki.h"

#include "proto/ike/dn.h"
#include "test/vectors/signature_rows.h"

#include <openssl/asn1.h>
#include <openssl/curve25519.h>
#include <openssl/ec_key.h>
#include <openssl/mem.h>
#include <openssl/nid.h>
#include <openssl/x509v3.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ---- Keys ---- */

static EVP_PKEY *stored_key(const char *name)
{
	uint8_t der[4096];
	EVP_PKEY *key;
	size_t n = 0;
	CBS in;

	for (size_t i = 0; i < sizeof(signature_keys) / sizeof(signature_keys[0]); i++)
		if (strcmp(signature_keys[i].name, name) == 0)
			for (const char *t = signature_keys[i].der; *t; t += 2) {
				const char two[3] = {t[0], t[1], '\0'};

				der[n++] = (uint8_t)strtoul(two, NULL, 16);
			}
	CBS_init(&in, der, n);
	key = EVP_parse_private_key(&in);
	assert(key);
	return key;
}

static EVP_PKEY *ec_key(int curve)
{
	EC_KEY *ec = EC_KEY_new_by_curve_name(curve);
	EVP_PKEY *key = EVP_PKEY_new();
	int ok = ec && key && EC_KEY_generate_key(ec) && EVP_PKEY_assign_EC_KEY(key, ec);

	assert(ok);
	return key;
}

static EVP_PKEY *key_of(const struct pki_wish *w)
{
	uint8_t seed[32] = {w->number, 77};
	EVP_PKEY *key;

	if (w->key) {
		EVP_PKEY_up_ref(w->key);
		return w->key;
	}
	switch (w->kind) {
	case PKI_P256:
		return ec_key(NID_X9_62_prime256v1);
	case PKI_P384:
		return ec_key(NID_secp384r1);
	case PKI_RSA2048:
		return stored_key("rsa2048");
	default:
		key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, sizeof(seed));
		assert(key);
		return key;
	}
}

/* ---- Certificates ---- */

static X509_NAME *name_of(const char *text)
{
	uint8_t der[512];
	const uint8_t *at = der;
	X509_NAME *name;
	size_t len = 0;
	enum status s = dn_parse(text, der, sizeof(der), &len);

	assert(s == OK);
	name = d2i_X509_NAME(NULL, &at, (long)len);
	assert(name);
	return name;
}

static void add_ext(X509 *x, int nid, void *value, bool critical)
{
	int ok = X509_add1_ext_i2d(x, nid, value, critical, X509V3_ADD_DEFAULT);

	assert(ok == 1);
}

static void add_alt_name(GENERAL_NAMES *names, int type, const char *text)
{
	GENERAL_NAME *name = GENERAL_NAME_new();
	ASN1_IA5STRING *string = ASN1_IA5STRING_new();
	int ok = name && string && ASN1_STRING_set(string, text, (ossl_ssize_t)strlen(text));

	assert(ok);
	GENERAL_NAME_set0_value(name, type, string);
	ok = (int)sk_GENERAL_NAME_push(names, name);
	assert(ok);
}

static void add_names(X509 *x, const struct pki_wish *w)
{
	GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();

	assert(names);
	if (w->dns)
		add_alt_name(names, GEN_DNS, w->dns);
	if (w->email)
		add_alt_name(names, GEN_EMAIL, w->email);
	if (w->dns || w->email)
		add_ext(x, NID_subject_alt_name, names, false);
	GENERAL_NAMES_free(names);
}

static void add_usage(X509 *x, const char *usage)
{
	ASN1_BIT_STRING *bits = ASN1_BIT_STRING_new();

	assert(bits);
	if (strchr(usage, 's'))
		ASN1_BIT_STRING_set_bit(bits, 0, 1);
	if (strchr(usage, 'e'))
		ASN1_BIT_STRING_set_bit(bits, 2, 1);
	if (strchr(usage, 'c')) {
		ASN1_BIT_STRING_set_bit(bits, 5, 1);
		ASN1_BIT_STRING_set_bit(bits, 6, 1);
	}
	add_ext(x, NID_key_usage, bits, true);
	ASN1_BIT_STRING_free(bits);
}

static void add_purpose(X509 *x, const char *oid)
{
	EXTENDED_KEY_USAGE *usage = sk_ASN1_OBJECT_new_null();
	int ok = usage && sk_ASN1_OBJECT_push(usage, OBJ_txt2obj(oid, 1));

	assert(ok);
	add_ext(x, NID_ext_key_usage, usage, false);
	sk_ASN1_OBJECT_pop_free(usage, ASN1_OBJECT_free);
}

static void add_extensions(X509 *x, const struct pki_wish *w)
{
	BASIC_CONSTRAINTS *bc = BASIC_CONSTRAINTS_new();

	assert(bc);
	bc->ca = w->ca ? ASN1_BOOLEAN_TRUE : ASN1_BOOLEAN_FALSE;
	add_ext(x, NID_basic_constraints, bc, true);
	BASIC_CONSTRAINTS_free(bc);
	add_names(x, w);
	if (w->usage)
		add_usage(x, w->usage);
	if (w->purpose)
		add_purpose(x, w->purpose);
}

static const EVP_MD *digest_of(const EVP_PKEY *key)
{
	return EVP_PKEY_id(key) == EVP_PKEY_ED25519 ? NULL : EVP_sha256();
}

struct pki_cert pki_issue(const struct pki_wish *w)
{
	struct pki_cert c = {.x = X509_new(), .key = key_of(w)};
	EVP_PKEY *signer = w->issuer ? w->issuer->key : c.key;
	X509_NAME *subject = name_of(w->subject);
	ASN1_TIME *from = ASN1_TIME_set_posix(NULL, w->from ? w->from : PKI_NOW - PKI_YEAR);
	ASN1_TIME *until = ASN1_TIME_set_posix(NULL, w->until ? w->until : PKI_NOW + PKI_YEAR);
	int ok = c.x && from && until && X509_set_version(c.x, X509_VERSION_3) &&
		 ASN1_INTEGER_set(X509_get_serialNumber(c.x), w->number + 1) &&
		 X509_set_subject_name(c.x, subject) &&
		 X509_set_issuer_name(c.x, w->issuer ? X509_get_subject_name(w->issuer->x) : subject) &&
		 X509_set1_notBefore(c.x, from) && X509_set1_notAfter(c.x, until) &&
		 X509_set_pubkey(c.x, c.key);

	assert(ok);
	add_extensions(c.x, w);
	ok = X509_sign(c.x, signer, digest_of(signer));
	assert(ok);
	ASN1_TIME_free(from);
	ASN1_TIME_free(until);
	X509_NAME_free(subject);
	return c;
}

void pki_cert_free(struct pki_cert *c)
{
	X509_free(c->x);
	EVP_PKEY_free(c->key);
	memset(c, 0, sizeof(*c));
}

X509_CRL *pki_revoke(const struct pki_cert *issuer, const uint8_t *numbers, size_t n, int64_t from,
		     int64_t until)
{
	ASN1_TIME *since = ASN1_TIME_set_posix(NULL, from ? from : PKI_NOW - 86400);
	ASN1_TIME *next = ASN1_TIME_set_posix(NULL, until ? until : PKI_NOW + 86400);
	X509_CRL *crl = X509_CRL_new();
	int ok = crl && since && next && X509_CRL_set_version(crl, X509_CRL_VERSION_2) &&
		 X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer->x)) &&
		 X509_CRL_set1_lastUpdate(crl, since) && X509_CRL_set1_nextUpdate(crl, next);

	for (size_t i = 0; ok && i < n; i++) {
		X509_REVOKED *r = X509_REVOKED_new();
		ASN1_INTEGER *serial = ASN1_INTEGER_new();

		ok = r && serial && ASN1_INTEGER_set(serial, numbers[i] + 1) &&
		     X509_REVOKED_set_serialNumber(r, serial) && X509_REVOKED_set_revocationDate(r, since) &&
		     X509_CRL_add0_revoked(crl, r);
		ASN1_INTEGER_free(serial);
	}
	ok = ok && X509_CRL_sign(crl, issuer->key, digest_of(issuer->key));
	assert(ok);
	ASN1_TIME_free(since);
	ASN1_TIME_free(next);
	return crl;
}

/* ---- Both ends ---- */

struct credentials *pki_credentials(const struct pki_cert *leaf, const struct pki_cert *ca)
{
	struct credentials *c = credentials_new();
	X509 *chain[2] = {leaf->x, ca ? ca->x : NULL};
	const char *why = credentials_add(c, chain, ca ? 2 : 1, leaf->key);

	assert(!why);
	return c;
}

struct trust *pki_trust(const struct pki_cert *root)
{
	struct trust *t = trust_new();
	const char *why = trust_add_ca(t, root->x);

	assert(!why);
	return t;
}

void pki_init(struct pki *p, enum pki_key kind)
{
	p->root = pki_issue(&(struct pki_wish){.subject = "O=test, CN=root", .ca = true, .usage = "c"});
	p->ca = pki_issue(&(struct pki_wish){.subject = "O=test, CN=ca", .issuer = &p->root, .ca = true,
					     .usage = "c", .number = 1});
	p->gateway = pki_issue(&(struct pki_wish){.subject = "O=test, CN=gw", .issuer = &p->ca, .dns = "gw",
						  .number = 2, .kind = kind});
	p->client = pki_issue(&(struct pki_wish){.subject = "O=test, CN=cl", .issuer = &p->ca, .dns = "cl",
						 .email = "cl@example.org", .number = 3, .kind = kind});
	p->own = pki_credentials(&p->gateway, &p->ca);
	p->clients_own = pki_credentials(&p->client, &p->ca);
	p->trust = pki_trust(&p->root);
}

void pki_fini(struct pki *p)
{
	credentials_unref(p->own);
	credentials_unref(p->clients_own);
	trust_unref(p->trust);
	pki_cert_free(&p->root);
	pki_cert_free(&p->ca);
	pki_cert_free(&p->gateway);
	pki_cert_free(&p->client);
}

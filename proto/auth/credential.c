/* SPDX-License-Identifier: Apache-2.0 */
/* Which certificate a client is shown. CERTREQ (RFC 7296 3.7) names CAs by hashes of their keys:
 * "If an end entity certificate exists that satisfies the criteria specified in the CERTREQ, a
 * certificate or certificate chain SHOULD be sent back to the certificate requestor". Many clients
 * send none, or none for the CA by which they know us, so they are shown the first certificate that
 * they can verify. A root in the file only helps to recognise it; nobody believes a root because it
 * was sent. */
#include "proto/auth/credential.h"

#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/mem.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct credentials *credentials_new(void)
{
	struct credentials *c = calloc(1, sizeof(*c));

	assert(c);
	c->refs = 1;
	return c;
}

struct credentials *credentials_ref(struct credentials *c)
{
	if (c)
		c->refs++;
	return c;
}

static void credential_fini(struct credential *c)
{
	for (size_t i = 0; i < c->n_certs; i++)
		blob_unref(c->cert[i]);
	X509_free(c->leaf);
	EVP_PKEY_free(c->key);
	memset(c, 0, sizeof(*c));
}

void credentials_unref(struct credentials *c)
{
	if (!c || --c->refs > 0)
		return;
	for (size_t i = 0; i < c->n; i++)
		credential_fini(&c->list[i]);
	free(c);
}

struct blob *certificate_der(X509 *x)
{
	uint8_t *der = NULL;
	int len = i2d_X509(x, &der);
	struct blob *b;

	assert(len > 0);
	b = blob_new(der, (size_t)len);
	OPENSSL_free(der);
	return b;
}

void certificate_ca_hash(const X509 *ca, uint8_t out[CERT_CA_HASH_LEN])
{
	uint8_t *der = NULL;
	int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(ca), &der);

	assert(len > 0);
	SHA1(der, (size_t)len, out);
	OPENSSL_free(der);
}

static bool is_root(X509 *x)
{
	return X509_NAME_cmp(X509_get_subject_name(x), X509_get_issuer_name(x)) == 0;
}

static const char *chain_take(struct credential *c, X509 *const *chain, size_t n)
{
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			certificate_ca_hash(chain[i], c->ca[c->n_cas++]);
		if (i > 0 && is_root(chain[i]))
			continue;
		c->cert[c->n_certs] = certificate_der(chain[i]);
		len += c->cert[c->n_certs++]->len;
	}
	return len > CREDENTIAL_CHAIN_LEN_MAX ? "its chain has more than 6144 octets" : NULL;
}

const char *credentials_add(struct credentials *c, X509 *const *chain, size_t n, EVP_PKEY *key)
{
	struct credential *new = &c->list[c->n];
	const char *why;

	if (c->n == CREDENTIALS_MAX)
		return "there are more than 4 certificates";
	if (n == 0 || n > CREDENTIAL_CHAIN_MAX)
		return n == 0 ? "it is empty" : "its chain has more than 6 certificates";
	why = signature_key_refused(key);
	if (!why && X509_check_private_key(chain[0], key) != 1)
		why = "its key is another one";
	ERR_clear_error();
	if (!why)
		why = chain_take(new, chain, n);
	if (why) {
		credential_fini(new);
		return why;
	}
	SHA256(new->cert[0]->data, new->cert[0]->len, new->hash);
	X509_up_ref(chain[0]);
	EVP_PKEY_up_ref(key);
	new->leaf = chain[0];
	new->key = key;
	c->n++;
	return NULL;
}

const struct credential *credentials_find(const struct credentials *c,
					  const uint8_t hash[CREDENTIAL_HASH_LEN])
{
	for (size_t i = 0; c && i < c->n; i++)
		if (memcmp(c->list[i].hash, hash, CREDENTIAL_HASH_LEN) == 0)
			return &c->list[i];
	return NULL;
}

/* ---- Choosing ---- */

static bool is_asked_for(const struct credential *c, const struct ike_message *m)
{
	for (uint8_t i = 0; i < m->n_certreq; i++) {
		CBS list = m->certreq[i].data, hash;

		if (m->certreq[i].encoding != IKE_CERT_X509_SIGNATURE)
			continue;
		while (CBS_get_bytes(&list, &hash, CERT_CA_HASH_LEN))
			for (uint8_t k = 0; k < c->n_cas; k++)
				if (CBS_mem_equal(&hash, c->ca[k], CERT_CA_HASH_LEN))
					return true;
	}
	return false;
}

const struct credential *credentials_choose(const struct credentials *c,
					    const struct credential_wish *wish,
					    struct signature_scheme *scheme)
{
	const struct credential *first = NULL;
	struct signature_scheme s;

	for (size_t i = 0; c && i < c->n; i++) {
		bool asked = is_asked_for(&c->list[i], wish->message);

		if ((first && !asked) || !signature_choose(&s, c->list[i].key, wish->hashes, wish->pss))
			continue;
		first = &c->list[i];
		*scheme = s;
		if (asked)
			break;
	}
	return first;
}

/* ---- Whose certificate it is ---- */

X509 *certificate_read(CBS der)
{
	const uint8_t *at = CBS_data(&der);
	X509 *x = d2i_X509(NULL, &at, (long)CBS_len(&der));

	if (x && at != CBS_data(&der) + CBS_len(&der)) {
		X509_free(x);
		x = NULL;
	}
	ERR_clear_error();
	return x;
}

static bool id_set(struct ike_id *id, uint8_t type, const uint8_t *data, int len)
{
	memset(id, 0, sizeof(*id));
	id->type = type;
	if (len <= 0 || len > (int)IKE_ID_MAX)
		return false;
	id->len = (uint8_t)len;
	memcpy(id->data, data, (size_t)len);
	return true;
}

static bool id_of_string(struct ike_id *id, uint8_t type, const ASN1_STRING *s)
{
	return id_set(id, type, ASN1_STRING_get0_data(s), ASN1_STRING_length(s));
}

/* False: it is of a kind that no ID has. */
static bool id_of_name(struct ike_id *id, const GENERAL_NAME *name)
{
	switch (name->type) {
	case GEN_DNS:
		return id_of_string(id, IKE_ID_FQDN, name->d.dNSName);
	case GEN_EMAIL:
		return id_of_string(id, IKE_ID_RFC822_ADDR, name->d.rfc822Name);
	case GEN_IPADD:
		return id_of_string(id,
				    ASN1_STRING_length(name->d.iPAddress) == 4 ? IKE_ID_IPV4_ADDR
									       : IKE_ID_IPV6_ADDR,
				    name->d.iPAddress);
	default:
		return false;
	}
}

static bool id_of_subject(struct ike_id *id, X509 *leaf)
{
	uint8_t *der = NULL;
	int len = i2d_X509_NAME(X509_get_subject_name(leaf), &der);
	bool fits = id_set(id, IKE_ID_DER_ASN1_DN, der, len);

	OPENSSL_free(der);
	return fits;
}

bool certificate_any_name(X509 *leaf, bool (*is)(void *ctx, const struct ike_id *id), void *ctx)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
	struct ike_id id;
	bool found = id_of_subject(&id, leaf) && is(ctx, &id);

	for (size_t i = 0; names && !found && i < sk_GENERAL_NAME_num(names); i++)
		found = id_of_name(&id, sk_GENERAL_NAME_value(names, i)) && is(ctx, &id);
	GENERAL_NAMES_free(names);
	ERR_clear_error();
	return found;
}

static bool is_that(void *ctx, const struct ike_id *id)
{
	const struct ike_id *that = ctx;

	return id->type == that->type && ike_id_equal(id, that);
}

/* A name in a certificate is no pattern: "*.example.org" there means only itself. */
bool certificate_names(X509 *leaf, const struct ike_id *id)
{
	struct ike_id that = *id;

	return certificate_any_name(leaf, is_that, &that);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A count before each list; DER with 3 octets of length before each certificate, key and CRL.
 * Images pass the same checks as files. A chain's root is not sent to clients, so the hashes of its
 * CAs are copied as they are. */
#include "proto/auth/credential_image.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/mem.h>
#include <openssl/sha.h>

#include <stdlib.h>
#include <string.h>

static void must(int ok)
{
	if (!ok) /* No memory, or a list that no file can have. */
		abort();
}

static void put_der(CBB *out, const uint8_t *der, size_t len)
{
	CBB in;

	must(CBB_add_u24_length_prefixed(out, &in) && CBB_add_bytes(&in, der, len) && CBB_flush(out));
}

/* ---- Our own ---- */

static void credential_put(CBB *out, const struct credential *c)
{
	CBB key;

	must(CBB_add_u8(out, c->n_certs));
	for (uint8_t i = 0; i < c->n_certs; i++)
		put_der(out, c->cert[i]->data, c->cert[i]->len);
	must(CBB_add_u8(out, c->n_cas) && CBB_add_bytes(out, c->ca[0], (size_t)c->n_cas * CERT_CA_HASH_LEN));
	must(CBB_add_u24_length_prefixed(out, &key) && EVP_marshal_private_key(&key, c->key) && CBB_flush(out));
}

void credentials_put(CBB *out, const struct credentials *c)
{
	must(CBB_add_u8(out, c != NULL) && CBB_add_u8(out, c ? (uint8_t)c->n : 0));
	for (size_t i = 0; c && i < c->n; i++)
		credential_put(out, &c->list[i]);
}

static X509 *certificate_of(const uint8_t *der, size_t len)
{
	const uint8_t *at = der;
	X509 *x = d2i_X509(NULL, &at, (long)len);

	if (x && at == der + len)
		return x;
	X509_free(x);
	return NULL;
}

static bool certs_take(CBS *in, struct credential *c)
{
	uint8_t n;
	CBS der;

	if (!CBS_get_u8(in, &n) || n == 0 || n > CREDENTIAL_CHAIN_MAX)
		return false;
	for (; c->n_certs < n; c->n_certs++) {
		if (!CBS_get_u24_length_prefixed(in, &der) || CBS_len(&der) == 0)
			return false;
		c->cert[c->n_certs] = blob_new(CBS_data(&der), CBS_len(&der));
	}
	return CBS_get_u8(in, &c->n_cas) && c->n_cas <= CREDENTIAL_CHAIN_MAX &&
	       CBS_copy_bytes(in, c->ca[0], (size_t)c->n_cas * CERT_CA_HASH_LEN);
}

/* Whatever was taken is in c, to be freed with it. */
static bool credential_take(CBS *in, struct credential *c)
{
	CBS key;

	if (!certs_take(in, c) || !CBS_get_u24_length_prefixed(in, &key))
		return false;
	c->leaf = certificate_of(c->cert[0]->data, c->cert[0]->len);
	c->key = EVP_parse_private_key(&key);
	if (!c->leaf || !c->key || CBS_len(&key) != 0 || signature_key_refused(c->key) ||
	    X509_check_private_key(c->leaf, c->key) != 1)
		return false;
	SHA256(c->cert[0]->data, c->cert[0]->len, c->hash);
	return true;
}

bool credentials_take(CBS *in, struct credentials **c)
{
	uint8_t there, n = 0;
	bool good;

	*c = NULL;
	good = CBS_get_u8(in, &there) && there <= 1 && CBS_get_u8(in, &n) && n <= (there ? CREDENTIALS_MAX : 0);
	if (!good || !there)
		return good;
	*c = credentials_new();
	while (good && (*c)->n < n) /* One that is half taken counts, and so is freed. */
		good = credential_take(in, &(*c)->list[(*c)->n++]);
	if (!good) {
		credentials_unref(*c);
		*c = NULL;
	}
	ERR_clear_error();
	return good;
}

/* ---- Of clients ---- */

static void put_ca(CBB *out, X509 *ca)
{
	struct blob *der = certificate_der(ca);

	put_der(out, der->data, der->len);
	blob_unref(der);
}

static void put_crl(CBB *out, X509_CRL *crl)
{
	uint8_t *der = NULL;
	int len = i2d_X509_CRL(crl, &der);

	must(len > 0);
	put_der(out, der, (size_t)len);
	OPENSSL_free(der);
}

void trust_put(CBB *out, const struct trust *t)
{
	must(CBB_add_u8(out, t != NULL));
	if (!t)
		return;
	must(CBB_add_u8(out, (uint8_t)t->n_cas));
	for (size_t i = 0; i < t->n_cas; i++)
		put_ca(out, t->ca_cert[i]);
	must(CBB_add_u8(out, t->crls != NULL) && CBB_add_u8(out, t->crls ? (uint8_t)sk_X509_CRL_num(t->crls) : 0));
	for (size_t i = 0; t->crls && i < sk_X509_CRL_num(t->crls); i++)
		put_crl(out, sk_X509_CRL_value(t->crls, i));
	must(CBB_add_u8(out, (uint8_t)t->n_ids));
	for (size_t i = 0; i < t->n_ids; i++) {
		must(CBB_add_u8(out, t->id[i].type) && CBB_add_u8(out, t->id[i].len) &&
		     CBB_add_bytes(out, t->id[i].data, t->id[i].len));
	}
}

static bool cas_take(CBS *in, struct trust *t)
{
	bool good = true;
	uint8_t n;
	CBS der;

	if (!CBS_get_u8(in, &n))
		return false;
	while (good && n-- > 0) {
		X509 *x = CBS_get_u24_length_prefixed(in, &der) ? certificate_of(CBS_data(&der), CBS_len(&der)) : NULL;

		good = x && !trust_add_ca(t, x);
		X509_free(x);
	}
	return good;
}

static bool crls_take(CBS *in, struct trust *t)
{
	uint8_t demanded, n;
	bool good = true;
	CBS der;

	if (!CBS_get_u8(in, &demanded) || demanded > 1 || !CBS_get_u8(in, &n) || (n > 0 && !demanded))
		return false;
	if (demanded)
		trust_demand_crls(t);
	while (good && n-- > 0) {
		const uint8_t *at;
		X509_CRL *crl;

		if (!CBS_get_u24_length_prefixed(in, &der))
			return false;
		at = CBS_data(&der);
		crl = d2i_X509_CRL(NULL, &at, (long)CBS_len(&der));
		good = crl && at == CBS_data(&der) + CBS_len(&der) && !trust_add_crl(t, crl);
		X509_CRL_free(crl);
	}
	return good;
}

static bool ids_take(CBS *in, struct trust *t)
{
	uint8_t n;

	if (!CBS_get_u8(in, &n))
		return false;
	while (n-- > 0) {
		struct ike_id id = {0};
		CBS data;

		if (!CBS_get_u8(in, &id.type) || !CBS_get_u8_length_prefixed(in, &data) ||
		    CBS_len(&data) > IKE_ID_MAX)
			return false;
		id.len = (uint8_t)CBS_len(&data);
		if (id.len > 0)
			memcpy(id.data, CBS_data(&data), id.len);
		if (trust_add_id(t, &id))
			return false;
	}
	return true;
}

bool trust_take(CBS *in, struct trust **t)
{
	uint8_t there;
	bool good;

	*t = NULL;
	if (!CBS_get_u8(in, &there) || there > 1)
		return false;
	if (!there)
		return true;
	*t = trust_new();
	good = cas_take(in, *t) && crls_take(in, *t) && ids_take(in, *t);
	if (!good) {
		trust_unref(*t);
		*t = NULL;
	}
	ERR_clear_error();
	return good;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates of connections: the gateway's own with their keys (cert_file, key_file: a pair, or
 * two lists of equal length), the CAs of clients (client_ca_file) and their CRLs (crl_file). All in
 * PEM; a cert_file begins with the gateway's certificate, and the CAs above it follow. Only its
 * owner may read a key file, as with other secrets. Dates are checked elsewhere
 * (check_certificates.c). */
#include "node/config/schema.h"
#include "proto/auth/method.h"

#include <openssl/err.h>
#include <openssl/mem.h>
#include <openssl/pem.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define KEY_FILE_MAX (32u << 10)

static int line_of(struct reader *r, size_t i, const char *key)
{
	return config_line(r, "connection", i, key);
}

/* ---- The gateway's own ---- */

/* A private key; NULL: said why. line: of the key_file. */
static EVP_PKEY *read_key(struct reader *r, int line, const char *path)
{
	struct toml_value v = {.type = TOML_STRING, .line = line, .key = (char[]){"key_file"},
			       .string = (char *)path};
	uint8_t *text = malloc(KEY_FILE_MAX);
	EVP_PKEY *key = NULL;
	ssize_t n;
	BIO *bio;

	assert(text);
	n = config_read_secret(r, &v, path, text, KEY_FILE_MAX);
	if (n >= 0) {
		bio = BIO_new_mem_buf(text, n);
		/* An empty passphrase: nobody is to be asked at a terminal. */
		key = PEM_read_bio_PrivateKey(bio, NULL, NULL, (void *)"");
		BIO_free(bio);
		if (!key)
			reader_error(r, line, "\"key_file\": %s holds no private key in PEM without a "
				     "passphrase", path);
	}
	OPENSSL_cleanse(text, KEY_FILE_MAX);
	free(text);
	ERR_clear_error();
	return key;
}

/* The certificates of a file, the list for the caller to free; NULL: said why. */
static STACK_OF(X509) *read_chain(struct reader *r, int line, const char *key, const char *path)
{
	const char *why = NULL;
	bool others;
	BIO *bio = config_read_pem(path, &others, &why);
	STACK_OF(X509) *chain = bio ? config_read_chain(bio) : NULL;

	BIO_free(bio);
	if (!chain)
		reader_error(r, line, "\"%s\": %s: %s", key, path, why);
	else if (sk_X509_num(chain) == 0)
		reader_error(r, line, "\"%s\": %s holds no certificate in PEM", key, path);
	else
		return chain;
	sk_X509_pop_free(chain, X509_free);
	return NULL;
}

static void read_pair(struct reader *r, size_t i, size_t k)
{
	struct ike_connection *c = &r->c->cluster.policy->ike.connections[i];
	const struct connection_files *f = &r->c->files[i];
	int line = line_of(r, i, "cert_file");
	X509 *list[CREDENTIAL_CHAIN_MAX + 1];
	STACK_OF(X509) *chain = f->cert[k][0] ? read_chain(r, line, "cert_file", f->cert[k]) : NULL;
	EVP_PKEY *key = f->key[k][0] ? read_key(r, line_of(r, i, "key_file"), f->key[k]) : NULL;
	const char *why = NULL;
	size_t n = 0;

	for (; chain && n < sk_X509_num(chain) && n < CREDENTIAL_CHAIN_MAX + 1; n++)
		list[n] = sk_X509_value(chain, n);
	if (chain && key && !c->own)
		c->own = credentials_new();
	if (chain && key)
		why = credentials_add(c->own, list, n, key);
	if (why && strstr(why, "its key is another one"))
		reader_error(r, line, "\"cert_file\": %s and the key in %s do not belong together: name the key "
			     "that this certificate was issued for", f->cert[k], f->key[k]);
	else if (why)
		reader_error(r, line, "\"cert_file\": %s: %s", f->cert[k], why);
	else if (chain && key && !certificate_names(list[0], &c->local_id))
		reader_error(r, line, "\"cert_file\": %s does not name \"local_id\" as subjectAltName "
				      "or subject: clients would refuse it", f->cert[k]);
	sk_X509_pop_free(chain, X509_free);
	EVP_PKEY_free(key);
}

static void read_own(struct reader *r, size_t i)
{
	const struct connection_files *f = &r->c->files[i];

	if (f->n_cert != f->n_key)
		reader_error(r, line_of(r, i, f->n_cert > f->n_key ? "cert_file" : "key_file"),
			     "%zu \"cert_file\" and %zu \"key_file\": name a key for each certificate, in the "
			     "same order", f->n_cert, f->n_key);
	for (size_t k = 0; f->n_cert == f->n_key && k < f->n_cert; k++)
		read_pair(r, i, k);
}

/* ---- Clients ---- */

static void read_cas(struct reader *r, size_t i, struct trust *t)
{
	const char *path = r->c->files[i].ca, *why = NULL;
	int line = line_of(r, i, "client_ca_file");
	STACK_OF(X509) *cas = read_chain(r, line, "client_ca_file", path);

	for (size_t k = 0; cas && !why && k < sk_X509_num(cas); k++)
		why = trust_add_ca(t, sk_X509_value(cas, k));
	if (why)
		reader_error(r, line, "\"client_ca_file\": %s: %s", path, why);
	sk_X509_pop_free(cas, X509_free);
}

/* NULL: they are in. */
static const char *read_crls(struct trust *t, const char *path)
{
	const char *why = NULL;
	X509_CRL *crl;
	bool others;
	BIO *bio = config_read_pem(path, &others, &why);
	size_t n = 0;

	while (bio && !why && (crl = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL)) != NULL) {
		why = trust_add_crl(t, crl);
		X509_CRL_free(crl);
		n++;
	}
	ERR_clear_error();
	BIO_free(bio);
	return !why && n == 0 ? "holds no CRL in PEM" : why;
}

/* Its CRLs, from now on a file that is watched. */
static const char *read_watched(struct reader *r, size_t i)
{
	const struct connection_files *f = &r->c->files[i];
	struct crl_file *w;

	r->c->crl = realloc(r->c->crl, (r->c->n_crls + 1) * sizeof(*r->c->crl));
	assert(r->c->crl);
	w = &r->c->crl[r->c->n_crls++];
	memset(w, 0, sizeof(*w));
	memcpy(w->connection, f->name, sizeof(w->connection));
	memcpy(w->path, f->crl, sizeof(w->path));
	if (stat(w->path, &w->seen) != 0)
		memset(&w->seen, 0, sizeof(w->seen));
	return read_crls(r->c->cluster.policy->ike.connections[i].clients, w->path);
}

static void read_clients(struct reader *r, size_t i)
{
	struct ike_connection *c = &r->c->cluster.policy->ike.connections[i];
	const struct connection_files *f = &r->c->files[i];
	const char *why = NULL;

	if (c->auth == &ike_auth_pubkey && !f->ca[0])
		reader_error(r, line_of(r, i, "auth"), "\"auth\" = \"pubkey\" lacks \"client_ca_file\": name the "
			     "file with the CAs of the clients' certificates");
	if (c->auth == &ike_auth_pubkey && f->n_cert == 0)
		reader_error(r, line_of(r, i, "auth"), "\"auth\" = \"pubkey\" lacks \"cert_file\" and \"key_file\": "
			     "the gateway shows a certificate, too");
	if (c->auth != &ike_auth_pubkey && (f->ca[0] || f->crl[0])) {
		reader_error(r, line_of(r, i, f->ca[0] ? "client_ca_file" : "crl_file"),
			     "\"client_ca_file\" and \"crl_file\" are for \"auth\" = \"pubkey\": "
			     "remove them, or change \"auth\"");
		return;
	}
	if (!f->ca[0])
		return;
	if (!c->clients)
		c->clients = trust_new();
	read_cas(r, i, c->clients);
	if (f->crl[0])
		why = read_watched(r, i);
	if (why)
		reader_error(r, line_of(r, i, "crl_file"), "\"crl_file\": %s: %s", f->crl, why);
}

void config_read_certificates(struct reader *r)
{
	const struct ike_config *ike = &r->c->cluster.policy->ike;

	for (size_t i = 0; i < ike->n_connections; i++) {
		read_own(r, i);
		read_clients(r, i);
	}
}

/* ---- CRLs, again ---- */

struct trust *node_config_read_crls(const struct crl_file *f, const struct trust *old,
				    char why[CONFIG_WHY_LEN])
{
	const char *wrong = NULL;
	struct trust *t = trust_copy(old);

	wrong = read_crls(t, f->path);
	if (!wrong)
		return t;
	snprintf(why, CONFIG_WHY_LEN, "\"crl_file\" of connection \"%s\": %s: %s",
		 f->connection, f->path, wrong);
	trust_unref(t);
	return NULL;
}

/* ---- The hash that nodes compare ---- */

void config_hash_certificates(SHA256_CTX *h, const struct ike_config *ike)
{
	for (size_t i = 0; i < ike->n_connections; i++) {
		const struct ike_connection *c = &ike->connections[i];

		for (size_t k = 0; c->own && k < c->own->n; k++)
			SHA256_Update(h, c->own->list[k].hash, CREDENTIAL_HASH_LEN);
		for (size_t k = 0; c->clients && k < c->clients->n_cas; k++)
			SHA256_Update(h, c->clients->ca[k], CERT_CA_HASH_LEN);
	}
}

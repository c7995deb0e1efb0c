/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates of connections: the gateway's own with their keys (cert_file, key_file: a pair, or
 * two lists of equal length), the CAs of clients (client_ca_file) and their CRLs (crl_file). All in
 * PEM; a cert_file begins with the gateway's certificate, and the CAs above it follow. Only its
 * owner may read a key file, as with other secrets. Dates are checked elsewhere
 * (check_certificates.c). */
#include "node/config/pem.h"
#include "proto/auth/method.h"

#include <openssl/err.h>
#include <openssl/mem.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <assert.h>
#include <stdio.h>
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
	char what[CONFIG_PATH_MAX + 32];
	STACK_OF(X509) *chain = NULL;
	const char *why = NULL;
	bool others;
	BIO *bio = config_read_pem(path, &others, &why);

	snprintf(what, sizeof(what), "\"%s\": %s", key, path);
	if (bio)
		chain = config_take_chain(r, line, what, bio, others);
	else
		reader_error(r, line, "%s: %s", what, why);
	BIO_free(bio);
	return chain;
}

/* Clients build no chain over a gap. */
static void check_order(struct reader *r, int line, const char *path, X509 *const *chain, size_t n)
{
	for (size_t i = 0; i + 1 < n; i++)
		if (X509_check_issued(chain[i + 1], chain[i]) != X509_V_OK)
			reader_warning(r, line, "\"cert_file\": %s: certificate %zu in it is not issued by the next one: "
						"put the CAs in order, each above the one before", path, i + 1);
	ERR_clear_error();
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
	check_order(r, line, f->cert[k], list, n);
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

/* By name and key: a CA that has a new key has not signed the CRLs of its old one. */
static bool is_of(X509_CRL *crl, X509 *ca)
{
	EVP_PKEY *key = NULL;
	bool is = X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_subject_name(ca)) == 0 &&
		  (key = X509_get_pubkey(ca)) != NULL && X509_CRL_verify(crl, key) == 1;

	EVP_PKEY_free(key);
	ERR_clear_error();
	return is;
}

static bool has_crl(const struct trust *t, size_t ca)
{
	for (size_t k = 0; t->crls && k < sk_X509_CRL_num(t->crls); k++)
		if (is_of(sk_X509_CRL_value(t->crls, k), t->ca_cert[ca]))
			return true;
	return false;
}

/* How many of the CAs have none. */
static size_t without_crl(const struct trust *t)
{
	size_t n = 0;

	for (size_t i = 0; i < t->n_cas; i++)
		n += !has_crl(t, i);
	return n;
}

#define CRLS_WHY_LEN 160u

/* False: why. */
static bool read_crls(struct trust *t, const char *path, char why[CRLS_WHY_LEN])
{
	const char *wrong = NULL;
	bool others, over = true;
	BIO *bio = config_read_pem(path, &others, &wrong);
	X509_CRL *crl;
	size_t n = 0;

	ERR_clear_error();
	while (bio && !wrong && (crl = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL)) != NULL) {
		wrong = trust_add_crl(t, crl);
		X509_CRL_free(crl);
		n++;
	}
	if (bio && !wrong)
		over = config_pem_is_over();
	BIO_free(bio);
	if (!over)
		snprintf(why, CRLS_WHY_LEN, "CRL %zu in it is damaged: write it again", n + 1);
	else if (!wrong && n == 0)
		wrong = "holds no CRL in PEM";
	else if (!wrong && t->n_cas > 0 && without_crl(t) == t->n_cas)
		wrong = "holds no CRL of a CA in client_ca_file, so every client would be refused: name the file that "
			"these CAs issue";
	if (wrong)
		snprintf(why, CRLS_WHY_LEN, "%s", wrong);
	return over && !wrong;
}

static void warn_without_crl(struct reader *r, size_t i)
{
	const struct connection_files *f = &r->c->files[i];
	const struct trust *t = r->c->cluster.policy->ike.connections[i].clients;
	char name[160];

	for (size_t k = 0; k < t->n_cas; k++)
		if (!has_crl(t, k))
			reader_warning(r, line_of(r, i, "crl_file"), "\"crl_file\": %s holds no CRL of %s: its clients will "
				       "be refused", f->crl,
				       X509_NAME_oneline(X509_get_subject_name(t->ca_cert[k]), name, sizeof(name)));
}

/* Its CRLs, from now on a file that is watched. */
static void read_watched(struct reader *r, size_t i)
{
	const struct connection_files *f = &r->c->files[i];
	char why[CRLS_WHY_LEN];
	struct crl_file *w;

	r->c->crl = realloc(r->c->crl, (r->c->n_crls + 1) * sizeof(*r->c->crl));
	assert(r->c->crl);
	w = &r->c->crl[r->c->n_crls++];
	memset(w, 0, sizeof(*w));
	memcpy(w->connection, f->name, sizeof(w->connection));
	memcpy(w->path, f->crl, sizeof(w->path));
	if (stat(w->path, &w->seen) != 0)
		memset(&w->seen, 0, sizeof(w->seen));
	if (read_crls(r->c->cluster.policy->ike.connections[i].clients, w->path, why))
		warn_without_crl(r, i);
	else
		reader_error(r, line_of(r, i, "crl_file"), "\"crl_file\": %s: %s", f->crl, why);
}

static void read_clients(struct reader *r, size_t i)
{
	struct ike_connection *c = &r->c->cluster.policy->ike.connections[i];
	const struct connection_files *f = &r->c->files[i];

	if (c->auth == &ike_auth_pubkey && !config_find(r->root, "connection", i, "client_ca_file"))
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
		read_watched(r, i);
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
	struct trust *t = trust_copy(old);
	char wrong[CRLS_WHY_LEN];

	if (read_crls(t, f->path, wrong))
		return t;
	snprintf(why, CONFIG_WHY_LEN, "\"crl_file\" of connection \"%s\": %s: %s",
		 f->connection, f->path, wrong);
	trust_unref(t);
	return NULL;
}

/* ---- The hash that nodes compare ---- */

/* Every octet of a certificate counts: a CA's renewed with the same key is another one. */
static void hash_ca(SHA256_CTX *h, X509 *ca)
{
	struct blob *der = certificate_der(ca);

	SHA256_Update(h, der->data, der->len);
	blob_unref(der);
}

static void hash_own(SHA256_CTX *h, const struct credential *c)
{
	for (size_t i = 0; i < c->n_certs; i++)
		SHA256_Update(h, c->cert[i]->data, c->cert[i]->len);
	SHA256_Update(h, c->ca, c->n_cas * sizeof(c->ca[0]));
}

/* DER says itself where it ends. */
void config_hash_certificates(SHA256_CTX *h, const struct ike_config *ike)
{
	for (size_t i = 0; i < ike->n_connections; i++) {
		const struct ike_connection *c = &ike->connections[i];

		for (size_t k = 0; c->own && k < c->own->n; k++)
			hash_own(h, &c->own->list[k]);
		for (size_t k = 0; c->clients && k < c->clients->n_cas; k++)
			hash_ca(h, c->clients->ca_cert[k]);
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The certificates of node links, checked before anything is started: links that never come up look
 * like a broken network. A node needs only its own certificate and key; those of other nodes are
 * checked if they are there. */
#include "node/config/schema.h"
#include "node/link/pki.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/mem.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PEM_MAX (4u << 20) /* A CRL may be long. */
#define SOON_DAYS 30

struct pki {
	struct reader r;     /* For messages. */
	int64_t now;
	X509_STORE *ca;      /* NULL: there is none, said already. */
	bool self;           /* What is missing of the node that is looked at is an error. */
};

struct chain {
	X509 *leaf;
	STACK_OF(X509) *rest;
};

/* As for secrets: systemd itself guards the folder of credentials. */
static mode_t modes_of_others(const char *path)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");

	return dir && dir[0] && strncmp(path, dir, strlen(dir)) == 0 ? 007 : 077;
}

/* The file's text; NULL: it cannot be read, *why says it. others: others may read it. */
BIO *config_read_pem(const char *path, bool *others, const char **why)
{
	struct stat st;
	uint8_t *text;
	BIO *bio = NULL;
	ssize_t n;
	int fd = config_open(path, &st, why);

	if (fd < 0)
		return NULL;
	text = malloc(PEM_MAX);
	n = text ? read(fd, text, PEM_MAX) : -1;
	if (n < 0)
		*why = strerror(errno);
	else if (n == (ssize_t)PEM_MAX)
		*why = "is too long";
	else if ((bio = BIO_new(BIO_s_mem())) == NULL || BIO_write(bio, text, (int)n) != n)
		abort();
	*others = st.st_mode & modes_of_others(path);
	if (text)
		OPENSSL_cleanse(text, n > 0 ? (size_t)n : 0);
	free(text);
	close(fd);
	return bio;
}

static void chain_fini(struct chain *c)
{
	X509_free(c->leaf);
	sk_X509_pop_free(c->rest, X509_free);
}

STACK_OF(X509) *config_read_chain(BIO *bio)
{
	STACK_OF(X509) *chain = sk_X509_new_null();
	X509 *x;

	assert(chain);
	while ((x = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL)
		if (!sk_X509_push(chain, x))
			abort();
	ERR_clear_error();
	return chain;
}

/* The first of them apart. */
static void chain_read(struct chain *c, BIO *bio)
{
	c->rest = config_read_chain(bio);
	c->leaf = sk_X509_shift(c->rest);
}

/* Seconds until then; negative: it is over. */
static int64_t seconds_until(const struct pki *p, const ASN1_TIME *t)
{
	ASN1_TIME *now = ASN1_TIME_set(NULL, p->now);
	int days = 0, seconds = 0, ok = now && ASN1_TIME_diff(&days, &seconds, now, t);

	ASN1_TIME_free(now);
	return ok ? (int64_t)days * 86400 + seconds : -1;
}

static void check_dates(struct pki *p, const X509 *x, int line, const char *what)
{
	int64_t left = seconds_until(p, X509_get0_notAfter(x));
	char when[PKI_TIME_LEN];

	pki_time_text(X509_get0_notAfter(x), when);
	if (left < 0)
		reader_error(&p->r, line, "%s has expired (%s): issue a new certificate", what, when);
	else if (left < SOON_DAYS * 86400)
		reader_warning(&p->r, line, "%s expires soon (%s): issue a new certificate", what, when);
	if (seconds_until(p, X509_get0_notBefore(x)) <= 0)
		return;
	pki_time_text(X509_get0_notBefore(x), when);
	reader_warning(&p->r, line, "%s is not valid before %s: is the clock right?", what, when);
}

static void check_ca(struct pki *p)
{
	const char *path = p->r.c->ca_file, *why = NULL;
	int line = p->r.c->ca_line;
	char what[CONFIG_PATH_MAX + 32];
	struct chain c = { 0 };
	bool others;
	BIO *bio = path[0] ? config_read_pem(path, &others, &why) : NULL;

	if (!bio) {
		if (path[0])
			reader_error(&p->r, line, "\"ca_file\": %s: %s", path, why);
		return;
	}
	chain_read(&c, bio);
	BIO_free(bio);
	snprintf(what, sizeof(what), "\"ca_file\": %s", path);
	if (!c.leaf) {
		reader_error(&p->r, line, "%s holds no certificate in PEM", what);
	} else if (X509_check_ca(c.leaf) == 0) {
		reader_error(&p->r, line, "%s holds a certificate that is not a CA's", what);
	} else {
		check_dates(p, c.leaf, line, what);
		p->ca = X509_STORE_new();
		assert(p->ca && X509_STORE_add_cert(p->ca, c.leaf));
		for (size_t i = 0; i < sk_X509_num(c.rest); i++)
			X509_STORE_add_cert(p->ca, sk_X509_value(c.rest, i));
	}
	chain_fini(&c);
	ERR_clear_error();
}

/* By our CA; dates are looked at apart. */
static int verify(const struct pki *p, const struct chain *c)
{
	X509_STORE_CTX *v = X509_STORE_CTX_new();
	int error = X509_V_OK;

	assert(v && X509_STORE_CTX_init(v, p->ca, c->leaf, c->rest));
	X509_VERIFY_PARAM_set_flags(X509_STORE_CTX_get0_param(v), X509_V_FLAG_NO_CHECK_TIME);
	if (X509_verify_cert(v) != 1)
		error = X509_STORE_CTX_get_error(v);
	X509_STORE_CTX_free(v);
	ERR_clear_error();
	return error;
}

static void check_certificate(struct pki *p, uint32_t node, const struct chain *c)
{
	const struct node_entry *n = &p->r.c->node[node];
	char what[CONFIG_PATH_MAX + 32];
	int error = p->ca && c->leaf ? verify(p, c) : X509_V_OK;

	snprintf(what, sizeof(what), "\"cert_file\": %s", n->cert_file);
	if (!c->leaf) {
		reader_error(&p->r, n->cert_line, "%s holds no certificate in PEM", what);
		return;
	}
	check_dates(p, c->leaf, n->cert_line, what);
	if (error)
		reader_error(&p->r, n->cert_line, "%s is not issued by the CA in ca_file: %s", what,
			     X509_verify_cert_error_string(error));
	if (!pki_names(c->leaf, p->r.c->cluster.node[node]))
		reader_error(&p->r, n->cert_line, "%s is not for node \"%s\": neither its SAN nor its CN "
			     "says so", what, p->r.c->cluster.node[node]);
}

static void check_key(struct pki *p, uint32_t node, BIO *bio, bool others, const struct chain *c)
{
	const struct node_entry *n = &p->r.c->node[node];
	/* An empty passphrase: nobody is to be asked at a terminal. */
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, (void *)"");

	if (others)
		reader_error(&p->r, n->key_line, "\"key_file\": %s can be read by others: chmod 600 %s",
			     n->key_file, n->key_file);
	if (!key)
		reader_error(&p->r, n->key_line, "\"key_file\": %s holds no private key in PEM without a "
			     "passphrase", n->key_file);
	else if (c->leaf && X509_check_private_key(c->leaf, key) != 1)
		reader_error(&p->r, n->key_line, "\"key_file\": %s does not belong to the certificate in %s",
			     n->key_file, n->cert_file);
	EVP_PKEY_free(key);
	ERR_clear_error();
}

/* How many of its two files are here. */
static unsigned check_node(struct pki *p, uint32_t node)
{
	const struct node_entry *n = &p->r.c->node[node];
	const char *no_cert = NULL, *no_key = NULL;
	struct chain c = { 0 };
	bool others = false, key_others = false;
	BIO *cert = n->cert_file[0] ? config_read_pem(n->cert_file, &others, &no_cert) : NULL;
	BIO *key = n->key_file[0] ? config_read_pem(n->key_file, &key_others, &no_key) : NULL;
	bool gone = no_cert && no_key && !p->self && access(n->cert_file, F_OK) != 0 &&
		    access(n->key_file, F_OK) != 0;

	if (cert) {
		chain_read(&c, cert);
		check_certificate(p, node, &c);
	}
	if (key)
		check_key(p, node, key, key_others, &c);
	if (no_cert && !gone)
		reader_error(&p->r, n->cert_line, "\"cert_file\": %s: %s", n->cert_file, no_cert);
	if (no_key && !gone)
		reader_error(&p->r, n->key_line, "\"key_file\": %s: %s", n->key_file, no_key);
	chain_fini(&c);
	BIO_free(cert);
	BIO_free(key);
	return gone ? 0 : 1;
}

/* Certificates of [[connection]]: their contents were checked when they were read. */
static void check_connections(struct pki *p)
{
	const struct node_config *c = p->r.c;
	char what[CONFIG_PATH_MAX + 32];

	for (size_t i = 0; i < c->cluster.policy->ike.n_connections; i++) {
		const struct ike_connection *connection = &c->cluster.policy->ike.connections[i];
		const struct connection_files *f = &c->files[i];

		for (size_t k = 0; connection->own && connection->own->n == f->n_cert && k < f->n_cert; k++) {
			snprintf(what, sizeof(what), "\"cert_file\": %s", f->cert[k]);
			check_dates(p, connection->own->list[k].leaf, f->cert_line, what);
		}
		snprintf(what, sizeof(what), "\"client_ca_file\": %s", f->ca);
		for (size_t k = 0; connection->clients && k < connection->clients->n_cas; k++)
			check_dates(p, connection->clients->ca_cert[k], f->ca_line, what);
	}
}

int node_config_check_pki(const struct node_config *c, const char *node_name, int64_t unix_now,
			  struct config_errors *errors)
{
	struct pki p = { .r = { .c = (struct node_config *)c, .errors = errors }, .now = unix_now };
	uint32_t missing[CLUSTER_NODES_MAX], n_missing = 0;
	size_t before = errors->n;

	check_ca(&p);
	check_connections(&p);
	for (uint32_t i = 0; i < c->cluster.n_nodes; i++) {
		p.self = node_name && i == c->cluster.self;
		if (node_name && !p.self)
			continue;
		if (!check_node(&p, i))
			missing[n_missing++] = i;
	}
	for (uint32_t k = 0; k < n_missing; k++) {
		const char *name = c->cluster.node[missing[k]];
		int line = c->node[missing[k]].cert_line;

		if (n_missing == c->cluster.n_nodes)
			reader_error(&p.r, line, "\"cert_file\": %s is missing, and so is \"key_file\"",
				     c->node[missing[k]].cert_file);
		else
			reader_warning(&p.r, line, "certificate and key of %s are not here: check them on that node",
				       name);
	}
	X509_STORE_free(p.ca);
	return errors->n == before ? 0 : -1;
}

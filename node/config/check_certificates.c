/* SPDX-License-Identifier: Apache-2.0 */
/* The certificates of node links, checked before anything is started: links that never come up look
 * like a broken network. A node needs only its own certificate and key; those of other nodes are
 * checked if they are there. */
#include "node/config/expiry.h"
#include "node/config/pem.h"
#include "node/link/pki.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/mem.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SOON_DAYS 30

struct pki {
	struct reader r;     /* For messages. */
	int64_t now;
	enum config_purpose purpose;
	X509_STORE *ca;      /* NULL: there is none, said already. */
	bool self;           /* What is missing of the node that is looked at is an error. */
};

struct chain {
	X509 *leaf;
	STACK_OF(X509) *rest;
};

static void chain_fini(struct chain *c)
{
	X509_free(c->leaf);
	sk_X509_pop_free(c->rest, X509_free);
}

/* The first of them apart; without any, it was said why. */
static void chain_read(struct pki *p, struct chain *c, int line, const char *what, BIO *bio, bool others)
{
	c->rest = config_take_chain(&p->r, line, what, bio, others);
	c->leaf = c->rest ? sk_X509_shift(c->rest) : NULL;
}

/* What to do about one that has expired, or soon will. */
struct remedy {
	int line;
	const char *what, *fix; /* "\"ca_file\": ca.pem", "issue a new certificate" */
	bool fatal;             /* Expired, it is an error. */
};

static void check_dates(struct pki *p, const struct expiry *e, const struct remedy *m)
{
	char when[PKI_TIME_LEN];

	pki_time_text(e->until, when);
	if (e->left_s < 0 && m->fatal)
		reader_error(&p->r, m->line, "%s: %s has expired (%s): %s", m->what, e->name, when, m->fix);
	else if (expiry_is_soon(e, SOON_DAYS))
		reader_warning(&p->r, m->line, "%s: %s %s (%s): %s", m->what, e->name,
			       e->left_s < 0 ? "has expired" : "expires soon", when, m->fix);
	if (expiry_seconds(e->from, p->now) <= 0)
		return;
	pki_time_text(e->from, when);
	reader_warning(&p->r, m->line, "%s: %s is not valid before %s: is the clock right?", m->what, e->name, when);
}

static void check_x509(struct pki *p, X509 *x, const struct remedy *m)
{
	struct expiry e = { .kind = EXPIRY_CERT };

	expiry_of(&e, x, p->now);
	check_dates(p, &e, m);
}

/* An old CA beside a good one is in nobody's way. */
static void check_ca_dates(struct pki *p, const struct chain *c, const char *what)
{
	bool alone = sk_X509_num(c->rest) == 0;
	struct remedy m = { p->r.c->ca_line, what, alone ? "make a new one" : "make a new one, or remove it",
			    alone && p->purpose != CONFIG_RELOAD };

	check_x509(p, c->leaf, &m);
	for (size_t i = 0; i < sk_X509_num(c->rest); i++)
		check_x509(p, sk_X509_value(c->rest, i), &m);
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
	snprintf(what, sizeof(what), "\"ca_file\": %s", path);
	chain_read(p, &c, line, what, bio, others);
	BIO_free(bio);
	if (c.leaf && X509_check_ca(c.leaf) == 0) {
		reader_error(&p->r, line, "%s holds a certificate that is not a CA's", what);
	} else if (c.leaf) {
		check_ca_dates(p, &c, what);
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

static void check_certificate(struct pki *p, uint32_t node, const struct chain *c, const char *what)
{
	const struct node_entry *n = &p->r.c->node[node];
	struct remedy m = { n->cert_line, what, "issue a new certificate", p->purpose != CONFIG_RELOAD };
	int error = p->ca ? verify(p, c) : X509_V_OK;

	check_x509(p, c->leaf, &m);
	for (size_t i = 0; i < sk_X509_num(c->rest); i++)
		check_x509(p, sk_X509_value(c->rest, i), &m);
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
	char what[CONFIG_PATH_MAX + 32];
	bool others = false, key_others = false;
	BIO *cert = n->cert_file[0] ? config_read_pem(n->cert_file, &others, &no_cert) : NULL;
	BIO *key = n->key_file[0] ? config_read_pem(n->key_file, &key_others, &no_key) : NULL;
	bool gone = no_cert && no_key && !p->self && access(n->cert_file, F_OK) != 0 &&
		    access(n->key_file, F_OK) != 0;

	if (cert) {
		snprintf(what, sizeof(what), "\"cert_file\": %s", n->cert_file);
		chain_read(p, &c, n->cert_line, what, cert, others);
		if (c.leaf)
			check_certificate(p, node, &c, what);
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

struct dated { /* A connection's files. */
	struct pki *p;
	const struct connection_files *f;
};

static void check_dated(void *ctx, const struct expiry *e)
{
	static const char *const fix[EXPIRY_KINDS] = {
		"issue a new certificate", "replace it, or remove it from the file",
		"its CA must issue a new one: without it the clients of this CA are refused"
	};
	const struct dated *d = ctx;
	const struct connection_files *f = d->f;
	const char *path = e->kind == EXPIRY_CERT ? f->cert[e->file] : e->kind == EXPIRY_CA ? f->ca : f->crl;
	char what[CONFIG_PATH_MAX + 32];
	struct remedy m = { e->kind == EXPIRY_CERT ? f->cert_line : e->kind == EXPIRY_CA ? f->ca_line : f->crl_line,
			    what, fix[e->kind], e->kind != EXPIRY_CRL && d->p->purpose == CONFIG_CHECK };

	snprintf(what, sizeof(what), "\"%s\": %s", expiry_key(e->kind), path);
	check_dates(d->p, e, &m);
}

/* Certificates of [[connection]]: their contents were checked when they were read. A node that runs, or starts, goes
 * on with those that have expired: they concern the clients of one connection, and a node that did not start would
 * serve none at all. */
static void check_connections(struct pki *p)
{
	const struct ike_config *ike = &p->r.c->cluster.policy->ike;

	for (size_t i = 0; i < ike->n_connections; i++) {
		const struct ike_connection *c = &ike->connections[i];
		struct dated d = { p, &p->r.c->files[i] };

		if (!c->own || c->own->n == d.f->n_cert) /* Else there are errors: which file is which is not known. */
			expiry_each(c, p->now, check_dated, &d);
	}
}

int node_config_check_pki(const struct node_config *c, const char *node_name, int64_t unix_now,
			  enum config_purpose purpose, struct config_errors *errors)
{
	struct pki p = { .r = { .c = (struct node_config *)c, .errors = errors }, .now = unix_now, .purpose = purpose };
	uint32_t missing[CLUSTER_NODES_MAX], n_missing = 0;
	size_t before = errors->n;

	if (c->credential_line && purpose != CONFIG_CHECK)
		reader_error(&p.r, c->credential_line, "a credential of a systemd unit is named, but CREDENTIALS_DIRECTORY is "
			     "not set: start the node by its unit, or name a path");
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

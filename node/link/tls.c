/* SPDX-License-Identifier: Apache-2.0 */
/* BoringSSL on memory BIOs. TLS 1.3 only; no tickets, no resumption, no early
 * data: a link's first flight can then not be replayed.
 *
 * Errors are put into words here, since the commonest one, an expired
 * certificate, otherwise reads like a network fault on both ends. */
#include "node/link/tls.h"

#include "node/link/pki.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/mem.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct tls_context {
	SSL_CTX *ssl;
	char cert_file[CONFIG_PATH_MAX];
};

struct tls {
	struct tls_context *context;
	SSL *ssl;
	BIO *in, *out; /* Owned by ssl. */
	char error[TLS_ERR_LEN];
};

static void __attribute__((format(printf, 2, 3))) say(char *err, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(err, TLS_ERR_LEN, format, ap);
	va_end(ap);
}

static const char *library_reason(void)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	return reason ? reason : "no reason given";
}

/* X509_V_OK, or what is wrong with our certificate by the clock and the CA's. */
static int certificate_verify(SSL_CTX *ssl)
{
	X509 *cert = SSL_CTX_get0_certificate(ssl);
	X509_STORE_CTX *v = X509_STORE_CTX_new();
	int error = X509_V_OK;

	assert(v && X509_STORE_CTX_init(v, SSL_CTX_get_cert_store(ssl), cert, NULL));
	if (X509_verify_cert(v) != 1)
		error = X509_STORE_CTX_get_error(v);
	X509_STORE_CTX_free(v);
	if (X509_cmp_current_time(X509_get0_notAfter(cert)) < 0)
		error = X509_V_ERR_CERT_HAS_EXPIRED;
	return error;
}

/* By our CA, ours by name, and not expired. What is not valid yet will be. */
static bool certificate_check(SSL_CTX *ssl, const char *cert_file, const char *ca_file,
			      const char *name, char *err)
{
	X509 *cert = SSL_CTX_get0_certificate(ssl);
	int error = certificate_verify(ssl);
	char when[64];

	if (error == X509_V_ERR_CERT_HAS_EXPIRED) {
		pki_time_text(X509_get0_notAfter(cert), when);
		say(err, "cert_file %s has expired (%s): issue a new certificate", cert_file, when);
	} else if (error && error != X509_V_ERR_CERT_NOT_YET_VALID) {
		say(err, "cert_file %s does not verify under ca_file %s: %s", cert_file, ca_file,
		    X509_verify_cert_error_string(error));
	} else if (!pki_names(cert, name)) {
		say(err, "cert_file %s is not for node \"%s\" (neither its SAN nor its CN)", cert_file,
		    name);
	} else {
		return true;
	}
	return false;
}

bool tls_context_early(const struct tls_context *c, char err[TLS_ERR_LEN])
{
	X509 *cert = SSL_CTX_get0_certificate(c->ssl);
	char when[64];

	if (certificate_verify(c->ssl) != X509_V_ERR_CERT_NOT_YET_VALID)
		return false;
	pki_time_text(X509_get0_notBefore(cert), when);
	say(err, "the clock is not set: cert_file %s is valid from %s on", c->cert_file, when);
	return true;
}

static bool load_files(SSL_CTX *ssl, const char *ca_file, const char *cert_file,
		       const char *key_file, char *err)
{
	const struct {
		const char *field, *path;
	} file[] = {{"ca_file", ca_file}, {"cert_file", cert_file}, {"key_file", key_file}};

	for (size_t i = 0; i < 3; i++)
		if (access(file[i].path, R_OK)) {
			say(err, "%s %s cannot be read: %s", file[i].field, file[i].path,
			    strerror(errno));
			return false;
		}
	if (SSL_CTX_load_verify_locations(ssl, ca_file, NULL) != 1)
		say(err, "ca_file %s holds no certificate: %s", ca_file, library_reason());
	else if (SSL_CTX_use_certificate_chain_file(ssl, cert_file) != 1)
		say(err, "cert_file %s holds no certificate: %s", cert_file, library_reason());
	else if (SSL_CTX_use_PrivateKey_file(ssl, key_file, SSL_FILETYPE_PEM) != 1)
		say(err, "key_file %s holds no key that belongs to cert_file %s: %s", key_file,
		    cert_file, library_reason());
	else if (SSL_CTX_check_private_key(ssl) != 1)
		say(err, "key_file %s does not belong to cert_file %s", key_file, cert_file);
	else
		return true;
	return false;
}

struct tls_context *tls_context_new(const char *ca_file, const char *cert_file,
				    const char *key_file, const char *name, char err[TLS_ERR_LEN])
{
	struct tls_context *c = calloc(1, sizeof(*c));
	SSL_CTX *ssl = SSL_CTX_new(TLS_method());

	assert(c && ssl);
	ERR_clear_error();
	SSL_CTX_set_min_proto_version(ssl, TLS1_3_VERSION);
	SSL_CTX_set_max_proto_version(ssl, TLS1_3_VERSION);
	SSL_CTX_set_options(ssl, SSL_OP_NO_TICKET);
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	c->ssl = ssl;
	snprintf(c->cert_file, sizeof(c->cert_file), "%s", cert_file);
	if (!load_files(ssl, ca_file, cert_file, key_file, err) ||
	    !certificate_check(ssl, cert_file, ca_file, name, err)) {
		tls_context_free(c);
		return NULL;
	}
	return c;
}

void tls_context_free(struct tls_context *c)
{
	if (!c)
		return;
	SSL_CTX_free(c->ssl);
	free(c);
}

int64_t tls_context_expires_in(const struct tls_context *c, int64_t unix_now)
{
	ASN1_TIME *now = ASN1_TIME_set(NULL, unix_now);
	int days = 0, seconds = 0;

	assert(now && ASN1_TIME_diff(&days, &seconds, now,
				     X509_get0_notAfter(SSL_CTX_get0_certificate(c->ssl))));
	ASN1_TIME_free(now);
	return (int64_t)days * 86400 + seconds;
}

struct tls *tls_new(struct tls_context *c, bool server)
{
	struct tls *t = calloc(1, sizeof(*t));

	assert(t);
	t->context = c;
	t->ssl = SSL_new(c->ssl);
	t->in = BIO_new(BIO_s_mem());
	t->out = BIO_new(BIO_s_mem());
	assert(t->ssl && t->in && t->out);
	BIO_set_mem_eof_return(t->in, -1);
	SSL_set_bio(t->ssl, t->in, t->out);
	if (server)
		SSL_set_accept_state(t->ssl);
	else
		SSL_set_connect_state(t->ssl);
	return t;
}

void tls_free(struct tls *t)
{
	if (!t)
		return;
	SSL_free(t->ssl);
	free(t);
}

void tls_feed(struct tls *t, const uint8_t *data, size_t len)
{
	assert(BIO_write_all(t->in, data, len));
}

size_t tls_pending(struct tls *t, const uint8_t **data)
{
	size_t n = 0;

	BIO_mem_contents(t->out, data, &n);
	return n;
}

void tls_sent(struct tls *t, size_t n)
{
	static uint8_t sink[16384];

	while (n > 0) {
		int k = BIO_read(t->out, sink, n < sizeof(sink) ? (int)n : (int)sizeof(sink));

		assert(k > 0);
		n -= (size_t)k;
	}
}

/* In words, and with the file at fault if it is ours. */
static enum tls_result failed(struct tls *t)
{
	uint32_t e = ERR_peek_error();
	long verify = SSL_get_verify_result(t->ssl);

	if (verify == X509_V_ERR_CERT_HAS_EXPIRED)
		say(t->error, "the peer's certificate has expired");
	else if (verify != X509_V_OK)
		say(t->error, "the peer's certificate does not verify under our ca_file: %s",
		    X509_verify_cert_error_string(verify));
	else if (ERR_GET_LIB(e) == ERR_LIB_SSL &&
		 ERR_GET_REASON(e) == SSL_R_TLSV1_ALERT_UNKNOWN_CA)
		say(t->error, "the peer does not accept our certificate (cert_file %s): it trusts "
			      "another CA",
		    t->context->cert_file);
	else if (ERR_GET_LIB(e) == ERR_LIB_SSL &&
		 ERR_GET_REASON(e) == SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED)
		say(t->error, "the peer finds our certificate expired (cert_file %s)",
		    t->context->cert_file);
	else
		say(t->error, "TLS: %s", library_reason());
	ERR_clear_error();
	return TLS_FAILED;
}

static enum tls_result result_of(struct tls *t, int rc)
{
	switch (SSL_get_error(t->ssl, rc)) {
	case SSL_ERROR_NONE:
		return TLS_OK;
	case SSL_ERROR_WANT_READ:
		return TLS_WAIT;
	case SSL_ERROR_ZERO_RETURN:
		return TLS_CLOSED;
	default:
		return failed(t);
	}
}

enum tls_result tls_handshake(struct tls *t)
{
	ERR_clear_error();
	return result_of(t, SSL_do_handshake(t->ssl));
}

enum tls_result tls_read(struct tls *t, uint8_t *out, size_t room, size_t *n)
{
	int rc;

	ERR_clear_error();
	rc = SSL_read(t->ssl, out, (int)room);
	*n = rc > 0 ? (size_t)rc : 0;
	return result_of(t, rc);
}

enum tls_result tls_write(struct tls *t, const uint8_t *data, size_t len)
{
	enum tls_result r;
	int rc;

	ERR_clear_error();
	rc = SSL_write(t->ssl, data, (int)len);
	r = result_of(t, rc);
	/* A memory BIO takes everything: a partial write cannot be. */
	assert(r != TLS_OK || (size_t)rc == len);
	return r;
}

uint32_t tls_peer(const struct tls *t, const struct cluster_config *c)
{
	X509 *cert = SSL_get_peer_certificate(t->ssl);
	uint32_t found = CLUSTER_NODES_MAX;

	for (uint32_t i = 0; cert && i < c->n_nodes; i++)
		if (pki_names(cert, c->node[i]))
			found = i;
	X509_free(cert);
	return found;
}

const char *tls_error(const struct tls *t)
{
	return t->error;
}

void tls_exporter(const struct tls *t, const char *label, uint8_t *out, size_t len)
{
	int ok = SSL_export_keying_material(t->ssl, out, len, label, strlen(label), NULL, 0, 0);

	assert(ok == 1); /* The handshake is done, and only memory can fail. */
}

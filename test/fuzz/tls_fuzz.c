/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates, keys and handshakes of node links. The first octet says what the rest is:
 *   FILE    the text of ca_file, cert_file or key_file (second octet), the others being good
 *   NAMED   a certificate that our CA has signed all the same, field by field: octets of its
 *           subject's CN, its SAN extension, notBefore and notAfter, each behind its length;
 *           a client shows it, and a node starts with it
 *   FLIGHT  what is changed in an honest client's octets: place (2), mask
 * What must hold: a refusal has a reason, and no octet of the key; a peer accepted as a node has
 * its name, as a second reader of the certificate finds it; a changed flight changes no peer's
 * identity; a client of another CA is no node. */
#include <sys/mman.h>

#include "node/link/tls.c" /* For the names in certificates. */
#include "node/link/pki.h"

#include <openssl/bytestring.h>
#include <openssl/ec_key.h>
#include <openssl/nid.h>

/* runs: 600 */

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { FILE_TEXT, NAMED, FLIGHT, KINDS };
enum { CA, CERT, KEY, FILES };

struct flight_change {
	uint16_t at;
	uint8_t mask;
};

static struct cluster_config cluster;
static int fds[FILES];
static char paths[FILES][64];
static char *good[FILES];
static EVP_PKEY *ca_key, *node_key, *client_key;
static X509 *ca;
static struct tls_context *server, *client, *stranger;

/* The same in every process, for the sake of the corpus. */
static EVP_PKEY *key_of(uint32_t scalar)
{
	EC_KEY *ec = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1);
	const EC_GROUP *group = EC_KEY_get0_group(ec);
	EC_POINT *point = EC_POINT_new(group);
	EVP_PKEY *key = EVP_PKEY_new();
	BIGNUM *x = BN_new();
	bool ok = BN_set_word(x, scalar) && EC_POINT_mul(group, point, x, NULL, NULL, NULL) &&
		  EC_KEY_set_private_key(ec, x) && EC_KEY_set_public_key(ec, point) &&
		  EVP_PKEY_set1_EC_KEY(key, ec);

	assert(ok);
	BN_free(x);
	EC_POINT_free(point);
	EC_KEY_free(ec);
	return key;
}

static char *text_of(X509 *x, EVP_PKEY *key)
{
	BIO *bio = BIO_new(BIO_s_mem());
	const uint8_t *data;
	char *text;
	size_t len;
	int rc = x ? PEM_write_bio_X509(bio, x) : PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);

	assert(rc == 1 && BIO_mem_contents(bio, &data, &len));
	text = OPENSSL_memdup(data, len + 1);
	assert(text);
	text[len] = '\0';
	BIO_free(bio);
	return text;
}

static void put_file(unsigned which, const void *data, size_t len)
{
	int rc = ftruncate(fds[which], 0);
	ssize_t n = pwrite(fds[which], data, len, 0);

	assert(rc == 0 && n == (ssize_t)len);
}

static struct tls_context *context(const char *name, char err[TLS_ERR_LEN])
{
	return tls_context_new(paths[CA], paths[CERT], paths[KEY], name, err);
}

static struct tls_context *context_of(X509 *cert, EVP_PKEY *key, const char *name)
{
	char err[TLS_ERR_LEN] = "", *c = text_of(cert, NULL), *k = text_of(NULL, key);
	struct tls_context *t;

	put_file(CERT, c, strlen(c));
	put_file(KEY, k, strlen(k));
	t = context(name, err);
	if (!t) {
		fprintf(stderr, "%s\n", err);
		abort();
	}
	OPENSSL_free(c);
	OPENSSL_free(k);
	return t;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const char *const names[] = {"n1", "n2", "n3"};
	EVP_PKEY *other_key;
	X509 *x, *other;
	char *text;

	(void)argc;
	(void)argv;
	cluster.n_nodes = 3;
	for (unsigned i = 0; i < 3; i++) {
		strcpy(cluster.node[i], names[i]);
		fds[i] = memfd_create("pem", MFD_CLOEXEC);
		snprintf(paths[i], sizeof(paths[i]), "/proc/self/fd/%d", fds[i]);
	}
	ca_key = key_of(1001);
	node_key = key_of(1002);
	client_key = key_of(1003);
	other_key = key_of(1004);
	ca = pki_certificate(ca_key, "fuzz CA", NULL, NULL);
	other = pki_certificate(other_key, "fuzz CA", NULL, NULL);
	text = text_of(other, NULL);
	put_file(CA, text, strlen(text));
	OPENSSL_free(text);
	x = pki_certificate(client_key, "n2", other, other_key);
	stranger = context_of(x, client_key, "n2");
	X509_free(x);
	good[CA] = text_of(ca, NULL);
	put_file(CA, good[CA], strlen(good[CA]));
	x = pki_certificate(client_key, "n2", ca, ca_key);
	client = context_of(x, client_key, "n2");
	X509_free(x);
	x = pki_certificate(node_key, "n1", ca, ca_key);
	server = context_of(x, node_key, "n1");
	good[CERT] = text_of(x, NULL);
	good[KEY] = text_of(NULL, node_key);
	X509_free(x);
	X509_free(other);
	EVP_PKEY_free(other_key);
	return 0;
}

/* ---- A handshake ---- */

static void carry(struct tls *from, struct tls *to, const struct flight_change *changes, size_t n, size_t *sent)
{
	const uint8_t *data;
	size_t len = tls_pending(from, &data);
	uint8_t *copy;

	if (len == 0)
		return;
	copy = OPENSSL_memdup(data, len);
	for (size_t i = 0; i < n; i++)
		if (changes[i].at >= *sent && changes[i].at - *sent < len)
			copy[changes[i].at - *sent] ^= changes[i].mask;
	*sent += len;
	tls_feed(to, copy, len);
	OPENSSL_free(copy);
	tls_sent(from, len);
}

/* The node that the server takes the client for; CLUSTER_NODES_MAX: none, or not yet. */
static uint32_t shake(struct tls_context *as, const struct flight_change *changes, size_t n)
{
	struct tls *a = tls_new(as, false), *b = tls_new(server, true);
	enum tls_result ra = TLS_WAIT, rb = TLS_WAIT;
	uint32_t node = CLUSTER_NODES_MAX;
	size_t sent = 0, back = 0;

	for (unsigned i = 0; i < 6 && (ra == TLS_WAIT || rb == TLS_WAIT); i++) {
		if (ra == TLS_WAIT)
			ra = tls_handshake(a);
		carry(a, b, changes, n, &sent);
		if (rb == TLS_WAIT)
			rb = tls_handshake(b);
		carry(b, a, NULL, 0, &back);
	}
	assert(rb != TLS_FAILED || tls_error(b)[0]);
	if (rb == TLS_OK)
		node = tls_peer(b, &cluster);
	else
		assert(n > 0 || as != client);
	tls_free(a);
	tls_free(b);
	return node;
}

static void fuzz_flight(CBS *in)
{
	struct flight_change changes[64];
	size_t n = 0;
	uint32_t node;

	while (n < 64 && CBS_get_u16(in, &changes[n].at) && CBS_get_u8(in, &changes[n].mask))
		n++;
	node = shake(client, changes, n);
	assert(node == 1 || (n > 0 && node == CLUSTER_NODES_MAX));
	assert(shake(stranger, changes, n) == CLUSTER_NODES_MAX);
}

/* ---- Files ---- */

/* Any 12 characters of the key's own file. */
static bool tells_key(const char *err)
{
	const char *body = strchr(good[KEY], '\n');
	char piece[13] = "";

	for (size_t i = 0; body && i + 60 < strlen(body); i += 4) {
		memcpy(piece, body + i, 12);
		if (strstr(err, piece))
			return true;
	}
	return false;
}

static void fuzz_file(CBS *in)
{
	char err[TLS_ERR_LEN] = "";
	struct tls_context *t;
	uint8_t which = 0;

	if (!CBS_get_u8(in, &which))
		return;
	for (unsigned i = 0; i < FILES; i++)
		put_file(i, good[i], strlen(good[i]));
	put_file(which % FILES, CBS_data(in), CBS_len(in));
	t = context("n1", err);
	assert(t ? pki_names(SSL_CTX_get0_certificate(t->ssl), "n1") : err[0] != '\0');
	assert(!tells_key(err));
	if (t)
		(void)tls_context_expires_in(t, 1000000);
	tls_context_free(t);
}

/* ---- Fields ---- */

/* SubjectAltName, RFC 5280 4.2.1.6, once more: does it hold a dNSName, and is one of them
 * this? */
static bool san_names(CBS san, const char *name, bool *any)
{
	CBS names, one;
	unsigned tag;

	*any = false;
	if (!CBS_get_asn1(&san, &names, CBS_ASN1_SEQUENCE))
		return false;
	for (bool found = false;;) {
		if (!CBS_get_any_asn1(&names, &one, &tag))
			return found;
		if (tag != (CBS_ASN1_CONTEXT_SPECIFIC | 2))
			continue;
		*any = true;
		found |= CBS_len(&one) == strlen(name) && memcmp(CBS_data(&one), name, strlen(name)) == 0;
	}
}

static void set_time(ASN1_TIME *t, CBS text)
{
	if (CBS_len(&text) == 0)
		return;
	ASN1_STRING_set(t, CBS_data(&text), (int)CBS_len(&text));
	t->type = CBS_len(&text) > 13 ? V_ASN1_GENERALIZEDTIME : V_ASN1_UTCTIME;
}

static X509 *named(CBS *in, CBS *cn, CBS *san)
{
	X509 *x = pki_certificate(client_key, "x", ca, ca_key);
	ASN1_OCTET_STRING *octets = ASN1_OCTET_STRING_new();
	X509_NAME *subject;
	X509_EXTENSION *e;
	CBS before, after;
	int at;

	if (!x || !CBS_get_u8_length_prefixed(in, cn) || !CBS_get_u16_length_prefixed(in, san) ||
	    !CBS_get_u8_length_prefixed(in, &before) || !CBS_get_u8_length_prefixed(in, &after)) {
		ASN1_OCTET_STRING_free(octets);
		X509_free(x);
		return NULL;
	}
	subject = X509_get_subject_name(x);
	while (X509_NAME_entry_count(subject) > 0)
		X509_NAME_ENTRY_free(X509_NAME_delete_entry(subject, 0));
	X509_NAME_add_entry_by_NID(subject, NID_commonName, V_ASN1_UTF8STRING, CBS_data(cn),
				   (ossl_ssize_t)CBS_len(cn), -1, 0);
	at = X509_get_ext_by_NID(x, NID_subject_alt_name, -1);
	if (at >= 0)
		X509_EXTENSION_free(X509_delete_ext(x, at));
	if (CBS_len(san) > 0) {
		ASN1_STRING_set(octets, CBS_data(san), (int)CBS_len(san));
		e = X509_EXTENSION_create_by_NID(NULL, NID_subject_alt_name, 0, octets);
		X509_add_ext(x, e, -1);
		X509_EXTENSION_free(e);
	}
	set_time(X509_getm_notBefore(x), before);
	set_time(X509_getm_notAfter(x), after);
	ASN1_OCTET_STRING_free(octets);
	if (X509_sign(x, ca_key, EVP_sha256()))
		return x;
	X509_free(x);
	return NULL;
}

/* May a certificate of these fields be node i? */
static bool may_be(uint32_t i, CBS cn, CBS san)
{
	bool any, found = san_names(san, cluster.node[i], &any);

	if (found)
		return true;
	return !any && CBS_len(&cn) == strlen(cluster.node[i]) &&
	       memcmp(CBS_data(&cn), cluster.node[i], CBS_len(&cn)) == 0;
}

static void fuzz_named(CBS *in)
{
	char err[TLS_ERR_LEN] = "", *text;
	struct tls_context own = {.ssl = SSL_CTX_new(TLS_method())}, *t;
	CBS cn, san;
	X509 *x = named(in, &cn, &san);
	uint32_t node;

	if (x && SSL_CTX_use_certificate(own.ssl, x) && SSL_CTX_use_PrivateKey(own.ssl, client_key)) {
		SSL_CTX_set_min_proto_version(own.ssl, TLS1_3_VERSION);
		node = shake(&own, NULL, 0);
		assert(node == CLUSTER_NODES_MAX || may_be(node, cn, san));
		text = text_of(x, NULL);
		put_file(CA, good[CA], strlen(good[CA]));
		put_file(CERT, text, strlen(text));
		OPENSSL_free(text);
		text = text_of(NULL, client_key);
		put_file(KEY, text, strlen(text));
		OPENSSL_free(text);
		t = context("n2", err);
		assert(t ? may_be(1, cn, san) : err[0] != '\0');
		if (t)
			(void)tls_context_expires_in(t, 1000000);
		tls_context_free(t);
	}
	X509_free(x);
	SSL_CTX_free(own.ssl);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t kind;
	CBS in;

	CBS_init(&in, data, len);
	if (!CBS_get_u8(&in, &kind))
		return 0;
	switch (kind % KINDS) {
	case FILE_TEXT:
		fuzz_file(&in);
		break;
	case NAMED:
		fuzz_named(&in);
		break;
	default:
		fuzz_flight(&in);
	}
	ERR_clear_error();
	return 0;
}

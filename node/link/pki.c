/* SPDX-License-Identifier: Apache-2.0 */
#include "node/link/pki.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/ec_key.h>
#include <openssl/nid.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

EVP_PKEY *pki_key(void)
{
	EC_KEY *ec = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1);
	EVP_PKEY *key = EVP_PKEY_new();

	if (ec && key && EC_KEY_generate_key(ec) && EVP_PKEY_set1_EC_KEY(key, ec)) {
		EC_KEY_free(ec);
		return key;
	}
	EC_KEY_free(ec);
	EVP_PKEY_free(key);
	return NULL;
}

static bool add_extension(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *e;
	bool ok;

	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	e = X509V3_EXT_nconf_nid(NULL, &ctx, nid, value);
	ok = e && X509_add_ext(x, e, -1);
	X509_EXTENSION_free(e);
	return ok;
}

static bool fill(X509 *x, EVP_PKEY *key, const char *name, X509 *ca)
{
	X509_NAME *subject = X509_get_subject_name(x);
	uint8_t serial[16];
	BIGNUM *bn;
	char san[80];
	bool ok;

	RAND_bytes(serial, sizeof(serial));
	serial[0] &= 0x7f;
	bn = BN_bin2bn(serial, sizeof(serial), NULL);
	snprintf(san, sizeof(san), "DNS:%s", name);
	ok = bn && BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(x)) && X509_set_version(x, 2) &&
	     X509_gmtime_adj(X509_getm_notBefore(x), -300) &&
	     X509_gmtime_adj(X509_getm_notAfter(x), PKI_DAYS * 86400L) && X509_set_pubkey(x, key) &&
	     X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const uint8_t *)name, -1, -1, 0) &&
	     X509_set_issuer_name(x, ca ? X509_get_subject_name(ca) : subject);
	BN_free(bn);
	if (!ok)
		return false;
	if (!ca)
		return add_extension(x, x, NID_basic_constraints, "critical,CA:TRUE") &&
		       add_extension(x, x, NID_key_usage, "critical,keyCertSign,cRLSign");
	return add_extension(x, ca, NID_basic_constraints, "critical,CA:FALSE") &&
	       add_extension(x, ca, NID_key_usage, "critical,digitalSignature") &&
	       add_extension(x, ca, NID_ext_key_usage, "serverAuth,clientAuth") &&
	       add_extension(x, ca, NID_subject_alt_name, san);
}

X509 *pki_certificate(EVP_PKEY *key, const char *name, X509 *ca, EVP_PKEY *ca_key)
{
	X509 *x = X509_new();

	if (x && fill(x, key, name, ca) && X509_sign(x, ca ? ca_key : key, EVP_sha256()))
		return x;
	X509_free(x);
	return NULL;
}

bool pki_names(X509 *cert, const char *name)
{
	GENERAL_NAMES *sans = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	bool found = false, any = false;
	char cn[256];

	for (size_t i = 0; sans && i < sk_GENERAL_NAME_num(sans); i++) {
		const GENERAL_NAME *n = sk_GENERAL_NAME_value(sans, i);

		if (n->type != GEN_DNS)
			continue;
		any = true;
		found |= (size_t)ASN1_STRING_length(n->d.dNSName) == strlen(name) &&
			 memcmp(ASN1_STRING_get0_data(n->d.dNSName), name, strlen(name)) == 0;
	}
	GENERAL_NAMES_free(sans);
	if (any)
		return found;
	return X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, cn,
					 sizeof(cn)) == (int)strlen(name) &&
	       strcmp(cn, name) == 0;
}

void pki_time_text(const ASN1_TIME *t, char text[PKI_TIME_LEN])
{
	BIO *bio = BIO_new(BIO_s_mem());
	int n;

	assert(bio);
	ASN1_TIME_print(bio, t);
	n = BIO_read(bio, text, PKI_TIME_LEN - 1);
	text[n > 0 ? n : 0] = '\0';
	BIO_free(bio);
}

static FILE *create(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	return fd < 0 ? NULL : fdopen(fd, "w");
}

bool pki_write_key(const char *path, EVP_PKEY *key)
{
	FILE *f = create(path);
	bool ok = f && PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL);

	return (f && fclose(f) == 0) && ok;
}

bool pki_write_certificate(const char *path, X509 *certificate)
{
	FILE *f = create(path);
	bool ok = f && PEM_write_X509(f, certificate);

	return (f && fclose(f) == 0) && ok;
}

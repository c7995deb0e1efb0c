/* SPDX-License-Identifier: Apache-2.0 */
/* A good cluster.toml with certificates of a connection, for tests that break one of them. */
#ifndef TEST_UNIT_CERTIFICATES_SAMPLE_H
#define TEST_UNIT_CERTIFICATES_SAMPLE_H

#include "test/lib/pki.h"
#include "test/unit/config_sample.h"

#include <openssl/bio.h>
#include <openssl/pem.h>

#define PUBKEY                                                                                     \
	"auth = \"pubkey\"\ncert_file = \"gw.pem\"\nkey_file = \"gw.key\"\n"                       \
	"client_ca_file = \"clients.pem\"\ncrl_file = \"clients.crl\"\nclient_ids = [\"*.example.org\"]\n"

static struct pki_cert root, gateway;

/* NAME.pem and NAME.key */
static inline void put_pair(const char *name, const struct pki_cert *c)
{
	char file[128];

	snprintf(file, sizeof(file), "%s/%s.pem", dir, name);
	unlink(file);
	assert_true(pki_write_certificate(file, c->x));
	snprintf(file, sizeof(file), "%s/%s.key", dir, name);
	unlink(file);
	assert_true(pki_write_key(file, c->key));
}

static inline void put_crl_of(const struct pki_cert *ca_of, const uint8_t *numbers, size_t n, int64_t until)
{
	X509_CRL *crl = pki_revoke(ca_of, numbers, n, time(NULL) - 86400, until);
	BIO *bio = BIO_new(BIO_s_mem());
	const uint8_t *text;
	size_t len;

	assert_true(PEM_write_bio_X509_CRL(bio, crl));
	assert_true(BIO_mem_contents(bio, &text, &len));
	write_file("clients.crl", (const char *)text, len, 0644);
	BIO_free(bio);
	X509_CRL_free(crl);
}

static inline void put_crl(const uint8_t *numbers, size_t n)
{
	put_crl_of(&root, numbers, n, time(NULL) + 86400);
}

/* One after another into one file; NULL: half of a certificate. */
static inline void put_chain(const char *name, const struct pki_cert *const *list, size_t n)
{
	char text[16384] = "";

	for (size_t i = 0; i < n; i++) {
		BIO *bio = BIO_new(BIO_s_mem());
		const uint8_t *pem;
		size_t len;

		assert_true(PEM_write_bio_X509(bio, list[i] ? list[i]->x : root.x));
		assert_true(BIO_mem_contents(bio, &pem, &len));
		strncat(text, (const char *)pem, list[i] ? len : len / 2);
		BIO_free(bio);
		if (!list[i])
			strcat(text, "\n");
	}
	write_file(name, text, strlen(text), 0644);
}

static inline struct pki_cert issue_by(const struct pki_cert *by, const char *name, uint8_t number, int64_t until)
{
	return pki_issue(&(struct pki_wish){.subject = "CN=x", .issuer = by, .dns = name, .number = number,
					    .from = time(NULL) - 86400, .until = until});
}

static inline struct pki_cert issue(const char *name, uint8_t number, int64_t until)
{
	return issue_by(&root, name, number, until);
}

static inline struct pki_cert renew(const char *name, const struct pki_cert *by, const struct pki_cert *old,
				    uint8_t number)
{
	return pki_issue(&(struct pki_wish){.subject = name, .issuer = by, .ca = true, .key = old->key,
					    .number = number, .from = time(NULL) - 60,
					    .until = time(NULL) + PKI_YEAR});
}

static inline void put_certificates(void)
{
	uint8_t nobody = 99;

	put_good_files();
	put_pair("gw", &gateway);
	put_pair("clients", &root);
	put_crl(&nobody, 1);
}

static inline int begin(void **state)
{
	int rc = set_up(state);

	root = pki_issue(&(struct pki_wish){.subject = "CN=root", .ca = true, .from = time(NULL) - 86400,
					    .until = time(NULL) + PKI_YEAR});
	gateway = issue("gw", 2, time(NULL) + PKI_YEAR);
	return rc;
}

static inline int end(void **state)
{
	pki_cert_free(&gateway);
	pki_cert_free(&root);
	return tear_down(state);
}

static inline struct pki_cert make_ca(const char *name, const struct pki_cert *by, uint8_t number, int64_t until)
{
	return pki_issue(&(struct pki_wish){.subject = name, .issuer = by, .ca = true, .number = number,
					    .from = time(NULL) - 86400, .until = until});
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Reasons to refuse a client with a certificate, each with its own log line: dates, purpose, names,
 * chains, CRLs, keys, our clock. */
#include "test/unit/pubkey_bench.h"

static void show(struct bench *b, const struct pki_cert *leaf, const struct pki_cert *ca)
{
	credentials_unref(b->pki.clients_own);
	b->pki.clients_own = pki_credentials(leaf, ca);
	b->f.config.own = b->pki.clients_own;
}

static void a_wrong_certificate_is_refused_by_name(void **unused)
{
	static const struct {
		struct pki_wish wish;
		bool no_ca; /* The CA's certificate is not sent along. */
		const char *why;
	} rows[] = {
		{{.until = PKI_NOW - 1}, false, "its certificate has expired"},
		{{.from = PKI_NOW + 1}, false, "its certificate is not valid yet"},
		{{.until = PKI_NOW + 1}, false, NULL},
		{{.usage = "e"}, false, "its certificate: its key usage does not allow signatures"},
		{{.usage = "s"}, false, NULL},
		{{.purpose = "1.3.6.1.5.5.7.3.1"}, false,
		 "its certificate: its extended key usage is for another purpose"},
		{{.purpose = "1.3.6.1.5.5.7.3.2"}, false, NULL},
		{{.purpose = "1.3.6.1.5.5.7.3.17"}, false, NULL},
		{{.purpose = "1.3.6.1.5.5.8.2.2"}, false, NULL},
		{{.purpose = "2.5.29.37.0"}, false, NULL},
		{{.dns = "else"}, false, "its certificate is for another identity"},
		{{.dns = "*"}, false, "its certificate is for another identity"},
		{{.until = 0}, true, "its certificate is not issued by a CA in client_ca_file"},
		{{.ca = true}, false, NULL}, /* A CA may be a client. */
	};

	(void)unused;
	for (size_t k = 0; k < COUNT(rows); k++) {
		struct pki_wish w = rows[k].wish;
		struct pki_cert leaf;
		struct bench b;

		setup(&b, PKI_ED25519);
		w.subject = "O=test, CN=cl";
		w.issuer = &b.pki.ca;
		w.number = 20;
		if (!w.dns)
			w.dns = "cl";
		leaf = pki_issue(&w);
		show(&b, &leaf, rows[k].no_ca ? NULL : &b.pki.ca);
		if (rows[k].why)
			assert_refused(&b, rows[k].why);
		else
			assert_in(&b);
		pki_cert_free(&leaf);
		teardown(&b);
	}
}

static void a_ca_counts_only_as_one(void **unused)
{
	struct pki_cert old, stranger, leaf;
	struct bench b;

	(void)unused;
	setup(&b, PKI_ED25519);
	/* Expired, below the root. */
	old = pki_issue(&(struct pki_wish){.subject = "CN=old", .issuer = &b.pki.root, .ca = true, .number = 30,
					   .until = PKI_NOW - 1});
	leaf = pki_issue(&(struct pki_wish){.subject = "CN=cl", .issuer = &old, .dns = "cl", .number = 31});
	show(&b, &leaf, &old);
	assert_refused(&b, "the CA 1 above its certificate has expired");
	pki_cert_free(&leaf);
	/* A client that issues certificates. */
	leaf = pki_issue(&(struct pki_wish){.subject = "CN=x", .issuer = &b.pki.client, .dns = "cl", .number = 32});
	show(&b, &leaf, &b.pki.client);
	fixture_handshake(&b.f);
	assert_int_equal(b.f.g.verdict, IKE_VERDICT_REFUSE);
	assert_null(b.f.g.session);
	pki_cert_free(&leaf);
	/* Another CA of the same name, and a certificate that is its own. */
	stranger = pki_issue(&(struct pki_wish){.subject = "O=test, CN=root", .ca = true, .number = 33});
	leaf = pki_issue(&(struct pki_wish){.subject = "CN=cl", .issuer = &stranger, .dns = "cl", .number = 34});
	show(&b, &leaf, &stranger);
	fixture_handshake(&b.f);
	assert_int_equal(b.f.g.verdict, IKE_VERDICT_REFUSE);
	pki_cert_free(&leaf);
	leaf = pki_issue(&(struct pki_wish){.subject = "CN=cl", .dns = "cl", .number = 35});
	show(&b, &leaf, NULL);
	assert_refused(&b, "its certificate is not issued by a CA in client_ca_file");
	pki_cert_free(&leaf);
	pki_cert_free(&old);
	pki_cert_free(&stranger);
	teardown(&b);
}

/* Two CAs that have issued each other: A by B, B by A. */
static void a_chain_with_a_loop_ends(void **unused)
{
	struct pki_cert a0, b0, a, b1, leaf;
	struct bench b;

	(void)unused;
	setup(&b, PKI_ED25519);
	a0 = pki_issue(&(struct pki_wish){.subject = "CN=A", .ca = true, .number = 40});
	b0 = pki_issue(&(struct pki_wish){.subject = "CN=B", .issuer = &a0, .ca = true, .number = 41});
	a = pki_issue(&(struct pki_wish){.subject = "CN=A", .issuer = &b0, .ca = true, .number = 42,
					 .key = a0.key});
	b1 = pki_issue(&(struct pki_wish){.subject = "CN=B", .issuer = &a, .ca = true, .number = 43,
					  .key = b0.key});
	leaf = pki_issue(&(struct pki_wish){.subject = "CN=cl", .issuer = &a, .dns = "cl", .number = 44});
	credentials_unref(b.pki.clients_own);
	b.pki.clients_own = credentials_new();
	assert_null(credentials_add(b.pki.clients_own, (X509 *[]){leaf.x, a.x, b1.x, b0.x}, 4, leaf.key));
	b.f.config.own = b.pki.clients_own;
	assert_refused(&b, "its certificate is not issued by a CA in client_ca_file");
	pki_cert_free(&a0);
	pki_cert_free(&b0);
	pki_cert_free(&a);
	pki_cert_free(&b1);
	pki_cert_free(&leaf);
	teardown(&b);
}

/* ---- CRLs ---- */

static void add_crl(struct bench *b, const struct pki_cert *issuer, const uint8_t *numbers, size_t n,
		    int64_t until)
{
	X509_CRL *crl = pki_revoke(issuer, numbers, n, 0, until);

	assert_null(trust_add_crl(b->f.g.connections[0].clients, crl));
	X509_CRL_free(crl);
}

static void crls_are_obeyed(void **unused)
{
	static const uint8_t client = 3, ca = 1, nobody = 99;
	struct trust *trust;
	struct bench b;

	(void)unused;
	for (int k = 0; k < 6; k++) {
		setup(&b, PKI_ED25519);
		trust = pki_trust(&b.pki.root);
		b.f.g.connections[0].clients = trust;
		trust_demand_crls(trust);
		if (k != 3)
			add_crl(&b, &b.pki.ca, k == 1 ? &client : &nobody, 1, k == 4 ? PKI_NOW - 1 : 0);
		if (k != 5)
			add_crl(&b, &b.pki.root, k == 2 ? &ca : &nobody, 1, 0);
		switch (k) {
		case 0:
			assert_in(&b);
			break;
		case 1:
			assert_refused(&b, "its certificate is revoked");
			break;
		case 2:
			assert_refused(&b, "the CA 1 above its certificate is revoked");
			break;
		case 3:
			assert_refused(&b, "its certificate needs a CRL of its issuer, and crl_file has none");
			break;
		case 4:
			assert_refused(&b, "its certificate needs a newer CRL of its issuer: that in crl_file "
					   "has expired");
			break;
		default:
			assert_refused(&b, "the CA 1 above its certificate needs a CRL of its issuer, and "
					   "crl_file has none");
			break;
		}
		trust_unref(trust);
		teardown(&b);
	}
	/* A CA in client_ca_file that is below another one needs no CRL of that one. */
	setup(&b, PKI_ED25519);
	trust = pki_trust(&b.pki.ca);
	b.f.g.connections[0].clients = trust;
	add_crl(&b, &b.pki.ca, &nobody, 1, 0);
	assert_in(&b);
	trust_unref(trust);
	teardown(&b);
}

/* ---- Time, keys, and missing things ---- */

static void a_clock_that_is_wrong_judges_nobody(void **unused)
{
	struct bench b;

	(void)unused;
	setup(&b, PKI_ED25519);
	b.f.g.clock.wrong = "ours is far from those of most nodes";
	assert_refused(&b, "clock: ours is far from those of most nodes, so it judges no certificate");
	b.f.g.clock.wrong = NULL;
	assert_in(&b);
	teardown(&b);
}

static void who_shows_a_certificate_has_its_key(void **unused)
{
	struct bench b;

	(void)unused;
	setup(&b, PKI_ED25519);
	EVP_PKEY_free(b.pki.clients_own->list[0].key);
	EVP_PKEY_up_ref(b.pki.gateway.key);
	b.pki.clients_own->list[0].key = b.pki.gateway.key;
	assert_refused(&b, "its signature does not verify");
	teardown(&b);

	setup(&b, PKI_ED25519); /* A signature over another identity. */
	b.f.config.id = gateway_id("cl@example.org");
	assert_in(&b);
	teardown(&b);
}

static void a_certificate_of_nothing_is_refused(void **unused)
{
	struct blob *cert;
	struct bench b;

	(void)unused;
	setup(&b, PKI_ED25519);
	cert = b.pki.clients_own->list[0].cert[0];
	b.pki.clients_own->list[0].cert[0] = blob_new(cert->data, cert->len - 1);
	blob_unref(cert);
	assert_refused(&b, "its certificate cannot be read");
	teardown(&b);

	setup(&b, PKI_ED25519);
	for (uint8_t k = 0; k < b.pki.clients_own->list[0].n_certs; k++)
		blob_unref(b.pki.clients_own->list[0].cert[k]);
	b.pki.clients_own->list[0].n_certs = 0;
	assert_refused(&b, "it sends no certificate");
	teardown(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_wrong_certificate_is_refused_by_name),
		cmocka_unit_test(a_ca_counts_only_as_one),
		cmocka_unit_test(a_chain_with_a_loop_ends),
		cmocka_unit_test(crls_are_obeyed),
		cmocka_unit_test(a_clock_that_is_wrong_judges_nobody),
		cmocka_unit_test(who_shows_a_certificate_has_its_key),
		cmocka_unit_test(a_certificate_of_nothing_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates of connections in cluster.toml: an error names the line, the thing and the fix; CRLs
 * are read again. */
#include "test/lib/pki.h"
#include "test/unit/config_sample.h"

#include "node/config/config_image.h"
#include "proto/auth/credential_image.h"

#include <openssl/bio.h>
#include <openssl/pem.h>

#define PUBKEY                                                                                     \
	"auth = \"pubkey\"\ncert_file = \"gw.pem\"\nkey_file = \"gw.key\"\n"                       \
	"client_ca_file = \"clients.pem\"\ncrl_file = \"clients.crl\"\nclient_ids = [\"*.example.org\"]\n"

static struct pki_cert root, gateway;

/* NAME.pem and NAME.key */
static void put_pair(const char *name, const struct pki_cert *c)
{
	char file[128];

	snprintf(file, sizeof(file), "%s/%s.pem", dir, name);
	unlink(file);
	assert_true(pki_write_certificate(file, c->x));
	snprintf(file, sizeof(file), "%s/%s.key", dir, name);
	unlink(file);
	assert_true(pki_write_key(file, c->key));
}

static void put_crl_of(const struct pki_cert *ca_of, const uint8_t *numbers, size_t n, int64_t until)
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

static void put_crl(const uint8_t *numbers, size_t n)
{
	put_crl_of(&root, numbers, n, time(NULL) + 86400);
}

/* One after another into one file; NULL: half of a certificate. */
static void put_chain(const char *name, const struct pki_cert *const *list, size_t n)
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

static struct pki_cert issue_by(const struct pki_cert *by, const char *name, uint8_t number, int64_t until)
{
	return pki_issue(&(struct pki_wish){.subject = "CN=x", .issuer = by, .dns = name, .number = number,
					    .from = time(NULL) - 86400, .until = until});
}

static struct pki_cert issue(const char *name, uint8_t number, int64_t until)
{
	return issue_by(&root, name, number, until);
}

static struct pki_cert renew(const char *name, const struct pki_cert *by, const struct pki_cert *old, uint8_t number)
{
	return pki_issue(&(struct pki_wish){.subject = name, .issuer = by, .ca = true, .key = old->key,
					    .number = number, .from = time(NULL) - 60,
					    .until = time(NULL) + PKI_YEAR});
}

static void put_certificates(void)
{
	uint8_t nobody = 99;

	put_good_files();
	put_pair("gw", &gateway);
	put_pair("clients", &root);
	put_crl(&nobody, 1);
}

static int begin(void **state)
{
	int rc = set_up(state);

	root = pki_issue(&(struct pki_wish){.subject = "CN=root", .ca = true, .from = time(NULL) - 86400,
					    .until = time(NULL) + PKI_YEAR});
	gateway = issue("gw", 2, time(NULL) + PKI_YEAR);
	return rc;
}

static int end(void **state)
{
	pki_cert_free(&gateway);
	pki_cert_free(&root);
	return tear_down(state);
}

static void what_is_wrong_is_named(void **unused)
{
	static const struct {
		const char *text;
		int line;
		const char *why;
	} rows[] = {
		{"auth = \"pubkey\"\ncert_file = \"gw.pem\"\nkey_file = \"gw.key\"\n", 40,
		 "lacks \"client_ca_file\": name the file"},
		{"auth = \"pubkey\"\nclient_ca_file = \"clients.pem\"\n", 40, "lacks \"cert_file\" and \"key_file\""},
		{"auth = \"psk\"\nclient_ca_file = \"clients.pem\"\n", 41, "are for \"auth\" = \"pubkey\""},
		{"auth = \"psk\"\ncert_file = \"gw.pem\"\n", 41, "1 \"cert_file\" and 0 \"key_file\""},
		{"auth = \"psk\"\nkey_file = [\"gw.key\", \"n1.key\"]\ncert_file = \"gw.pem\"\n", 41,
		 "1 \"cert_file\" and 2 \"key_file\""},
		{"auth = \"psk\"\ncert_file = \"gw.pem\"\nkey_file = \"clients.key\"\n", 41,
		 "do not belong together"},
		{"auth = \"psk\"\ncert_file = \"none.pem\"\nkey_file = \"gw.key\"\n", 41, "No such file"},
		{"auth = \"psk\"\ncert_file = \"cl.psk\"\nkey_file = \"gw.key\"\n", 41,
		 "holds no certificate in PEM"},
		{"auth = \"psk\"\ncert_file = \"gw.pem\"\nkey_file = \"gw.pem\"\n", 42,
		 "can be read by others: chmod 600"},
		{"auth = \"psk\"\ncert_file = \"gw.pem\"\nkey_file = \"cl.psk\"\n", 42,
		 "holds no private key in PEM without a passphrase"},
		{"auth = \"psk\"\ncert_file = \"clients.pem\"\nkey_file = \"clients.key\"\n", 41,
		 "does not name \"local_id\""},
		{"auth = \"psk\"\ncert_file = 7\n", 41, "\"cert_file\" must be a list of strings"},
		{"auth = \"psk\"\ncert_file = []\nkey_file = []\n", 41, "takes 1 to 4 files"},
		{"auth = \"pubkey\"\ncert_file = \"gw.pem\"\nkey_file = \"gw.key\"\nclient_ca_file = \"gw.pem\"\n",
		 43, "not a CA's"},
		{"auth = \"pubkey\"\ncert_file = \"gw.pem\"\nkey_file = \"gw.key\"\n"
		 "client_ca_file = \"clients.pem\"\ncrl_file = \"gw.pem\"\n",
		 44, "holds no CRL in PEM"},
		{"auth = \"pubkey\"\ncert_file = \"gw.pem\"\nkey_file = \"gw.key\"\n"
		 "client_ca_file = \"clients.pem\"\nclient_ids = [\"%any\"]\n",
		 44, "\"%any\" is not an identity"},
	};

	(void)unused;
	put_certificates();
	for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
		char file[128];

		snprintf(file, sizeof(file), "%s/gw.pem", dir);
		assert_int_equal(chmod(file, 0644), 0);
		put_changed("auth = \"psk\"\n", rows[k].text);
		expect((int)k, NULL, rows[k].line, false, rows[k].why);
	}
}

static void dates_are_looked_at(void **unused)
{
	struct pki_cert old = issue("gw", 3, time(NULL) - 60), soon = issue("gw", 4, time(NULL) + 86400);

	(void)unused;
	put_certificates();
	put_changed("auth = \"psk\"\n", PUBKEY);
	expect_good(NULL);
	put_pair("gw", &old);
	expect(0, NULL, 41, false, "has expired");
	put_pair("gw", &soon);
	expect(1, NULL, 41, true, "expires soon");
	pki_cert_free(&old);
	pki_cert_free(&soon);
}

static struct pki_cert make_ca(const char *name, const struct pki_cert *by, uint8_t number, int64_t until)
{
	return pki_issue(&(struct pki_wish){.subject = name, .issuer = by, .ca = true, .number = number,
					    .from = time(NULL) - 86400, .until = until});
}

/* To run, and to reload: what has expired concerns the clients of one connection. */
static void expired(int row, int line, const char *text, bool error)
{
	expect(row, NULL, line, !error, text);
	purpose = CONFIG_RUN;
	expect(row + 100, "n1", line, true, text);
	purpose = CONFIG_RELOAD;
	expect(row + 200, "n1", line, true, text);
	purpose = CONFIG_CHECK;
}

static void what_has_expired_stops_no_start_and_no_reload(void **unused)
{
	struct pki_cert old = issue("gw", 3, time(NULL) - 60), old_ca = make_ca("CN=old", NULL, 4, time(NULL) - 60);
	struct pki_cert between = make_ca("CN=between", &root, 5, time(NULL) - 60);
	struct pki_cert below = issue_by(&between, "gw", 6, time(NULL) + PKI_YEAR);
	const struct pki_cert *chain[] = {&below, &between}, *cas[] = {&root, &old_ca};
	uint8_t nobody = 99;

	(void)unused;
	put_certificates();
	put_changed("auth = \"psk\"\n", PUBKEY);
	put_pair("gw", &old);
	expired(0, 41, "/CN=x has expired", true);
	put_pair("gw", &below);
	put_chain("gw.pem", chain, 2);
	expired(1, 41, "/CN=between has expired", true); /* Above a good one. */
	put_certificates();
	put_chain("clients.pem", cas, 2);
	expired(2, 43, "/CN=old has expired", true);
	expect(3, NULL, 43, false, "replace it, or remove it from the file");
	put_certificates();
	put_crl_of(&root, &nobody, 1, time(NULL) - 60);
	expired(4, 44, "/CN=root has expired", false);
	/* A CA of the links beside a good one. */
	put_certificates();
	put_chain("ca.pem", (const struct pki_cert *[]){&(struct pki_cert){.x = ca}, &old_ca}, 2);
	expired(5, 3, "/CN=old has expired", false);
	put_certificates();
	/* Without its own a node has no links; one that runs may still get a policy. */
	put_node("n1", "n1", ca, ca_key, -1);
	purpose = CONFIG_RUN;
	expect(6, "n1", 8, false, "has expired");
	purpose = CONFIG_RELOAD;
	expect(7, "n1", 8, true, "has expired");
	purpose = CONFIG_CHECK;
	pki_cert_free(&old);
	pki_cert_free(&old_ca);
	pki_cert_free(&between);
	pki_cert_free(&below);
}

static void files_are_read_to_the_end(void **unused)
{
	struct pki_cert between = make_ca("CN=between", &root, 5, time(NULL) + PKI_YEAR);
	struct pki_cert below = issue_by(&between, "gw", 6, time(NULL) + PKI_YEAR);
	const struct pki_cert *damaged[] = {&root, NULL, &between}, *order[] = {&below, &between, &root};
	const struct pki_cert *gap[] = {&below, &root};
	uint8_t nobody = 99;
	char file[128];
	FILE *f;

	(void)unused;
	put_certificates();
	put_changed("auth = \"psk\"\n", PUBKEY);
	put_chain("clients.pem", damaged, 3);
	expect(0, NULL, 43, false, "clients.pem: certificate 2 in it is damaged");
	put_certificates();
	put_chain("ca.pem", damaged, 3);
	expect(1, NULL, 3, false, "ca.pem: certificate 2 in it is damaged");
	put_certificates();
	put_pair("gw", &below);
	put_chain("gw.pem", order, 3);
	expect_good(NULL);
	put_chain("gw.pem", gap, 2);
	expect(2, NULL, 41, true, "certificate 1 in it is not issued by the next one");
	put_certificates();
	put_chain("gw.pem", (const struct pki_cert *[]){&gateway}, 1);
	snprintf(file, sizeof(file), "%s/gw.pem", dir);
	f = fopen(file, "a");
	assert_true(PEM_write_PrivateKey(f, gateway.key, NULL, NULL, 0, NULL, NULL));
	fclose(f);
	expect(3, NULL, 41, true, "holds a private key, and others may read it");
	assert_int_equal(chmod(file, 0600), 0);
	expect_good(NULL);
	put_certificates();
	snprintf(file, sizeof(file), "%s/clients.crl", dir);
	f = fopen(file, "a");
	fputs("-----BEGIN X509 CRL-----\nAAAA\n", f);
	fclose(f);
	expect(4, NULL, 44, false, "CRL 2 in it is damaged");
	put_certificates();
	put_chain("clients.pem", (const struct pki_cert *[]){&root, &between}, 2);
	expect(5, NULL, 44, true, "holds no CRL of /CN=between");
	put_crl_of(&below, &nobody, 1, time(NULL) + 86400);
	expect(6, NULL, 44, false, "holds no CRL of a CA in client_ca_file");
	pki_cert_free(&between);
	pki_cert_free(&below);
}

static uint64_t hash_now(void)
{
	struct config_errors e;
	uint64_t hash;

	config = malloc(sizeof(*config));
	assert_int_equal(node_config_load(config, path, NULL, &e), 0);
	hash = config->cluster.policy->hash;
	config_errors_fini(&e);
	node_config_fini(config);
	free(config);
	return hash;
}

/* Nodes with other certificates differ; other CRLs make no difference. */
static void the_hash_covers_certificates(void **unused)
{
	struct pki_cert other = issue("gw", 5, time(NULL) + PKI_YEAR);
	struct pki_cert renewed = renew("CN=root", NULL, &root, 8);
	struct pki_cert between = make_ca("CN=between", &root, 5, time(NULL) + PKI_YEAR);
	struct pki_cert again = renew("CN=between", &root, &between, 9);
	uint8_t somebody = 7;
	uint64_t before, above;

	(void)unused;
	put_certificates();
	put_changed("auth = \"psk\"\n", PUBKEY);
	before = hash_now();
	put_crl(&somebody, 1);
	assert_true(hash_now() == before);
	put_pair("gw", &other);
	assert_true(hash_now() != before);
	/* The CA with the same key, as it is renewed; a CA above the gateway's certificate. */
	put_pair("gw", &gateway);
	assert_true(hash_now() == before);
	put_chain("clients.pem", (const struct pki_cert *[]){&renewed}, 1);
	assert_true(hash_now() != before);
	put_pair("clients", &root);
	put_chain("gw.pem", (const struct pki_cert *[]){&gateway, &between}, 2);
	above = hash_now();
	put_chain("gw.pem", (const struct pki_cert *[]){&gateway, &again}, 2);
	assert_true(above != before && hash_now() != above);
	pki_cert_free(&other);
	pki_cert_free(&renewed);
	pki_cert_free(&between);
	pki_cert_free(&again);
}

static void crls_are_read_anew(void **unused)
{
	uint8_t numbers[2] = {7, 8};
	char why[CONFIG_WHY_LEN] = "";
	struct config_errors e;
	struct trust *t;

	(void)unused;
	put_certificates();
	put_changed("auth = \"psk\"\n", PUBKEY);
	config = malloc(sizeof(*config));
	assert_int_equal(node_config_load(config, path, NULL, &e), 0);
	put_crl(numbers, 2);
	t = node_config_read_crls(config->crl, config->cluster.policy->ike.connections[0].clients, why);
	assert_non_null(t);
	assert_int_equal(t->n_cas, 1);
	assert_int_equal(t->n_ids, 1);
	assert_int_equal(sk_X509_CRL_num(t->crls), 1);
	assert_int_equal(sk_X509_REVOKED_num(X509_CRL_get_REVOKED(sk_X509_CRL_value(t->crls, 0))), 2);
	trust_unref(t);
	put("clients.crl", "half a file");
	assert_null(node_config_read_crls(config->crl, config->cluster.policy->ike.connections[0].clients, why));
	assert_non_null(strstr(why, "clients.crl: holds no CRL in PEM"));
	config_errors_fini(&e);
	node_config_fini(config);
	free(config);
}

/* ---- A reading, from the process that reads to the node (config_image.h) ---- */

static struct node_config *load(void)
{
	struct node_config *c = malloc(sizeof(*c));
	struct config_errors e;

	assert_non_null(c);
	assert_int_equal(node_config_load(c, path, NULL, &e), 0);
	config_errors_fini(&e);
	return c;
}

/* What a message needs from a key: a signature made with the key that came over verifies with the certificate. */
static void assert_signs(const struct credential *c)
{
	static const uint8_t words[] = "these octets";
	struct signature_scheme scheme;
	const char *why = NULL;
	EVP_PKEY *public = X509_get_pubkey(c->leaf);
	struct blob *auth;
	CBS octets, sig;

	CBS_init(&octets, words, sizeof(words));
	assert_true(signature_choose(&scheme, c->key, UINT32_MAX, true));
	auth = signature_create(c->key, &scheme, octets);
	assert_non_null(auth);
	CBS_init(&sig, auth->data, auth->len);
	assert_true(signature_verify(public, scheme.method, sig, octets, &why));
	blob_unref(auth);
	EVP_PKEY_free(public);
}

static void certificates_come_over(void **unused)
{
	struct config_errors e = {0};
	struct config_reading r;
	struct node_config *c;
	const struct ike_connection *was, *is;
	uint8_t *image;
	size_t len;

	(void)unused;
	put_certificates();
	put_changed("auth = \"psk\"\n", PUBKEY);
	c = load();
	image = config_image_encode(c, &e, &len);
	assert_true(config_image_decode(&r, image, len));
	assert_null(r.error);
	was = &c->cluster.policy->ike.connections[0];
	is = &r.policy->ike.connections[0];
	assert_true(is->own && is->own != was->own);
	assert_int_equal(is->own->n, 1);
	assert_memory_equal(is->own->list[0].hash, was->own->list[0].hash, CREDENTIAL_HASH_LEN);
	assert_int_equal(is->own->list[0].n_certs, was->own->list[0].n_certs);
	assert_int_equal(is->own->list[0].n_cas, was->own->list[0].n_cas);
	assert_signs(&is->own->list[0]);
	assert_true(is->clients && is->clients != was->clients);
	assert_int_equal(is->clients->n_cas, 1);
	assert_memory_equal(is->clients->ca[0], was->clients->ca[0], CERT_CA_HASH_LEN);
	assert_int_equal(is->clients->n_ids, 1);
	assert_true(ike_id_equal(&is->clients->id[0], &was->clients->id[0]));
	assert_true(trust_same_crls(is->clients, was->clients));
	assert_int_equal(r.n_crls, 1);
	assert_string_equal(r.crl->connection, "road");
	assert_non_null(strstr(r.crl->path, "clients.crl"));
	assert_true(r.crl->seen.st_size > 0);
	config_reading_fini(&r);
	/* An image that is cut short, or has a changed octet in a certificate or key, is refused, without a leak. */
	for (size_t at = 1; at < 1500; at += 7) {
		image[len - at] ^= 0x41;
		if (config_image_decode(&r, image, len))
			assert_non_null(r.policy);
		config_reading_fini(&r);
		image[len - at] ^= 0x41;
	}
	free(image);
	node_config_fini(c);
	free(c);
}

/* Another CRL of a CA does not change the hash that nodes compare, but is noticed. */
static void other_crls_are_others(void **unused)
{
	uint8_t numbers[2] = {7, 8};
	struct node_config *a, *b;

	(void)unused;
	put_certificates();
	put_changed("auth = \"psk\"\n", PUBKEY);
	a = load();
	put_crl(numbers, 2);
	b = load();
	assert_true(a->cluster.policy->hash == b->cluster.policy->hash);
	assert_false(trust_same_crls(a->cluster.policy->ike.connections[0].clients,
				     b->cluster.policy->ike.connections[0].clients));
	node_config_fini(a);
	node_config_fini(b);
	free(a);
	free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_wrong_is_named),
		TEST(dates_are_looked_at),
		TEST(what_has_expired_stops_no_start_and_no_reload),
		TEST(files_are_read_to_the_end),
		cmocka_unit_test(the_hash_covers_certificates),
		cmocka_unit_test(crls_are_read_anew),
		cmocka_unit_test(certificates_come_over),
		cmocka_unit_test(other_crls_are_others),
	};

	return cmocka_run_group_tests(tests, begin, end);
}

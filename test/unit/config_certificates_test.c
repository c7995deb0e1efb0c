/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates of connections in cluster.toml: an error names the line, the thing and the fix; CRLs
 * are read again. */
#include "test/unit/certificates_sample.h"

#include "node/config/config_image.h"
#include "proto/auth/credential_image.h"

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
	/* Warnings go along. */
	e.warning = calloc(2, sizeof(*e.warning));
	e.warning[0].text = strdup("cluster.toml:1: warning: the first");
	e.warning[1].text = strdup("cluster.toml:2: warning: the second");
	e.n_warnings = 2;
	image = config_image_encode(c, &e, &len);
	assert_true(config_image_decode(&r, image, len));
	assert_null(r.error);
	assert_int_equal(r.n_warnings, 2);
	assert_string_equal(r.warning, "cluster.toml:1: warning: the first");
	assert_int_equal(r.policy->ike.n_connections, 1);
	assert_memory_equal(r.policy->ike.connections[0].own->list[0].hash,
			    c->cluster.policy->ike.connections[0].own->list[0].hash, CREDENTIAL_HASH_LEN);
	config_reading_fini(&r);
	config_errors_fini(&e);
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
		cmocka_unit_test(the_hash_covers_certificates),
		cmocka_unit_test(crls_are_read_anew),
		cmocka_unit_test(certificates_come_over),
		cmocka_unit_test(other_crls_are_others),
	};

	return cmocka_run_group_tests(tests, begin, end);
}

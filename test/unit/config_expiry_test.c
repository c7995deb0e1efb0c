/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates and CRLs that expire, and files of which a part cannot be used. */
#include "test/unit/certificates_sample.h"

#include "node/config/expiry.h"

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

/* What /metrics shows, and the hourly look: the first of each kind. */
static void what_ends_first_is_found(void **unused)
{
	struct pki_cert soon = make_ca("CN=soon", NULL, 4, time(NULL) + 86400);
	struct expiry first[EXPIRY_KINDS];
	struct config_errors e;
	uint8_t nobody = 99;

	(void)unused;
	put_certificates();
	put_changed("auth = \"psk\"\n", PUBKEY);
	put_chain("clients.pem", (const struct pki_cert *[]){&root, &soon}, 2);
	put_crl_of(&root, &nobody, 1, time(NULL) + 3600);
	config = malloc(sizeof(*config));
	assert_int_equal(node_config_load(config, path, NULL, &e), 0);
	assert_int_equal(expiry_first(config->cluster.policy->ike.connections, time(NULL), first), 7);
	assert_string_equal(first[EXPIRY_CERT].name, "/CN=x");
	assert_false(expiry_is_soon(&first[EXPIRY_CERT], 14));
	assert_string_equal(first[EXPIRY_CA].name, "/CN=soon");
	assert_true(expiry_is_soon(&first[EXPIRY_CA], 14));
	assert_true(first[EXPIRY_CA].left_s > 0 && first[EXPIRY_CA].left_s <= 86400);
	assert_string_equal(first[EXPIRY_CRL].name, "/CN=root");
	assert_true(expiry_is_soon(&first[EXPIRY_CRL], 14)); /* Of 25 hours one is left. */
	assert_true(first[EXPIRY_CRL].left_s <= 3600);
	config_errors_fini(&e);
	node_config_fini(config);
	free(config);
	put_certificates();
	expect_good(NULL); /* Its CRL is for two days, and half of that is left. */
	pki_cert_free(&soon);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_has_expired_stops_no_start_and_no_reload),
		TEST(files_are_read_to_the_end),
		TEST(what_ends_first_is_found),
	};

	return cmocka_run_group_tests(tests, begin, end);
}

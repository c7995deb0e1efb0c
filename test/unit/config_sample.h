/* SPDX-License-Identifier: Apache-2.0 */
/* A good cluster.toml with all files that it names, in its own folder; tests break one place and
 * expect a message. */
#ifndef TEST_UNIT_CONFIG_SAMPLE_H
#define TEST_UNIT_CONFIG_SAMPLE_H

#include "node/config/config.h"
#include "node/link/pki.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char good[] =
	"[cluster]\n"                                          /* 1 */
	"name = \"lab\"\n"
	"ca_file = \"ca.pem\"\n"
	"storage_key_file = \"storage.key\"\n"
	"[[node]]\n"                                           /* 5 */
	"name = \"n1\"\n"
	"link = \"10.77.0.11:7500\"\n"
	"cert_file = \"n1.pem\"\n"
	"key_file = \"n1.key\"\n"
	"data_dir = \"data/n1\"\n"                             /* 10 */
	"outer_interface = \"wan\"\n"
	"inner_interface = \"lan\"\n"
	"http = \"127.0.0.1:9505\"\n"
	"[[node]]\n"
	"name = \"n2\"\n"                                      /* 15 */
	"link = \"10.77.0.12:7500\"\n"
	"cert_file = \"n2.pem\"\n"
	"key_file = \"n2.key\"\n"
	"data_dir = \"data/n2\"\n"
	"outer_interface = \"wan\"\n"                          /* 20 */
	"inner_interface = \"lan\"\n"
	"http = \"127.0.0.1:9505\"\n"
	"[[node]]\n"
	"name = \"n3\"\n"
	"link = \"10.77.0.13:7500\"\n"                         /* 25 */
	"cert_file = \"n3.pem\"\n"
	"key_file = \"n3.key\"\n"
	"data_dir = \"data/n3\"\n"
	"outer_interface = \"wan\"\n"
	"inner_interface = \"lan\"\n"                          /* 30 */
	"[service]\n"
	"mode = \"vip\"\n"
	"addresses = [\"10.79.0.100/24\"]\n"
	"inner_addresses = [\"10.20.0.1/24\"]\n"
	"[timing]\n"                                           /* 35 */
	"heartbeat_ms = 10\n"
	"[[connection]]\n"
	"name = \"road\"\n"
	"local_id = \"gw\"\n"
	"auth = \"psk\"\n"                                     /* 40 */
	"local_ts = [\"10.20.0.0/16\"]\n"
	"pool = \"10.30.0.0/16\"\n"
	"ike_proposals = [\"aes128gcm16-prfsha256-x25519\"]\n"
	"esp_proposals = [\"aes128gcm16\"]\n"
	"[[secret]]\n"                                         /* 45 */
	"id = \"cl\"\n"
	"psk_file = \"cl.psk\"\n";

static char dir[] = "/tmp/baton-config-XXXXXX";
static char path[64];

static inline void write_file(const char *name, const char *text, size_t len, mode_t mode)
{
	char file[128];
	FILE *f;

	snprintf(file, sizeof(file), "%s/%s", dir, name);
	unlink(file);
	f = fopen(file, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	fclose(f);
	assert_int_equal(chmod(file, mode), 0);
}

static inline void put(const char *name, const char *text)
{
	write_file(name, text, strlen(text), 0600);
}

static EVP_PKEY *ca_key;
static X509 *ca;

/* NAME.pem and NAME.key; days: how long it is still valid. */
static inline void put_node(const char *name, const char *for_name, X509 *by, EVP_PKEY *by_key, long days)
{
	EVP_PKEY *key = pki_key();
	X509 *x = pki_certificate(key, for_name, by, by_key);
	char file[128];

	assert_non_null(x);
	if (days != PKI_DAYS) {
		X509_gmtime_adj(X509_getm_notAfter(x), days * 86400);
		assert_true(X509_sign(x, by ? by_key : key, EVP_sha256()) > 0);
	}
	snprintf(file, sizeof(file), "%s/%s.pem", dir, name);
	unlink(file);
	assert_true(pki_write_certificate(file, x));
	snprintf(file, sizeof(file), "%s/%s.key", dir, name);
	unlink(file);
	assert_true(pki_write_key(file, key));
	X509_free(x);
	EVP_PKEY_free(key);
}

static inline void put_good_files(void)
{
	char file[128];

	snprintf(file, sizeof(file), "%s/ca.pem", dir);
	unlink(file);
	assert_true(pki_write_certificate(file, ca));
	for (int i = 1; i <= 3; i++) {
		char name[16];

		snprintf(name, sizeof(name), "n%d", i);
		put_node(name, name, ca, ca_key, PKI_DAYS);
	}
	put("storage.key", "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n");
	put("cl.psk", "correct horse battery staple\n");
	put("alice.pw", "in wonderland\n");
}

static inline int set_up(void **unused)
{
	(void)unused;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/cluster.toml", dir);
	ca_key = pki_key();
	ca = pki_certificate(ca_key, "CA", NULL, NULL);
	put_good_files();
	return 0;
}

static inline int tear_down(void **unused)
{
	char command[64];

	(void)unused;
	X509_free(ca);
	EVP_PKEY_free(ca_key);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

/* `from` is in `good` once; NULL: at the end. */
static inline void put_changed(const char *from, const char *to)
{
	const char *at = from ? strstr(good, from) : good + strlen(good);
	char text[sizeof(good) + 1024];

	assert_non_null(at);
	snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - good), good, to, at + (from ? strlen(from) : 0));
	put("cluster.toml", text);
}

static struct node_config *config;
static enum config_purpose purpose; /* CONFIG_CHECK unless a test says otherwise. */
static int wrong; /* Rows that ran; each is reported. */

static inline int check_as(const char *node, struct config_errors *e)
{
	int rc = node_config_load(config, path, node, e);

	if (config->cluster.n_nodes && node_config_check_pki(config, node, time(NULL), purpose, e) != 0)
		rc = -1;
	return rc;
}

static inline bool is_said(const struct config_error *list, size_t n, const char *place, const char *text)
{
	for (size_t i = 0; i < n; i++)
		if (strncmp(list[i].text, place, strlen(place)) == 0 && strstr(list[i].text, text))
			return true;
	return false;
}

/* A message at that line, with that text. warning: it is a warning, and there is no error. */
static inline void expect(int row, const char *node, int line, bool warning, const char *text)
{
	struct config_errors e;
	char place[128];
	int rc;

	config = malloc(sizeof(*config));
	assert_non_null(config);
	rc = check_as(node, &e);
	snprintf(place, sizeof(place), "%s:%d: %s", path, line, warning ? "warning: " : "");
	if ((rc == 0) != warning || (rc == 0) != (e.n == 0) || e.n + e.n_warnings > 3 ||
	    !(warning ? is_said(e.warning, e.n_warnings, place, text) : is_said(e.list, e.n, place, text))) {
		config_errors_print(&e);
		print_error("row %d: %zu errors, %zu warnings; wanted %s%s\n", row, e.n, e.n_warnings, place,
			    text);
		wrong++;
	}
	config_errors_fini(&e);
	node_config_fini(config);
	free(config);
}

static inline void expect_good(const char *node)
{
	struct config_errors e;

	config = malloc(sizeof(*config));
	assert_non_null(config);
	if (check_as(node, &e) != 0 || e.n_warnings) {
		config_errors_print(&e);
		print_error("a good file is refused\n");
		wrong++;
	}
	config_errors_fini(&e);
	node_config_fini(config);
	free(config);
}

static inline int nothing_was_wrong(void **unused)
{
	int n = wrong;

	(void)unused;
	wrong = 0;
	return n;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, NULL, nothing_was_wrong)

#endif

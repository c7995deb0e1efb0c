/* SPDX-License-Identifier: Apache-2.0 */
/* The files that cluster.toml names: `baton check` looks at their contents and permissions. */
#include "test/unit/config_sample.h"

/* ---- Files ---- */

static void secrets_must_be_files_of_ones_own(void **unused)
{
	static const struct {
		const char *name;
		int line;
	} secret[] = {{"storage.key", 4}, {"cl.psk", 47}, {"n2.key", 18}};
	char file[128];

	(void)unused;
	put("cluster.toml", good);
	for (int i = 0; i < 3; i++) {
		snprintf(file, sizeof(file), "%s/%s", dir, secret[i].name);
		put_good_files();
		chmod(file, 0644);
		expect(i, NULL, secret[i].line, false, "can be read by others: chmod 600");
		chmod(file, 0640);
		expect(i, NULL, secret[i].line, false, "can be read by others: chmod 600");
		unlink(file);
		assert_int_equal(mkfifo(file, 0600), 0);
		expect(i, NULL, secret[i].line, false, "is not a regular file");
		unlink(file);
		assert_int_equal(mkdir(file, 0700), 0);
		expect(i, NULL, secret[i].line, false, "is a folder");
		rmdir(file);
		expect(i, NULL, secret[i].line, false, "No such file");
	}
	put_good_files();
}

static void the_file_itself_must_be_one(void **unused)
{
	struct config_errors e;
	char http[CONFIG_PATH_MAX];

	(void)unused;
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	config = malloc(sizeof(*config));
	assert_int_equal(node_config_load(config, path, NULL, &e), -1);
	assert_non_null(strstr(e.list[0].text, "regular file"));
	config_errors_fini(&e);
	node_config_fini(config);
	free(config);
	assert_int_equal(node_config_text(path, NULL, "http", http, &e), -1);
	config_errors_fini(&e);
	unlink(path);
}

static void certificates_are_looked_at(void **unused)
{
	EVP_PKEY *other_key = pki_key();
	X509 *other = pki_certificate(other_key, "CA", NULL, NULL);
	char pem[128], key[128];

	(void)unused;
	put("cluster.toml", good);
	put_good_files();
	snprintf(pem, sizeof(pem), "%s/ca.pem", dir);
	unlink(pem);
	expect(0, NULL, 3, false, "No such file");
	put("ca.pem", "not PEM\n");
	expect(1, NULL, 3, false, "holds no certificate in PEM");
	unlink(pem);
	mkfifo(pem, 0600);
	expect(2, NULL, 3, false, "is not a regular file");
	put_good_files();
	put_node("n1", "n1", ca, ca_key, -1);
	expect(3, NULL, 8, false, "has expired");
	expect(4, "n1", 8, false, "has expired");
	expect_good("n2");
	put_node("n1", "n1", ca, ca_key, 3);
	expect(5, NULL, 8, true, "expires soon");
	put_node("n1", "n2", ca, ca_key, PKI_DAYS);
	expect(6, NULL, 8, false, "not for node \"n1\"");
	put_node("n1", "n1", other, other_key, PKI_DAYS);
	expect(7, NULL, 8, false, "not issued by the CA in ca_file");
	put_good_files();
	put("n1.pem", "garbage\n");
	expect(8, NULL, 8, false, "holds no certificate in PEM");
	put_good_files();
	put("n1.key", "garbage\n");
	expect(9, NULL, 9, false, "holds no private key in PEM");
	put_good_files();
	snprintf(key, sizeof(key), "%s/n1.key", dir);
	unlink(key);
	pki_write_key(key, other_key);
	expect(10, NULL, 9, false, "does not belong to the certificate");
	unlink(key);
	expect(11, NULL, 9, false, "No such file");
	snprintf(pem, sizeof(pem), "%s/n1.pem", dir);
	unlink(pem);
	expect(12, NULL, 8, true, "certificate and key of n1 are not here");
	expect_good("n2");
	X509_free(other);
	EVP_PKEY_free(other_key);
	put_good_files();
}

static void a_node_needs_its_own(void **unused)
{
	struct config_errors e;
	char file[128];

	(void)unused;
	put("cluster.toml", good);
	put_good_files();
	snprintf(file, sizeof(file), "%s/n1.pem", dir);
	unlink(file);
	snprintf(file, sizeof(file), "%s/n1.key", dir);
	unlink(file);
	config = malloc(sizeof(*config));
	assert_int_equal(check_as("n1", &e), -1);
	assert_int_equal(e.n, 2);
	config_errors_fini(&e);
	node_config_fini(config);
	free(config);
	put_good_files();
}

/* ---- The forms of a PSK ---- */

static void psks_are_read_as_strongswan_reads_them(void **unused)
{
	static const struct {
		const char *file;
		size_t len; /* 0: of the text. */
		const char *psk;
		size_t psk_len;
		const char *why;
	} form[] = {
		{"sixteen octets it", 0, "sixteen octets it", 17, NULL},
		{"sixteen octets it\n", 0, "sixteen octets it", 17, NULL},
		{"sixteen octets it\r\n", 0, "sixteen octets it", 17, NULL},
		{"\xef\xbb\xbfsixteen octets it", 0, "sixteen octets it", 17, NULL},
		{"0x000102030405060708090a0B0C0D0E0F", 0, "\0\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17", 16, NULL},
		{"0X000102030405060708090a0b0c0d0e0f\r\n", 0, "\0\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17", 16, NULL},
		{"0x0:01:02:03:04:05:06:07:08:09:0a:0b:0c:0d:0e:0f\n", 0,
		 "\0\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17", 16, NULL},
		{"0sMTIzNDU2Nzg5MGFiY2RlZg==\n", 0, "1234567890abcdef", 16, NULL},
		{"0sMTIzNDU2Nzg5MGFiY2RlZmcr-_8=", 0, "1234567890abcdefg+\xfb\xff", 20, NULL},
		{"0x0011zz", 0, NULL, 0, "hexadecimal"},
		{"0x", 0, NULL, 0, "hexadecimal"},
		{"0x00::11", 0, NULL, 0, "hexadecimal"},
		{"0x00112233 ", 0, NULL, 0, "hexadecimal"},
		{"0sMTIzNDU2Nzg5MGFiY2RlZg", 0, NULL, 0, "base64"},
		{"0s!", 0, NULL, 0, "base64"},
		{"0s", 0, NULL, 0, "base64"},
		{"", 0, NULL, 0, "empty"},
		{"\n", 0, NULL, 0, "empty"},
		{"\xef\xbb\xbf\r\n", 0, NULL, 0, "empty"},
		{"one\ntwo\n", 0, NULL, 0, "more than one line"},
		{"one\rtwo", 0, NULL, 0, "more than one line"},
		{"tab\there it is, alas", 0, NULL, 0, "control character"},
		{"\xff\xfes\0e\0c\0r\0e\0t\0", 14, NULL, 0, "control character"},
	};

	(void)unused;
	put("cluster.toml", good);
	for (size_t i = 0; i < sizeof(form) / sizeof(form[0]); i++) {
		const struct ike_config *ike;
		struct config_errors e;

		write_file("cl.psk", form[i].file, form[i].len ? form[i].len : strlen(form[i].file), 0600);
		if (form[i].why) {
			expect((int)i, NULL, 47, false, form[i].why);
			continue;
		}
		config = malloc(sizeof(*config));
		assert_int_equal(node_config_load(config, path, NULL, &e), 0);
		ike = &config->cluster.policy->ike;
		assert_int_equal(ike->secrets[0].psk.len, form[i].psk_len);
		assert_memory_equal(ike->secrets[0].psk.bytes, form[i].psk, form[i].psk_len);
		assert_int_equal(e.n_warnings, 0);
		config_errors_fini(&e);
		node_config_fini(config);
		free(config);
	}
	put("cl.psk", "simple-key\n");
	expect(100, NULL, 47, true, "10 octets");
	put("cl.psk", "correct horse battery staple \n");
	expect(101, NULL, 47, true, "blank");
	put_good_files();
}

static void a_key_may_be_two_while_it_is_changed(void **unused)
{
	static const char list[] = "psk_file = [\"new.psk\", \"cl.psk\"]";
	struct config_errors e;
	struct ike_peer_secret *s;
	uint64_t before;

	(void)unused;
	put("new.psk", "another horse, another staple\n");
	put_changed("psk_file = \"cl.psk\"", list);
	config = malloc(sizeof(*config));
	assert_int_equal(node_config_load(config, path, NULL, &e), 0);
	s = &config->cluster.policy->ike.secrets[0];
	before = config->cluster.policy->hash;
	assert_int_equal(s->psk.len, 29);
	assert_memory_equal(s->psk.bytes, "another horse", 13);
	assert_int_equal(s->other.len, 28);
	assert_memory_equal(s->other.bytes, "correct horse", 13);
	config_errors_fini(&e);
	node_config_fini(config);
	put("cl.psk", "correct horse battery stable\n");
	assert_int_equal(node_config_load(config, path, NULL, &e), 0);
	assert_true(config->cluster.policy->hash != before);
	config_errors_fini(&e);
	node_config_fini(config);
	free(config);
	put("cl.psk", "another horse, another staple\n");
	expect(0, NULL, 47, false, "the same key");
	put_good_files();
	put_changed("psk_file = \"cl.psk\"", "psk_file = []");
	expect(1, NULL, 47, false, "1 or 2 files");
	put_changed("psk_file = \"cl.psk\"", "psk_file = [\"a\", \"b\", \"c\"]");
	expect(2, NULL, 47, false, "1 or 2 files");
	put_changed("psk_file = \"cl.psk\"", "psk_file = [\"cl.psk\", \"cl.psk\"]");
	expect(3, NULL, 47, false, "twice");
	put_changed("psk_file = \"cl.psk\"", "psk_file = [\"cl.psk\", \"none.psk\"]");
	expect(4, NULL, 47, false, "none.psk");
	put("cluster.toml", good);
}

/* ---- Passwords ---- */

#define ALICE "[[user]]\nname = \"alice\"\npassword_file = \"alice.pw\"\n"

static void passwords_are_one_line_of_text(void **unused)
{
	static const struct {
		const char *file, *password, *why;
	} form[] = {
		{"in wonderland", "in wonderland", NULL},
		{"in wonderland\r\n", "in wonderland", NULL},
		{"\xef\xbb\xbfin wonderland\n", "in wonderland", NULL},
		{"0x0011\n", "0x0011", NULL},
		{"\xc3\xa4", "\xc3\xa4", NULL},
		{"", NULL, "it is empty"},
		{"\n", NULL, "it is empty"},
		{"one\ntwo\n", NULL, "more than one line"},
		{"tab\there", NULL, "control character"},
		{"\xe4", NULL, "not UTF-8"},
	};

	(void)unused;
	put_changed(NULL, ALICE);
	for (size_t i = 0; i < sizeof(form) / sizeof(form[0]); i++) {
		struct config_errors e;
		struct nt_hash hash;

		put("alice.pw", form[i].file);
		if (form[i].why) {
			expect((int)i, NULL, 50, false, form[i].why);
			continue;
		}
		config = malloc(sizeof(*config));
		assert_int_equal(node_config_load(config, path, NULL, &e), 0);
		assert_int_equal(nt_hash_of(&hash, form[i].password, strlen(form[i].password)), OK);
		assert_int_equal(config->cluster.policy->ike.n_users, 1);
		assert_memory_equal(&config->cluster.policy->ike.users[0].password, &hash, sizeof(hash));
		assert_int_equal(e.n_warnings, 1); /* Nobody asks for it: there is no EAP. */
		config_errors_fini(&e);
		node_config_fini(config);
		free(config);
	}
	put("alice.pw", "in wonderland \n");
	expect(100, NULL, 50, true, "blank");
	write_file("alice.pw", "in wonderland\n", 14, 0640);
	expect(101, NULL, 50, false, "chmod 600");
	put_good_files();
}

static uint64_t hash_with(const char *psk, const char *storage)
{
	struct config_errors e;
	uint64_t hash;

	put("cl.psk", psk);
	put("storage.key", storage);
	config = malloc(sizeof(*config));
	assert_int_equal(node_config_load(config, path, NULL, &e), 0);
	hash = config->cluster.policy->hash;
	config_errors_fini(&e);
	node_config_fini(config);
	free(config);
	return hash;
}

/* Nodes compare the hash of the policy: it shows another PSK, but not another way to write the same
 * one, and without the storage key it does not reveal the PSK. */
static void the_hash_knows_the_psk(void **unused)
{
	static const char key[] = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n";
	static const char key2[] = "ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n";
	uint64_t h;

	(void)unused;
	put("cluster.toml", good);
	h = hash_with("correct horse battery staple", key);
	assert_true(h == hash_with("correct horse battery staple\r\n", key));
	assert_true(h == hash_with("0sY29ycmVjdCBob3JzZSBiYXR0ZXJ5IHN0YXBsZQ==", key));
	assert_true(h != hash_with("correct horse battery stable", key));
	assert_true(h != hash_with("correct horse battery staple", key2));
	put_changed(NULL, ALICE);
	h = hash_with("correct horse battery staple", key);
	put("alice.pw", "in wonderland\r\n");
	assert_true(h == hash_with("correct horse battery staple", key));
	put("alice.pw", "behind the mirror\n");
	assert_true(h != hash_with("correct horse battery staple", key));
	put_good_files();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(secrets_must_be_files_of_ones_own),
		TEST(the_file_itself_must_be_one),
		TEST(certificates_are_looked_at),
		TEST(a_node_needs_its_own),
		TEST(psks_are_read_as_strongswan_reads_them),
		TEST(a_key_may_be_two_while_it_is_changed),
		TEST(passwords_are_one_line_of_text),
		TEST(the_hash_knows_the_psk),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}

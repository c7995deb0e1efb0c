/* SPDX-License-Identifier: Apache-2.0 */
/* A cluster.toml through the parser that `baton run` uses. The secrets that it may name are files
 * in memory, and so are certificates and keys of nodes (all one file); no other file is opened,
 * whatever the text names. Two octets of 255, which no TOML has, begin the text of the storage key,
 * two more that of the secret, two more that of certificates and keys.
 *
 * An accepted file is fit to start a node; a refusal says why, with the file's name and without a
 * secret; and reading the file again gives the same hash. */
#include <fcntl.h>
#include <unistd.h>

#define open(path, flags) fuzz_open(path)
static int fuzz_open(const char *path);
#include "node/config/values.c" /* For its open(). */
#undef open

#include "proto/auth/method.h"
#include "proto/ike/select.h"

#include <assert.h>
#include <sys/mman.h>

/* runs: 4000 */

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define KEY_TEXT "4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b\n"
#define NOW 1800000000 /* The same in each run. */
#define PSK_TEXT "correct horse battery staple\n"

static int toml, key, psk, pem;
static char toml_path[64];

static int file_in_memory(const char *name, const char *text)
{
	int fd = memfd_create(name, MFD_CLOEXEC);
	ssize_t n;

	assert(fd >= 0 && fchmod(fd, 0600) == 0);
	n = write(fd, text, strlen(text));
	assert(n == (ssize_t)strlen(text));
	return fd;
}

static int fuzz_open(const char *path)
{
	const char *name = strrchr(path, '/');
	int fd = -1;

	if (strcmp(path, toml_path) == 0)
		fd = toml;
	else if (name && strcmp(name, "/storage.key") == 0)
		fd = key;
	else if (name && (strcmp(name, "/cl.psk") == 0 || strcmp(name, "/alice.pw") == 0))
		fd = psk;
	else if (name && strlen(name) > 4 && strcmp(name + strlen(name) - 4, ".pem") == 0)
		fd = pem;
	if (fd < 0) {
		errno = ENOENT;
		return -1;
	}
	lseek(fd, 0, SEEK_SET);
	return dup(fd);
}

static void put_file(int fd, const void *data, size_t len)
{
	int rc = ftruncate(fd, 0);
	ssize_t n = pwrite(fd, data, len, 0);

	assert(rc == 0 && n == (ssize_t)len);
}

/* The octets before the next mark, which are taken off. */
static size_t piece(const uint8_t **data, size_t *len)
{
	const uint8_t *mark = memmem(*data, *len, "\xff\xff", 2);
	size_t n = mark ? (size_t)(mark - *data) : *len;

	*data += mark ? n + 2 : n;
	*len -= mark ? n + 2 : n;
	return n;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	setenv("CREDENTIALS_DIRECTORY", "/run/credentials/baton.service", 1);
	key = file_in_memory("storage.key", KEY_TEXT);
	psk = file_in_memory("cl.psk", PSK_TEXT);
	pem = file_in_memory("n1.pem", "");
	toml = file_in_memory("cluster.toml", "");
	snprintf(toml_path, sizeof(toml_path), "/proc/self/fd/%d", toml);
	return 0;
}

static bool tells(const char *text, const char *secret, const uint8_t *data, size_t len)
{
	return strstr(text, secret) && !memmem(data, len, secret, strlen(secret));
}

static void check_errors(const struct config_errors *e, const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < e->n; i++) {
		assert(strncmp(e->list[i].text, toml_path, strlen(toml_path)) == 0);
		assert(!tells(e->list[i].text, "4b4b4b4b", data, len));
		assert(!tells(e->list[i].text, "horse", data, len));
	}
	for (size_t i = 0; i < e->n_warnings; i++) {
		assert(strncmp(e->warning[i].text, toml_path, strlen(toml_path)) == 0);
		assert(!tells(e->warning[i].text, "horse", data, len));
	}
}

/* What core_new(), the data path and the pools rely on. */
static void check_good(const struct node_config *c)
{
	const struct ike_config *ike = &c->cluster.policy->ike;

	assert(c->cluster.n_nodes >= 1 && c->cluster.n_nodes <= CLUSTER_NODES_MAX);
	assert(c->cluster.name[0] && c->cluster.mode == SERVICE_VIP);
	assert(c->cluster.n_service >= 1 && c->cluster.lease > 0);
	for (uint32_t i = 0; i < c->cluster.n_nodes; i++)
		assert(c->cluster.node[i][0] && c->node[i].link.port && c->node[i].data_dir[0]);
	assert(ike->n_connections >= 1);
	for (size_t i = 0; i < ike->n_connections; i++) {
		const struct ike_connection *x = &ike->connections[i];

		assert(ike_connection_auth(x)->listed != AUTH_LISTED_SECRET || ike->n_secrets >= 1);
		assert(ike_connection_auth(x)->listed != AUTH_LISTED_USER || ike->n_users >= 1);
		assert(x->name[0] && x->n_ike >= 1 && x->n_esp >= 1 && x->local_ts.n >= 1);
		assert(x->n_ike <= CONNECTION_PROPOSALS_MAX && x->n_esp <= CONNECTION_PROPOSALS_MAX);
		assert(x->n_dns <= CONNECTION_DNS_MAX && x->local_ts.n <= TS_MAX);
	}
	for (size_t i = 0; i < ike->n_secrets; i++)
		assert(ike->secrets[i].psk.len > 0);
	for (size_t i = 0; i < ike->n_users; i++)
		assert(ike->users[i].id.len > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct node_config c;
	struct config_errors errors;
	const uint8_t *rest = data, *from;
	size_t left = len, toml_len = piece(&rest, &left);
	const char *node = len & 1 ? "n1" : NULL;
	uint64_t hash;
	int rc;

	put_file(toml, data, toml_len);
	put_file(key, KEY_TEXT, strlen(KEY_TEXT));
	put_file(psk, PSK_TEXT, strlen(PSK_TEXT));
	if (toml_len < len) {
		from = rest;
		put_file(key, from, piece(&rest, &left));
	}
	if (left > 0) {
		from = rest;
		put_file(psk, from, piece(&rest, &left));
	}
	put_file(pem, rest, left);
	rc = node_config_load(&c, toml_path, node, &errors);
	assert((rc == 0) == (errors.n == 0));
	check_errors(&errors, data, len);
	if (rc == 0) {
		check_good(&c);
		rc = node_config_check_pki(&c, node, NOW, CONFIG_CHECK, &errors);
		assert((rc == 0) == (errors.n == 0));
		check_errors(&errors, data, len);
		rc = 0;
	}
	hash = c.cluster.hash;
	config_errors_fini(&errors);
	node_config_fini(&c);
	if (rc != 0)
		return 0;
	rc = node_config_load(&c, toml_path, node, &errors);
	assert(rc == 0 && c.cluster.hash == hash);
	config_errors_fini(&errors);
	node_config_fini(&c);
	return 0;
}

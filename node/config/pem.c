/* SPDX-License-Identifier: Apache-2.0 */
#include "node/config/pem.h"

#include <openssl/err.h>
#include <openssl/mem.h>
#include <openssl/pem.h>

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PEM_MAX (4u << 20) /* A CRL may be long. */

/* As for secrets: systemd itself guards the folder of credentials. */
static mode_t modes_of_others(const char *path)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");

	return dir && dir[0] && strncmp(path, dir, strlen(dir)) == 0 ? 007 : 077;
}

BIO *config_read_pem(const char *path, bool *others, const char **why)
{
	struct stat st;
	uint8_t *text;
	BIO *bio = NULL;
	ssize_t n;
	int fd = config_open(path, &st, why);

	if (fd < 0)
		return NULL;
	text = malloc(PEM_MAX);
	n = text ? read(fd, text, PEM_MAX) : -1;
	if (n < 0)
		*why = strerror(errno);
	else if (n == (ssize_t)PEM_MAX)
		*why = "is too long";
	else if ((bio = BIO_new(BIO_s_mem())) == NULL || BIO_write(bio, text, (int)n) != n)
		abort();
	*others = st.st_mode & modes_of_others(path);
	if (text)
		OPENSSL_cleanse(text, n > 0 ? (size_t)n : 0);
	free(text);
	close(fd);
	return bio;
}

bool config_pem_is_over(void)
{
	uint32_t error = ERR_peek_last_error();
	bool over = ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;

	ERR_clear_error();
	return over;
}

static bool holds_key(const BIO *bio)
{
	static const char words[] = "PRIVATE KEY-----";
	const uint8_t *text;
	size_t len;

	return BIO_mem_contents(bio, &text, &len) && len > 0 && memmem(text, len, words, sizeof(words) - 1);
}

STACK_OF(X509) *config_take_chain(struct reader *r, int line, const char *what, BIO *bio, bool others)
{
	STACK_OF(X509) *chain = sk_X509_new_null();
	bool over, key = others && holds_key(bio);
	size_t n;
	X509 *x;

	assert(chain);
	ERR_clear_error();
	while ((x = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL)
		if (!sk_X509_push(chain, x))
			abort();
	over = config_pem_is_over();
	n = sk_X509_num(chain);
	if (key)
		reader_warning(r, line, "%s holds a private key, and others may read it: move the key to a file of its own",
			       what);
	if (!over)
		reader_error(r, line, "%s: certificate %zu in it is damaged: write it again", what, n + 1);
	else if (n == 0)
		reader_error(r, line, "%s holds no certificate in PEM", what);
	if (over && n > 0)
		return chain;
	sk_X509_pop_free(chain, X509_free);
	return NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Values of cluster.toml: each is checked where it is read, and an error names its line. */
#include "node/config/schema.h"

#include <openssl/mem.h>

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Names end up in logs, metrics and terminals. */
static bool is_printable(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return false;
	return true;
}

void config_set_text(struct reader *r, const struct toml_value *v, char *out, size_t size)
{
	if (v->string[0] == '\0')
		reader_error(r, v->line, "\"%s\" is empty", v->key);
	else if (!is_printable(v->string))
		reader_error(r, v->line, "\"%s\" holds a control character", v->key);
	else if (strlen(v->string) >= size)
		reader_error(r, v->line, "\"%s\" is longer than %zu characters", v->key, size - 1);
	else
		snprintf(out, size, "%s", v->string);
}

/* "credential:NAME" is what systemd's LoadCredential= has put in place. The
 * folder differs from node to node, the text in the file does not. */
#define CREDENTIAL "credential:"

void config_set_path(struct reader *r, const struct toml_value *v, char *out)
{
	bool credential = strncmp(v->string, CREDENTIAL, strlen(CREDENTIAL)) == 0;
	const char *name = credential ? v->string + strlen(CREDENTIAL) : v->string;
	const char *dir = credential ? getenv("CREDENTIALS_DIRECTORY") : r->dir;
	int n;

	if (!dir) { /* systemd sets it for the unit alone, and people check the file in a terminal. */
		reader_warning(r, v->line, "\"%s\": \"%s\" is a credential of a systemd unit: it is not checked here",
			       v->key, v->string);
		if (r->c->credential_line == 0)
			r->c->credential_line = v->line;
		return;
	}
	n = name[0] == '/' && !credential ? snprintf(out, CONFIG_PATH_MAX, "%s", name)
					  : snprintf(out, CONFIG_PATH_MAX, "%s/%s", dir, name);
	if (name[0] == '\0' || n >= (int)CONFIG_PATH_MAX)
		reader_error(r, v->line, "\"%s\" is not a path", v->key);
}

void config_set_number(struct reader *r, const struct toml_value *v, int64_t least, int64_t most,
		       uint32_t *out)
{
	if (v->integer < least || v->integer > most)
		reader_error(r, v->line, "\"%s\" must be between %lld and %lld", v->key,
			     (long long)least, (long long)most);
	else
		*out = (uint32_t)v->integer;
}

size_t config_set_prefixes(struct reader *r, const struct toml_value *v, struct prefix *out, size_t room)
{
	if (v->n == 0 || v->n > room)
		reader_error(r, v->line, "\"%s\" takes 1 to %zu addresses", v->key, room);
	for (size_t i = 0; i < v->n && i < room; i++)
		if (prefix_parse(&out[i], v->child[i].string) != OK)
			reader_error(r, v->child[i].line, "\"%s\" is not an address with prefix length, "
				     "such as \"10.0.0.1/24\"", v->child[i].string);
	return v->n < room ? v->n : room;
}

int config_choice(struct reader *r, const struct toml_value *v, const char *const *names)
{
	char all[128] = "";

	for (int i = 0; names[i]; i++) {
		if (strcmp(names[i], v->string) == 0)
			return i;
		strcat(strcat(all, i ? ", " : ""), names[i]);
	}
	reader_error(r, v->line, "\"%s\" must be one of: %s", v->key, all);
	return -1;
}

/* Without O_NONBLOCK a FIFO would be waited for, for ever. */
int config_open(const char *path, struct stat *st, const char **why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 || fstat(fd, st) != 0)
		*why = strerror(errno);
	else if (S_ISDIR(st->st_mode))
		*why = "is a folder, not a file";
	else if (!S_ISREG(st->st_mode))
		*why = "is not a regular file";
	else
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* systemd closes the folder of credentials to others; a unit's own User= may read them through an
 * ACL, which looks like a mode for the group. */
static bool is_open_to_others(const struct toml_value *v, const struct stat *st)
{
	bool credential = strncmp(v->string, CREDENTIAL, strlen(CREDENTIAL)) == 0;

	return st->st_mode & (credential ? 007 : 077);
}

/* Reads a file of at most size octets that nobody else may read. -1: said why. */
ssize_t config_read_secret(struct reader *r, const struct toml_value *v, const char *path, uint8_t *out,
			   size_t size)
{
	const char *why = NULL;
	struct stat st;
	ssize_t n = -1;
	int fd;

	if (path[0] == '\0')
		return -1; /* Said already. */
	fd = config_open(path, &st, &why);
	if (fd < 0)
		reader_error(r, v->line, "\"%s\": %s: %s", v->key, path, why);
	else if (is_open_to_others(v, &st))
		reader_error(r, v->line, "\"%s\": %s can be read by others: chmod 600 %s", v->key, path,
			     path);
	else if ((n = read(fd, out, size)) < 0)
		reader_error(r, v->line, "\"%s\": %s: %s", v->key, path, strerror(errno));
	else if (n == (ssize_t)size)
		reader_error(r, v->line, "\"%s\": %s is too long: it may hold %zu octets", v->key, path,
			     size - 1);
	if (fd >= 0)
		close(fd);
	return n == (ssize_t)size ? -1 : n;
}

int config_unhex(const uint8_t *text, size_t digits, uint8_t *out)
{
	for (size_t i = 0; i < digits; i++) {
		int x = isdigit(text[i]) ? text[i] - '0'
			: isxdigit(text[i]) ? tolower(text[i]) - 'a' + 10 : -1;

		if (x < 0)
			return -1;
		out[i / 2] = (uint8_t)(i % 2 ? out[i / 2] | x : x << 4);
	}
	return 0;
}

bool config_read_key(struct reader *r, const struct toml_value *v, const char *path, uint8_t *out, size_t len)
{
	uint8_t text[128];
	ssize_t n = config_read_secret(r, v, path, text, sizeof(text));
	bool good;

	while (n > 0 && isspace(text[n - 1]))
		n--;
	good = n == 2 * (ssize_t)len && config_unhex(text, 2 * len, out) == 0;
	if (n >= 0 && !good)
		reader_error(r, v->line, "\"%s\": %s must hold %zu hexadecimal digits", v->key, path, 2 * len);
	OPENSSL_cleanse(text, sizeof(text));
	return good;
}

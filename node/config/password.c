/* SPDX-License-Identifier: Apache-2.0 */
/* A [[user]]'s password from a file: the text of its only line, in UTF-8, whatever it looks like
 * ("0x..." is a password too). An editor's byte order mark and the end of the line, LF or CR LF, are
 * not part of it. Only the hash that MS-CHAP-V2 needs is kept. */
#include "node/config/schema.h"

#include <openssl/mem.h>

#include <ctype.h>
#include <string.h>

#define MARK "\xef\xbb\xbf"
#define TEXT_MAX (strlen(MARK) + 3u * NT_PASSWORD_MAX + 2u)

static const char *wrong_with(const uint8_t *text, size_t n, struct nt_hash *hash)
{
	if (n == 0)
		return "it is empty";
	for (size_t i = 0; i < n; i++) {
		if (text[i] == '\n' || text[i] == '\r')
			return "it holds more than one line";
		if (text[i] < 0x20 || text[i] == 0x7f)
			return "it holds a control character";
	}
	switch (nt_hash_of(hash, text, n)) {
	case OK:
		return NULL;
	case ERR_TOO_LONG:
		return "it is too long";
	default:
		return "it is not UTF-8";
	}
}

void config_read_password(struct reader *r, const struct toml_value *v, const char *path,
			  struct nt_hash *hash)
{
	uint8_t buffer[TEXT_MAX + 1], *text = buffer;
	ssize_t read = config_read_secret(r, v, path, buffer, sizeof(buffer));
	size_t n = read > 0 ? (size_t)read : 0;
	const char *why;

	if (read < 0)
		return;
	if (n >= strlen(MARK) && memcmp(text, MARK, strlen(MARK)) == 0) {
		text += strlen(MARK);
		n -= strlen(MARK);
	}
	if (n > 0 && text[n - 1] == '\n')
		n -= n > 1 && text[n - 2] == '\r' ? 2 : 1;
	why = wrong_with(text, n, hash);
	if (why)
		reader_error(r, v->line, "\"%s\": %s cannot be a password of 1 to %u characters: %s", v->key,
			     path, NT_PASSWORD_MAX, why);
	else if (isblank(text[0]) || isblank(text[n - 1]))
		reader_warning(r, v->line, "\"%s\": the password in %s begins or ends with a blank, which is "
			       "part of it", v->key, path);
	OPENSSL_cleanse(buffer, sizeof(buffer));
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A pre-shared key from a file, as administrators write it and as strongSwan reads it.
 *
 * The key is the text of the file's only line; "0x" and hexadecimal digits (":" may separate
 * octets, an odd number has a 0 before it) or "0s" and base64 stand for octets. An editor's byte
 * order mark and the end of the line, LF or CR LF, are not part of it. Anything else that cannot be
 * meant is an error that says what is wrong, never a key that fits nobody. */
#include "node/config/schema.h"

#include <openssl/base64.h>
#include <openssl/mem.h>

#include <ctype.h>
#include <string.h>

#define PSK_SHORT 16u /* Octets; below, trying out is cheap. */
#define TEXT_MAX (3u * SECRET_MAX + 8u) /* 0x00:11:22... and the end of the line. */

/* NULL: they are in octets, so many. */
static const char *read_hex(const uint8_t *text, size_t n, uint8_t octets[SECRET_MAX], size_t *len)
{
	static const char wants[] = "\"0x\" must be followed by hexadecimal digits";
	uint8_t digits[TEXT_MAX];
	const char *why = NULL;
	size_t k = 0, count = 0;

	for (size_t i = 0; i < n; i++)
		count += text[i] != ':';
	if (count % 2)
		digits[k++] = '0';
	for (size_t i = 0; i < n; i++) {
		bool between = k > 0 && k % 2 == 0 && i + 1 < n && text[i + 1] != ':';

		if (text[i] != ':' || !between)
			digits[k++] = text[i];
	}
	*len = k / 2;
	if (k == 0 || k % 2)
		why = wants;
	else if (*len > SECRET_MAX)
		why = "it is too long";
	else if (config_unhex(digits, k, octets) != 0)
		why = wants;
	OPENSSL_cleanse(digits, sizeof(digits));
	return why;
}

static const char *read_base64(uint8_t *text, size_t n, uint8_t octets[SECRET_MAX], size_t *len)
{
	uint8_t out[TEXT_MAX];
	const char *why = NULL;

	for (size_t i = 0; i < n; i++) /* The alphabet for URLs: strongSwan takes both. */
		text[i] = text[i] == '-' ? '+' : text[i] == '_' ? '/' : text[i];
	if (n == 0 || !EVP_DecodeBase64(out, len, sizeof(out), text, n))
		why = "\"0s\" must be followed by base64, padded with \"=\" to a multiple of four characters";
	else if (*len == 0 || *len > SECRET_MAX)
		why = "it is too long";
	else
		memcpy(octets, out, *len);
	OPENSSL_cleanse(out, sizeof(out));
	return why;
}

static const char *read_text(const uint8_t *text, size_t n, uint8_t octets[SECRET_MAX], size_t *len)
{
	for (size_t i = 0; i < n; i++) {
		if (text[i] == '\n' || text[i] == '\r')
			return "it holds more than one line";
		if (text[i] < 0x20 || text[i] == 0x7f)
			return "it holds a control character: write octets as 0x and hexadecimal digits, "
			       "text as UTF-8";
	}
	if (n > SECRET_MAX)
		return "it is too long";
	memcpy(octets, text, n);
	*len = n;
	return NULL;
}

static bool begins(const uint8_t *text, size_t n, const char *with)
{
	return n >= strlen(with) && memcmp(text, with, strlen(with)) == 0;
}

static bool has_prefix(const uint8_t *text, size_t n, char form)
{
	return n >= 2 && text[0] == '0' && tolower(text[1]) == form;
}

void config_read_psk(struct reader *r, const struct toml_value *v, const char *path, struct secret *psk)
{
	uint8_t buffer[TEXT_MAX + 1], octets[SECRET_MAX], *text = buffer;
	ssize_t read = config_read_secret(r, v, path, buffer, sizeof(buffer));
	size_t n = read > 0 ? (size_t)read : 0, len = 0;
	const char *why;

	if (read < 0)
		return;
	if (begins(text, n, "\xef\xbb\xbf")) {
		text += 3;
		n -= 3;
	}
	if (n > 0 && text[n - 1] == '\n')
		n -= n > 1 && text[n - 2] == '\r' ? 2 : 1;
	if (n == 0)
		why = "it is empty";
	else if (has_prefix(text, n, 'x'))
		why = read_hex(text + 2, n - 2, octets, &len);
	else if (has_prefix(text, n, 's'))
		why = read_base64(text + 2, n - 2, octets, &len);
	else
		why = read_text(text, n, octets, &len);
	if (why) {
		reader_error(r, v->line, "\"%s\": %s cannot be a key of 1 to %u octets: %s", v->key, path,
			     SECRET_MAX, why);
	} else {
		secret_set(psk, octets, len);
		if (len < PSK_SHORT)
			reader_warning(r, v->line, "\"%s\": the key in %s has %zu octets: an attacker who "
				       "sees one failed login can guess it; use %u random octets or more",
				       v->key, path, len, PSK_SHORT);
		if (isblank(text[0]) || isblank(text[n - 1]))
			reader_warning(r, v->line, "\"%s\": the key in %s begins or ends with a blank, "
				       "which is part of it", v->key, path);
	}
	OPENSSL_cleanse(buffer, sizeof(buffer));
	OPENSSL_cleanse(octets, sizeof(octets));
}

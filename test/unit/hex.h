/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes written as hexadecimal text with blanks, for vectors. */
#ifndef TEST_UNIT_HEX_H
#define TEST_UNIT_HEX_H

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* An allocation of exactly that size, so that ASan sees a read past it. */
static inline uint8_t *hex_bytes(const char *text, size_t *len)
{
	uint8_t *out = malloc(strlen(text) / 2 + 1), *exact;
	int high = -1;
	size_t n = 0;

	assert(out);
	for (; *text; text++) {
		const char *digits = "0123456789abcdef", *d = strchr(digits, *text);

		if (*text == ' ' || *text == '\n')
			continue;
		assert(d);
		if (high < 0) {
			high = (int)(d - digits);
		} else {
			out[n++] = (uint8_t)(high << 4 | (int)(d - digits));
			high = -1;
		}
	}
	assert(high < 0);
	exact = malloc(n ? n : 1);
	assert(exact);
	memcpy(exact, out, n);
	free(out);
	*len = n;
	return exact;
}

static inline uint8_t *exact_copy(const uint8_t *data, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	assert(copy);
	if (len)
		memcpy(copy, data, len);
	return copy;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* SA payloads as text, for vectors: offers and configured proposals. */
#ifndef TEST_UNIT_OFFER_H
#define TEST_UNIT_OFFER_H

#include "proto/crypto/suite.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* Offers as text: proposals with blanks between, numbered from 1, each "protocol:spi:transforms". A
 * transform is type letter and ID (E ENCR, P PRF, I INTEG, D D-H, S ESN, X an unknown type), "/128"
 * a key length, "?" an unknown attribute in TV and "~" one in TLV form. */
struct offer_bytes {
	uint8_t data[4096];
	size_t len;
};

static inline void put(struct offer_bytes *b, unsigned value, size_t len)
{
	for (size_t i = len; i > 0; i--)
		b->data[b->len++] = (uint8_t)(value >> (8 * (i - 1)));
}

static inline void put_length(struct offer_bytes *b, size_t start)
{
	size_t len = b->len - start;

	b->data[start + 2] = (uint8_t)(len >> 8);
	b->data[start + 3] = (uint8_t)len;
}

static inline void put_transform(struct offer_bytes *b, const char *text, bool last)
{
	static const char letters[] = "-EPIDSX";
	size_t start = b->len;
	char *rest;

	put(b, last ? 0 : 0x03000000, 4);
	put(b, (unsigned)(strchr(letters, text[0]) - letters), 1);
	put(b, 0, 1);
	put(b, (unsigned)strtoul(text + 1, &rest, 10), 2);
	for (; *rest; rest++) {
		if (*rest == '/')
			put(b, 0x800e0000u | (unsigned)strtoul(rest + 1, NULL, 10), 4);
		else if (*rest == '?')
			put(b, 0x80630001, 4);
		else if (*rest == '~') {
			put(b, 0x00630003, 4);
			put(b, 0xabcdef, 3);
		}
	}
	put_length(b, start);
}

static inline void put_proposal(struct offer_bytes *b, char *text, unsigned number, bool last)
{
	size_t start = b->len, spi_len;
	char *spi = strchr(text, ':') + 1, *list = strchr(spi, ':') + 1, *save = NULL, *word;
	unsigned n = 0;

	spi_len = (size_t)(list - spi - 1) / 2;
	put(b, last ? 0 : 0x02000000, 4);
	put(b, number, 1);
	put(b, (unsigned)strtoul(text, NULL, 10), 1);
	put(b, (unsigned)spi_len, 1);
	put(b, 0, 1);
	for (size_t i = 0; i < spi_len; i++) {
		char digits[3] = {spi[2 * i], spi[2 * i + 1], 0};

		put(b, (unsigned)strtoul(digits, NULL, 16), 1);
	}
	for (word = strtok_r(list, ",", &save); word; n++) {
		char *next = strtok_r(NULL, ",", &save);

		put_transform(b, word, !next);
		word = next;
	}
	b->data[start + 7] = (uint8_t)n;
	put_length(b, start);
}

static inline void offer(struct offer_bytes *b, const char *text)
{
	char copy[2048], *save = NULL, *word;
	unsigned number = 1;

	b->len = 0;
	snprintf(copy, sizeof(copy), "%s", text);
	for (word = strtok_r(copy, " ", &save); word; number++) {
		char *next = strtok_r(NULL, " ", &save);

		put_proposal(b, word, number, !next);
		word = next;
	}
}

/* Configured proposals: blanks between. */
static inline size_t configure(struct proposal out[8], const char *text, bool ike)
{
	char copy[512], *save = NULL, *word;
	size_t n = 0;

	snprintf(copy, sizeof(copy), "%s", text);
	for (word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save))
		assert_int_equal(ike ? proposal_parse_ike(&out[n++], word, NULL)
				     : proposal_parse_esp(&out[n++], word, NULL), OK);
	return n;
}

#endif

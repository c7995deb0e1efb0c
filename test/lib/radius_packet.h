/* SPDX-License-Identifier: Apache-2.0 */
/* RADIUS packets of our own, read back. */
#ifndef TEST_LIB_RADIUS_PACKET_H
#define TEST_LIB_RADIUS_PACKET_H

#include "proto/auth/radius.h"

#include <assert.h>
#include <string.h>

static inline struct secret secret_of(const char *text)
{
	struct secret s;

	secret_set(&s, text, strlen(text));
	return s;
}

/* Views of b, which is a packet and nothing else. */
static inline struct radius parsed(const struct blob *b)
{
	struct radius r;
	CBS in;

	assert(b);
	CBS_init(&in, b->data, b->len);
	if (radius_parse(&r, in) != OK || CBS_len(&r.packet) != b->len)
		assert(!"a packet that cannot be read");
	return r;
}

#endif

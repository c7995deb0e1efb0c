/* SPDX-License-Identifier: Apache-2.0 */
/* The octets after len are kept zero, so a secret may be compared, copied by assignment and encoded
 * without the tail of an earlier, longer one. */
#include "proto/crypto/secret.h"

#include <openssl/mem.h>

#include <assert.h>
#include <string.h>

void secret_set(struct secret *s, const void *bytes, size_t len)
{
	assert(len <= SECRET_MAX);
	if (len > 0)
		memmove(s->bytes, bytes, len);
	OPENSSL_cleanse(s->bytes + len, SECRET_MAX - len);
	s->len = (uint16_t)len;
}

void secret_cleanse(struct secret *s)
{
	OPENSSL_cleanse(s, sizeof(*s));
}

bool secret_equal(const struct secret *a, const struct secret *b)
{
	/* A length is no secret: it follows from the suite. */
	return a->len == b->len && CRYPTO_memcmp(a->bytes, b->bytes, a->len) == 0;
}

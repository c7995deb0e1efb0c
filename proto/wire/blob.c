/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/wire/blob.h"

#include <openssl/mem.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct blob *blob_new(const void *data, size_t len)
{
	struct blob *b;

	assert(len <= UINT32_MAX);
	if (len == 0)
		return NULL;
	b = malloc(sizeof(*b) + len);
	assert(b);
	b->refs = 1;
	b->len = (uint32_t)len;
	if (data)
		memcpy(b->data, data, len);
	return b;
}

struct blob *blob_ref(struct blob *b)
{
	if (b)
		b->refs++;
	return b;
}

void blob_unref(struct blob *b)
{
	if (!b)
		return;
	assert(b->refs > 0);
	if (--b->refs > 0)
		return;
	OPENSSL_cleanse(b->data, b->len);
	free(b);
}

void blob_set(struct blob **slot, struct blob *b)
{
	struct blob *old = *slot;

	*slot = b;
	blob_unref(old);
}

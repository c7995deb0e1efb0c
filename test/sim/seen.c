/* SPDX-License-Identifier: Apache-2.0 */
#include "test/sim/seen.h"

#include <assert.h>
#include <stdlib.h>
#include <uthash.h>

struct seen_entry {
	uint64_t key[3];
	uint64_t value[SEEN_WORDS];
	UT_hash_handle hh;
};

uint64_t *seen_find(const struct seen *s, uint64_t a, uint64_t b, uint64_t c)
{
	uint64_t key[3] = { a, b, c };
	struct seen_entry *e;

	HASH_FIND(hh, s->entries, key, sizeof(key), e);
	return e ? e->value : NULL;
}

uint64_t *seen_get(struct seen *s, uint64_t a, uint64_t b, uint64_t c, bool *fresh)
{
	uint64_t *value = seen_find(s, a, b, c);
	struct seen_entry *e;

	*fresh = !value;
	if (value)
		return value;
	e = calloc(1, sizeof(*e));
	assert(e);
	e->key[0] = a;
	e->key[1] = b;
	e->key[2] = c;
	HASH_ADD(hh, s->entries, key, sizeof(e->key), e);
	return e->value;
}

void seen_fini(struct seen *s)
{
	struct seen_entry *e, *tmp;

	HASH_ITER(hh, s->entries, e, tmp)
	{
		HASH_DEL(s->entries, e);
		free(e);
	}
}

uint64_t seen_hash(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * UINT64_C(0x100000001b3);
	return h ? h : 1;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Open addressing with linear probing; it is never more than half full, and nothing is ever
 * removed. */
#include "test/sim/seen.h"

#include <assert.h>
#include <stdlib.h>

struct seen_entry {
	uint64_t key[3];
	uint64_t value[SEEN_WORDS];
	uint64_t used;
};

static size_t place(const struct seen *s, uint64_t a, uint64_t b, uint64_t c)
{
	uint64_t h = a * UINT64_C(0x9e3779b97f4a7c15);
	size_t i;

	h = (h ^ (h >> 29) ^ b) * UINT64_C(0xbf58476d1ce4e5b9);
	h = (h ^ (h >> 31) ^ c) * UINT64_C(0x94d049bb133111eb);
	for (i = (h ^ (h >> 30)) & (s->room - 1); s->entries[i].used; i = (i + 1) & (s->room - 1))
		if (s->entries[i].key[0] == a && s->entries[i].key[1] == b &&
		    s->entries[i].key[2] == c)
			break;
	return i;
}

uint64_t *seen_find(const struct seen *s, uint64_t a, uint64_t b, uint64_t c)
{
	size_t i = s->room ? place(s, a, b, c) : 0;

	return s->room && s->entries[i].used ? s->entries[i].value : NULL;
}

static void grow(struct seen *s)
{
	struct seen old = *s;

	s->room = old.room ? 2 * old.room : 64;
	s->entries = calloc(s->room, sizeof(*s->entries));
	assert(s->entries);
	for (size_t i = 0; i < old.room; i++) {
		const uint64_t *k = old.entries[i].key;

		if (old.entries[i].used)
			s->entries[place(s, k[0], k[1], k[2])] = old.entries[i];
	}
	free(old.entries);
}

uint64_t *seen_get(struct seen *s, uint64_t a, uint64_t b, uint64_t c, bool *fresh)
{
	struct seen_entry *e;

	if (2 * s->n >= s->room)
		grow(s);
	e = &s->entries[place(s, a, b, c)];
	*fresh = !e->used;
	if (*fresh) {
		e->used = 1;
		e->key[0] = a;
		e->key[1] = b;
		e->key[2] = c;
		s->n++;
	}
	return e->value;
}

void seen_fini(struct seen *s)
{
	free(s->entries);
	*s = (struct seen){ NULL, 0, 0 };
}

uint64_t seen_hash(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * UINT64_C(0x100000001b3);
	return h ? h : 1;
}

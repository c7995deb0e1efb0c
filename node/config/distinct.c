/* SPDX-License-Identifier: Apache-2.0 */
#include "node/config/distinct.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

struct distinct {
	union {
		struct ike_id id;
		struct address address;
	} key;
	UT_hash_handle hh;
};

static bool add(struct distinct **set, struct distinct *new, size_t len)
{
	struct distinct *old;

	HASH_FIND(hh, *set, &new->key, len, old);
	if (old) {
		free(new);
		return false;
	}
	HASH_ADD_KEYPTR(hh, *set, &new->key, len, new);
	return true;
}

static struct distinct *distinct_new(void)
{
	struct distinct *d = calloc(1, sizeof(*d));

	if (!d)
		abort();
	return d;
}

bool distinct_id(struct distinct **set, const struct ike_id *id)
{
	struct distinct *d = distinct_new();

	d->key.id = ike_id_key(id);
	return add(set, d, sizeof(d->key.id));
}

bool distinct_address(struct distinct **set, const struct address *a)
{
	struct distinct *d = distinct_new();

	d->key.address.family = a->family;
	memcpy(d->key.address.octets, a->octets, address_len(a));
	return add(set, d, sizeof(d->key.address));
}

void distinct_fini(struct distinct **set)
{
	struct distinct *d, *next;

	HASH_ITER(hh, *set, d, next)
	{
		HASH_DEL(*set, d);
		free(d);
	}
}

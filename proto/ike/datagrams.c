/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of datagrams. They hold references to the blobs that are sent: a set and its copies in a
 * session, a command and an action share one allocation for each datagram. */
#include "proto/ike/datagrams.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct ike_datagrams *ike_datagrams_new(struct blob *const *datagrams, uint32_t n)
{
	struct ike_datagrams *d;

	assert(n >= 1);
	assert(n <= IKE_DATAGRAMS_MAX);
	d = malloc(sizeof(*d) + n * sizeof(d->datagram[0]));
	assert(d);
	d->refs = 1;
	d->n = n;
	for (uint32_t i = 0; i < n; i++) {
		assert(datagrams[i]);
		d->datagram[i] = datagrams[i];
	}
	return d;
}

struct ike_datagrams *ike_datagrams_of(struct blob *datagram)
{
	return datagram ? ike_datagrams_new(&datagram, 1) : NULL;
}

struct ike_datagrams *ike_datagrams_ref(struct ike_datagrams *d)
{
	if (d)
		d->refs++;
	return d;
}

void ike_datagrams_unref(struct ike_datagrams *d)
{
	if (!d || --d->refs > 0)
		return;
	for (uint32_t i = 0; i < d->n; i++)
		blob_unref(d->datagram[i]);
	free(d);
}

void ike_datagrams_set(struct ike_datagrams **slot, struct ike_datagrams *d)
{
	ike_datagrams_unref(*slot);
	*slot = d;
}

struct blob *ike_datagrams_only(const struct ike_datagrams *d)
{
	if (!d)
		return NULL;
	assert(d->n == 1);
	return d->datagram[0];
}

uint32_t ike_datagrams_len(const struct ike_datagrams *d)
{
	uint32_t len = 0;

	for (uint32_t i = 0; d && i < d->n; i++)
		len += d->datagram[i]->len;
	return len;
}

static bool same(const struct blob *a, const struct blob *b)
{
	return a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}

bool ike_datagrams_equal(const struct ike_datagrams *a, const struct ike_datagrams *b)
{
	if (!a || !b)
		return a == b;
	for (uint32_t i = 0; i < a->n && i < b->n; i++)
		if (!same(a->datagram[i], b->datagram[i]))
			return false;
	return a->n == b->n;
}

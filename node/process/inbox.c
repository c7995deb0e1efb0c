/* SPDX-License-Identifier: Apache-2.0 */
/* The lock is held for pointer swaps only. Items of the store must never be dropped (Raft waits for
 * each), nor reports of the packet workers (a low lease is reported once): they have no limit here
 * and are bounded at their source. */
#include "node/process/inbox.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(INBOX_FRAMES_MAX - sizeof(struct inbox_item) >= FRAME_LEN_MAX + (32u << 20),
	       "any frame fits an inbox that is nearly empty");

void inbox_init(struct inbox *b, void (*wake)(void *ctx), void *ctx)
{
	static const size_t max[INBOX_CLASSES] = {SIZE_MAX, INBOX_FRAMES_MAX, INBOX_IKE_MAX,
						INBOX_INIT_MAX, INBOX_PACKETS_MAX};

	memset(b, 0, sizeof(*b));
	memcpy(b->max, max, sizeof(max));
	pthread_mutex_init(&b->lock, NULL);
	b->end = &b->first;
	b->wake = wake;
	b->ctx = ctx;
}

void inbox_fini(struct inbox *b)
{
	struct inbox_item *i = inbox_take(b);

	while (i) {
		struct inbox_item *next = i->next;

		inbox_item_free(i);
		i = next;
	}
	pthread_mutex_destroy(&b->lock);
}

struct inbox_item *inbox_item_new(enum inbox_kind kind, const void *data, size_t len)
{
	struct inbox_item *i = malloc(sizeof(*i) + len);

	assert(i);
	memset(i, 0, sizeof(*i));
	i->kind = kind;
	i->len = len;
	if (len)
		memcpy(i->data, data, len);
	return i;
}

void inbox_item_free(struct inbox_item *i)
{
	if (i->kind == INBOX_STORED)
		store_update_free(i->update);
	else if (i->kind == INBOX_IDENTITY)
		blob_unref(i->identity);
	free(i);
}

bool inbox_put(struct inbox *b, struct inbox_item *i, enum inbox_class class)
{
	size_t cost = sizeof(*i) + i->len;
	bool was_empty;

	pthread_mutex_lock(&b->lock);
	if (cost > b->max[class] - b->octets[class]) {
		b->lost[class]++;
		pthread_mutex_unlock(&b->lock);
		inbox_item_free(i);
		return false;
	}
	was_empty = b->first == NULL;
	*b->end = i;
	b->end = &i->next;
	b->octets[class] += cost;
	pthread_mutex_unlock(&b->lock);
	if (was_empty)
		b->wake(b->ctx);
	return true;
}

bool inbox_is_crowded(struct inbox *b, enum inbox_class class)
{
	bool crowded;

	pthread_mutex_lock(&b->lock);
	crowded = b->octets[class] > b->max[class] / 2;
	pthread_mutex_unlock(&b->lock);
	return crowded;
}

const char *inbox_class_name(enum inbox_class class)
{
	static const char *const name[INBOX_CLASSES] = {"other", "frames", "ike", "ike_sa_init", "packets"};

	assert(class < INBOX_CLASSES);
	return name[class];
}

struct inbox_item *inbox_take(struct inbox *b)
{
	struct inbox_item *first;

	pthread_mutex_lock(&b->lock);
	first = b->first;
	b->first = NULL;
	b->end = &b->first;
	memset(b->octets, 0, sizeof(b->octets));
	pthread_mutex_unlock(&b->lock);
	return first;
}

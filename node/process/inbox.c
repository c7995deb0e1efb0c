/* SPDX-License-Identifier: Apache-2.0 */
/* The lock is held for pointer swaps only. A round of the loop takes what is urgent, whatever else waits, and no
 * rank starves: each has its turn in each round, were it for one item.
 *
 * Items of the store must never be dropped (Raft waits for each), nor reports of the packet workers (a low lease is
 * reported once): they have no limit here and are bounded at their source. */
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
	for (unsigned i = 0; i < INBOX_RANKS; i++)
		b->rank[i].end = &b->rank[i].first;
	b->wake = wake;
	b->ctx = ctx;
}

static struct inbox_item *pop(struct inbox_queue *q)
{
	struct inbox_item *i = q->first;

	if (i) {
		q->first = i->next;
		if (!q->first)
			q->end = &q->first;
	}
	return i;
}

void inbox_fini(struct inbox *b)
{
	struct inbox_item *i;

	for (unsigned r = 0; r < INBOX_RANKS; r++)
		while ((i = pop(&b->rank[r])) != NULL)
			inbox_item_free(i);
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

/* A link comes up before its first frame, and goes after its last one. */
static enum inbox_rank rank_of(const struct inbox_item *i)
{
	if (i->kind == INBOX_LINK)
		return INBOX_CLUSTER;
	switch (i->class) {
	case INBOX_FRAMES:
		return INBOX_CLUSTER;
	case INBOX_IKE:
	case INBOX_PACKETS:
		return INBOX_CLIENTS;
	case INBOX_INIT:
		return INBOX_NEW;
	default:
		return INBOX_URGENT;
	}
}

static size_t cost_of(const struct inbox_item *i)
{
	return sizeof(*i) + i->len;
}

bool inbox_add(struct inbox *b, struct inbox_item *i, enum inbox_class class)
{
	struct inbox_queue *q;

	i->next = NULL;
	i->class = class;
	q = &b->rank[rank_of(i)];
	pthread_mutex_lock(&b->lock);
	if (cost_of(i) > b->max[class] - b->octets[class]) {
		b->lost[class]++;
		pthread_mutex_unlock(&b->lock);
		inbox_item_free(i);
		return false;
	}
	*q->end = i;
	q->end = &i->next;
	b->octets[class] += cost_of(i);
	pthread_mutex_unlock(&b->lock);
	return true;
}

void inbox_wake(struct inbox *b)
{
	b->wake(b->ctx);
}

bool inbox_put(struct inbox *b, struct inbox_item *i, enum inbox_class class)
{
	bool added = inbox_add(b, i, class);

	if (added)
		inbox_wake(b);
	return added;
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

struct inbox_item *inbox_next(struct inbox *b, struct inbox_round *r, bool over)
{
	struct inbox_item *i = NULL;

	pthread_mutex_lock(&b->lock);
	for (unsigned k = 0; k < INBOX_RANKS && !i; k++) {
		if (over && k != INBOX_URGENT && (r->ranks & 1u << k))
			continue;
		i = pop(&b->rank[k]);
		if (i) {
			r->ranks |= 1u << k;
			b->octets[i->class] -= cost_of(i);
		}
	}
	pthread_mutex_unlock(&b->lock);
	return i;
}

bool inbox_is_empty(struct inbox *b)
{
	bool empty = true;

	pthread_mutex_lock(&b->lock);
	for (unsigned k = 0; k < INBOX_RANKS; k++)
		empty = empty && !b->rank[k].first;
	pthread_mutex_unlock(&b->lock);
	return empty;
}

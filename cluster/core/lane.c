/* SPDX-License-Identifier: Apache-2.0 */
/* The table of lanes: one for each session, or half-open SPI pair, that has a message waiting or a
 * command on its way. A lane also reserves the virtual IP that its command takes: another client
 * that asks meanwhile gets a different one, instead of a refusal at the commit. */
#include "cluster/core/lane.h"
#include "cluster/core/lane_reserve.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct lane *lane_find(const struct core *c, uint64_t a, uint64_t b)
{
	struct lane_key k = { a, b };
	struct lane *l;

	HASH_FIND(hh, c->exchange->lanes, &k, sizeof(k), l);
	return l;
}

struct lane *lane_get(struct core *c, uint64_t a, uint64_t b)
{
	struct lane *l = lane_find(c, a, b);

	if (l || c->exchange->n_lanes >= LANES_MAX)
		return l;
	l = calloc(1, sizeof(*l));
	assert(l);
	l->key = (struct lane_key){ a, b };
	l->wait_until_us = NEVER;
	HASH_ADD(hh, c->exchange->lanes, key, sizeof(l->key), l);
	c->exchange->n_lanes++;
	return l;
}

const struct blob *received_first(const struct received *t)
{
	return t->message->datagram[0];
}

void lane_pop(struct lane *l)
{
	assert(l->n > 0);
	ike_datagrams_unref(l->received[0].message);
	l->n--;
	memmove(&l->received[0], &l->received[1], l->n * sizeof(l->received[0]));
}

void lane_free(struct core *c, struct lane *l)
{
	while (l->n)
		lane_pop(l);
	lane_drop_address(c, l);
	HASH_DEL(c->exchange->lanes, l);
	c->exchange->n_lanes--;
	free(l);
}

uint32_t lane_owner(const struct core *c, uint64_t raft_id)
{
	uint32_t node = core_node_index(c, raft_id);

	return node == NODE_NONE ? 0 : 1u << node;
}

bool exchange_reserve(struct core *c, uint64_t session)
{
	struct lane *l = lane_get(c, session, 0);

	if (!l || l->busy || l->n > 0)
		return false;
	l->busy = l->own = true;
	l->owners = 0; /* Nothing is answered. */
	return true;
}

void exchange_unreserve(struct core *c, uint64_t session)
{
	struct lane *l = lane_find(c, session, 0);

	assert(l && l->busy && l->own && l->n == 0);
	lane_free(c, l);
}

/* ---- Virtual IPs on their way ---- */

static struct address key_of(const struct address *a)
{
	struct address key = { .family = a->family };

	memcpy(key.octets, a->octets, address_len(a)); /* All octets are hashed. */
	return key;
}

bool exchange_takes(const struct core *c, const struct address *a)
{
	struct address key = key_of(a);
	struct lane *l;

	HASH_FIND(by_address, c->exchange->by_address, &key, sizeof(key), l);
	return l != NULL;
}

void lane_take_address(struct core *c, struct lane *l, const struct address *a)
{
	assert(l->address.family == 0);
	if (a->family == 0 || exchange_takes(c, a))
		return;
	l->address = key_of(a);
	HASH_ADD(by_address, c->exchange->by_address, address, sizeof(l->address), l);
}

void lane_drop_address(struct core *c, struct lane *l)
{
	if (l->address.family == 0)
		return;
	HASH_DELETE(by_address, c->exchange->by_address, l);
	l->address.family = 0;
}

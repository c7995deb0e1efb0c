/* SPDX-License-Identifier: Apache-2.0 */
/* IKE datagrams at a node that does not lead (DESIGN section 3): on to the leader
 * with the addresses they came by, once. Without a leader the latest of each SPI
 * pair is kept for a second, bounded: the election is over by then. One that was
 * relayed to us, who do not lead yet, or not any more, is kept as well, but never
 * relayed again. */
#include "cluster/core_internal.h"

#include <assert.h>
#include <stdlib.h>

#define KEPT_MAX 256u
#define KEPT_US (1000 * MS)

struct pair {
	uint64_t spi_i, spi_r;
};

struct kept {
	struct pair key;
	struct endpoint local, remote;
	uint32_t via;
	struct blob *data;
	uint64_t until_us;
	UT_hash_handle hh;
};

bool relay_possible(const struct core *c, uint32_t leader)
{
	return leader != NODE_NONE && leader != c->config->self && core_node_linked(c, leader) &&
	       !c->peer[leader].suspect;
}

void relay_keep(struct core *c, uint32_t via, const struct ike_header *h,
		const struct endpoint *local, const struct endpoint *remote, struct blob *data)
{
	struct pair k = { h->spi_i, h->spi_r };
	struct kept *x;

	HASH_FIND(hh, c->relay.kept, &k, sizeof(k), x);
	if (!x && c->relay.n >= KEPT_MAX) {
		core_drop(c, DROP_IKE_NO_LEADER);
		return;
	}
	if (!x) {
		x = calloc(1, sizeof(*x));
		assert(x);
		x->key = k;
		HASH_ADD(hh, c->relay.kept, key, sizeof(x->key), x);
		c->relay.n++;
	}
	x->local = *local;
	x->remote = *remote;
	x->via = via;
	blob_set(&x->data, blob_ref(data));
	x->until_us = c->now_us + KEPT_US;
}

void relay_forward(struct core *c, uint32_t via, const struct endpoint *local,
		   const struct endpoint *remote, const uint8_t *data, size_t len)
{
	struct frame f = { .type = FRAME_RELAY };

	if (via != c->config->self) {
		core_drop(c, DROP_IKE_NO_LEADER);
		return;
	}
	f.datagram.local = *local;
	f.datagram.remote = *remote;
	f.datagram.data = data;
	f.datagram.len = len;
	core_send(c, core_leader_index(c), &f);
}

void relay_release(struct core *c)
{
	struct kept *x, *tmp;
	bool known = core_leads(c) || relay_possible(c, core_leader_index(c));

	HASH_ITER(hh, c->relay.kept, x, tmp)
	{
		if (!known && c->now_us < x->until_us)
			continue;
		HASH_DEL(c->relay.kept, x);
		c->relay.n--;
		if (known)
			exchange_datagram(c, x->via, &x->local, &x->remote, x->data->data,
					  x->data->len);
		else
			core_drop(c, DROP_IKE_NO_LEADER);
		blob_unref(x->data);
		free(x);
	}
}

void relay_fini(struct core *c)
{
	struct kept *x, *tmp;

	HASH_ITER(hh, c->relay.kept, x, tmp)
	{
		HASH_DEL(c->relay.kept, x);
		blob_unref(x->data);
		free(x);
	}
}

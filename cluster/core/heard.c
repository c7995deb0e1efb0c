/* SPDX-License-Identifier: Apache-2.0 */
/* When each other process last sent its marks: what it accepted until then is known. */
#include "cluster/core/heard.h"

#include "cluster/core/rooms.h"
#include "proto/mutant.h"

#include <assert.h>
#include <stdlib.h>

struct heard {
	struct heard_marks by[CLUSTER_NODES_MAX][2]; /* Each node, and its process before. */
};

const struct heard_marks *heard_of(const struct core *c, uint32_t node, uint64_t incarnation)
{
	assert(node < c->config->n_nodes);
	for (unsigned i = 0; i < 2; i++)
		if (c->heard->by[node][i].incarnation == incarnation)
			return &c->heard->by[node][i];
	return NULL;
}

int64_t heard_cold_us(const struct core *c)
{
	if (MUTANT(MUTANT_COLD_AGE_ZERO))
		return (int64_t)c->now_us;
	return (int64_t)c->started_us - (int64_t)c->unlogged_us;
}

int64_t heard_unheard_us(const struct core *c, uint64_t node, uint64_t incarnation)
{
	uint32_t i = core_node_index(c, node);
	const struct heard_marks *h = i == NODE_NONE ? NULL : heard_of(c, i, incarnation);

	return h && h->left_us ? (int64_t)h->left_us : heard_cold_us(c);
}

/* By our clock it did not leave before this; 0: unknown. It may have been under way, or waited for
 * us, for long. */
static uint64_t left_us(const struct core *c, const struct frame *f)
{
	uint64_t us = f->marks.echo_us <= c->now_us ? f->marks.echo_us : 0;

	if (MUTANT(MUTANT_AGE_RECEIVED))
		us = c->now_us;
	return us;
}

void heard_note(struct core *c, uint32_t node, const struct frame *f)
{
	struct heard_marks *h = c->heard->by[node];
	uint64_t us = left_us(c, f);

	assert(node < c->config->n_nodes);
	if (h[0].incarnation != f->marks.incarnation) {
		h[1] = h[0];
		h[0] = (struct heard_marks){ .incarnation = f->marks.incarnation };
	}
	h[0].came_us = c->now_us;
	if (us > h[0].left_us)
		h[0].left_us = us;
}

void heard_init(struct core *c)
{
	c->heard = core_room(sizeof(*c->heard));
}

void heard_fini(struct core *c)
{
	free(c->heard);
}

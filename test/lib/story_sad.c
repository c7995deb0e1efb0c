/* SPDX-License-Identifier: Apache-2.0 */
/* The packet workers of a story: the engine of the gateway, without packets. Its reports reach its
 * core like frames, after those under way. */
#include "test/lib/story.h"

#include "cluster/core/node_clocks.h"

#include <assert.h>
#include <stdlib.h>

static void on_report(void *ctx, const struct sa_report *reports, size_t n)
{
	struct story_worker *w = ctx;

	story_later(w->story, (struct story_frame){ .to = w->node,
						    .reports = blob_new(reports, n * sizeof(*reports)) });
}

void story_worker_start(struct story *l, uint32_t node)
{
	static const uint8_t seed[ENTROPY_SEED_LEN];
	struct story_worker *w = &l->node[node].worker;
	struct datapath_face face = { .ctx = w, .report = on_report };
	struct engine_output out = { .ctx = w };
	struct engine_config config = { .sa_max = STORY_SAS, .seed = seed, .face = &face, .out = &out };
	enum status s = engine_init(&w->engine, &config);

	assert(s == OK);
	w->story = l;
	w->node = node;
}

void story_worker_stop(struct story *l, uint32_t node)
{
	engine_fini(&l->node[node].worker.engine);
}

void story_worker_update(struct story *l, uint32_t node, const struct sa_update *u)
{
	struct engine *e = &l->node[node].worker.engine;
	bool there = spi_table_find(&e->spis, u->spi_in) != NULL;

	if (u->kind == SA_UPDATE_OWNER) {
		engine_update(e, u, NULL);
		return;
	}
	assert(there == (u->kind != SA_UPDATE_PUT));
	engine_update(e, u, there ? NULL : engine_sa_new(u, u->replay_bits));
	assert(there || spi_table_find(&e->spis, u->spi_in));
}

void story_worker_done(struct story *l, uint32_t node)
{
	engine_update_done(&l->node[node].worker.engine);
}

struct sad_entry *story_sad(struct story *l, uint32_t node, uint32_t spi_in)
{
	struct sa *sa = spi_table_find(&l->node[node].worker.engine.spis, spi_in);

	return sa ? &sa->e : NULL;
}

/* Heartbeats leave all the time; nothing waits for a core between its steps. */
void story_read_clocks(const struct story *l, uint32_t node)
{
	const struct story_node *n = &l->node[node];
	struct clock_reading now = { .own_us = l->now_us, .unreported_us = UINT64_MAX };

	if (n->unreported_us)
		now.unreported_us = n->unreported_us;
	for (uint32_t i = 0; i < l->n; i++)
		now.node_us[i] = l->node[i].still_us ? l->node[i].still_us : l->now_us;
	node_clocks_read(n->core, &now);
	node_clocks_caught_up(n->core);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What can go wrong in a story: links, disks, stores, and what workers report. */
#include "test/lib/story.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ---- Links ---- */

static void link_event(struct story *l, uint32_t at, uint32_t other, bool up)
{
	struct event link = { .type = EVENT_LINK }, suspect = { .type = EVENT_SUSPECT };

	link.link.node = suspect.suspect.node = other;
	link.link.up = up;
	suspect.suspect.suspect = !up;
	suspect.suspect.silent_us = up ? 0 : 30000;
	l->node[at].linked[other] = up;
	if (!l->node[at].core)
		return;
	story_event(l, at, &link);
	story_event(l, at, &suspect);
}

void story_link(struct story *l, uint32_t a, uint32_t b, bool up)
{
	if (up && (!l->node[a].core || !l->node[b].core))
		return;
	l->node[a].linked[b] = l->node[b].linked[a] = up;
	link_event(l, a, b, up);
	link_event(l, b, a, up);
}

static void isolation_event(struct story *l, uint32_t node, bool isolated)
{
	struct event e = { .type = EVENT_ISOLATION };

	e.isolation.isolated = isolated;
	if (l->node[node].core)
		story_event(l, node, &e);
}

void story_cut_off(struct story *l, uint32_t node)
{
	for (uint32_t i = 0; i < l->n; i++)
		if (i != node)
			story_link(l, node, i, false);
	isolation_event(l, node, true);
}

void story_rejoin(struct story *l, uint32_t node)
{
	for (uint32_t i = 0; i < l->n; i++)
		if (i != node)
			story_link(l, node, i, true);
	story_run(l, 20);
	isolation_event(l, node, false);
}

void story_frame(struct story *l, uint32_t from, uint32_t to, struct blob *data)
{
	struct event e = { .type = EVENT_FRAME };

	e.frame.node = from;
	e.frame.data = data->data;
	e.frame.len = data->len;
	story_event(l, to, &e);
	blob_unref(data);
}

/* ---- Stores ---- */

void story_stall(struct story *l, uint32_t node)
{
	l->node[node].stalls = true;
}

void story_resume(struct story *l, uint32_t node)
{
	struct event tick = { .type = EVENT_TICK };

	l->node[node].stalls = false;
	story_event(l, node, &tick);
}

void story_wipe(struct story *l, uint32_t node)
{
	struct story_node *n = &l->node[node];

	assert(!n->core);
	store_image_fini(&n->image);
	blob_set(&n->identity, NULL);
	n->raft_id += 100;
}

struct store_image story_image_copy(const struct story *l, uint32_t node)
{
	const struct store_image *from = &l->node[node].image;
	struct store_image copy = *from;

	copy.entries = calloc(from->n_entries + 1, sizeof(*copy.entries));
	assert(copy.entries);
	for (size_t i = 0; i < from->n_entries; i++) {
		copy.entries[i] = from->entries[i];
		blob_ref(copy.entries[i].data);
	}
	if (from->snapshot) {
		copy.snapshot = malloc(sizeof(*copy.snapshot));
		assert(copy.snapshot);
		*copy.snapshot = *from->snapshot;
		blob_ref(copy.snapshot->configuration);
		blob_ref(copy.snapshot->data);
	}
	return copy;
}

void story_image_put(struct story *l, uint32_t node, struct store_image image)
{
	assert(!l->node[node].core);
	store_image_fini(&l->node[node].image);
	l->node[node].image = image;
}

/* ---- Workers ---- */

void story_report(struct story *l, uint32_t node, const struct sad_entry *e,
		  enum sa_report_kind kind, uint64_t seq)
{
	struct sa_report report = { .kind = kind, .spi_in = e->child.spi_in, .session = e->session,
				    .epoch = e->epoch, .seq = seq, .volume = e->volume };
	struct event event = { .type = EVENT_SA_REPORTS };

	event.sa_reports.reports = &report;
	event.sa_reports.n = 1;
	story_event(l, node, &event);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots, taken after so many octets of log rather than entries. A snapshot of our own is of the
 * applied index at which it was begun; the state machine makes it, a slice each millisecond, while
 * entries go on being applied. It is stored together with the trimming of the log, and libraft
 * hears of it only when it is durable. A snapshot from the leader empties the log at once
 * (libraft's trail is then empty too), is stored, and only then becomes the state; in between
 * nothing is applied. If it arrives while ours is being made or stored, ours is forgotten: the
 * later transaction replaces it on disk too. */
#include "cluster/raft/consensus_internal.h"

#include <assert.h>
#include <stdlib.h>

struct store_snapshot *consensus_snapshot_share(const struct store_snapshot *s)
{
	struct store_snapshot *copy = malloc(sizeof(*copy));

	assert(copy);
	*copy = *s;
	blob_ref(copy->configuration);
	blob_ref(copy->data);
	return copy;
}

struct store_snapshot *consensus_snapshot_adopt(struct raft_update *u)
{
	struct raft_snapshot_metadata *m = &u->snapshot.metadata;
	struct store_snapshot *s = calloc(1, sizeof(*s));

	assert(s && u->snapshot.last && u->snapshot.offset == 0);
	s->index = m->index;
	s->term = m->term;
	s->configuration_index = m->configuration_index;
	s->configuration = consensus_configuration_encode(&m->configuration);
	s->data = blob_new(u->snapshot.chunk.base, u->snapshot.chunk.len);
	raft_configuration_close(&m->configuration);
	raft_free(u->snapshot.chunk.base);
	return s;
}

/* Octets of log after which the next one is due. Making and storing one takes a while when the
 * state is large: so not too often, and not on all nodes at the same entry. */
static uint64_t due_after(const struct consensus *c)
{
	uint64_t large = c->snapshot ? 2 * (uint64_t)c->snapshot->data->len : 0;

	if (large <= c->options.snapshot_bytes)
		return c->options.snapshot_bytes;
	return large + large / 8 * (c->options.id % 4);
}

static bool is_due(const struct consensus *c)
{
	return c->debt >= due_after(c) && !c->snapshotting && c->configuration &&
	       c->applied > c->log.snapshot_index;
}

static void begin(struct consensus *c)
{
	struct store_snapshot *s = calloc(1, sizeof(*s));

	assert(s);
	s->index = c->applied;
	s->term = consensus_log_term(&c->log, c->applied);
	s->configuration_index = c->configuration_index;
	s->configuration = blob_ref(c->configuration);
	assert(s->term != 0);
	c->debt = 0;
	c->making = s;
}

void consensus_snapshot_maybe(struct consensus *c)
{
	bool begins = !c->making;
	struct store_snapshot *s;
	uint64_t trim_to = 0;

	if (c->installing || (begins ? !is_due(c) : c->now_ms <= c->sliced_ms))
		return;
	if (begins)
		begin(c);
	s = c->making;
	c->sliced_ms = c->now_ms;
	s->data = c->face.snapshot(c->face.ctx, begins);
	if (!s->data)
		return;
	c->making = NULL;
	if (s->index > c->options.snapshot_trailing)
		trim_to = s->index - c->options.snapshot_trailing;
	c->snapshotting = true;
	consensus_queue_snapshot(c, s, trim_to);
}

static void metadata_from(struct raft_snapshot_metadata *m, const struct store_snapshot *s)
{
	m->index = s->index;
	m->term = s->term;
	m->configuration_index = s->configuration_index;
	consensus_configuration_decode(&m->configuration, s->configuration);
}

static void keep_snapshot(struct consensus *c, struct consensus_write *w)
{
	store_snapshot_free(c->snapshot);
	c->snapshot = w->snapshot;
	w->snapshot = NULL;
}

void consensus_snapshot_taken(struct consensus *c, struct consensus_write *w)
{
	struct raft_event e = { .type = RAFT_SNAPSHOT };
	uint64_t index = w->snapshot->index, trailing = c->options.snapshot_trailing;

	c->snapshotting = false;
	if (index <= c->log.snapshot_index)
		return; /* Overtaken by the leader's. */
	c->log.snapshot_term = w->snapshot->term;
	c->log.snapshot_index = index;
	metadata_from(&e.snapshot.metadata, w->snapshot);
	e.snapshot.trailing = c->options.snapshot_trailing;
	keep_snapshot(c, w);
	consensus_step(c, &e);
	if (index > trailing)
		consensus_log_trim(&c->log, index - trailing);
}

void consensus_snapshot_installed(struct consensus *c, struct consensus_write *w)
{
	struct raft_event e = { .type = RAFT_PERSISTED_SNAPSHOT };

	metadata_from(&e.persisted_snapshot.metadata, w->snapshot);
	e.persisted_snapshot.last = true;
	keep_snapshot(c, w);
	c->installing = false;
	c->applied = c->snapshot->index;
	c->debt = 0;
	store_snapshot_free(c->making);
	c->making = NULL;
	c->face.restore(c->face.ctx, c->snapshot->index, c->snapshot->data);
	consensus_members_set(c, c->snapshot->configuration_index, c->snapshot->configuration);
	consensus_step(c, &e);
	if (c->face.members)
		c->face.members(c->face.ctx);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* From a store's image to a running consensus. The store has authenticated what it read; this file
 * checks that the pieces fit together, because libraft only asserts that. An empty image is
 * bootstrapped with entry 1, the configuration, in term 1: the same on all first voters, hence
 * committed by definition. */
#include "cluster/raft/consensus_internal.h"

#include <assert.h>
#include <stdlib.h>

static const char *check_entries(const struct store_image *i, uint64_t snapshot_index)
{
	uint64_t term = 0;

	for (size_t k = 0; k < i->n_entries; k++) {
		const struct log_entry *e = &i->entries[k];

		if (e->index != i->entries[0].index + k)
			return "the log has a gap";
		if (e->term < term || e->term == 0 || e->term > i->term)
			return "the log's terms are out of order";
		if (!e->data)
			return "an entry is empty";
		if (e->type == RAFT_CHANGE &&
		    !consensus_configuration_check(e->data->data, e->data->len))
			return "a configuration is malformed";
		if (i->snapshot && e->index == snapshot_index && e->term != i->snapshot->term)
			return "log and snapshot contradict each other";
		term = e->term;
	}
	if (i->entries[0].index == 0 || i->entries[0].index > snapshot_index + 1)
		return "entries are missing after the snapshot";
	if (i->entries[i->n_entries - 1].index < snapshot_index)
		return "the log ends before its snapshot";
	if (!i->snapshot && i->entries[0].type != RAFT_CHANGE)
		return "the log does not start with a configuration";
	return NULL;
}

static const char *check_image(const struct store_image *i)
{
	const struct store_snapshot *s = i->snapshot;

	if (i->term == 0 && (i->voted_for || s || i->n_entries))
		return "there is a log but no term";
	if (i->term >= CONSENSUS_INDEX_MAX)
		return "the term is out of range";
	if (s && (s->index == 0 || s->index >= CONSENSUS_INDEX_MAX || s->term == 0 ||
		  s->term > i->term || !s->data || !s->configuration ||
		  s->configuration_index == 0 || s->configuration_index > s->index ||
		  !consensus_configuration_check(s->configuration->data, s->configuration->len)))
		return "the snapshot is malformed";
	return i->n_entries ? check_entries(i, s ? s->index : 0) : NULL;
}

static void load_image(struct consensus *c, const struct store_image *i)
{
	const struct store_snapshot *s = i->snapshot;

	if (s) {
		c->snapshot = consensus_snapshot_share(s);
		consensus_log_reset(&c->log, s->index, s->term);
		c->applied = s->index;
		consensus_members_set(c, s->configuration_index, s->configuration);
		c->face.restore(c->face.ctx, s->index, s->data);
	}
	if (i->n_entries)
		c->log.first = i->entries[0].index;
	for (size_t k = 0; k < i->n_entries; k++)
		consensus_log_append(&c->log, i->entries[k].term, i->entries[k].type,
				     i->entries[k].data, 0);
}

static void bootstrap(struct consensus *c, const struct consensus_member *members, size_t n)
{
	struct raft_configuration conf;
	struct blob *b;

	raft_configuration_init(&conf);
	for (size_t i = 0; i < n; i++) {
		int rv = raft_configuration_add(&conf, members[i].id, members[i].address,
						members[i].voter ? RAFT_VOTER : RAFT_STANDBY);
		assert(rv == 0);
	}
	b = consensus_configuration_encode(&conf);
	raft_configuration_close(&conf);
	consensus_queue_bootstrap(c, 1, b);
	blob_unref(b);
}

/* libraft reads the entries' terms and configurations; the memory stays ours. */
static void start(struct consensus *c, uint64_t term, uint64_t voted_for)
{
	struct raft_event e = { .type = RAFT_START };
	struct raft_snapshot_metadata m;
	struct raft_entry *entries = calloc(c->log.n + 1, sizeof(*entries));

	assert(entries);
	for (size_t i = 0; i < c->log.n; i++) {
		const struct log_entry *l = &consensus_log_get(&c->log, c->log.first + i)->entry;

		entries[i].term = l->term;
		entries[i].type = l->type;
		entries[i].buf.base = l->data->data;
		entries[i].buf.len = l->data->len;
	}
	e.start.term = term;
	e.start.voted_for = voted_for;
	e.start.start_index = c->log.first;
	e.start.entries = entries;
	e.start.n_entries = (unsigned)c->log.n;
	if (c->snapshot) {
		m.index = c->snapshot->index;
		m.term = c->snapshot->term;
		m.configuration_index = c->snapshot->configuration_index;
		consensus_configuration_decode(&m.configuration, c->snapshot->configuration);
		e.start.metadata = &m;
	}
	consensus_step(c, &e);
	free(entries);
}

static struct consensus *create(const struct consensus_options *options,
				const struct consensus_face *face, uint64_t now_ms)
{
	struct consensus *c = calloc(1, sizeof(*c));
	int rv;

	assert(c && options->id != 0 && options->heartbeat_ms > 0 &&
	       options->heartbeat_ms < options->election_ms);
	c->options = *options;
	c->face = *face;
	c->now_ms = c->ticked_ms = now_ms;
	consensus_log_init(&c->log);
	consensus_queue_init(c);
	rv = raft_init(&c->raft, NULL, NULL, options->id, CONSENSUS_NO_ADDRESS);
	assert(rv == 0);
	raft_seed(&c->raft, options->seed);
	raft_set_election_timeout(&c->raft, options->election_ms);
	raft_set_heartbeat_timeout(&c->raft, options->heartbeat_ms);
	raft_set_install_snapshot_timeout(&c->raft, 8 * options->election_ms);
	raft_set_pre_vote(&c->raft, true);
	return c;
}

struct consensus *consensus_new(const struct consensus_options *options,
				const struct consensus_face *face, const struct store_image *image,
				const struct consensus_member *members, size_t n_members,
				uint64_t now_ms, const char **why)
{
	struct consensus *c;
	uint64_t term = image->term;

	*why = check_image(image);
	if (*why)
		return NULL;
	c = create(options, face, now_ms);
	load_image(c, image);
	if (term == 0 && n_members > 0) {
		term = 1;
		bootstrap(c, members, n_members);
	}
	start(c, term, image->voted_for);
	if (c->configuration && c->face.members)
		c->face.members(c->face.ctx);
	consensus_settle(c);
	return c;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What libraft wants stored leaves as numbered transactions; what it wants sent
 * waits for them. Every message names the term it speaks for, so it waits for the
 * last transaction that wrote a term or a vote; an AppendEntries with entries waits
 * for the entries too, so that no follower ever holds more of a leader than its own
 * disk. libraft acknowledges entries only after RAFT_PERSISTED_ENTRIES. A message
 * never overtakes an earlier one to the same peer: libraft counts on a pipeline. */
#include "cluster/raft/consensus_internal.h"
#include "proto/mutant.h"

#include <assert.h>
#include <stdlib.h>

void consensus_queue_init(struct consensus *c)
{
	c->writes_tail = &c->writes;
	c->outgoing_tail = &c->outgoing;
}

void consensus_write_free(struct consensus_write *w)
{
	store_snapshot_free(w->snapshot);
	free(w->terms);
	free(w);
}

void consensus_queue_fini(struct consensus *c)
{
	while (c->writes) {
		struct consensus_write *w = c->writes;

		c->writes = w->next;
		consensus_write_free(w);
	}
	while (c->outgoing) {
		struct consensus_outgoing *o = c->outgoing;

		c->outgoing = o->next;
		blob_unref(o->message);
		free(o);
	}
}

/* ---- Transactions ---- */

static struct store_update *update_new(struct consensus *c, struct consensus_write **w)
{
	struct store_update *u = calloc(1, sizeof(*u));

	*w = calloc(1, sizeof(**w));
	assert(u && *w);
	u->seq = (*w)->seq = ++c->seq;
	assert(*c->writes_tail == NULL);
	*c->writes_tail = *w;
	c->writes_tail = &(*w)->next;
	return u;
}

static void update_add_vote(struct consensus *c, struct store_update *u)
{
	u->vote = true;
	u->term = raft_current_term(&c->raft);
	u->voted_for = raft_voted_for(&c->raft);
	if (MUTANT(MUTANT_VOTE_FORGOTTEN))
		u->voted_for = 0;
	c->vote_seq = u->seq;
}

static void update_add_snapshot(struct consensus *c, struct store_update *u,
				struct consensus_write *w, struct raft_update *r)
{
	w->snapshot = consensus_snapshot_adopt(r);
	w->installed = true;
	u->snapshot = consensus_snapshot_share(w->snapshot);
	u->snapshot_resets_log = true;
	c->installing = true;
	consensus_log_reset(&c->log, w->snapshot->index, w->snapshot->term);
}

/* Entries are copied: libraft's memory is one block for many of them, ours is one
 * blob each, shared by log, disk and state machine. */
static void update_add_entries(struct consensus *c, struct store_update *u,
			       struct consensus_write *w, struct raft_update *r)
{
	uint64_t index = r->entries.index;
	unsigned n = r->entries.n;

	if (index <= consensus_log_last(&c->log)) {
		u->truncate_from = index;
		consensus_log_truncate(&c->log, index);
	}
	assert(n > 0 && index == consensus_log_last(&c->log) + 1);
	w->first_index = index;
	w->n_entries = u->n_entries = n;
	w->terms = calloc(n, sizeof(*w->terms));
	u->entries = calloc(n, sizeof(*u->entries));
	assert(w->terms && u->entries);
	for (unsigned i = 0; i < n; i++) {
		const struct raft_entry *e = &r->entries.batch[i];
		struct log_entry *out = &u->entries[i];

		w->terms[i] = e->term;
		out->index = index + i;
		out->term = e->term;
		out->type = (uint8_t)e->type;
		out->data = blob_new(e->buf.base, e->buf.len);
		consensus_log_append(&c->log, out->term, out->type, out->data, u->seq);
	}
	raft_free(r->entries.batch[0].batch);
}

void consensus_queue_store(struct consensus *c, struct raft_update *r)
{
	const unsigned vote = (RAFT_UPDATE_CURRENT_TERM) | (RAFT_UPDATE_VOTED_FOR);
	struct consensus_write *w;
	struct store_update *u;

	if (!(r->flags & (vote | (RAFT_UPDATE_SNAPSHOT) | (RAFT_UPDATE_ENTRIES))))
		return;
	u = update_new(c, &w);
	if (r->flags & vote)
		update_add_vote(c, u);
	if (r->flags & (RAFT_UPDATE_SNAPSHOT))
		update_add_snapshot(c, u, w, r);
	if (r->flags & (RAFT_UPDATE_ENTRIES))
		update_add_entries(c, u, w, r);
	c->face.store(c->face.ctx, u);
}

void consensus_queue_snapshot(struct consensus *c, struct store_snapshot *s, uint64_t trim_to)
{
	struct consensus_write *w;
	struct store_update *u = update_new(c, &w);

	assert(s && trim_to <= s->index);
	w->snapshot = s;
	u->snapshot = consensus_snapshot_share(s);
	u->trim_to = trim_to;
	c->face.store(c->face.ctx, u);
}

/* libraft is started with this entry as if it had been there: its write needs no
 * completion, but all messages wait for it. */
void consensus_queue_bootstrap(struct consensus *c, uint64_t term, struct blob *configuration)
{
	struct consensus_write *w;
	struct store_update *u = update_new(c, &w);

	u->vote = true;
	u->term = term;
	c->vote_seq = u->seq;
	u->entries = calloc(1, sizeof(*u->entries));
	assert(u->entries);
	u->n_entries = 1;
	u->entries[0].index = 1;
	u->entries[0].term = term;
	u->entries[0].type = RAFT_CHANGE;
	u->entries[0].data = blob_ref(configuration);
	consensus_log_append(&c->log, term, RAFT_CHANGE, configuration, u->seq);
	c->face.store(c->face.ctx, u);
}

struct consensus_write *consensus_queue_take(struct consensus *c, uint64_t seq)
{
	struct consensus_write *w = c->writes;

	if (!w || w->seq > seq)
		return NULL;
	c->writes = w->next;
	if (!c->writes)
		c->writes_tail = &c->writes;
	c->stored = w->seq;
	return w;
}

/* ---- Messages ---- */

static void queue_message(struct consensus *c, uint64_t to, uint64_t after, struct blob *b)
{
	struct consensus_outgoing *o = calloc(1, sizeof(*o));

	assert(o);
	o->to = to;
	o->after = after;
	o->message = b;
	*c->outgoing_tail = o;
	c->outgoing_tail = &o->next;
}

static void queue_append_entries(struct consensus *c, const struct raft_message *m)
{
	struct raft_message whole = *m;
	struct raft_append_entries *p = &whole.append_entries;
	const struct log_entry *entries[CONSENSUS_ENTRIES_MAX];
	uint64_t after = c->vote_seq;

	assert(p->n_entries <= CONSENSUS_ENTRIES_MAX);
	if (consensus_snapshot_awaited(c, m->server_id))
		p->n_entries = 0;
	c->sent_ms = c->now_ms;
	for (unsigned i = 0; i < p->n_entries; i++) {
		const struct consensus_log_cell *s =
			consensus_log_get(&c->log, p->prev_log_index + 1 + i);

		assert(s); /* Our log holds all that libraft's trail holds. */
		entries[i] = &s->entry;
		if (s->seq > after)
			after = s->seq;
	}
	queue_message(c, m->server_id, after, consensus_message_encode(&whole, entries, NULL));
}

static void queue_snapshot(struct consensus *c, const struct raft_message *m)
{
	struct blob *b;

	assert(c->snapshot && c->snapshot->index >= m->install_snapshot.last_index);
	if (consensus_snapshot_awaited(c, m->server_id))
		return;
	b = consensus_message_encode(m, NULL, c->snapshot);
	consensus_snapshot_sent(c, m->server_id, b->len);
	queue_message(c, m->server_id, c->vote_seq, b);
}

static void queue_one(struct consensus *c, const struct raft_message *m)
{
	struct raft_message clean = *m;

	switch (m->type) {
	case RAFT_APPEND_ENTRIES:
		queue_append_entries(c, m);
		return;
	case RAFT_INSTALL_SNAPSHOT:
		queue_snapshot(c, m);
		return;
	case RAFT_APPEND_ENTRIES_RESULT:
		/* When it answers an older term, libraft may leave either index unset, or zero. The
		 * sender may lead our term by now, and a zero "rejected" would say that everything
		 * up to the other index is stored, although nothing is. */
		if (c->outdated) {
			clean.append_entries_result.rejected = 0;
			clean.append_entries_result.last_log_index = 0;
		}
		break;
	case RAFT_REQUEST_VOTE_RESULT:
		/* libraft repeats the asker's term when it denies a pre-vote. A node whose log is
		 * the longest but whose term is behind would never learn ours and never be elected:
		 * the cluster could stand still for ever. */
		if (clean.request_vote_result.pre_vote && !clean.request_vote_result.vote_granted &&
		    clean.request_vote_result.term < raft_current_term(&c->raft))
			clean.request_vote_result.term = raft_current_term(&c->raft);
		break;
	default:
		break;
	}
	queue_message(c, m->server_id, c->vote_seq, consensus_message_encode(&clean, NULL, NULL));
}

void consensus_queue_messages(struct consensus *c, const struct raft_message *m, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		queue_one(c, &m[i]);
}

void consensus_queue_flush(struct consensus *c)
{
	uint64_t blocked[CONSENSUS_MEMBERS_MAX];
	struct consensus_outgoing **p = &c->outgoing;
	size_t n = 0;

	while (*p) {
		struct consensus_outgoing *o = *p;
		bool early = o->after > c->stored;
		size_t i = 0;

		if (MUTANT(MUTANT_SEND_UNSTORED))
			early = false;

		while (i < n && blocked[i] != o->to)
			i++;
		if (i < n || n == CONSENSUS_MEMBERS_MAX || early) {
			if (i == n && n < CONSENSUS_MEMBERS_MAX)
				blocked[n++] = o->to;
			p = &o->next;
			continue;
		}
		*p = o->next;
		c->face.send(c->face.ctx, o->to, o->message);
		blob_unref(o->message);
		free(o);
	}
	c->outgoing_tail = p;
}

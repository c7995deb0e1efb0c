/* SPDX-License-Identifier: Apache-2.0 */
/* Messages on their way into libraft. An AppendEntries is taken apart where libraft
 * 0.22.1 would go wrong with it:
 *  - entries at or below our commit index are dropped: they are here, and behind a
 *    trimmed log libraft would append them once more, at a wrong place;
 *  - a configuration entry starts a message of its own, because libraft notes the
 *    index of the message's first entry as the configuration's.
 * A slower leader could have sent exactly the resulting messages. */
#include "cluster/raft/consensus_internal.h"

#include <assert.h>
#include <string.h>

/* libraft lets its commit index fall back with an old heartbeat, but what is applied stays
 * committed. */
static uint64_t committed(const struct consensus *c)
{
	uint64_t commit = raft_commit_index(&c->raft);

	return c->applied > commit ? c->applied : commit;
}

/* Does it contradict what is committed here? Then the sender's log, or ours, has lost entries: such
 * a leader is not followed. libraft would end the process. */
static bool contradicts_committed(const struct consensus *c, const struct raft_append_entries *p)
{
	uint64_t commit = committed(c), mine;

	mine = consensus_log_term(&c->log, p->prev_log_index);
	if (p->prev_log_index <= commit && mine != 0 && mine != p->prev_log_term)
		return true;
	for (unsigned i = 0; i < p->n_entries && p->prev_log_index + 1 + i <= commit; i++) {
		mine = consensus_log_term(&c->log, p->prev_log_index + 1 + i);
		if (mine != 0 && mine != p->entries[i].term)
			return true;
	}
	return false;
}

/* Messages that libraft would mishandle. Those of an older term it only answers, so that a leader
 * that slept learns that its term is over. */
static bool is_foul(const struct consensus *c, const struct raft_message *m)
{
	uint64_t term = raft_current_term(&c->raft), mine;

	switch (m->type) {
	case RAFT_APPEND_ENTRIES:
		if (c->raft.state == RAFT_LEADER && m->append_entries.term == term)
			return true;
		return m->append_entries.term >= term &&
		       contradicts_committed(c, &m->append_entries);
	case RAFT_INSTALL_SNAPSHOT:
		if (c->raft.state == RAFT_LEADER && m->install_snapshot.term == term)
			return true;
		mine = consensus_log_term(&c->log, m->install_snapshot.last_index);
		return m->install_snapshot.term >= term && mine != 0 &&
		       mine != m->install_snapshot.last_term &&
		       m->install_snapshot.last_index <= committed(c);
	default:
		return false;
	}
}

static void copy_entries(struct raft_append_entries *to, const struct raft_entry *from, unsigned n)
{
	uint8_t *batch, *p;
	size_t len = 0;

	for (unsigned i = 0; i < n; i++)
		len += from[i].buf.len;
	to->entries = raft_calloc(n, sizeof(*to->entries));
	batch = p = raft_malloc(len);
	assert(to->entries && batch);
	for (unsigned i = 0; i < n; i++) {
		to->entries[i] = from[i];
		to->entries[i].batch = batch;
		to->entries[i].buf.base = p;
		memcpy(p, from[i].buf.base, from[i].buf.len);
		p += from[i].buf.len;
	}
}

/* The message's entries [from, from + n) as a message of its own. */
static void receive_part(struct consensus *c, const struct raft_message *m, unsigned from,
			 unsigned n)
{
	const struct raft_append_entries *all = &m->append_entries;
	struct raft_event e = { .type = RAFT_RECEIVE };
	struct raft_message part = *m;
	struct raft_append_entries *p = &part.append_entries;

	p->prev_log_index = all->prev_log_index + from;
	if (from > 0)
		p->prev_log_term = all->entries[from - 1].term;
	p->n_entries = n;
	p->entries = NULL;
	if (n > 0) {
		copy_entries(p, &all->entries[from], n);
	} else if (p->prev_log_index < c->log.snapshot_index &&
		   consensus_log_term(&c->log, p->prev_log_index) == 0) {
		/* Trimmed here, so committed, so in every leader's log as well. */
		p->prev_log_index = c->log.snapshot_index;
		p->prev_log_term = c->log.snapshot_term;
	}
	e.receive.message = &part;
	consensus_step(c, &e);
	raft_free(p->entries);
}

static unsigned part_length(const struct raft_append_entries *p, unsigned from)
{
	unsigned n = from < p->n_entries;

	while (from + n < p->n_entries && p->entries[from + n].type != RAFT_CHANGE)
		n++;
	return n;
}

/* Frees the message's array of entries; its batch is libraft's or freed too. */
static void receive_append_entries(struct consensus *c, struct raft_message *m)
{
	struct raft_append_entries *p = &m->append_entries;
	struct raft_event e = { .type = RAFT_RECEIVE };
	uint64_t commit = committed(c);
	unsigned from = 0, n;

	bool old = p->term < raft_current_term(&c->raft);

	while (!old && from < p->n_entries && p->prev_log_index + from + 1 <= commit)
		from++;
	if (old || (p->n_entries > 0 && from == 0 && part_length(p, 0) == p->n_entries)) {
		e.receive.message = m;
		consensus_step(c, &e);
		raft_free(p->entries);
		return;
	}
	do {
		n = part_length(p, from);
		receive_part(c, m, from, n);
		from += n;
	} while (from < p->n_entries);
	consensus_message_fini(m);
}

/* What it asks, and what we answer, is of a term that is over. */
static bool is_outdated(struct consensus *c, const struct raft_message *m)
{
	raft_term term = raft_current_term(&c->raft);

	return (m->type == RAFT_APPEND_ENTRIES && m->append_entries.term < term) ||
	       (m->type == RAFT_INSTALL_SNAPSHOT && m->install_snapshot.term < term);
}

void consensus_receive(struct consensus *c, uint64_t now_ms, uint64_t from, const uint8_t *message,
		       size_t len)
{
	struct raft_event e = { .type = RAFT_RECEIVE };
	struct raft_message m;

	c->now_ms = now_ms;
	if (from == c->options.id || consensus_message_decode(&m, from, message, len) != OK) {
		c->malformed++;
		return;
	}
	if (is_foul(c, &m)) {
		c->malformed++;
		consensus_message_fini(&m);
		return;
	}
	/* libraft would check whether its vote is a pre-vote even if there is none, reading where a
	 * follower keeps its leader's address; and may or may not adopt the term. */
	if (m.type == RAFT_REQUEST_VOTE_RESULT && c->raft.state != RAFT_CANDIDATE)
		return;
	m.server_address = CONSENSUS_NO_ADDRESS;
	c->outdated = is_outdated(c, &m);
	if (m.type == RAFT_APPEND_ENTRIES_RESULT)
		consensus_snapshot_answered(c, from, &m.append_entries_result);
	if (m.type == RAFT_APPEND_ENTRIES) {
		receive_append_entries(c, &m);
	} else {
		/* A snapshot's parts are libraft's now, but while another one is being
		 * installed libraft forgets them. */
		bool forgotten = m.type == RAFT_INSTALL_SNAPSHOT && c->installing &&
				 m.install_snapshot.term >= raft_current_term(&c->raft);

		e.receive.message = &m;
		consensus_step(c, &e);
		if (forgotten)
			consensus_message_fini(&m);
	}
	c->outdated = false;
	consensus_settle(c);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* libraft 0.22.1 through raft_step(), its pure core: an event in, an update out.
 *
 * Ownership: an update is valid until the next step, so everything in it is copied first: entries
 * into blobs of our own log, messages into bytes. Arrays of entries are always ours; the batch that
 * entries share is libraft's until it comes back in an update (then we free it), and ours again
 * when a step fails. Configurations in events become libraft's. Committed entries are applied only
 * after all that, because applying may step libraft again (a committed configuration).
 *
 * Undocumented rules of libraft that this file keeps: an AppendEntries or InstallSnapshot of our
 * own term never reaches a leader; a configuration entry is always the first of its AppendEntries
 * (libraft 0.22.1 notes the index of the first one instead of its own, and would then neither
 * commit nor roll it back); entries at or below the commit index never reach libraft again (it
 * would append them wrongly behind a trimmed log); persisted entries are reported in order and only
 * while they are still in the log. libraft adds a barrier at its election only if the log has an
 * uncommitted tail: otherwise we do, because a leader must apply an entry of its own term before it
 * acts (Raft dissertation, 6.4).
 *
 * A follower gets one snapshot at a time (snapshot_sent.c).
 *
 * And one about time. At each RAFT_TIMEOUT libraft ends the pipeline to every follower that said
 * nothing since the last one, and then sends entries to it only with the next heartbeat. So as soon
 * as two followers' heartbeats fall out of step, as they do when one is dead, every commit waits
 * for up to a heartbeat. Therefore a leader's timeout comes when heartbeats are due to all, or
 * right behind an entry to all. */
#include "cluster/raft/consensus_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ---- Stepping ---- */

static bool has_entries(const struct raft_update *u)
{
	return u->flags & (RAFT_UPDATE_ENTRIES);
}

/* Everything in an update except the commit index, which consensus_settle() follows. */
static void take_update(struct consensus *c, struct raft_update *u)
{
	uint64_t barrier = 0;

	if (has_entries(u) && c->raft.state == RAFT_LEADER && c->leader_first == 0)
		barrier = u->entries.index;
	consensus_queue_store(c, u);
	if (u->flags & (RAFT_UPDATE_MESSAGES))
		consensus_queue_messages(c, u->messages.batch, u->messages.n);
	if (c->raft.state != RAFT_LEADER) {
		c->leader_first = 0;
		consensus_snapshot_forget_sent(c);
	} else if (barrier) {
		c->leader_first = barrier;
	}
}

int consensus_try_step(struct consensus *c, struct raft_event *event)
{
	struct raft_update u;
	int rv;

	memset(&u, 0, sizeof(u));
	event->time = c->now_ms;
	rv = raft_step(&c->raft, event, &u);
	if (rv == 0)
		take_update(c, &u);
	return rv;
}

void consensus_step(struct consensus *c, struct raft_event *event)
{
	int rv = consensus_try_step(c, event);

	assert(rv == 0);
}

static void time_out(struct consensus *c)
{
	struct raft_event e = { .type = RAFT_TIMEOUT };

	c->ticked_ms = c->now_ms;
	consensus_step(c, &e);
}

int consensus_append(struct consensus *c, enum raft_entry_type type, struct blob *data)
{
	struct raft_event e = { .type = RAFT_SUBMIT };
	struct raft_entry entry = { .term = raft_current_term(&c->raft), .type = type };
	int rv;

	entry.buf.len = data->len;
	entry.buf.base = entry.batch = raft_malloc(data->len);
	assert(entry.batch);
	memcpy(entry.batch, data->data, data->len);
	blob_unref(data);
	e.submit.entries = &entry;
	e.submit.n = 1;
	rv = consensus_try_step(c, &e);
	if (rv != 0)
		raft_free(entry.batch);
	else if (c->now_ms >= c->ticked_ms + c->options.heartbeat_ms)
		time_out(c);
	return rv;
}

int consensus_append_barrier(struct consensus *c)
{
	static const uint8_t zero[8];

	return consensus_append(c, RAFT_BARRIER, blob_new(zero, sizeof(zero)));
}

/* ---- Following the commit index ---- */

static bool apply_next(struct consensus *c)
{
	const struct consensus_log_cell *s;

	if (c->installing || c->applied >= raft_commit_index(&c->raft))
		return false;
	s = consensus_log_get(&c->log, c->applied + 1);
	if (!s)
		return false;
	c->applied++;
	assert(s->entry.index == c->applied);
	c->debt += s->entry.data->len;
	switch (s->entry.type) {
	case RAFT_COMMAND:
		c->face.apply(c->face.ctx, s->entry.index, s->entry.term, s->entry.data);
		break;
	case RAFT_CHANGE:
		consensus_member_apply(c, s->entry.index, s->entry.data);
		break;
	default:
		break; /* RAFT_BARRIER */
	}
	return true;
}

static bool open_leadership(struct consensus *c)
{
	/* A transfer can start in the same step as nothing else: then there is no need. */
	if (c->raft.state != RAFT_LEADER || c->leader_first != 0 || raft_transferee(&c->raft) != 0)
		return false;
	return consensus_append_barrier(c) == 0;
}

static enum consensus_role role_of(const struct consensus *c)
{
	switch (c->raft.state) {
	case RAFT_LEADER:
		return CONSENSUS_LEADER;
	case RAFT_CANDIDATE:
		return CONSENSUS_CANDIDATE;
	default:
		return CONSENSUS_FOLLOWER;
	}
}

static void report_role(struct consensus *c)
{
	enum consensus_role role = role_of(c);
	uint64_t term = raft_current_term(&c->raft), leader = consensus_leader(c);

	if (role == c->role && term == c->term && leader == c->leader)
		return;
	c->role = role;
	c->term = term;
	c->leader = leader;
	if (c->face.role)
		c->face.role(c->face.ctx, role, term, leader);
}

void consensus_settle(struct consensus *c)
{
	consensus_queue_flush(c);
	report_role(c);
	while (apply_next(c) || open_leadership(c) || consensus_member_promote(c))
		;
	consensus_snapshot_maybe(c);
	consensus_queue_flush(c);
	consensus_notices(c);
	report_role(c);
}

void consensus_free(struct consensus *c)
{
	if (!c)
		return;
	raft_close(&c->raft, NULL);
	consensus_queue_fini(c);
	consensus_log_fini(&c->log);
	store_snapshot_free(c->snapshot);
	store_snapshot_free(c->making);
	blob_unref(c->configuration);
	free(c);
}

/* ---- Completions and time ---- */

static void persisted(struct consensus *c, const struct consensus_write *w)
{
	struct raft_event e = { .type = RAFT_PERSISTED_ENTRIES };
	size_t n = 0;

	if (c->installing)
		return;
	while (n < w->n_entries) {
		const struct consensus_log_cell *s = consensus_log_get(&c->log, w->first_index + n);

		if (!s || s->entry.term != w->terms[n] || s->seq != w->seq)
			break;
		n++;
	}
	if (n == 0 || w->first_index + n - 1 <= c->raft.last_stored)
		return;
	e.persisted_entries.index = w->first_index + n - 1;
	consensus_step(c, &e);
}

void consensus_stored(struct consensus *c, uint64_t now_ms, uint64_t seq)
{
	struct consensus_write *w;

	assert(seq > c->stored && seq <= c->seq);
	c->now_ms = now_ms;
	while ((w = consensus_queue_take(c, seq)) != NULL) {
		if (w->n_entries)
			persisted(c, w);
		if (w->snapshot && w->installed)
			consensus_snapshot_installed(c, w);
		else if (w->snapshot)
			consensus_snapshot_taken(c, w);
		consensus_write_free(w);
	}
	consensus_settle(c);
}

static uint64_t raft_deadline_ms(const struct consensus *c)
{
	uint64_t at = raft_timeout(&c->raft), beat = c->options.heartbeat_ms;

	if (c->raft.state == RAFT_LEADER) {
		uint64_t to_all = c->sent_ms + beat, latest = c->ticked_ms + 2 * beat;

		if (to_all > latest)
			to_all = latest;
		if (at < to_all)
			at = to_all;
	}
	/* Never twice in one millisecond, whatever libraft says. */
	return at > c->ticked_ms ? at : c->ticked_ms + 1;
}

uint64_t consensus_deadline_ms(const struct consensus *c)
{
	uint64_t at = raft_deadline_ms(c);

	if (c->making && !c->installing && c->sliced_ms + 1 < at)
		return c->sliced_ms + 1;
	return at;
}

void consensus_tick(struct consensus *c, uint64_t now_ms)
{
	c->now_ms = now_ms;
	if (now_ms >= raft_deadline_ms(c))
		time_out(c);
	consensus_settle(c);
}

/* ---- What a leader does ---- */

enum status consensus_submit(struct consensus *c, uint64_t now_ms, struct blob *data)
{
	assert(data && data->len <= CONSENSUS_ENTRY_MAX);
	c->now_ms = now_ms;
	if (c->raft.state != RAFT_LEADER || raft_transferee(&c->raft) != 0) {
		blob_unref(data);
		return ERR_NOT_LEADER;
	}
	if (consensus_append(c, RAFT_COMMAND, data) != 0)
		return ERR_NOT_LEADER;
	consensus_settle(c);
	return OK;
}

bool consensus_is_current(const struct consensus *c)
{
	return c->raft.state == RAFT_LEADER && c->leader_first != 0 &&
	       c->applied >= c->leader_first;
}

bool consensus_is_leaving(const struct consensus *c)
{
	return c->raft.state == RAFT_LEADER && raft_transferee(&c->raft) != 0;
}

enum status consensus_transfer(struct consensus *c, uint64_t now_ms, uint64_t to)
{
	struct raft_event e = { .type = RAFT_TRANSFER };

	c->now_ms = now_ms;
	if (c->raft.state != RAFT_LEADER)
		return ERR_NOT_LEADER;
	if (raft_transferee(&c->raft) != 0)
		return ERR_FULL;
	e.transfer.server_id = to;
	if (to == 0 || consensus_try_step(c, &e) != 0)
		return ERR_NOT_FOUND;
	consensus_settle(c);
	return OK;
}

void consensus_timeout_now(struct consensus *c, uint64_t now_ms)
{
	struct raft_event e = { .type = RAFT_RECEIVE };
	struct raft_message m = { .type = RAFT_TIMEOUT_NOW };
	uint64_t leader = consensus_leader(c);

	c->now_ms = now_ms;
	if (c->raft.state != RAFT_FOLLOWER || leader == 0)
		return; /* Without a leader to depose the election timer does it. */
	m.server_id = leader;
	m.server_address = CONSENSUS_NO_ADDRESS;
	m.timeout_now.version = 1;
	m.timeout_now.term = raft_current_term(&c->raft);
	m.timeout_now.last_log_index = raft_last_index(&c->raft);
	m.timeout_now.last_log_term = consensus_log_term(&c->log, consensus_log_last(&c->log));
	e.receive.message = &m;
	consensus_step(c, &e);
	consensus_settle(c);
}

/* ---- Reading ---- */

enum consensus_role consensus_role(const struct consensus *c)
{
	return role_of(c);
}

uint64_t consensus_leader(const struct consensus *c)
{
	const char *address;
	raft_id id = 0;

	raft_leader((struct raft *)&c->raft, &id, &address); /* It only reads. */
	return id;
}

uint64_t consensus_term(const struct consensus *c)
{
	return raft_current_term(&c->raft);
}

uint64_t consensus_last_index(const struct consensus *c)
{
	return consensus_log_last(&c->log);
}

uint64_t consensus_applied(const struct consensus *c)
{
	return c->applied;
}

uint64_t consensus_match_index(const struct consensus *c, uint64_t id)
{
	raft_index index = 0;

	if (raft_match_index(&c->raft, id, &index) != 0)
		return 0;
	return index;
}

uint64_t consensus_malformed(const struct consensus *c)
{
	return c->malformed;
}

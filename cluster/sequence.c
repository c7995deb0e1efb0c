/* SPDX-License-Identifier: Apache-2.0 */
/* Marks: the highest accepted number of each SA, of those that this node owns, and of
 * those that it hears of from other owners (DESIGN section 5).
 *
 * The mark of each changed SA goes to every node's memory every 2 ms, and into the log
 * within a second; that of an exact SA at once, for its packets wait for it (quorum.c). A
 * frame of marks leaves with every heartbeat even when nothing changed: its age is the
 * span that a takeover leaves open to a replay, and it is measured. */
#include "cluster/core_internal.h"
#include "cluster/horizon.h"
#include "proto/mutant.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define PROPOSED_AGAIN_US (100 * MS)
#define ROWS_STEP_MAX (2 * SEQ_ROWS_MAX) /* Marks for the log in one step. */

struct mark_entry {
	uint32_t spi_in;
	int64_t epoch;       /* In which it was accepted. */
	uint64_t seq;        /* Highest accepted number known. */
	bool ours;           /* Accepted here, or ours to commit. */
	uint8_t unknown;     /* Looked at so often without an SA for it ... */
	uint32_t told_by;    /* ... and told by these nodes: bits of config indices. */
	uint64_t commit_us;  /* On the list of the fresh: to be looked at then. */
	uint64_t proposed, again_us; /* On the list of the proposed: what, and when to look. */
	struct mark_entry *previous_changed, *next_changed;
	struct mark_entry *previous_fresh, *next_fresh;
	struct mark_entry *previous_proposed, *next_proposed;
	UT_hash_handle hh;
};

static struct mark_entry *mark_find(const struct core *c, uint32_t spi_in)
{
	struct mark_entry *m;

	HASH_FIND(hh, c->sequence.marks, &spi_in, sizeof(spi_in), m);
	return m;
}

static void changed_add(struct core *c, struct mark_entry *m)
{
	if (!m->previous_changed)
		DL_APPEND2(c->sequence.changed, m, previous_changed, next_changed);
}

static void changed_remove(struct core *c, struct mark_entry *m)
{
	if (m->previous_changed)
		DL_DELETE2(c->sequence.changed, m, previous_changed, next_changed);
	m->previous_changed = NULL;
}

/* Its mark is newer than the log's. All wait equally long: the first is the oldest. */
static void fresh_add(struct core *c, struct mark_entry *m)
{
	if (m->previous_fresh)
		return;
	m->commit_us = c->now_us + c->config->timing.mark_commit_ms * MS * 9 / 10;
	DL_APPEND2(c->sequence.fresh, m, previous_fresh, next_fresh);
}

static void fresh_remove(struct core *c, struct mark_entry *m)
{
	if (m->previous_fresh)
		DL_DELETE2(c->sequence.fresh, m, previous_fresh, next_fresh);
	m->previous_fresh = NULL;
}

static void proposed_remove(struct core *c, struct mark_entry *m)
{
	if (m->previous_proposed)
		DL_DELETE2(c->sequence.proposed, m, previous_proposed, next_proposed);
	m->previous_proposed = NULL;
}

static void entry_free(struct core *c, struct mark_entry *m)
{
	changed_remove(c, m);
	fresh_remove(c, m);
	proposed_remove(c, m);
	HASH_DEL(c->sequence.marks, m);
	free(m);
}

static struct mark_entry *mark_get(struct core *c, uint32_t spi_in)
{
	struct mark_entry *m = mark_find(c, spi_in);

	if (m)
		return m;
	m = calloc(1, sizeof(*m));
	assert(m);
	m->spi_in = spi_in;
	HASH_ADD(hh, c->sequence.marks, spi_in, sizeof(m->spi_in), m);
	return m;
}

uint64_t sequence_mark(const struct core *c, uint32_t spi_in)
{
	const struct mark_entry *m = mark_find(c, spi_in);

	return m ? m->seq : 0;
}

void sequence_gone(struct core *c, uint32_t spi_in)
{
	struct mark_entry *m = mark_find(c, spi_in);

	if (m)
		entry_free(c, m);
	leases_gone(c, spi_in);
	quorum_gone(c, spi_in);
	news_gone(c, spi_in);
}

uint64_t sequence_heard_us(const struct core *c, uint32_t node)
{
	return c->sequence.heard_us[node];
}

/* ---- What the workers report ---- */

static void send_within(struct core *c, uint64_t us)
{
	if (c->sequence.send_at_us > c->now_us + us)
		c->sequence.send_at_us = c->now_us + us;
}

static void mark(struct core *c, const struct sa_report *r)
{
	unsigned i;
	const struct session *s = state_session_by_spi(c->state, r->spi_in, &i);
	bool exact = s && horizon_exact(&s->seq[i]);
	struct mark_entry *m;

	if (!s)
		return;
	if (exact)
		quorum_marked(c, s, r);
	m = mark_get(c, r->spi_in);
	if (r->seq <= m->seq && m->ours) {
		if (exact) /* Below a late mark: that covers it, but must be told as ours. */
			sequence_again(c, r->spi_in);
		return;
	}
	m->seq = r->seq > m->seq ? r->seq : m->seq;
	m->epoch = r->epoch;
	m->ours = true;
	changed_add(c, m);
	fresh_add(c, m);
	send_within(c, exact ? 0 : c->config->timing.mark_ms * MS);
}

/* A late mark of an epoch before is our floor, and covers what we accepted below it. Only
 * as a mark of this epoch is it acknowledged. */
void sequence_again(struct core *c, uint32_t spi_in)
{
	const struct session *s = state_session_by_spi(c->state, spi_in, NULL);
	struct mark_entry *m = mark_find(c, spi_in);

	if (!s || !core_owns(c, s) || !m || !m->ours)
		return;
	if (!MUTANT(MUTANT_LATE_MARK_KEEPS_EPOCH))
		m->epoch = session_epoch(c->state, s);
	changed_add(c, m);
	send_within(c, 0);
}

/* Was it refused for the horizon? Then its client is far ahead of what came in. */
static bool beyond(const struct core *c, const struct sa_report *r)
{
	unsigned i;
	const struct session *s = state_session_by_spi(c->state, r->spi_in, &i);

	return s && r->seq >= s->seq[i].horizon;
}

void sequence_reports(struct core *c, const struct sa_report *reports, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct sa_report *r = &reports[i];

		switch (r->kind) {
		case SA_REPORT_MARK:
			mark(c, r);
			break;
		case SA_REPORT_LEASE_LOW:
			leases_low(c, r);
			break;
		case SA_REPORT_SEQUENCE_END:
			news_send(c, NEWS_SEQUENCE_END, r);
			break;
		case SA_REPORT_PEER:
			news_send(c, NEWS_PEER, r);
			break;
		case SA_REPORT_FIRST_IN:
			grants_first_in(c, r->spi_in);
			news_send(c, NEWS_ALIVE, r);
			break;
		case SA_REPORT_HORIZON_LOW:
			leases_horizon_low(c, r->spi_in, r->epoch, r->seq, beyond(c, r));
			break;
		case SA_REPORT_BELOW_HORIZON:
			news_below(c, r);
			break;
		}
	}
}

/* ---- Marks between nodes ---- */

static void marks_send(struct core *c)
{
	struct frame_mark rows[FRAME_MARKS_MAX];
	struct mark_entry *m;
	size_t n = 0;

	/* One row less than there is room for: the answer has one more. */
	while (n < FRAME_MARKS_MAX - 1 && (m = c->sequence.changed)) {
		changed_remove(c, m);
		if (m->ours)
			rows[n++] = (struct frame_mark){ m->spi_in, m->epoch, m->seq };
	}
	for (uint32_t i = 0; i < c->config->n_nodes; i++)
		if (i != c->config->self && core_node_linked(c, i))
			action_send_frame(c->actions, i,
					  frame_create_marks(FRAME_MARKS, c->incarnation, rows, n));
	c->sequence.send_at_us = c->sequence.changed ? c->now_us : NEVER;
}

/* To one node: as its memory, not as our word. */
static void rows_tell(struct core *c, uint32_t node, const struct frame_mark *rows, size_t n)
{
	if (n)
		action_send_frame(c->actions, node, frame_create_marks(FRAME_MARKS, 0, rows, n));
}

void sequence_tell(struct core *c, uint32_t node, bool all)
{
	struct frame_mark rows[FRAME_MARKS_MAX];
	struct mark_entry *m;
	size_t n = 0;

	for (m = c->sequence.fresh; m; m = m->next_fresh) {
		unsigned i;
		const struct session *s = state_session_by_spi(c->state, m->spi_in, &i);

		if (!s || m->seq <= s->seq[i].mark ||
		    (!all && !collect_concerns(c, session_slot(c->state, s), node)))
			continue;
		rows[n++] = (struct frame_mark){ m->spi_in, m->epoch, m->seq };
		if (n == FRAME_MARKS_MAX) {
			rows_tell(c, node, rows, n);
			n = 0;
		}
	}
	rows_tell(c, node, rows, n);
}

/* An owner's own marks, by its verified link and incarnation, or (incarnation 0)
 * what another node remembers of them. */
static bool mark_acceptable(const struct core *c, uint32_t node, uint64_t incarnation,
			    const struct session *s)
{
	const struct slot *slot = session_slot(c->state, s);
	uint64_t id = c->peer[node].raft_id;

	return incarnation == 0 || (slot->node == id && slot->incarnation == incarnation) ||
	       (slot->previous_node == id && slot->previous_incarnation == incarnation);
}

void sequence_marks(struct core *c, uint32_t node, const struct frame *f)
{
	struct frame_mark held[FRAME_MARKS_MAX];
	size_t n_held = 0;

	if (f->marks.incarnation == c->peer[node].incarnation)
		c->sequence.heard_us[node] = c->now_us;
	else if (f->marks.incarnation != 0)
		return;
	for (size_t i = 0; i < f->marks.n; i++) {
		struct frame_mark row = frame_mark_at(f, i);
		const struct session *s = state_session_by_spi(c->state, row.spi_in, NULL);
		struct mark_entry *m;

		/* Our applied state may lag: it does not know the SA yet, or not yet its
		 * owner. What is not taken now does not come again. */
		if (s && row.epoch <= session_epoch(c->state, s) &&
		    !mark_acceptable(c, node, f->marks.incarnation, s) &&
		    !MUTANT(MUTANT_MARKS_OF_ANYONE))
			continue;
		if (!s && HASH_COUNT(c->sequence.marks) >= 2u * cluster_config_child_sas(c->config)) {
			collect_forgot(c, 1u << node);
			continue;
		}
		m = mark_get(c, row.spi_in);
		m->told_by |= 1u << node;
		/* We hold it, now or already. */
		if (n_held < FRAME_MARKS_MAX - 1 &&
		    quorum_acknowledges(c, node, f->marks.incarnation, &row))
			held[n_held++] = row;
		if (row.seq <= m->seq)
			continue;
		m->seq = row.seq;
		m->epoch = row.epoch;
		m->ours = s && core_owns(c, s); /* An heir commits what it was handed. */
		fresh_add(c, m);
		grants_floor(c, row.spi_in, row.seq);
	}
	if (n_held)
		action_send_frame(c->actions, node,
				  frame_create_ack(f->marks.incarnation, core_applied(c), held, n_held));
}

/* Too few remember what was accepted: everything up to there counts as that. */
void sequence_fall(struct core *c, uint32_t spi_in, int64_t epoch, uint64_t floor)
{
	struct mark_entry *m = mark_get(c, spi_in);

	m->ours = true;
	if (floor <= m->seq)
		return;
	m->seq = floor;
	m->epoch = epoch;
	changed_add(c, m);
	fresh_add(c, m);
	send_within(c, 0);
}

/* ---- Time ---- */

/* What we inherit, known from its old owner's frames, is ours to commit. */
void sequence_inherit(struct core *c, uint32_t spi_in)
{
	struct mark_entry *m = mark_find(c, spi_in);

	if (m)
		m->ours = true;
}

static void propose(struct core *c, struct mark_entry *m)
{
	struct seq_row row = { .spi_in = m->spi_in, .epoch = m->epoch, .mark = m->seq };

	leases_row(c, &row);
	proposed_remove(c, m);
	m->proposed = m->seq;
	m->again_us = c->now_us + PROPOSED_AGAIN_US;
	DL_APPEND2(c->sequence.proposed, m, previous_proposed, next_proposed);
}

/* Who led when it was proposed may be gone, and the mark is to be in the log within a
 * second: those that are not there soon are proposed again. */
static void marks_again(struct core *c)
{
	struct mark_entry *m;

	while ((m = c->sequence.proposed) && c->now_us >= m->again_us &&
	       leases_rows(c) < ROWS_STEP_MAX) {
		unsigned i;
		const struct session *s = state_session_by_spi(c->state, m->spi_in, &i);

		proposed_remove(c, m);
		if (s && core_owns(c, s) && s->seq[i].mark < m->proposed &&
		    !MUTANT(MUTANT_MARK_PROPOSED_ONCE))
			propose(c, m);
	}
}

static void marks_commit(struct core *c)
{
	struct mark_entry *m;

	while ((m = c->sequence.fresh) && c->now_us >= m->commit_us &&
	       leases_rows(c) < ROWS_STEP_MAX) {
		unsigned i;
		const struct session *s = state_session_by_spi(c->state, m->spi_in, &i);

		fresh_remove(c, m);
		/* The SA is gone; or our state lags, long when nobody leads. Nothing is forgotten
		 * while we collect: no word would count, one after the other. */
		if (!s) {
			if (c->grants.isolated || collect_is_open(c) || m->unknown++ < 3) {
				fresh_add(c, m);
			} else {
				if (!MUTANT(MUTANT_WORD_OUTLIVES_MARKS))
					collect_forgot(c, m->told_by);
				entry_free(c, m);
			}
			continue;
		}
		if (m->seq <= s->seq[i].mark)
			continue;
		if (m->ours)
			propose(c, m);
		fresh_add(c, m);
	}
}

/* Could it own sessions? Then a frame of marks leaves with each heartbeat. */
static bool serves(const struct core *c)
{
	return c->membership.holding || c->config->mode == SERVICE_LB;
}

void sequence_tick(struct core *c)
{
	struct sequence *q = &c->sequence;

	marks_again(c);
	marks_commit(c);
	if (c->now_us >= q->send_at_us || (serves(c) && c->now_us >= q->heartbeat_at_us)) {
		marks_send(c);
		q->heartbeat_at_us = c->now_us + c->config->timing.heartbeat_ms * MS;
	}
}

uint64_t sequence_deadline_us(const struct core *c)
{
	const struct sequence *q = &c->sequence;

	return serves(c) && q->heartbeat_at_us < q->send_at_us ? q->heartbeat_at_us : q->send_at_us;
}

void sequence_fini(struct core *c)
{
	struct mark_entry *m, *tmp;

	HASH_ITER(hh, c->sequence.marks, m, tmp)
		entry_free(c, m);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Leases and marks of the SAs that this node owns, and the marks it hears from
 * other owners (DESIGN section 5).
 *
 * Outbound: half of a lease used, more is asked for: up to two seconds' worth of what
 * was sent since the last time, or L. All renewals of a node travel in one command; it
 * leaves at once when none left in the last 2 ms, else with the next tick. One that
 * did not commit is asked for again: who led may be gone. Inbound: the highest accepted number of each changed SA goes
 * to every node's memory every 2 ms, and into the log within a second. A frame of
 * marks leaves with every heartbeat even when nothing changed: its age is the
 * span that a takeover leaves open to a replay, and it is measured. */
#include "cluster/core_internal.h"
#include "proto/mutant.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define BATCH_SPACING_US (2 * MS)
#define LEASE_TRAFFIC_US (2000 * MS) /* A lease is for so much traffic, or L. */
#define LEASE_WANT_MAX (UINT64_C(1) << 32)
#define LEASE_AGAIN_US (100 * MS)
#define ROWS_STEP_MAX (2 * SEQ_ROWS_MAX) /* Marks for the log in one step. */

struct mark_entry {
	uint32_t spi_in;
	int64_t epoch;       /* In which it was accepted. */
	uint64_t seq;        /* Highest accepted number known. */
	bool ours;           /* Accepted here, or ours to commit. */
	uint8_t unknown;     /* Looked at so often without an SA for it. */
	uint64_t commit_us;  /* On the list of the fresh: to be looked at then. */
	struct mark_entry *previous_changed, *next_changed;
	struct mark_entry *previous_fresh, *next_fresh;
	/* Of the lease: */
	uint64_t asked_end, asked_us, asked_next; /* Asked for, when, and where it stood then. */
	uint64_t again_us;                        /* On the list of those asked for. */
	struct mark_entry *previous_asked, *next_asked;
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

static void asked_add(struct core *c, struct mark_entry *m)
{
	if (m->previous_asked)
		return;
	m->again_us = c->now_us + LEASE_AGAIN_US;
	DL_APPEND2(c->sequence.asked, m, previous_asked, next_asked);
}

static void asked_remove(struct core *c, struct mark_entry *m)
{
	if (m->previous_asked)
		DL_DELETE2(c->sequence.asked, m, previous_asked, next_asked);
	m->previous_asked = NULL;
}

static void entry_free(struct core *c, struct mark_entry *m)
{
	changed_remove(c, m);
	fresh_remove(c, m);
	asked_remove(c, m);
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

	if (!m)
		return;
	entry_free(c, m);
}

uint64_t sequence_heard_us(const struct core *c, uint32_t node)
{
	return c->sequence.heard_us[node];
}

/* ---- Rows for the log ---- */

static void row_add(struct core *c, const struct seq_row *row)
{
	struct sequence *q = &c->sequence;

	if (q->n_rows == q->room_rows) {
		q->room_rows = q->room_rows ? q->room_rows * 2 : 64;
		q->rows = realloc(q->rows, q->room_rows * sizeof(*q->rows));
		assert(q->rows);
	}
	q->rows[q->n_rows++] = *row;
	if (q->batch_at_us == NEVER)
		q->batch_at_us = c->now_us >= q->batch_last_us + BATCH_SPACING_US
					 ? c->now_us
					 : q->batch_last_us + c->config->timing.sequence_tick_ms * MS;
}

static void batch_send(struct core *c)
{
	struct sequence *q = &c->sequence;
	uint32_t done = 0;

	while (done < q->n_rows) {
		struct command b = { .type = COMMAND_SEQ_BATCH };
		uint32_t n = q->n_rows - done < SEQ_ROWS_MAX ? q->n_rows - done : SEQ_ROWS_MAX;

		b.seq_batch.rows = malloc(n * sizeof(*b.seq_batch.rows));
		assert(b.seq_batch.rows);
		memcpy(b.seq_batch.rows, q->rows + done, n * sizeof(*q->rows));
		b.seq_batch.n = n;
		proposals_add(c, URGENT_SEQUENCE, &b);
		done += n;
	}
	q->n_rows = 0;
	q->batch_at_us = NEVER;
	q->batch_last_us = c->now_us;
}

/* How long the next lease is to be, where the owner stands at `next`. */
static uint64_t lease_wanted(const struct core *c, const struct mark_entry *m, uint64_t next)
{
	uint64_t used = next > m->asked_next ? next - m->asked_next : 0, traffic = 0;

	if (m->asked_us && c->now_us > m->asked_us)
		traffic = (uint64_t)((double)used * (double)LEASE_TRAFFIC_US /
				     (double)(c->now_us - m->asked_us));
	if (traffic > LEASE_WANT_MAX)
		traffic = LEASE_WANT_MAX;
	return traffic > c->config->lease ? traffic : c->config->lease;
}

static void lease_low(struct core *c, const struct sa_report *r)
{
	unsigned i;
	const struct session *s = state_session_by_spi(c->state, r->spi_in, &i);
	struct seq_row row = { .spi_in = r->spi_in, .epoch = r->epoch };
	struct seq_lease lease;
	struct mark_entry *m;
	uint64_t next;

	if (!s || !core_owns(c, s) || session_epoch(c->state, s) != r->epoch)
		return;
	lease = lease_at(&s->seq[i], r->epoch);
	m = mark_get(c, r->spi_in);
	if (m->previous_asked && m->asked_end > lease.end)
		return; /* It is on its way. */
	next = r->seq < lease.start ? lease.start : r->seq > lease.end ? lease.end : r->seq;
	row.end = next + lease_wanted(c, m, next);
	if (row.end <= lease.end) /* There is enough; but it is to report again. */
		row.end = lease.end + 1;
	m->asked_end = row.end;
	m->asked_next = next;
	m->asked_us = c->now_us;
	asked_add(c, m);
	row_add(c, &row);
}

/* Those that were asked for a while ago: are they there? */
static void leases_again(struct core *c)
{
	struct mark_entry *m;

	while ((m = c->sequence.asked) && c->now_us >= m->again_us) {
		unsigned i;
		const struct session *s = state_session_by_spi(c->state, m->spi_in, &i);
		struct seq_row row = { .spi_in = m->spi_in, .end = m->asked_end };

		asked_remove(c, m);
		if (!s || !core_owns(c, s))
			continue;
		row.epoch = session_epoch(c->state, s);
		if (lease_at(&s->seq[i], row.epoch).end >= m->asked_end ||
		    lease_at(&s->seq[i], row.epoch).end == s->seq[i].limit)
			continue;
		asked_add(c, m);
		row_add(c, &row);
	}
}

/* ---- What the workers report ---- */

static void mark(struct core *c, const struct sa_report *r)
{
	struct mark_entry *m;

	if (!state_session_by_spi(c->state, r->spi_in, NULL))
		return;
	m = mark_get(c, r->spi_in);
	if (r->seq <= m->seq && m->ours)
		return;
	m->seq = r->seq > m->seq ? r->seq : m->seq;
	m->epoch = r->epoch;
	m->ours = true;
	changed_add(c, m);
	fresh_add(c, m);
	if (c->sequence.send_at_us > c->now_us + c->config->timing.mark_ms * MS)
		c->sequence.send_at_us = c->now_us + c->config->timing.mark_ms * MS;
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
			lease_low(c, r);
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
		}
	}
}

/* ---- Marks between nodes ---- */

static void marks_send(struct core *c)
{
	struct frame_mark rows[FRAME_MARKS_MAX];
	struct mark_entry *m;
	size_t n = 0;

	while (n < FRAME_MARKS_MAX && (m = c->sequence.changed)) {
		changed_remove(c, m);
		if (m->ours)
			rows[n++] = (struct frame_mark){ m->spi_in, m->epoch, m->seq };
	}
	for (uint32_t i = 0; i < c->config->n_nodes; i++)
		if (i != c->config->self && core_node_linked(c, i))
			action_send_frame(c->actions, i, frame_create_marks(c->incarnation, rows, n));
	c->sequence.send_at_us = c->sequence.changed ? c->now_us : NEVER;
}

/* Marks that differ from the log, for one node: as its memory, not as our word. */
static void marks_tell(struct core *c, uint32_t node, uint64_t lost)
{
	struct frame_mark rows[FRAME_MARKS_MAX];
	struct mark_entry *m;
	size_t n = 0;

	for (m = c->sequence.fresh; m; m = m->next_fresh) {
		unsigned i;
		const struct session *s = state_session_by_spi(c->state, m->spi_in, &i);

		if (!s || m->seq <= s->seq[i].mark ||
		    (lost && session_slot(c->state, s)->previous_node != lost))
			continue;
		rows[n++] = (struct frame_mark){ m->spi_in, m->epoch, m->seq };
		if (n == FRAME_MARKS_MAX) {
			action_send_frame(c->actions, node, frame_create_marks(0, rows, n));
			n = 0;
		}
	}
	if (n)
		action_send_frame(c->actions, node, frame_create_marks(0, rows, n));
}

void sequence_greet(struct core *c, uint32_t node)
{
	marks_tell(c, node, 0);
}

void sequence_hand_over(struct core *c, const struct node_down *down, uint64_t index)
{
	struct frame f = { .type = FRAME_MARKS_DONE };

	f.marks_done.index = index;
	for (uint32_t i = 0; i < c->config->n_nodes; i++) {
		if (i == c->config->self || !core_node_linked(c, i) ||
		    (down->heir && c->peer[i].raft_id != down->heir))
			continue;
		marks_tell(c, i, down->id);
		core_send(c, i, &f);
	}
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
		if (!s && HASH_COUNT(c->sequence.marks) >= 2u * IKE_CHILD_MAX * c->config->sessions_max)
			continue;
		m = mark_get(c, row.spi_in);
		if (row.seq <= m->seq)
			continue;
		m->seq = row.seq;
		m->epoch = row.epoch;
		m->ours = s && core_owns(c, s); /* An heir commits what it was handed. */
		fresh_add(c, m);
		grants_floor(c, row.spi_in, row.seq);
	}
}

/* ---- Time ---- */

/* What we inherit, known from its old owner's frames, is ours to commit. */
void sequence_inherit(struct core *c, uint32_t spi_in)
{
	struct mark_entry *m = mark_find(c, spi_in);

	if (m)
		m->ours = true;
}

static void marks_commit(struct core *c)
{
	struct mark_entry *m;

	while ((m = c->sequence.fresh) && c->now_us >= m->commit_us &&
	       c->sequence.n_rows < ROWS_STEP_MAX) {
		unsigned i;
		const struct session *s = state_session_by_spi(c->state, m->spi_in, &i);
		struct seq_row row = { .spi_in = m->spi_in, .epoch = m->epoch, .mark = m->seq };

		fresh_remove(c, m);
		if (!s) { /* The SA is gone; or our state lags, long when nobody leads. */
			if (c->grants.isolated || m->unknown++ < 3)
				fresh_add(c, m);
			else
				entry_free(c, m);
			continue;
		}
		if (m->seq <= s->seq[i].mark)
			continue;
		/* Not lost with a proposal that did not commit: looked at again. */
		if (m->ours)
			row_add(c, &row);
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

	marks_commit(c);
	leases_again(c);
	if (c->now_us >= q->send_at_us || (serves(c) && c->now_us >= q->heartbeat_at_us)) {
		marks_send(c);
		q->heartbeat_at_us = c->now_us + c->config->timing.heartbeat_ms * MS;
	}
	if (c->now_us >= q->batch_at_us)
		batch_send(c);
}

uint64_t sequence_deadline_us(const struct core *c)
{
	const struct sequence *q = &c->sequence;
	uint64_t d = q->send_at_us < q->batch_at_us ? q->send_at_us : q->batch_at_us;

	return serves(c) && q->heartbeat_at_us < d ? q->heartbeat_at_us : d;
}

void sequence_fini(struct core *c)
{
	struct mark_entry *m, *tmp;

	HASH_ITER(hh, c->sequence.marks, m, tmp)
		entry_free(c, m);
	free(c->sequence.rows);
}

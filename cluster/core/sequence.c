/* SPDX-License-Identifier: Apache-2.0 */
/* Marks: the highest accepted number of each SA, of those that this node owns, and of
 * those that it hears of from other owners, each in its epoch (DESIGN section 5, mark.h).
 *
 * The mark of each changed SA goes to every node's memory every 2 ms, and into the log
 * within a second; that of an exact SA at once, for its packets wait for it (quorum.c). A
 * frame of marks leaves with every heartbeat even when nothing changed: its age is the
 * span that a takeover leaves open to a replay, and it is measured.
 *
 * Who was lost to the others goes on until it has applied that, and only then can say up to
 * where: its mark of the epoch that is over is told at once, and proposed until it is in the
 * log. Whoever hears a mark of an epoch before its own as owner refuses what is below, and who
 * does not own the SA tells the owner. */
#include "cluster/core/sequence_internal.h"
#include "cluster/state/horizon.h"
#include "proto/mutant.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define PROPOSED_AGAIN_US (100 * MS)
#define ROWS_STEP_MAX (2 * SEQ_ROWS_MAX) /* Marks for the log in one step. */

struct mark_entry *sequence_find(const struct core *c, uint32_t spi_in)
{
	struct mark_entry *m;

	HASH_FIND(hh, c->sequence.marks, &spi_in, sizeof(spi_in), m);
	return m;
}

void sequence_changed(struct core *c, struct mark_entry *m)
{
	if (!m->previous_changed)
		DL_APPEND2(c->sequence.changed, m, previous_changed, next_changed);
}

void sequence_unchanged(struct core *c, struct mark_entry *m)
{
	if (m->previous_changed)
		DL_DELETE2(c->sequence.changed, m, previous_changed, next_changed);
	m->previous_changed = NULL;
}

/* Its mark is newer than the log's. All wait equally long: the first is the oldest. */
void sequence_fresh(struct core *c, struct mark_entry *m)
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
	sequence_unchanged(c, m);
	fresh_remove(c, m);
	proposed_remove(c, m);
	HASH_DEL(c->sequence.marks, m);
	free(m);
}

struct mark_entry *sequence_get(struct core *c, uint32_t spi_in)
{
	struct mark_entry *m = sequence_find(c, spi_in);

	if (m)
		return m;
	m = calloc(1, sizeof(*m));
	assert(m);
	m->spi_in = spi_in;
	HASH_ADD(hh, c->sequence.marks, spi_in, sizeof(m->spi_in), m);
	return m;
}

uint64_t sequence_before(const struct core *c, uint32_t spi_in, int64_t epoch)
{
	const struct mark_entry *m = sequence_find(c, spi_in);

	return m ? mark_before(&m->known, epoch).seq : 0;
}

void sequence_gone(struct core *c, uint32_t spi_in)
{
	struct mark_entry *m = sequence_find(c, spi_in);

	if (m)
		entry_free(c, m);
	leases_gone(c, spi_in);
	quorum_gone(c, spi_in);
	news_gone(c, spi_in);
}

uint64_t sequence_heard_us(const struct core *c, uint32_t node, uint64_t incarnation)
{
	for (unsigned i = 0; i < 2; i++)
		if (c->sequence.heard[node][i].incarnation == incarnation)
			return c->sequence.heard[node][i].us;
	return 0;
}

/* ---- Into the log ---- */

/* Is there a mark to be put into the log by us? By an owner its own, and what it was handed
 * of its predecessors; by who owned the SA before, its last one. */
static bool wanted(const struct core *c, const struct mark_entry *m, const struct session *s,
		   struct mark rows[2])
{
	int64_t current = session_epoch(c->state, s);
	bool owns = core_owns(c, s);

	rows[0] = owns ? mark_before(&m->known, current) : m->own;
	rows[1] = owns && m->own.epoch == current ? m->own : (struct mark){ 0 };
	return owns || m->ended;
}

static void propose(struct core *c, struct mark_entry *m, const struct session *s, unsigned child)
{
	struct mark rows[2];
	bool any = false;

	proposed_remove(c, m);
	if (!wanted(c, m, s, rows))
		return;
	/* Many at once: the rest in a step to come. */
	m->again_us = c->now_us + (leases_rows(c) < ROWS_STEP_MAX ? PROPOSED_AGAIN_US : 0);
	for (unsigned i = 0; i < 2; i++) {
		struct seq_row row = { .spi_in = m->spi_in, .epoch = rows[i].epoch,
				       .mark = rows[i].seq };

		if (mark_is_logged(&s->seq[child], rows[i], session_epoch(c->state, s)))
			continue;
		if (m->again_us > c->now_us)
			leases_row(c, &row);
		any = true;
	}
	if (any)
		DL_APPEND2(c->sequence.proposed, m, previous_proposed, next_proposed);
}

/* Does the log say all that we remember? */
static bool is_logged(const struct core *c, const struct mark_entry *m, const struct session *s,
		      unsigned child)
{
	int64_t current = session_epoch(c->state, s);

	return mark_is_logged(&s->seq[child], m->known.newest, current) &&
	       mark_is_logged(&s->seq[child], m->known.before, current);
}

/* ---- What the workers report ---- */

static void send_within(struct core *c, uint64_t us)
{
	if (c->sequence.send_at_us > c->now_us + us)
		c->sequence.send_at_us = c->now_us + us;
}

/* The worker's word of an epoch that is over for us comes late, too. */
static void mark(struct core *c, const struct sa_report *r)
{
	const struct mark top = { r->epoch, r->seq };
	unsigned i;
	const struct session *s = state_session_by_spi(c->state, r->spi_in, &i);
	bool exact = s && horizon_exact(&s->seq[i]);
	struct mark_entry *m;

	if (!s)
		return;
	if (exact)
		quorum_marked(c, s, r);
	m = sequence_get(c, r->spi_in);
	if (top.epoch < m->own.epoch || (top.epoch == m->own.epoch && top.seq <= m->own.seq))
		return;
	if (MUTANT(MUTANT_LATE_MARK_MASKED) && top.seq <= m->known.newest.seq)
		return;
	m->own = top;
	m->ended = !core_owns(c, s) || top.epoch < session_epoch(c->state, s);
	mark_learn(&m->known, top);
	sequence_changed(c, m);
	sequence_fresh(c, m);
	if (m->ended)
		propose(c, m, s, i);
	send_within(c, exact || m->ended ? 0 : c->config->timing.mark_ms * MS);
}

/* Of an epoch that is over for us, which our worker may not know yet. */
void sequence_ended(struct core *c, uint32_t spi_in, int64_t epoch)
{
	unsigned i;
	const struct session *s = state_session_by_spi(c->state, spi_in, &i);
	struct mark_entry *m = sequence_find(c, spi_in);

	if (!s || !m || m->own.seq == 0 || m->own.epoch != epoch || MUTANT(MUTANT_LATE_MARK_UNSAID))
		return;
	m->ended = true;
	sequence_changed(c, m);
	propose(c, m, s, i);
	send_within(c, 0);
}

/* Not all have acknowledged it. */
void sequence_again(struct core *c, uint32_t spi_in)
{
	struct mark_entry *m = sequence_find(c, spi_in);

	if (!m || m->own.seq == 0)
		return;
	sequence_changed(c, m);
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

/* Too few remember what was accepted: everything up to there counts as that. */
void sequence_fall(struct core *c, uint32_t spi_in, int64_t epoch, uint64_t floor)
{
	struct mark_entry *m = sequence_get(c, spi_in);

	if (epoch == m->own.epoch && floor <= m->own.seq)
		return;
	m->own = (struct mark){ epoch, floor };
	m->ended = false;
	mark_learn(&m->known, m->own);
	sequence_changed(c, m);
	sequence_fresh(c, m);
	send_within(c, 0);
}

/* ---- Time ---- */

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
		if (s && !MUTANT(MUTANT_MARK_PROPOSED_ONCE))
			propose(c, m, s, i);
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
				sequence_fresh(c, m);
			} else {
				if (!MUTANT(MUTANT_WORD_OUTLIVES_MARKS))
					collect_forgot(c, m->told_by);
				entry_free(c, m);
			}
			continue;
		}
		propose(c, m, s, i);
		if (!is_logged(c, m, s, i))
			sequence_fresh(c, m);
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
		sequence_send(c);
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

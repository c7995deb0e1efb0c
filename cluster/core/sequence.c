/* SPDX-License-Identifier: Apache-2.0 */
/* Marks: the highest accepted number of each SA, both of SAs that this node owns and of those that
 * other owners report, each in its epoch (DESIGN section 5, mark.h).
 *
 * The mark of each changed SA goes to every node's memory every 2 ms, and into the log
 * within a second; that of an exact SA at once, for its packets wait for it (quorum.c). A
 * frame of marks leaves with every heartbeat even when nothing changed: its age is the
 * span that a takeover leaves open to a replay, and it is measured.
 *
 * An owner that the others have lost goes on until it has applied its loss. It then sends its last
 * mark of that epoch at once, and proposes it until it is in the log. An owner that hears a mark of
 * an epoch before its own refuses everything up to it; any other node passes the mark to the
 * owner. */
#include "cluster/core/sequence.h"

#include "cluster/core/sequence_internal.h"
#include "cluster/core/collect.h"
#include "cluster/core/holder.h"
#include "cluster/core/lease_requests.h"
#include "cluster/core/owned_sa.h"
#include "cluster/core/volumes.h"
#include "cluster/state/horizon.h"
#include "proto/mutant.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define PROPOSED_AGAIN_US (100 * MS)
#define ROWS_STEP_MAX (2 * SEQ_ROWS_MAX) /* Marks for the log in one step. */

/* Its mark is newer than the log's. All wait equally long: the first is the oldest. */
void sequence_fresh(struct core *c, struct owned_sa *sa)
{
	if (owned_sa_is_on(sa, SAS_FRESH))
		return;
	sa->mark.commit_us = c->now_us + c->config->timing.mark_commit_ms * MS * 9 / 10;
	owned_sa_append(c, sa, SAS_FRESH);
}

uint64_t sequence_before(const struct core *c, uint32_t spi_in, int64_t epoch)
{
	const struct owned_sa *sa = owned_sa_find(c, spi_in);

	return sa ? mark_before(&sa->mark.known, epoch).seq : 0;
}

/* ---- Into the log ---- */

/* Is there a mark that we must put into the log? An owner its own, and those of its predecessors
 * that it was given; a former owner its last one. */
static bool wanted(const struct core *c, const struct owned_sa *sa, const struct session *s,
		   struct mark rows[2])
{
	int64_t current = session_epoch(c->state, s);
	bool owns = core_owns(c, s);

	rows[0] = owns ? mark_before(&sa->mark.known, current) : sa->mark.own;
	rows[1] = owns && sa->mark.own.epoch == current ? sa->mark.own : (struct mark){ 0 };
	return owns || sa->mark.ended;
}

static void propose(struct core *c, struct owned_sa *sa, const struct session *s, unsigned child)
{
	struct mark rows[2];
	bool any = false;

	owned_sa_remove(c, sa, SAS_PROPOSED);
	if (!wanted(c, sa, s, rows))
		return;
	/* Many at once: the rest in a step to come. */
	sa->mark.again_us = c->now_us + (leases_rows(c) < ROWS_STEP_MAX ? PROPOSED_AGAIN_US : 0);
	for (unsigned i = 0; i < 2; i++) {
		struct seq_row row = { .spi_in = sa->spi_in,
				       .epoch = rows[i].epoch,
				       .mark = rows[i].seq };

		if (mark_is_logged(&s->seq[child], rows[i], session_epoch(c->state, s)))
			continue;
		if (sa->mark.again_us > c->now_us) {
			volumes_ride(c, sa, &row);
			leases_row(c, &row);
		}
		any = true;
	}
	if (any)
		owned_sa_append(c, sa, SAS_PROPOSED);
}

/* Does the log say all that we remember? */
static bool is_logged(const struct core *c, const struct owned_sa *sa, const struct session *s,
		      unsigned child)
{
	int64_t current = session_epoch(c->state, s);

	return mark_is_logged(&s->seq[child], sa->mark.known.newest, current) &&
	       mark_is_logged(&s->seq[child], sa->mark.known.before, current);
}

/* ---- What the workers report ---- */

static void send_within(struct core *c, uint64_t us)
{
	if (c->sequence->send_at_us > c->now_us + us)
		c->sequence->send_at_us = c->now_us + us;
}

/* The worker's report about an epoch that is over for us comes late, too. */
void sequence_marked(struct core *c, const struct session *s, unsigned child,
		     const struct sa_report *r)
{
	const struct mark top = { r->epoch, r->seq };
	bool exact = horizon_exact(&s->seq[child]);
	struct owned_sa *sa = owned_sa_get(c, r->spi_in);

	assert(child < s->ike.n_child);
	if (top.epoch < sa->mark.own.epoch ||
	    (top.epoch == sa->mark.own.epoch && top.seq <= sa->mark.own.seq))
		return;
	if (MUTANT(MUTANT_LATE_MARK_MASKED) && top.seq <= sa->mark.known.newest.seq)
		return;
	sa->mark.own = top;
	sa->mark.ended = !core_owns(c, s) || top.epoch < session_epoch(c->state, s);
	mark_learn(&sa->mark.known, top);
	owned_sa_append(c, sa, SAS_CHANGED);
	sequence_fresh(c, sa);
	if (sa->mark.ended)
		propose(c, sa, s, child);
	send_within(c, exact || sa->mark.ended ? 0 : c->config->timing.mark_ms * MS);
}

/* Its epoch is over for us, which our worker may not know yet. */
void sequence_ended(struct core *c, uint32_t spi_in, int64_t epoch)
{
	unsigned i;
	const struct session *s = state_session_by_spi(c->state, spi_in, &i);
	struct owned_sa *sa = owned_sa_find(c, spi_in);

	if (!s || !sa || sa->mark.own.seq == 0 || sa->mark.own.epoch != epoch)
		return;
	if (MUTANT(MUTANT_LATE_MARK_UNSAID))
		return;
	sa->mark.ended = true;
	owned_sa_append(c, sa, SAS_CHANGED);
	propose(c, sa, s, i);
	send_within(c, 0);
}

/* Not all have acknowledged it. */
void sequence_again(struct core *c, uint32_t spi_in)
{
	struct owned_sa *sa = owned_sa_find(c, spi_in);

	if (!sa || sa->mark.own.seq == 0)
		return;
	owned_sa_append(c, sa, SAS_CHANGED);
	send_within(c, 0);
}

/* Too few remember what was accepted: everything up to there counts as accepted. */
void sequence_fall(struct core *c, uint32_t spi_in, int64_t epoch, uint64_t floor)
{
	struct owned_sa *sa = owned_sa_get(c, spi_in);

	if (epoch == sa->mark.own.epoch && floor <= sa->mark.own.seq)
		return;
	sa->mark.own = (struct mark){ epoch, floor };
	sa->mark.ended = false;
	mark_learn(&sa->mark.known, sa->mark.own);
	owned_sa_append(c, sa, SAS_CHANGED);
	sequence_fresh(c, sa);
	send_within(c, 0);
}

/* ---- Time ---- */

/* The leader that got the proposal may be gone, but the mark must be in the log within a second:
 * marks that are not there soon are proposed again. */
static void marks_again(struct core *c)
{
	struct owned_sa *sa;

	while ((sa = owned_sa_first(c, SAS_PROPOSED)) && c->now_us >= sa->mark.again_us &&
	       leases_rows(c) < ROWS_STEP_MAX) {
		unsigned i;
		const struct session *s = state_session_by_spi(c->state, sa->spi_in, &i);

		owned_sa_remove(c, sa, SAS_PROPOSED);
		if (MUTANT(MUTANT_MARK_PROPOSED_ONCE))
			continue;
		if (s)
			propose(c, sa, s, i);
	}
}

static void marks_commit(struct core *c)
{
	struct owned_sa *sa;

	while ((sa = owned_sa_first(c, SAS_FRESH)) && c->now_us >= sa->mark.commit_us &&
	       leases_rows(c) < ROWS_STEP_MAX) {
		unsigned i;
		const struct session *s = state_session_by_spi(c->state, sa->spi_in, &i);

		owned_sa_remove(c, sa, SAS_FRESH);
		/* The SA is gone, or our state lags (for long, if nobody leads). Nothing is
		 * forgotten while we collect: else no answer would ever count. */
		if (!s) {
			if (c->isolated || collect_is_open(c) || sa->mark.unknown++ < 3) {
				sequence_fresh(c, sa);
			} else {
				assert(!sa->grant.known);
				if (MUTANT(MUTANT_DONE_OUTLIVES_MARKS))
					sa->mark.told_by = 0;
				collect_forgot(c, sa->mark.told_by);
				owned_sa_gone(c, sa);
			}
			continue;
		}
		propose(c, sa, s, i);
		if (!is_logged(c, sa, s, i))
			sequence_fresh(c, sa);
	}
}

/* Could it own sessions? Then a frame of marks leaves with each heartbeat. */
static bool serves(const struct core *c)
{
	return holder_holds(c) || c->config->mode == SERVICE_LB;
}

void sequence_tick(struct core *c)
{
	struct sequence *q = c->sequence;

	marks_again(c);
	marks_commit(c);
	if (c->now_us >= q->send_at_us || (serves(c) && c->now_us >= q->heartbeat_at_us)) {
		sequence_send(c);
		q->heartbeat_at_us = c->now_us + c->config->timing.heartbeat_ms * MS;
	}
}

uint64_t sequence_deadline_us(const struct core *c)
{
	const struct sequence *q = c->sequence;

	return serves(c) && q->heartbeat_at_us < q->send_at_us ? q->heartbeat_at_us : q->send_at_us;
}

void sequence_init(struct core *c)
{
	c->sequence = core_room(sizeof(*c->sequence));
	c->sequence->send_at_us = NEVER;
}

void sequence_fini(struct core *c)
{
	free(c->sequence);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What an owner wants in the log for its SAs, in one command for all of them: lease
 * renewals, horizons of exact SAs, marks (DESIGN section 5).
 *
 * When half of a lease is used, the owner asks for more: for two seconds of traffic at the rate
 * since its last request, or L if that is more. It does the same for a horizon, by what came in.
 * All rows of a node travel in one command; it leaves at once when none left in the last 2 ms, else
 * with the next tick. A row that did not commit is sent again: the leader may be gone. */
#include "cluster/core/lease_requests.h"

#include "cluster/core/rooms.h"
#include "cluster/core/owned_sa.h"
#include "cluster/core/proposals.h"
#include "cluster/state/horizon.h"
#include "proto/mutant.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct leases {
	struct seq_row *rows;       /* Waiting for the next SeqBatch. */
	uint32_t n_rows, room_rows;
	uint64_t batch_at_us, batch_last_us;
};

#define BATCH_SPACING_US (2 * MS)
#define TRAFFIC_US (2000 * MS) /* A lease is for so much traffic, or L. */
#define WANT_MAX (UINT64_C(1) << 32)
#define AGAIN_US (100 * MS)

/* The position in an earlier epoch says nothing in this one: the SA may have been set to its
 * horizon since, which must not rise for an earlier request. */
static struct owned_sa *of_epoch(struct core *c, uint32_t spi_in, int64_t epoch)
{
	struct owned_sa *sa = owned_sa_get(c, spi_in);
	struct sa_lease *l = &sa->lease;

	if (MUTANT(MUTANT_ASKED_BEFORE))
		l->epoch = epoch;
	if (l->epoch != epoch)
		l->lease = l->horizon = (struct asked){ 0 };
	l->epoch = epoch;
	return sa;
}

static void waiting_add(struct core *c, struct owned_sa *sa)
{
	if (owned_sa_is_on(sa, SAS_ASKED))
		return;
	sa->lease.again_us = c->now_us + AGAIN_US;
	owned_sa_append(c, sa, SAS_ASKED);
}

/* ---- Rows ---- */

void leases_row(struct core *c, const struct seq_row *row)
{
	struct leases *q = c->leases;

	assert(row->spi_in != 0);
	if (q->n_rows == q->room_rows) {
		q->room_rows = q->room_rows ? q->room_rows * 2 : 64;
		q->rows = realloc(q->rows, q->room_rows * sizeof(*q->rows));
		assert(q->rows);
	}
	q->rows[q->n_rows++] = *row;
	if (q->batch_at_us == NEVER)
		q->batch_at_us = c->now_us >= q->batch_last_us + BATCH_SPACING_US
					 ? c->now_us
					 : q->batch_last_us +
						   c->config->timing.sequence_tick_ms * MS;
}

uint32_t leases_rows(const struct core *c)
{
	return c->leases->n_rows;
}

static void batch_send(struct core *c)
{
	struct leases *q = c->leases;
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

/* ---- Asking ---- */

/* How much is wanted from `next` on. */
static uint64_t wanted(const struct core *c, const struct asked *a, uint64_t next)
{
	uint64_t used = next > a->next ? next - a->next : 0, traffic = 0;

	if (a->us && c->now_us > a->us)
		traffic = (uint64_t)((double)used * (double)TRAFFIC_US /
				     (double)(c->now_us - a->us));
	if (traffic > WANT_MAX)
		traffic = WANT_MAX;
	return traffic > c->config->lease ? traffic : c->config->lease;
}

/* Asks for what is wanted from next on; up to `has` is there already. False: a request is on its
 * way. */
static bool ask(struct core *c, struct owned_sa *sa, struct asked *a, uint64_t next, uint64_t has)
{
	uint64_t end;

	if (owned_sa_is_on(sa, SAS_ASKED) && a->end > has)
		return false;
	end = next + wanted(c, a, next);
	if (end < next) /* The end of 64 bits. */
		end = UINT64_MAX;
	if (end <= has) /* There is enough; but it is to report again. */
		end = has + 1;
	*a = (struct asked){ .end = end, .us = c->now_us, .next = next };
	waiting_add(c, sa);
	return true;
}

/* The SA that r speaks of, if it is ours in that epoch. */
static const struct session *ours(const struct core *c, uint32_t spi_in, int64_t epoch, unsigned *i)
{
	const struct session *s = state_session_by_spi(c->state, spi_in, i);

	return s && core_owns(c, s) && session_epoch(c->state, s) == epoch ? s : NULL;
}

void leases_low(struct core *c, const struct sa_report *r)
{
	unsigned i;
	const struct session *s = ours(c, r->spi_in, r->epoch, &i);
	struct seq_row row = { .spi_in = r->spi_in, .epoch = r->epoch };
	struct seq_lease lease;
	struct owned_sa *sa;
	uint64_t next;

	if (!s)
		return;
	lease = lease_at(&s->seq[i], r->epoch);
	next = r->seq < lease.start ? lease.start : r->seq > lease.end ? lease.end : r->seq;
	sa = of_epoch(c, r->spi_in, r->epoch);
	if (!ask(c, sa, &sa->lease.lease, next, lease.end))
		return;
	row.end = sa->lease.lease.end;
	leases_row(c, &row);
}

/* If the horizon refused what came, the number has jumped up to it, over packets lost outside: that
 * was no traffic. */
void leases_horizon_low(struct core *c, const struct sa_report *r)
{
	unsigned i;
	const struct session *s = ours(c, r->spi_in, r->epoch, &i);
	struct seq_row row = { .spi_in = r->spi_in, .epoch = r->epoch };
	struct owned_sa *sa;

	if (!s || !horizon_exact(&s->seq[i]))
		return;
	sa = of_epoch(c, r->spi_in, r->epoch);
	if (r->seq >= s->seq[i].horizon && sa->lease.horizon.end <= s->seq[i].horizon)
		sa->lease.horizon = (struct asked){ 0 };
	if (!ask(c, sa, &sa->lease.horizon, r->seq, s->seq[i].horizon))
		return;
	row.horizon = sa->lease.horizon.end;
	leases_row(c, &row);
}

/* What is still missing of what was asked for. False: nothing. */
static bool missing(const struct core *c, const struct owned_sa *sa, struct seq_row *row)
{
	unsigned i;
	const struct session *s = state_session_by_spi(c->state, sa->spi_in, &i);
	struct seq_lease lease;

	*row = (struct seq_row){ .spi_in = sa->spi_in };
	if (!s || !core_owns(c, s))
		return false;
	row->epoch = session_epoch(c->state, s);
	if (row->epoch != sa->lease.epoch)
		return false;
	lease = lease_at(&s->seq[i], row->epoch);
	if (lease.end < sa->lease.lease.end && lease.end < s->seq[i].limit)
		row->end = sa->lease.lease.end;
	if (s->seq[i].horizon < sa->lease.horizon.end && !horizon_is_last(&s->seq[i]))
		row->horizon = sa->lease.horizon.end;
	return row->end != 0 || row->horizon != 0;
}

/* Those that were asked for a while ago: are they there? */
static void ask_again(struct core *c)
{
	struct owned_sa *sa;

	while ((sa = owned_sa_first(c, SAS_ASKED)) && c->now_us >= sa->lease.again_us) {
		struct seq_row row;

		owned_sa_remove(c, sa, SAS_ASKED);
		if (!missing(c, sa, &row))
			continue;
		waiting_add(c, sa);
		leases_row(c, &row);
	}
}

/* ---- Time ---- */

void leases_tick(struct core *c)
{
	ask_again(c);
	if (c->now_us >= c->leases->batch_at_us)
		batch_send(c);
}

uint64_t leases_deadline_us(const struct core *c)
{
	return c->leases->batch_at_us;
}

void leases_init(struct core *c)
{
	c->leases = core_room(sizeof(*c->leases));
	c->leases->batch_at_us = NEVER;
}

void leases_fini(struct core *c)
{
	free(c->leases->rows);
	free(c->leases);
}

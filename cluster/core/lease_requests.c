/* SPDX-License-Identifier: Apache-2.0 */
/* What an owner wants in the log for its SAs, in one command for all of them: lease
 * renewals, horizons of exact SAs, marks (DESIGN section 5).
 *
 * Half of a lease used, more is asked for: up to two seconds' worth of what was sent
 * since the last time, or L. The same for a horizon, by what came in. All rows of a node
 * travel in one command; it leaves at once when none left in the last 2 ms, else with
 * the next tick. One that did not commit is asked for again: who led may be gone. */
#include "cluster/core/core_internal.h"
#include "cluster/state/horizon.h"
#include "proto/mutant.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define BATCH_SPACING_US (2 * MS)
#define TRAFFIC_US (2000 * MS) /* A lease is for so much traffic, or L. */
#define WANT_MAX (UINT64_C(1) << 32)
#define AGAIN_US (100 * MS)

struct asked { /* When, and where it stood then: for the rate since. */
	uint64_t end, us, next;
};

struct lease_entry {
	uint32_t spi_in;
	int64_t epoch; /* In which it was asked: the next one's owner begins anew. */
	struct asked lease, horizon;
	uint64_t again_us; /* On the list of those asked for: to be looked at then. */
	struct lease_entry *prev, *next;
	UT_hash_handle hh;
};

static struct lease_entry *entry_find(const struct core *c, uint32_t spi_in)
{
	struct lease_entry *e;

	HASH_FIND(hh, c->leases.entries, &spi_in, sizeof(spi_in), e);
	return e;
}

/* Where numbers stood in an earlier epoch says nothing in this one: the SA may have fallen to
 * its horizon since, which must not rise for what was asked before. */
static struct lease_entry *entry_get(struct core *c, uint32_t spi_in, int64_t epoch)
{
	struct lease_entry *e = entry_find(c, spi_in);

	if (!e) {
		e = calloc(1, sizeof(*e));
		assert(e);
		e->spi_in = spi_in;
		e->epoch = epoch;
		HASH_ADD(hh, c->leases.entries, spi_in, sizeof(e->spi_in), e);
	}
	if (e->epoch != epoch && !MUTANT(MUTANT_ASKED_BEFORE))
		e->lease = e->horizon = (struct asked){ 0 };
	e->epoch = epoch;
	return e;
}

static void waiting_add(struct core *c, struct lease_entry *e)
{
	if (e->prev)
		return;
	e->again_us = c->now_us + AGAIN_US;
	DL_APPEND(c->leases.asked, e);
}

static void waiting_remove(struct core *c, struct lease_entry *e)
{
	if (e->prev)
		DL_DELETE(c->leases.asked, e);
	e->prev = NULL;
}

void leases_gone(struct core *c, uint32_t spi_in)
{
	struct lease_entry *e = entry_find(c, spi_in);

	if (!e)
		return;
	waiting_remove(c, e);
	HASH_DEL(c->leases.entries, e);
	free(e);
}

/* ---- Rows ---- */

void leases_row(struct core *c, const struct seq_row *row)
{
	struct leases *q = &c->leases;

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

uint32_t leases_rows(const struct core *c)
{
	return c->leases.n_rows;
}

static void batch_send(struct core *c)
{
	struct leases *q = &c->leases;
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
		traffic = (uint64_t)((double)used * (double)TRAFFIC_US / (double)(c->now_us - a->us));
	if (traffic > WANT_MAX)
		traffic = WANT_MAX;
	return traffic > c->config->lease ? traffic : c->config->lease;
}

/* Asks for what is wanted from next on, where `has` is there already. False: it is on its
 * way. */
static bool ask(struct core *c, struct lease_entry *e, struct asked *a, uint64_t next, uint64_t has)
{
	uint64_t end;

	if (e->prev && a->end > has)
		return false;
	end = next + wanted(c, a, next);
	if (end < next) /* The end of 64 bits. */
		end = UINT64_MAX;
	if (end <= has) /* There is enough; but it is to report again. */
		end = has + 1;
	*a = (struct asked){ .end = end, .us = c->now_us, .next = next };
	waiting_add(c, e);
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
	struct lease_entry *e;
	uint64_t next;

	if (!s)
		return;
	lease = lease_at(&s->seq[i], r->epoch);
	next = r->seq < lease.start ? lease.start : r->seq > lease.end ? lease.end : r->seq;
	e = entry_get(c, r->spi_in, r->epoch);
	if (!ask(c, e, &e->lease, next, lease.end))
		return;
	row.end = e->lease.end;
	leases_row(c, &row);
}

void leases_horizon_low(struct core *c, uint32_t spi_in, int64_t epoch, uint64_t top,
			bool jumped)
{
	unsigned i;
	const struct session *s = ours(c, spi_in, epoch, &i);
	struct seq_row row = { .spi_in = spi_in, .epoch = epoch };
	struct lease_entry *e;

	if (!s || !horizon_exact(&s->seq[i]))
		return;
	e = entry_get(c, spi_in, epoch);
	/* It jumped up to there, over what was lost outside: that was no traffic. */
	if (jumped && e->horizon.end <= s->seq[i].horizon)
		e->horizon = (struct asked){ 0 };
	if (!ask(c, e, &e->horizon, top, s->seq[i].horizon))
		return;
	row.horizon = e->horizon.end;
	leases_row(c, &row);
}

/* What is still missing of what was asked for. False: nothing. */
static bool missing(const struct core *c, const struct lease_entry *e, struct seq_row *row)
{
	unsigned i;
	const struct session *s = state_session_by_spi(c->state, e->spi_in, &i);
	struct seq_lease lease;

	*row = (struct seq_row){ .spi_in = e->spi_in };
	if (!s || !core_owns(c, s))
		return false;
	row->epoch = session_epoch(c->state, s);
	if (row->epoch != e->epoch)
		return false;
	lease = lease_at(&s->seq[i], row->epoch);
	if (lease.end < e->lease.end && lease.end < s->seq[i].limit)
		row->end = e->lease.end;
	if (s->seq[i].horizon < e->horizon.end && !horizon_is_last(&s->seq[i]))
		row->horizon = e->horizon.end;
	return row->end != 0 || row->horizon != 0;
}

/* Those that were asked for a while ago: are they there? */
static void ask_again(struct core *c)
{
	struct lease_entry *e;

	while ((e = c->leases.asked) && c->now_us >= e->again_us) {
		struct seq_row row;

		waiting_remove(c, e);
		if (!missing(c, e, &row))
			continue;
		waiting_add(c, e);
		leases_row(c, &row);
	}
}

/* ---- Time ---- */

void leases_tick(struct core *c)
{
	ask_again(c);
	if (c->now_us >= c->leases.batch_at_us)
		batch_send(c);
}

uint64_t leases_deadline_us(const struct core *c)
{
	return c->leases.batch_at_us;
}

void leases_fini(struct core *c)
{
	struct lease_entry *e, *tmp;

	HASH_ITER(hh, c->leases.entries, e, tmp)
	{
		HASH_DEL(c->leases.entries, e);
		free(e);
	}
	free(c->leases.rows);
}

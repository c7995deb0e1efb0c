/* SPDX-License-Identifier: Apache-2.0 */
/* A cut: the octets of state_encode() as of one moment, written piece by piece while commands go on
 * being applied. For 100,000 sessions all of it takes half a second, too long for anybody who waits
 * for heartbeats or answers.
 *
 * Nothing is copied in advance. The head, some hundred octets, is written at once, and the rest in
 * order: tombstones, freed addresses, reports, sessions by id. When a command is about to change or remove
 * something that the cut has not reached yet, that is written first, out of order, and waits for
 * its turn: a *row*. What came later is known by its place: behind so many tombstones, above a
 * serial, above the last id. So each thing is written once, as it was when the cut began, and a
 * command pays at most for what it touches.
 *
 *   tombstones  go from the front only, in order: one that goes unwritten is the next one
 *   freed       also go from the middle: each has a serial, rows wait in `freed_rows`
 *   reports     likewise, by id; none changes
 *   sessions    a changed one carries its row; that of a deleted one is in `session_rows` */
#include "cluster/state/accounting_report.h"
#include "cluster/state/state_internal.h"
#include "proto/mutant.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define CUT_ROOM 4096u

enum cut_stage { CUT_TOMBSTONES, CUT_FREED, CUT_REPORTS, CUT_SESSIONS, CUT_WHOLE };

/* Rows of what is gone, in ascending order of key; those before `next` are written. */
struct rows {
	struct row {
		uint64_t key; /* Serial, or id. */
		struct blob *octets;
	} *row;
	size_t n, room, next;
};

struct state_cut {
	enum cut_stage stage;
	CBB out;
	struct codec codec;
	struct tombstone *tombstone;       /* The next one ... */
	uint32_t tombstones;               /* ... of so many. */
	struct freed *freed;               /* The next one that is still there ... */
	uint64_t freed_from, freed_end;    /* ... and the serials that are not written. */
	uint32_t n_freed;
	struct rows freed_rows;
	const struct accounting_report *report; /* As with freed. */
	uint64_t reports_after, last_report;    /* Ids that are not written: (reports_after, last_report]. */
	uint32_t n_reports;
	struct rows report_rows;
	uint64_t after, last;              /* The ids of sessions that are not written: (after, last]. */
	uint32_t n_sessions;
	struct rows session_rows;
};

/* ---- Rows ---- */

static void rows_add(struct rows *r, uint64_t key, struct blob *octets)
{
	size_t i = r->n;

	if (r->n == r->room) {
		r->room = r->room ? 2 * r->room : 16;
		r->row = realloc(r->row, r->room * sizeof(*r->row));
		assert(r->row);
	}
	/* What goes first is mostly what came first. */
	while (i > r->next && r->row[i - 1].key > key)
		i--;
	memmove(r->row + i + 1, r->row + i, (r->n - i) * sizeof(*r->row));
	r->row[i] = (struct row){key, octets};
	r->n++;
}

/* The key of the next one; UINT64_MAX: there is none. */
static uint64_t rows_key(const struct rows *r)
{
	return r->next < r->n ? r->row[r->next].key : UINT64_MAX;
}

static void rows_fini(struct rows *r)
{
	for (; r->next < r->n; r->next++)
		blob_unref(r->row[r->next].octets);
	free(r->row);
}

static void row_write(struct state_cut *x, struct blob *octets)
{
	int ok = CBB_add_bytes(&x->out, octets->data, octets->len);

	assert(ok);
	blob_unref(octets);
}

static void row_write_next(struct state_cut *x, struct rows *r)
{
	row_write(x, r->row[r->next++].octets);
}

/* Begins a row: what the codec writes now is beside the order. */
static struct codec row_begin(const struct state_cut *x, CBB *row)
{
	int ok = CBB_init(row, CUT_ROOM);

	assert(ok);
	return (struct codec){.out = row, .level = x->codec.level};
}

static struct blob *row_end(const struct codec *c, CBB *row)
{
	int ok = CBB_flush(row);
	struct blob *b;

	assert(ok && !c->bad);
	b = blob_new(CBB_data(row), CBB_len(row));
	CBB_cleanup(row); /* Cleanses: there are keys in it. */
	return b;
}

/* ---- Before a change ---- */

void cut_before_tombstone_goes(struct state *s, struct tombstone *t)
{
	struct state_cut *x = s->cut;

	if (!x || x->stage != CUT_TOMBSTONES || x->tombstones == 0 || x->tombstone != t)
		return;
	codec_tombstone(&x->codec, t);
	x->tombstone = t->hh.next;
	x->tombstones--;
}

void cut_before_freed_goes(struct state *s, struct freed *f)
{
	struct state_cut *x = s->cut;
	struct codec c;
	CBB row;

	if (!x || x->stage > CUT_FREED)
		return;
	if (x->freed == f)
		x->freed = f->hh.next; /* Also of one behind the end. */
	if (f->serial < x->freed_from || f->serial >= x->freed_end)
		return;
	c = row_begin(x, &row);
	codec_freed(&c, f);
	rows_add(&x->freed_rows, f->serial, row_end(&c, &row));
}

void cut_before_report_goes(struct state *s, struct accounting_report *r)
{
	struct state_cut *x = s->cut;
	struct codec c;
	CBB row;

	if (!x || x->stage > CUT_REPORTS)
		return;
	if (x->report == r)
		x->report = r->hh.next;
	if (r->id <= x->reports_after || r->id > x->last_report)
		return;
	c = row_begin(x, &row);
	codec_report(&c, s, r);
	rows_add(&x->report_rows, r->id, row_end(&c, &row));
}

static bool is_to_come(const struct state_cut *x, uint64_t id)
{
	return x->stage != CUT_WHOLE && id > x->after && id <= x->last;
}

void cut_before_session_changes(struct state *s, struct session_entry *e)
{
	struct state_cut *x = s->cut;
	struct codec c;
	CBB row;

	if (MUTANT(MUTANT_CUT_LATE))
		return;
	if (!x || e->row || !is_to_come(x, e->s.id))
		return;
	c = row_begin(x, &row);
	codec_session_record(&c, s, &e->s);
	e->row = row_end(&c, &row);
}

void cut_before_session_goes(struct state *s, struct session_entry *e)
{
	cut_before_session_changes(s, e);
	if (!e->row)
		return;
	rows_add(&s->cut->session_rows, e->s.id, e->row);
	e->row = NULL;
}

/* ---- Writing in order ---- */

/* Each writes one thing, or how many there are of the next kind. */

static void write_tombstone(struct state *s, struct state_cut *x)
{
	if (x->tombstones > 0) {
		cut_before_tombstone_goes(s, x->tombstone);
		return;
	}
	codec_u32(&x->codec, &x->n_freed);
	x->stage = CUT_FREED;
}

static void write_freed(struct state_cut *x)
{
	struct freed *f = x->freed && x->freed->serial < x->freed_end ? x->freed : NULL;

	if (rows_key(&x->freed_rows) < (f ? f->serial : UINT64_MAX)) {
		x->freed_from = rows_key(&x->freed_rows) + 1;
		row_write_next(x, &x->freed_rows);
		x->n_freed--;
	} else if (f) {
		x->freed_from = f->serial + 1;
		codec_freed(&x->codec, f);
		x->freed = f->hh.next;
		x->n_freed--;
	} else {
		assert(x->n_freed == 0);
		codec_u32(&x->codec, &x->n_reports);
		x->stage = CUT_REPORTS;
	}
}

static void write_report(struct state *s, struct state_cut *x)
{
	struct accounting_report *r = (struct accounting_report *)x->report;

	if (r && r->id > x->last_report)
		r = NULL;
	if (rows_key(&x->report_rows) < (r ? r->id : UINT64_MAX)) {
		x->reports_after = rows_key(&x->report_rows);
		row_write_next(x, &x->report_rows);
		x->n_reports--;
	} else if (r) {
		x->reports_after = r->id;
		codec_report(&x->codec, s, r);
		x->report = r->hh.next;
		x->n_reports--;
	} else {
		assert(x->n_reports == 0);
		codec_u32(&x->codec, &x->n_sessions);
		x->stage = CUT_SESSIONS;
	}
}

static void write_session(struct state *s, struct state_cut *x)
{
	struct session *next = (struct session *)state_next_session(s, x->after);
	struct session_entry *e = next && next->id <= x->last ? session_entry_of(next) : NULL;

	if (rows_key(&x->session_rows) < (e ? e->s.id : UINT64_MAX)) {
		x->after = rows_key(&x->session_rows);
		row_write_next(x, &x->session_rows);
		x->n_sessions--;
	} else if (e) {
		x->after = e->s.id;
		if (e->row)
			row_write(x, e->row);
		else
			codec_session_record(&x->codec, s, &e->s);
		e->row = NULL;
		x->n_sessions--;
	} else {
		assert(x->n_sessions == 0);
		x->stage = CUT_WHOLE;
	}
}

/* ---- The face ---- */

void state_cut_begin(struct state *s)
{
	struct state_cut *x = calloc(1, sizeof(*x));
	int ok = x && CBB_init(&x->out, CUT_ROOM);

	assert(ok);
	state_cut_drop(s);
	s->cut = x;
	x->codec = (struct codec){.out = &x->out};
	x->tombstone = s->tombstones;
	x->tombstones = HASH_CNT(hh, s->tombstones);
	x->freed = s->freed;
	x->freed_end = s->freed_serial;
	x->n_freed = HASH_CNT(hh, s->freed);
	x->report = s->reports;
	x->last_report = s->last_report;
	x->n_reports = HASH_CNT(hh, s->reports);
	x->last = s->last_session;
	x->n_sessions = (uint32_t)state_sessions(s);
	codec_head(&x->codec, s, s->level);
	codec_u32(&x->codec, &x->tombstones);
}

struct blob *state_cut_next(struct state *s, size_t octets, bool *whole)
{
	struct state_cut *x = s->cut;
	struct blob *b;
	int ok = 1;

	assert(x);
	do {
		if (x->stage == CUT_TOMBSTONES)
			write_tombstone(s, x);
		else if (x->stage == CUT_FREED)
			write_freed(x);
		else if (x->stage == CUT_REPORTS)
			write_report(s, x);
		else
			write_session(s, x);
		ok = CBB_flush(&x->out);
	} while (ok && x->stage != CUT_WHOLE && CBB_len(&x->out) < octets);
	assert(ok && !x->codec.bad);
	b = blob_new(CBB_data(&x->out), CBB_len(&x->out));
	CBB_cleanup(&x->out); /* Cleanses. */
	ok = CBB_init(&x->out, CUT_ROOM);
	assert(ok);
	*whole = x->stage == CUT_WHOLE;
	if (*whole)
		state_cut_drop(s);
	return b;
}

void state_cut_drop(struct state *s)
{
	struct state_cut *x = s->cut;

	if (!x)
		return;
	/* Rows that sessions still carry: none, if it is whole. */
	for (const struct session *next = state_next_session(s, x->after);
	     next && next->id <= x->last; next = state_next_session(s, next->id))
		blob_set(&session_entry_of((struct session *)next)->row, NULL);
	rows_fini(&x->freed_rows);
	rows_fini(&x->report_rows);
	rows_fini(&x->session_rows);
	CBB_cleanup(&x->out);
	free(x);
	s->cut = NULL;
}

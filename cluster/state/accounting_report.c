/* SPDX-License-Identifier: Apache-2.0 */
/* Reports to RADIUS, from what they tell of until somebody has answered.
 *
 * A Start is made by SessionPut; an Interim-Update when the leader says that it is time; a Stop by the very
 * command that takes the session's traffic from it, whichever that is. So there is one of each, and it says what
 * the log says: counters are the committed ones (session_volume()), which no owner has fallen below.
 * What is not answered stays here, and the next leader sends the same octets, for all that
 * they are made of is here, the RADIUS identifier too. A report that nobody has answered for long gets a new id, and
 * with it another identifier and delay (RFC 2866 5.2).
 *
 * A server that is away for long must not fill the state: the oldest report makes room, and is counted. */
#include "cluster/state/accounting_report.h"

#include "cluster/state/state_internal.h"
#include "proto/mutant.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static uint64_t accounting_key(uint64_t session, uint8_t status)
{
	return session << 2 | status; /* Three of them. */
}

/* ---- Reading ---- */

const struct accounting_report *state_next_report(const struct state *s, const struct accounting_report *after)
{
	return after ? after->hh.next : s->reports;
}

static struct accounting_report *find(const struct state *s, uint64_t id)
{
	struct accounting_report *r;

	HASH_FIND(hh, s->reports, &id, sizeof(id), r);
	return r;
}

const struct accounting_report *state_report(const struct state *s, uint64_t id)
{
	return find(s, id);
}

static struct accounting_report *find_of(const struct state *s, uint64_t session, uint8_t status)
{
	uint64_t key = accounting_key(session, status);
	struct accounting_report *r;

	HASH_FIND(by_key, s->reports_by_key, &key, sizeof(key), r);
	return r;
}

const struct accounting_report *state_report_of(const struct state *s, uint64_t session, uint8_t status)
{
	return find_of(s, session, status);
}

size_t state_reports(const struct state *s)
{
	return HASH_CNT(hh, s->reports);
}

uint64_t state_reports_lost(const struct state *s)
{
	return s->reports_lost;
}

bool state_report_is_due(const struct state *s, const struct session *session)
{
	const struct ike_account *a = &session->ike.account;

	return a->kept && a->interim_s != 0 && !session_ends(session) &&
	       s->time_ms - session->reported_ms >= a->interim_s * UINT64_C(1000) &&
	       state_reports(s) < ACCOUNTING_INTERIM_MAX &&
	       !find_of(s, session->id, RADIUS_STATUS_INTERIM);
}

/* ---- Coming and going ---- */

static void report_free(struct accounting_report *r)
{
	blob_unref(r->attributes);
	free(r);
}

static void report_take_out(struct state *s, struct accounting_report *r)
{
	cut_before_report_goes(s, r);
	HASH_DEL(s->reports, r);
	HASH_DELETE(by_key, s->reports_by_key, r);
}

static void report_drop(struct state *s, struct accounting_report *r)
{
	if (!r)
		return;
	report_take_out(s, r);
	report_free(r);
}

bool accounting_insert(struct state *s, struct accounting_report *r)
{
	if (find_of(s, r->session, r->status) || state_reports(s) >= ACCOUNTING_MAX) {
		report_free(r);
		return false;
	}
	r->key = accounting_key(r->session, r->status);
	HASH_ADD(hh, s->reports, id, sizeof(r->id), r);
	HASH_ADD(by_key, s->reports_by_key, key, sizeof(r->key), r);
	return true;
}

static void put(struct state *s, struct accounting_report *r)
{
	bool inserted;

	r->id = ++s->last_report;
	r->given_ms = s->time_ms;
	inserted = accounting_insert(s, r);
	assert(inserted);
}

static void report_make(struct state *s, struct session_entry *e, uint8_t status, uint8_t cause)
{
	const struct ike_session *ike = &e->s.ike;
	struct accounting_report *r = calloc(1, sizeof(*r));

	assert(r);
	if (state_reports(s) >= ACCOUNTING_MAX) {
		report_drop(s, s->reports);
		s->reports_lost++;
	}
	r->session = e->s.id;
	r->spi = e->s.spi;
	r->status = status;
	r->cause = cause;
	r->made_ms = s->time_ms;
	r->unix_s = s->unix_s;
	if (status != RADIUS_STATUS_START) {
		uint64_t since_s = s->time_ms > ike->established_ms ? (s->time_ms - ike->established_ms) / 1000 : 0;

		r->session_s = since_s < UINT32_MAX ? (uint32_t)since_s : UINT32_MAX;
		r->volume = session_volume(&e->s);
		if (MUTANT(MUTANT_ACCOUNT_ABOVE))
			volume_add(&r->volume, &e->s.gone);
	}
	r->framed = address_key(&ike->virtual_ip);
	r->called = address_key(&ike->local.address);
	r->calling = address_key(&ike->remote.address);
	r->attributes = blob_ref(ike->account.attributes);
	put(s, r);
	cut_before_session_changes(s, e);
	e->s.reported_ms = s->time_ms;
}

/* ---- What there is to tell ---- */

void accounting_start(struct state *s, struct session_entry *e)
{
	if (e->s.ike.account.kept)
		report_make(s, e, RADIUS_STATUS_START, 0);
}

void accounting_stop(struct state *s, struct session_entry *e, uint8_t cause)
{
	bool told = session_ends(&e->s);

	if (MUTANT(MUTANT_STOP_TWICE))
		told = false;
	if (!e->s.ike.account.kept || told)
		return;
	report_drop(s, find_of(s, e->s.id, RADIUS_STATUS_STOP)); /* There is none. */
	report_drop(s, find_of(s, e->s.id, RADIUS_STATUS_INTERIM)); /* The Stop says more. */
	report_make(s, e, RADIUS_STATUS_STOP, cause);
}

/* What of the same session waits for it goes with it: so whatever stands in front and cannot be told yet has
 * in front of it what can, and the leader need not look far. */
static void again(struct state *s, struct accounting_report *r)
{
	static const uint8_t behind[] = {RADIUS_STATUS_INTERIM, RADIUS_STATUS_STOP};

	report_take_out(s, r);
	put(s, r);
	for (size_t i = 0; i < sizeof(behind) && r->status == RADIUS_STATUS_START; i++) {
		struct accounting_report *waits = find_of(s, r->session, behind[i]);

		if (!waits)
			continue;
		report_take_out(s, waits);
		put(s, waits);
	}
}

void apply_accounting(struct state *s, const struct accounting_command *c, struct apply_result *result)
{
	result->status = ERR_NOT_FOUND;
	for (uint32_t i = 0; i < c->n; i++) {
		struct accounting_report *r = c->verdict == ACCOUNTING_INTERIM ? NULL : find(s, c->id[i]);
		struct session_entry *e = c->verdict == ACCOUNTING_INTERIM ? session_find(s, c->id[i]) : NULL;

		if (e && state_report_is_due(s, &e->s))
			report_make(s, e, RADIUS_STATUS_INTERIM, 0);
		else if (r && c->verdict == ACCOUNTING_DONE)
			report_drop(s, r);
		else if (r)
			again(s, r);
		else
			continue;
		result->status = OK;
	}
}

void accounting_fini(struct state *s)
{
	struct accounting_report *r, *next;

	HASH_CLEAR(by_key, s->reports_by_key);
	HASH_ITER(hh, s->reports, r, next)
	{
		HASH_DEL(s->reports, r);
		report_free(r);
	}
}

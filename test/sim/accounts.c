/* SPDX-License-Identifier: Apache-2.0 */
/* What RADIUS servers are told of sessions. The servers together hear of each session one Start and one Stop:
 * whatever is told again, to the same server or to the other, says the same, except when it is told
 * (Acct-Delay-Time). A Stop comes after the Start, and never says more than has passed (I11). In the end
 * everything that happened was told, or waits in the state. */
#include "test/sim/radius.h"

#include "cluster/state/accounting_report.h"

#include <uthash.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct account {
	uint64_t session;
	uint64_t start, stop; /* Hashes of what was said; 0: nothing yet. */
	struct volume passed;
	UT_hash_handle hh;
};

struct accounts {
	struct account *by_session;
};

struct accounts *accounts_new(void)
{
	struct accounts *a = calloc(1, sizeof(*a));

	assert(a);
	return a;
}

void accounts_free(struct accounts *a)
{
	struct account *x, *next;

	HASH_ITER(hh, a->by_session, x, next)
	{
		HASH_DEL(a->by_session, x);
		free(x);
	}
	free(a);
}

static struct account *account_of(struct full *f, uint64_t session)
{
	struct account *x;

	HASH_FIND(hh, f->accounts->by_session, &session, sizeof(session), x);
	if (x)
		return x;
	x = calloc(1, sizeof(*x));
	assert(x);
	x->session = session;
	HASH_ADD(hh, f->accounts->by_session, session, sizeof(x->session), x);
	return x;
}

void accounts_passed(struct full *f, uint64_t session, const struct volume *v)
{
	struct account *x = f->accounts ? account_of(f, session) : NULL;

	if (!x)
		return;
	x->passed.octets_in += v->octets_in;
	x->passed.octets_out += v->octets_out;
	x->passed.packets_in += v->packets_in;
	x->passed.packets_out += v->packets_out;
}

static uint32_t number(struct full *f, const struct radius *r, uint8_t type)
{
	uint32_t v;
	CBS value;

	if (!radius_find(r, type, &value) || CBS_len(&value) != 4 || !CBS_get_u32(&value, &v))
		world_fail(&f->world, "accounting: attribute %u is missing or no number", type);
	return v;
}

static uint64_t what_it_says(const struct radius *r)
{
	struct radius_attribute a;
	CBS rest = r->attributes;
	uint64_t hash = 1;

	while (radius_next(&rest, &a))
		if (a.type != RADIUS_ACCT_DELAY_TIME)
			hash = hash * 31 + a.type + seen_hash(CBS_data(&a.value), CBS_len(&a.value));
	return hash ? hash : 1;
}

/* So little passes in a run that octets need no Gigawords. */
static bool is_true(struct full *f, const struct radius *r, const struct account *x)
{
	return number(f, r, RADIUS_ACCT_INPUT_OCTETS) <= x->passed.octets_in &&
	       number(f, r, RADIUS_ACCT_OUTPUT_OCTETS) <= x->passed.octets_out &&
	       number(f, r, RADIUS_ACCT_INPUT_PACKETS) <= x->passed.packets_in &&
	       number(f, r, RADIUS_ACCT_OUTPUT_PACKETS) <= x->passed.packets_out;
}

void accounts_told(struct full *f, const struct radius *r)
{
	uint32_t status = number(f, r, RADIUS_ACCT_STATUS_TYPE);
	uint64_t session, spi, hash = what_it_says(r), *said;
	struct account *x;
	CBS id;

	if (f->checkers.i1.rolled_back)
		return; /* Sessions have the numbers of those that were forgotten. */
	if (!radius_find(r, RADIUS_ACCT_SESSION_ID, &id) || !radius_session_id_parse(&session, &spi, id))
		world_fail(&f->world, "accounting: a report names no session");
	x = account_of(f, session);
	said = status == RADIUS_STATUS_START ? &x->start : &x->stop;
	if (status != RADIUS_STATUS_START && status != RADIUS_STATUS_STOP)
		world_fail(&f->world, "accounting: status %u of session %llu", status, (unsigned long long)session);
	if (status == RADIUS_STATUS_STOP && !x->start)
		world_fail(&f->world, "accounting: session %llu ends, and nobody was told that it began",
			   (unsigned long long)session);
	if (*said && *said != hash)
		world_fail(&f->world, "accounting: the %s of session %llu is told twice, and not the same way",
			   status == RADIUS_STATUS_START ? "begin" : "end", (unsigned long long)session);
	if (status == RADIUS_STATUS_STOP && !is_true(f, r, x))
		world_fail(&f->world, "I11: RADIUS is told that session %llu has carried more than it has",
			   (unsigned long long)session);
	*said = hash;
	f->radius_reports++;
}

void accounts_end(struct full *f)
{
	const struct state *s = core_state(node_core(&f->world.host[0]));
	struct account *x, *next;

	if (!f->accounts)
		return;
	HASH_ITER(hh, f->accounts->by_session, x, next)
	{
		const struct session *session = state_session(s, x->session);
		bool lives = session && !session_ends(session);

		if (!x->start && !state_report_of(s, x->session, RADIUS_STATUS_START))
			world_fail(&f->world, "accounting: nobody is ever told that session %llu began",
				   (unsigned long long)x->session);
		if (!lives && !x->stop && !state_report_of(s, x->session, RADIUS_STATUS_STOP))
			world_fail(&f->world, "accounting: nobody is ever told that session %llu has ended",
				   (unsigned long long)x->session);
		if (lives && x->stop)
			world_fail(&f->world, "accounting: session %llu goes on, and was told to have ended",
				   (unsigned long long)x->session);
	}
}

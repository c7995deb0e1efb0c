/* SPDX-License-Identifier: Apache-2.0 */
/* The leader tells RADIUS what the state has to tell (cluster/state/accounting_report.h), in the
 * order of that: each report once there is no earlier one of its session, and so many at a time.
 * All octets follow from the state and the policy, and they leave from the place where
 * Access-Requests do (radius_port.c), so who leads next sends the same ones, which to the server
 * are a repetition (RFC 5080 2.2.2).
 *
 * When. A request is sent again after 1 s and 2 s; after 5 s the next server gets it. If nobody
 * answers a Start or a Stop is made anew (ACCOUNTING_AGAIN), an Interim-Update dropped. A server
 * that was silent is *dead* for 30 s, and then gets one report at a time until it answers; while
 * all are dead nothing is sent, and no Interim-Update made. No session waits for any of this.
 *
 * An answer counts if it is right for what was asked there under its identifier (RFC 2866 3). Then
 * the report is taken out of the state by a command; who leads before that has come repeats it. */
#include "cluster/core/accounting.h"

#include "cluster/core/policy.h"
#include "cluster/core/proposals.h"
#include "cluster/core/radius_port.h"
#include "cluster/core/rooms.h"
#include "cluster/state/accounting_report.h"
#include "proto/mutant.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define TRIES 3u
#define OPEN_MAX 64u              /* Reports that wait for an answer; of a server that was silent: 1. */
#define LOOK_MAX 256u             /* Reports that are looked at in a tick. */
#define DEAD_US (30000 * MS)
#define AGAIN_US (50 * MS)        /* It could not leave, or its identifier is in use. */
#define PROPOSED_US (1000 * MS)   /* So long a command may take. */
#define TICK_US (20 * MS)
#define PASS 250u                 /* Ticks in which all sessions are looked at: 5 s of a minute or more. */
static const uint64_t again_us[TRIES] = {1000 * MS, 2000 * MS, 2000 * MS};

struct accountant {
	struct endpoint at;
	uint64_t dead_until_us, heard_us;
	bool silent;               /* Since it was dead last. */
	struct telling *by_id[256];
};

struct telling {
	uint64_t id;               /* The report's. */
	struct blob *packet;
	size_t now;                /* The server; n: none yet. */
	bool tried[IKE_RADIUS_MAX];
	unsigned sent;
	uint64_t since_us, next_us;
	uint8_t verdict;           /* It is over: enum accounting_verdict; 0: it is not. */
	UT_hash_handle hh;
};

struct accounting {
	struct accountant server[IKE_RADIUS_MAX]; /* Those of the policy that take accounts. */
	size_t n;
	struct telling *tellings;
	uint64_t next_us;
	uint64_t looked;           /* Sessions up to here. */
	uint64_t lost;             /* How many of state_reports_lost() were said. */
	struct command command[ACCOUNTING_INTERIM + 1]; /* By verdict: what this tick proposes. */
};

/* ---- What is proposed ---- */

static void flush(struct core *c, enum accounting_verdict verdict)
{
	struct command *p = &c->accounting->command[verdict];

	if (p->accounting.n == 0)
		return;
	p->type = COMMAND_ACCOUNTING;
	p->accounting.verdict = (uint8_t)verdict;
	proposals_add(c, URGENT_NOTICE, p);
	memset(p, 0, sizeof(*p));
}

static void propose(struct core *c, enum accounting_verdict verdict, uint64_t id)
{
	struct accounting_command *p = &c->accounting->command[verdict].accounting;

	p->id[p->n++] = id;
	if (p->n == ACCOUNTING_IDS_MAX)
		flush(c, verdict);
}

/* ---- Servers ---- */

static struct accountant *server_at(const struct core *c, const struct endpoint *at)
{
	for (size_t i = 0; i < c->accounting->n; i++)
		if (endpoint_equal(&c->accounting->server[i].at, at))
			return &c->accounting->server[i];
	return NULL;
}

static struct accountant *server_of(const struct core *c, const struct telling *t)
{
	return t->now < c->accounting->n ? &c->accounting->server[t->now] : NULL;
}

static void let_go(struct core *c, struct telling *t)
{
	struct accountant *s = server_of(c, t);

	if (s && s->by_id[t->id & 0xff] == t)
		s->by_id[t->id & 0xff] = NULL;
}

static const struct secret *secret_of(const struct core *c, const struct accountant *s)
{
	const struct ike_config *ike = &c->in_force->ike;
	size_t i = 0;

	while (!endpoint_equal(&ike->radius[i].accounting, &s->at))
		i++; /* It is there: accounting_policy(). */
	return &ike->radius[i].secret;
}

/* Those that are not dead, in the order of the policy, those that were silent last. False: there is none that was not
 * tried. */
static bool choose(const struct core *c, struct telling *t)
{
	const struct accounting *x = c->accounting;
	size_t best = x->n;

	for (size_t i = x->n; i > 0; i--)
		if (!t->tried[i - 1] && c->now_us >= x->server[i - 1].dead_until_us &&
		    (best == x->n || !x->server[i - 1].silent || x->server[best].silent))
			best = i - 1;
	if (best == x->n)
		return false;
	t->now = best;
	t->tried[best] = true;
	t->sent = 0;
	t->since_us = c->now_us;
	return true;
}

static void find_dead(struct core *c, struct accountant *s, const struct telling *t)
{
	char at[ENDPOINT_TEXT_LEN];

	if (s->heard_us >= t->since_us)
		return; /* It answers others. */
	if (!s->silent)
		action_event(c->actions, "accounting_silent",
			     "RADIUS accounting at %s does not answer; reports that wait: %zu",
			     endpoint_format(&s->at, at), state_reports(c->state));
	s->silent = true;
	s->dead_until_us = c->now_us + DEAD_US;
}

static void find_alive(struct core *c, struct accountant *s)
{
	char at[ENDPOINT_TEXT_LEN];

	if (s->silent)
		action_event(c->actions, "accounting", "RADIUS accounting at %s answers again",
			     endpoint_format(&s->at, at));
	s->silent = false;
	s->dead_until_us = 0;
	s->heard_us = c->now_us;
}

/* ---- One report ---- */

static struct blob *packet_of(const struct core *c, const struct accounting_report *r, const struct accountant *s)
{
	struct radius_accounting a = {
		.status = r->status,
		.cause = r->cause,
		.session = r->session,
		.spi = r->spi,
		.nas_identifier = c->in_force->ike.nas_identifier,
		.framed = r->framed,
		.called = r->called,
		.calling = r->calling,
		.session_s = r->session_s,
		.volume = r->volume,
		.event_unix_s = r->unix_s,
		.delay_s = (uint32_t)((r->given_ms - r->made_ms) / 1000),
	};

	CBS_init(&a.attributes, r->attributes->data, r->attributes->len);
	return radius_accounting_request(&a, (uint8_t)r->id, secret_of(c, s));
}

static void telling_free(struct core *c, struct telling *t)
{
	let_go(c, t);
	HASH_DEL(c->accounting->tellings, t);
	blob_unref(t->packet);
	free(t);
}

static void over(struct core *c, struct telling *t, enum accounting_verdict verdict)
{
	let_go(c, t);
	t->verdict = (uint8_t)verdict;
	t->next_us = c->now_us;
}

/* It is due, and not over. */
static void advance(struct core *c, struct telling *t, const struct accounting_report *r)
{
	struct accountant *s = server_of(c, t);

	if (s && t->sent == TRIES)
		find_dead(c, s, t);
	if (!s || t->sent == TRIES) {
		let_go(c, t);
		if (!choose(c, t)) {
			over(c, t, r->status == RADIUS_STATUS_INTERIM ? ACCOUNTING_DONE : ACCOUNTING_AGAIN);
			return;
		}
		s = server_of(c, t);
		blob_set(&t->packet, packet_of(c, r, s));
	}
	t->next_us = c->now_us + AGAIN_US;
	if (!t->packet) {
		over(c, t, ACCOUNTING_DONE); /* It fits: attributes have their bound. */
		return;
	}
	if ((s->by_id[t->id & 0xff] && s->by_id[t->id & 0xff] != t) || !radius_send(c, &s->at, t->packet))
		return;
	s->by_id[t->id & 0xff] = t;
	t->next_us = c->now_us + again_us[t->sent++];
	if (MUTANT(MUTANT_STOP_LOST))
		over(c, t, ACCOUNTING_DONE);
}

static void look_open(struct core *c)
{
	struct telling *t, *next;

	HASH_ITER(hh, c->accounting->tellings, t, next)
	{
		const struct accounting_report *r = state_report(c->state, t->id);

		if (!r) {
			telling_free(c, t);
		} else if (c->now_us < t->next_us) {
			continue;
		} else if (!t->verdict) {
			advance(c, t, r);
		}
		if (r && t->verdict && c->now_us >= t->next_us) {
			propose(c, t->verdict, t->id);
			t->next_us = c->now_us + PROPOSED_US;
		}
	}
}

/* ---- Those that wait ---- */

static bool is_first(const struct core *c, const struct accounting_report *r)
{
	return r->status == RADIUS_STATUS_START ||
	       (!state_report_of(c->state, r->session, RADIUS_STATUS_START) &&
		(r->status == RADIUS_STATUS_INTERIM ||
		 !state_report_of(c->state, r->session, RADIUS_STATUS_INTERIM)));
}

/* How many may be open now; 0: all servers are dead. */
static size_t open_max(const struct core *c)
{
	const struct accounting *x = c->accounting;
	size_t max = 0;

	for (size_t i = 0; i < x->n; i++)
		if (c->now_us >= x->server[i].dead_until_us && max < OPEN_MAX)
			max = x->server[i].silent ? 1 : OPEN_MAX;
	return max;
}

static void look_waiting(struct core *c)
{
	const struct accounting_report *r = NULL;
	size_t max = open_max(c);
	struct telling *t;

	for (unsigned i = 0; i < LOOK_MAX && HASH_COUNT(c->accounting->tellings) < max; i++) {
		r = state_next_report(c->state, r);
		if (!r)
			return;
		HASH_FIND(hh, c->accounting->tellings, &r->id, sizeof(r->id), t);
		if (t || !is_first(c, r))
			continue;
		t = calloc(1, sizeof(*t));
		assert(t);
		t->id = r->id;
		t->now = IKE_RADIUS_MAX;
		HASH_ADD(hh, c->accounting->tellings, id, sizeof(t->id), t);
		advance(c, t, r);
	}
}

/* Nobody takes accounts any more. One node with an old file must not say so: what is dropped is gone for
 * all. */
static void drop_waiting(struct core *c)
{
	const struct accounting_report *r = NULL;

	if (!policy_is_shown(c))
		return;
	for (unsigned i = 0; i < LOOK_MAX && (r = state_next_report(c->state, r)) != NULL; i++)
		propose(c, ACCOUNTING_DONE, r->id);
}

/* A part of the sessions: all of them within 5 s, and an Interim-Update is that much late at most. */
static void look_sessions(struct core *c)
{
	struct accounting *x = c->accounting;
	size_t n = state_sessions(c->state) / PASS + 1;

	for (; n > 0; n--) {
		const struct session *s = state_next_session(c->state, x->looked);

		x->looked = s ? s->id : 0;
		if (!s)
			return;
		if (state_report_is_due(c->state, s))
			propose(c, ACCOUNTING_INTERIM, s->id);
	}
}

static void look_lost(struct core *c)
{
	struct accounting *x = c->accounting;
	uint64_t lost = state_reports_lost(c->state);

	if (lost > x->lost)
		action_event(c->actions, "accounting_lost",
			     "RADIUS accounting: %llu reports found no room, for %zu wait already",
			     (unsigned long long)(lost - x->lost), state_reports(c->state));
	x->lost = lost;
}

void accounting_tick(struct core *c)
{
	struct accounting *x = c->accounting;

	if (c->now_us < x->next_us || !core_leads(c))
		return;
	x->next_us = c->now_us + (x->n == 0 ? 50 * TICK_US : TICK_US);
	look_open(c);
	if (x->n == 0)
		drop_waiting(c);
	else
		look_waiting(c);
	if (open_max(c) > 0)
		look_sessions(c);
	look_lost(c);
	for (unsigned verdict = ACCOUNTING_DONE; verdict <= ACCOUNTING_INTERIM; verdict++)
		flush(c, verdict);
}

/* ---- In ---- */

static bool accepts(const struct core *c, const struct accountant *s, const struct telling *t,
		    const uint8_t *data, size_t len)
{
	struct radius request, answer;
	CBS asked, in;

	CBS_init(&asked, t->packet->data, t->packet->len);
	CBS_init(&in, data, len);
	return radius_parse(&request, asked) == OK && radius_parse(&answer, in) == OK &&
	       answer.code == RADIUS_ACCOUNTING_RESPONSE &&
	       radius_is_accounted(&answer, &request, secret_of(c, s));
}

bool accounting_datagram(struct core *c, const struct endpoint *remote, const uint8_t *data, size_t len)
{
	struct accountant *s = server_at(c, remote);
	struct telling *t = s && len >= RADIUS_HEADER_LEN ? s->by_id[data[1]] : NULL;

	if (!s)
		return false;
	if (!t || !accepts(c, s, t, data, len)) {
		core_drop(c, DROP_RADIUS);
		return true;
	}
	find_alive(c, s);
	over(c, t, ACCOUNTING_DONE);
	return true;
}

/* ---- Life ---- */

static void forget_all(struct core *c)
{
	struct telling *t, *next;

	HASH_ITER(hh, c->accounting->tellings, t, next)
		telling_free(c, t);
}

void accounting_policy(struct core *c)
{
	const struct ike_config *ike = &c->in_force->ike;
	struct accounting *x = c->accounting;
	struct accountant old[IKE_RADIUS_MAX];
	size_t n_old = x->n;

	forget_all(c);
	memcpy(old, x->server, sizeof(old));
	memset(x->server, 0, sizeof(x->server));
	x->n = 0;
	x->next_us = 0;
	for (size_t i = 0; i < ike->n_radius; i++) {
		struct accountant *s = &x->server[x->n];

		if (ike->radius[i].accounting.address.family == 0)
			continue;
		for (size_t k = 0; k < n_old; k++)
			if (endpoint_equal(&old[k].at, &ike->radius[i].accounting))
				*s = old[k];
		s->at = ike->radius[i].accounting;
		x->n++;
	}
}

void accounting_role(struct core *c)
{
	forget_all(c);
	c->accounting->lost = state_reports_lost(c->state);
}

void accounting_init(struct core *c)
{
	c->accounting = core_room(sizeof(*c->accounting));
	accounting_policy(c);
}

void accounting_end(struct core *c)
{
	forget_all(c);
	free(c->accounting);
}

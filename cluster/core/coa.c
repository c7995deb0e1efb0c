/* SPDX-License-Identifier: Apache-2.0 */
/* Disconnect- and CoA-Requests (RFC 5176). They may arrive at any node, which passes them to the
 * leader, and the answer leaves from where the request arrived.
 *
 * A request counts if it comes from the address of a [[radius]] with `coa`, is signed with its
 * secret by a Message-Authenticator, and has an Event-Timestamp at most RADIUS_COA_WINDOW_S from
 * what our wall clock shows. All others are dropped and counted, without an answer (6.1, 6.3);
 * from such an address, the log says why now and then. One command carries a request out, with
 * what is to be answered, and the answer leaves once that is applied: cluster/state/coa_done.c has
 * what makes a repetition harmless.
 *
 * Only sessions that RADIUS has let in are found. */
#include "cluster/core/coa.h"

#include "cluster/core/outgoing.h"
#include "cluster/core/proposals.h"
#include "cluster/core/rooms.h"
#include "cluster/core/wall_clock.h"
#include "cluster/state/coa_done.h"
#include "proto/auth/eap_auth.h"
#include "proto/auth/method.h"
#include "proto/auth/radius_coa.h"
#include "proto/crypto/prf.h"
#include "proto/mutant.h"

#include <stdlib.h>
#include <string.h>

#define WAITING_MAX 64u
#define WAITING_US (5000 * MS) /* Then it is forgotten, and the server asks again. */
#define LINE_US (10000 * MS)   /* Between two lines about requests that do not count. */
#define SHARE_MAX 8u           /* Sessions that have had one address, one after the other. */

struct coa {
	struct coa_waiting { /* A request until it is applied. */
		uint8_t hash[IKE_HASH_LEN];
		uint32_t via;
		struct endpoint local, remote;
		struct blob *packet; /* NULL: this place is free. */
		uint64_t until_us;
	} waiting[WAITING_MAX];
	unsigned n;       /* So many wait. */
	uint64_t line_us; /* The next line may be logged. */
};

bool coa_is_for(const struct core *c, const struct endpoint *local)
{
	return c->config->coa.port != 0 && local->port == c->config->coa.port;
}

/* ---- Who asks ---- */

static bool may_ask(const struct ike_radius *server, const struct endpoint *remote)
{
	bool from_there = address_equal(&server->address.address, &remote->address);

	if (MUTANT(MUTANT_COA_ANY_SOURCE))
		from_there = true;
	return server->coa && from_there;
}

static bool is_known(const struct core *c, const struct endpoint *remote)
{
	const struct ike_config *ike = &c->in_force->ike;

	for (size_t i = 0; i < ike->n_radius; i++)
		if (may_ask(&ike->radius[i], remote))
			return true;
	return false;
}

/* Two [[radius]] may have one address, with a secret each. NULL: none of their secrets signs r. */
static const struct ike_radius *signer(const struct core *c, const struct endpoint *remote, const struct radius *r)
{
	const struct ike_config *ike = &c->in_force->ike;

	for (size_t i = 0; i < ike->n_radius; i++)
		if (may_ask(&ike->radius[i], remote) && radius_is_coa(r, &ike->radius[i].secret))
			return &ike->radius[i];
	return NULL;
}

static void ignore(struct core *c, const struct endpoint *remote, const char *why)
{
	char at[ENDPOINT_TEXT_LEN];

	core_drop(c, DROP_RADIUS);
	if (c->now_us < c->coa->line_us)
		return;
	c->coa->line_us = c->now_us + LINE_US;
	action_event(c->actions, "coa_ignored", "request from RADIUS server %s: %s; it gets no answer",
		     endpoint_format(remote, at), why);
}

/* NULL: it is. */
static const char *why_not_fresh(const struct core *c, const struct radius_coa *q)
{
	uint64_t now = wall_clock_unix_s(c);
	uint64_t apart = now > q->event_unix_s ? now - q->event_unix_s : q->event_unix_s - now;

	if (MUTANT(MUTANT_COA_STALE))
		return NULL;
	if (q->event_unix_s == 0)
		return "it has no Event-Timestamp: have the server send one";
	if (now == 0)
		return "this node does not know the time, so it cannot tell whether the request is recent";
	if (apart > RADIUS_COA_WINDOW_S)
		return "its Event-Timestamp is more than 300 s from this node's clock: it was recorded, or a clock is wrong";
	return NULL;
}

/* ---- Which sessions ---- */

static bool is_radius(const struct core *c, const struct session *s)
{
	const struct ike_connection *connection = core_connection(c, s);

	return s->ike.account.kept || (connection && connection->auth == &ike_auth_eap_radius);
}

static bool is_station(CBS value, const struct address *a)
{
	char text[ADDRESS_TEXT_LEN];

	if (CBS_len(&value) == 0)
		return true;
	address_format(a, text);
	return CBS_len(&value) == strlen(text) && memcmp(CBS_data(&value), text, strlen(text)) == 0;
}

static bool fits(const struct core *c, const struct radius_coa *q, const struct ike_id *name, const struct session *s)
{
	return is_radius(c, s) && !session_ends(s) &&
	       (!q->has_session || (s->id == q->session && s->spi == q->spi)) &&
	       (name->len == 0 || ike_id_equal(name, &s->ike.peer_id)) &&
	       (q->framed.family == 0 || address_equal(&q->framed, &s->ike.virtual_ip)) &&
	       is_station(q->called, &s->ike.local.address) && is_station(q->calling, &s->ike.remote.address);
}

static void choose_one(const struct core *c, const struct radius_coa *q, const struct ike_id *name,
		       struct coa_command *p)
{
	const struct session *s = state_session(c->state, q->session);

	if (s && fits(c, q, name, s))
		p->session[p->n++] = s->id;
}

/* Also those that would have the address back. */
static void choose_by_address(const struct core *c, const struct radius_coa *q, const struct ike_id *name,
			      struct coa_command *p)
{
	uint64_t seen[SHARE_MAX], id;

	for (uint32_t n = 0; n < SHARE_MAX; n++) {
		id = state_address_user(c->state, &q->framed, seen, n);
		if (id == 0)
			return;
		seen[n] = id;
		if (fits(c, q, name, state_session(c->state, id)))
			p->session[p->n++] = id;
	}
}

/* False: there are more than one command may have. */
static bool choose_by_name(const struct core *c, const struct radius_coa *q, const struct ike_id *name,
			   struct coa_command *p)
{
	const struct session *s = NULL;

	while ((s = state_next_session_named(c->state, name, s ? s->id : 0)) != NULL) {
		if (!fits(c, q, name, s))
			continue;
		if (p->n == SESSIONS_END_MAX)
			return false;
		p->session[p->n++] = s->id;
	}
	return true;
}

/* By whatever leaves the fewest to look at. */
static enum radius_error_cause choose(const struct core *c, const struct radius_coa *q, struct coa_command *p)
{
	struct ike_id name = {0};

	if (q->nas.family && !address_equal(&q->nas, &c->config->inside[0]))
		return RADIUS_ERROR_NAS_MISMATCH;
	if (CBS_len(&q->user_name) > 0 && !eap_auth_identity(&name, q->user_name))
		return RADIUS_ERROR_SESSION_NOT_FOUND;
	if (q->has_session)
		choose_one(c, q, &name, p);
	else if (q->framed.family)
		choose_by_address(c, q, &name, p);
	else if (!choose_by_name(c, q, &name, p))
		return RADIUS_ERROR_RESOURCES_UNAVAILABLE;
	return p->n > 0 ? RADIUS_ERROR_NONE : RADIUS_ERROR_SESSION_NOT_FOUND;
}

/* ---- At the leader ---- */

static void answer(struct core *c, const struct coa_waiting *w, uint16_t error)
{
	const struct ike_radius *by;
	struct ike_datagrams *message;
	struct blob *b = NULL;
	struct radius r;
	CBS in;

	CBS_init(&in, w->packet->data, w->packet->len);
	by = radius_parse(&r, in) == OK ? signer(c, &w->remote, &r) : NULL;
	if (by)
		b = radius_coa_answer(&r, (enum radius_error_cause)error, &by->secret);
	if (!b)
		return; /* Its [[radius]] is gone meanwhile. */
	message = ike_datagrams_of(b);
	outgoing_send(c, w->via, &w->local, &w->remote, message);
	ike_datagrams_unref(message);
}

/* NULL: all places are taken. *known: the request waits already. */
static struct coa_waiting *place_for(struct core *c, const uint8_t hash[IKE_HASH_LEN], bool *known)
{
	struct coa_waiting *free_one = NULL;

	*known = false;
	for (unsigned i = 0; i < WAITING_MAX; i++) {
		struct coa_waiting *w = &c->coa->waiting[i];

		if (!w->packet)
			free_one = w;
		else if (memcmp(w->hash, hash, IKE_HASH_LEN) == 0)
			*known = true;
	}
	return free_one;
}

static void tell(struct core *c, const struct coa_waiting *w, const struct radius_coa *q, const struct coa_command *p)
{
	const char *verb = q->disconnect ? "Disconnect" : "CoA";
	char at[ENDPOINT_TEXT_LEN];

	endpoint_format(&w->remote, at);
	if (p->error != RADIUS_ERROR_NONE)
		action_event(c->actions, "coa",
			     "RADIUS server %s: %s is refused, Error-Cause %u: %s", at, verb,
			     p->error, radius_error_text((enum radius_error_cause)p->error));
	else if (q->disconnect)
		action_event(c->actions, "coa", "RADIUS server %s: %s of %u session%s", at, verb, p->n,
			     p->n == 1 ? "" : "s");
	else
		action_event(c->actions, "coa",
			     "RADIUS server %s: %s of %u session%s, which may go on for %u s", at,
			     verb, p->n, p->n == 1 ? "" : "s", p->timeout_s);
}

static void carry_out(struct core *c, const struct coa_waiting *asked, const struct radius_coa *q,
		      enum radius_error_cause error)
{
	struct command command = {.type = COMMAND_COA};
	struct coa_command *p = &command.coa;
	struct coa_waiting *w;
	bool known;

	w = place_for(c, asked->hash, &known);
	if (known)
		return; /* Its command is on its way. */
	if (!w || state_coas(c->state) + WAITING_MAX > STATE_COA_MAX) {
		answer(c, asked, RADIUS_ERROR_RESOURCES_UNAVAILABLE);
		return;
	}
	if (error == RADIUS_ERROR_NONE)
		error = choose(c, q, p);
	memcpy(p->hash, asked->hash, sizeof(p->hash));
	p->timeout_s = q->disconnect ? 0 : q->timeout_s;
	p->error = (uint16_t)error;
	if (error != RADIUS_ERROR_NONE)
		p->n = 0;
	tell(c, asked, q, p);
	if (MUTANT(MUTANT_COA_EARLY))
		answer(c, asked, p->error);
	*w = *asked;
	c->coa->n++;
	blob_ref(w->packet);
	w->until_us = c->now_us + WAITING_US;
	proposals_add(c, URGENT_REQUEST, &command);
}

static void take(struct core *c, struct coa_waiting *asked)
{
	enum radius_error_cause error;
	struct radius_coa q;
	const char *why;
	struct radius r;
	uint16_t done;
	bool known;
	CBS in;

	CBS_init(&in, asked->packet->data, asked->packet->len);
	if (radius_parse(&r, in) != OK || (r.code != RADIUS_DISCONNECT_REQUEST && r.code != RADIUS_COA_REQUEST)) {
		core_drop(c, DROP_RADIUS);
		return;
	}
	if (!signer(c, &asked->remote, &r)) {
		ignore(c, &asked->remote,
		       "it has no Message-Authenticator, or was made with another secret than \"secret_file\" has");
		return;
	}
	error = radius_coa_parse(&q, &r, c->in_force->ike.nas_identifier);
	why = why_not_fresh(c, &q);
	if (why) {
		ignore(c, &asked->remote, why);
		return;
	}
	hash_sha256(CBS_data(&r.packet), CBS_len(&r.packet), asked->hash);
	known = state_coa(c->state, asked->hash, &done);
	if (MUTANT(MUTANT_COA_TWICE))
		known = false;
	if (known)
		answer(c, asked, done);
	else
		carry_out(c, asked, &q, error);
}

void coa_datagram(struct core *c, uint32_t via, const struct endpoint *local, const struct endpoint *remote,
		  const uint8_t *data, size_t len)
{
	struct frame f = {.type = FRAME_RELAY,
			  .datagram = {.local = *local, .remote = *remote, .data = data, .len = len}};
	struct coa_waiting asked = {.via = via, .local = *local, .remote = *remote};
	uint32_t leader = core_leader_index(c);

	if (len > RADIUS_LEN_MAX || !is_known(c, remote)) {
		core_drop(c, DROP_RADIUS);
	} else if (core_leads(c)) {
		asked.packet = blob_new(data, len);
		if (asked.packet)
			take(c, &asked);
		blob_unref(asked.packet);
	} else if (via == c->config->self && leader != NODE_NONE) {
		core_send(c, leader, &f);
	} else {
		core_drop(c, DROP_IKE_NO_LEADER);
	}
}

/* ---- Life ---- */

static void let_go(struct core *c, struct coa_waiting *w)
{
	c->coa->n--;
	blob_unref(w->packet);
	memset(w, 0, sizeof(*w));
}

void coa_tick(struct core *c)
{
	for (unsigned i = 0; i < WAITING_MAX && c->coa->n > 0; i++) {
		struct coa_waiting *w = &c->coa->waiting[i];
		uint16_t done;

		if (!w->packet)
			continue;
		if (core_leads(c) && state_coa(c->state, w->hash, &done))
			answer(c, w, done);
		else if (core_leads(c) && c->now_us < w->until_us)
			continue;
		let_go(c, w);
	}
}

void coa_init(struct core *c)
{
	c->coa = core_room(sizeof(*c->coa));
}

void coa_end(struct core *c)
{
	for (unsigned i = 0; i < WAITING_MAX; i++)
		if (c->coa->waiting[i].packet)
			let_go(c, &c->coa->waiting[i]);
	free(c->coa);
}

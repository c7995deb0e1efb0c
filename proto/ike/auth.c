/* SPDX-License-Identifier: Apache-2.0 */
/* IKE_AUTH as responder (RFC 7296 1.2, 2.15, 2.16), in rounds:
 *
 * 	HDR, SK {IDi, [IDr,] [AUTH,] [CP(CFG_REQUEST),] SAi2, TSi, TSr}  -->
 * 	                                     <--  HDR, SK {...}   as often as
 * 	HDR, SK {...}  -->                                        the method wants
 * 	       <--  HDR, SK {[IDr,] AUTH, [CP(CFG_REPLY),] SAr2, TSi, TSr}
 *
 * The method decides what the rounds contain (proto/auth); this file sees to it that a message is
 * the client's and comes in its turn. Each round but the last takes the half-open SA one step
 * further: the caller shares that before the response leaves, or before a question that the method
 * asks outside. While a question is open the client waits.
 *
 * A failed authentication is final (verdict REFUSE): one answer, AUTHENTICATION_FAILED, computed in
 * one way, whatever was wrong; only the log line tells an unknown identity from a wrong key or a
 * revoked identity. After success: auth_session.c. */
#include "proto/ike/auth_step.h"
#include "proto/auth/realm.h"
#include "proto/auth/trust.h"
#include "proto/ike/ike_keys.h"
#include "proto/ike/ike_seal.h"
#include "proto/ike/outcome.h"
#include "proto/ike/payload.h"
#include "proto/ike/select.h"
#include "proto/ike/sk.h"
#include "proto/mutant.h"

#include <openssl/mem.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct auth_octets ike_auth_octets(const struct ike_half_open *h, bool initiator, CBS id)
{
	const struct blob *message = initiator ? h->request : h->response;
	struct auth_octets o = {.id = id, .sk_p = initiator ? &h->keys.pi : &h->keys.pr};

	CBS_init(&o.message, message->data, message->len);
	if (initiator) /* "the other side's nonce" */
		CBS_init(&o.nonce, h->nonce_r, sizeof(h->nonce_r));
	else
		CBS_init(&o.nonce, h->nonce_i, h->nonce_i_len);
	return o;
}

bool ike_auth_respond(struct auth_step *s, struct ike_builder *b)
{
	const struct ike_half_open *h = s->half_open;
	struct ike_sealer sealer = ike_sealer_of(s->env, sk_direction_of(&h->suite, &h->keys, false),
						 h->features, s->path.remote->address.family);

	if (ike_seal(&sealer, b, &s->out->reply) == OK)
		return true;
	ike_drop(s->out, DROP_CRYPTO, "IKE_AUTH response cannot be sealed");
	return false;
}

static void note_refusal(struct auth_step *s, uint16_t notify, const char *why)
{
	char text[IKE_ID_TEXT_LEN];

	s->out->refused = notify;
	ike_note(s->out,
		 notify == IKE_NOTIFY_AUTHENTICATION_FAILED && !s->session ? "authentication of '%s' failed: %s"
							    : "'%s' refused: %s",
		 ike_id_format(&s->round.peer, text, sizeof(text)), why);
}

/* With what the method has to say besides; ends b. why NULL: it was told before. */
static void refuse_with(struct auth_step *s, struct ike_builder *b, uint16_t notify, const char *why)
{
	ike_add_notify(b, notify, NULL, 0);
	if (!ike_auth_respond(s, b))
		return;
	s->out->verdict = IKE_VERDICT_REFUSE;
	if (why)
		note_refusal(s, notify, why);
}

void ike_auth_refuse(struct auth_step *s, uint16_t notify, const char *why)
{
	struct ike_header h = ike_reply_header(&s->request);
	struct ike_builder b;

	ike_builder_init_message(&b, &h);
	refuse_with(s, &b, notify, why);
}

/* RFC 7296 2.21.2: a malformed message "MUST be rejected in its entirety". */
static void reject(struct auth_step *s, const struct ike_opened *o)
{
	struct ike_header h = ike_reply_header(&s->request);
	struct ike_builder b;

	ike_builder_init_message(&b, &h);
	ike_add_content_error(&b, o);
	if (!ike_auth_respond(s, &b))
		return;
	s->out->verdict = IKE_VERDICT_REFUSE;
	s->out->refused = o->content == ERR_UNSUPPORTED ? IKE_NOTIFY_UNSUPPORTED_CRITICAL_PAYLOAD
							: IKE_NOTIFY_INVALID_SYNTAX;
	ike_note(s->out, "IKE_AUTH request refused: %s", status_text(o->content));
}

/* ---- The next step of a half-open SA ---- */

/* The first request's content is kept with it: type of its first payload, and the chain. */
static struct blob *first_encode(const struct ike_message *m)
{
	struct blob *b = blob_new(NULL, 1 + CBS_len(&m->chain));

	b->data[0] = m->chain_first;
	memcpy(b->data + 1, CBS_data(&m->chain), CBS_len(&m->chain));
	return b;
}

static bool first_decode(struct ike_message *m, const struct blob *b)
{
	memset(m, 0, sizeof(*m));
	return b && ike_message_parse_content(m, b->data[0], b->data + 1, b->len - 1) == OK;
}

static struct ike_half_open *step_make(const struct auth_step *s)
{
	const struct ike_auth_round *r = &s->round;
	struct ike_half_open *next = malloc(sizeof(*next));
	struct ike_auth_progress *p;

	assert(next);
	ike_half_open_copy(next, s->half_open);
	next->local = *s->path.local;
	next->remote = *s->path.remote;
	p = &next->auth;
	p->step++;
	p->peer = r->peer;
	blob_set(&p->state, blob_ref(r->state));
	blob_set(&p->question, blob_ref(r->question));
	memset(&p->asked, 0, sizeof(p->asked));
	if (!p->first) {
		blob_set(&p->first, first_encode(s->round.first));
		memcpy(p->connection, r->connection->name, sizeof(p->connection));
	}
	return next;
}

/* NULL, or why there can be no further round. */
static const char *step_refused(const struct auth_step *s)
{
	const struct ike_auth_round *r = &s->round;

	assert(!r->state || r->state->len <= IKE_AUTH_STATE_MAX);
	assert(!r->question || r->question->len <= IKE_AUTH_QUESTION_MAX);
	if (!r->connection)
		return "no connection for this IDr and these proposals";
	if (s->half_open->auth.step >= IKE_AUTH_STEPS_MAX)
		return "too many rounds";
	if (1 + CBS_len(&s->round.first->chain) > IKE_DATAGRAMS_LEN_MAX)
		return "its first request is too long";
	return NULL;
}

static void go_on(struct auth_step *s, struct ike_builder *reply)
{
	const char *why = step_refused(s);

	if (why) {
		ike_builder_fini(reply);
		ike_auth_refuse(s, IKE_NOTIFY_AUTHENTICATION_FAILED, why);
		return;
	}
	if (!ike_auth_respond(s, reply))
		return;
	if (ike_datagrams_len(s->out->reply) > IKE_DATAGRAMS_LEN_MAX) {
		ike_datagrams_set(&s->out->reply, NULL);
		ike_drop(s->out, DROP_QUEUE_FULL, "IKE_AUTH response is too long");
		return;
	}
	s->out->half_open = step_make(s);
	ike_window_respond_to(&s->out->half_open->window, &s->request_id,
			      ike_datagrams_ref(s->out->reply));
	s->out->verdict = IKE_VERDICT_HALF_OPEN;
	if (s->round.why)
		note_refusal(s, IKE_NOTIFY_AUTHENTICATION_FAILED, s->round.why);
	else
		ike_note(s->out, "%s goes on: step %u", s->method->name, s->out->half_open->auth.step);
}

static void ask(struct auth_step *s)
{
	const char *why = step_refused(s);

	assert(s->round.question && s->method->answer);
	if (why) {
		ike_auth_refuse(s, IKE_NOTIFY_AUTHENTICATION_FAILED, why);
		return;
	}
	s->out->half_open = step_make(s);
	s->out->half_open->auth.asked = s->request_id;
	s->out->verdict = IKE_VERDICT_ASK;
	ike_note(s->out, "%s asks: step %u%s%s", s->method->name, s->out->half_open->auth.step,
		 s->round.by ? ", client by " : "", s->round.by ? s->round.by : "");
}

/* ---- The client is who it says ---- */

static bool is_named(const struct ike_connection *connection, const struct ike_id *peer)
{
	if (MUTANT(MUTANT_IDS_UNCHECKED))
		return true;
	return !connection->clients || trust_admits(connection->clients, peer);
}

static void let_in(struct auth_step *s)
{
	const struct ike_env *env = s->env;
	const struct ike_id *peer = &s->round.peer;
	bool revoked = env->revoked && env->revoked(env->ctx, peer);

	if (MUTANT(MUTANT_REVOKED_ENTERS))
		revoked = false;
	if (revoked)
		ike_auth_refuse(s, IKE_NOTIFY_AUTHENTICATION_FAILED, "it is revoked");
	else if (!s->round.connection)
		ike_auth_refuse(s, IKE_NOTIFY_AUTHENTICATION_FAILED,
				"no connection for this IDr and these proposals");
	else if (!is_named(s->round.connection, peer))
		ike_auth_refuse(s, IKE_NOTIFY_AUTHENTICATION_FAILED, "client_ids has no such identity");
	else if (!ike_is_admitted(env, (struct ike_client){peer, ike_connection_realm(s->round.connection)}))
		ike_auth_refuse(s, IKE_NOTIFY_TEMPORARY_FAILURE, "too many IKE SAs lately");
	else
		ike_auth_establish(s);
}

static void run(struct auth_step *s, enum ike_auth_verdict (*method)(struct ike_auth_round *r))
{
	struct ike_header h = ike_reply_header(&s->request);
	struct ike_builder reply;
	enum ike_auth_verdict verdict;

	ike_builder_init_message(&reply, &h);
	s->round.reply = &reply;
	s->round.state = blob_ref(s->half_open->auth.state);
	verdict = method(&s->round);
	if (verdict == AUTH_VERDICT_CONTINUE) {
		go_on(s, &reply);
	} else if (verdict == AUTH_VERDICT_REFUSE) {
		refuse_with(s, &reply, IKE_NOTIFY_AUTHENTICATION_FAILED, s->round.why);
	} else {
		ike_builder_fini(&reply);
		if (verdict == AUTH_VERDICT_ASK)
			ask(s);
		else
			let_in(s);
	}
	blob_unref(s->round.state);
	blob_unref(s->round.question);
	blob_unref(s->round.grant.account.attributes);
	if (s->session) { /* Made, but not handed out. */
		ike_session_fini(s->session);
		free(s->session);
	}
}

/* ---- The rounds ---- */

/* The connection that the client wants, of those whose method takes its request. NULL: IDr cannot
 * be one of ours. */
static const struct ike_connection *connection_of(const struct auth_step *s)
{
	const struct ike_message *m = s->round.first;
	struct ike_id idr;

	if (!ike_message_has(m, IKE_PAYLOAD_IDr))
		return ike_select_connection(s->env->config, &s->half_open->suite, NULL, m);
	if (ike_id_from_payload(&idr, &m->idr) != OK)
		return NULL;
	return ike_select_connection(s->env->config, &s->half_open->suite, &idr, m);
}

static void begin(struct auth_step *s)
{
	const struct ike_message *m = s->round.message;
	const char *why = NULL;

	s->round.first = m;
	if (!ike_message_has(m, IKE_PAYLOAD_IDi))
		why = "no identity";
	else if (ike_id_from_payload(&s->round.peer, &m->idi) != OK)
		why = "unusable identity";
	s->round.connection = connection_of(s);
	s->method = s->round.connection ? ike_connection_auth(s->round.connection)
					: ike_auth_method_for(m);
	if (!why && !s->method)
		why = ike_message_has(m, IKE_PAYLOAD_AUTH)
			      ? "no connection uses its AUTH method"
			      : "it asks for EAP, which no connection has";
	if (why)
		ike_auth_refuse(s, IKE_NOTIFY_AUTHENTICATION_FAILED, why);
	else
		run(s, s->method->begin);
}

/* first: room for the first request, which a later step needs too. */
static bool resume(struct auth_step *s, struct ike_message *first)
{
	const struct ike_auth_progress *p = &s->half_open->auth;

	s->round.peer = p->peer;
	s->round.first = first;
	s->round.connection = ike_connection_find(s->env->config, p->connection);
	s->method = s->round.connection ? ike_connection_auth(s->round.connection) : NULL;
	if (!first_decode(first, p->first) || !s->method) {
		ike_auth_refuse(s, IKE_NOTIFY_AUTHENTICATION_FAILED, "its connection is no longer configured");
		return false;
	}
	/* What one method has asked or found proves nothing to another, which a reload may have put here. */
	if (!s->method->takes(first)) {
		ike_auth_refuse(s, IKE_NOTIFY_AUTHENTICATION_FAILED, "its connection has another method");
		return false;
	}
	return true;
}

static void next(struct auth_step *s)
{
	struct ike_message first;

	if (!resume(s, &first))
		return;
	if (s->method->step)
		run(s, s->method->step);
	else
		ike_auth_refuse(s, IKE_NOTIFY_AUTHENTICATION_FAILED, "its connection has another method");
}

void ike_auth_answer(const struct ike_env *env, const struct ike_half_open *half_open,
		     const struct blob *answer, struct ike_outcome *out)
{
	struct auth_step s = {
		.env = env,
		.half_open = half_open,
		.path = {.local = &half_open->local, .remote = &half_open->remote},
		.request = {.spi_i = half_open->spi_i,
			    .spi_r = half_open->spi_r,
			    .exchange = IKE_EXCHANGE_AUTH,
			    .flags = IKE_FLAG_INITIATOR,
			    .message_id = half_open->window.next_in},
		.round = {.env = env, .half_open = half_open, .answer = answer,
			  .local = &half_open->local, .remote = &half_open->remote},
		.out = out,
	};
	struct ike_message first;

	assert(half_open->auth.question);
	ike_outcome_init(out);
	s.request_id = half_open->auth.asked;
	if (!resume(&s, &first))
		return;
	if (s.method->answer)
		run(&s, s.method->answer);
	else
		ike_auth_refuse(&s, IKE_NOTIFY_AUTHENTICATION_FAILED, "its connection has another method");
}

/* ---- Datagrams ---- */

static bool is_auth_request(const struct ike_half_open *half_open, const struct ike_header *h)
{
	return h->exchange == IKE_EXCHANGE_AUTH && (h->flags & IKE_FLAG_INITIATOR) &&
	       !(h->flags & IKE_FLAG_RESPONSE) && h->spi_i == half_open->spi_i &&
	       h->spi_r == half_open->spi_r;
}

static struct sk_direction theirs_of(const struct ike_half_open *half_open)
{
	return sk_direction_of(&half_open->suite, &half_open->keys, true);
}

static bool is_repeated(const struct ike_half_open *half_open, enum ike_window_position place,
			const struct blob *first)
{
	struct sk_direction theirs = theirs_of(half_open);

	return place == IKE_WINDOW_REPEATED ||
	       (place == IKE_WINDOW_RECUT &&
		ike_authenticate(&theirs, first->data, first->len) == DROP_NONE);
}

/* RFC 7296 2.2: "the first pair of IKE_AUTH messages will have an ID of 1". Is it a request
 * that comes next? Else out says what it is. */
static bool request_accept(const struct auth_step *s, const struct blob *first)
{
	const struct ike_half_open *half_open = s->half_open;
	const struct ike_header *h = &s->request;
	const struct ike_request_id *asked = &half_open->auth.asked;
	enum ike_window_position place;

	if (!is_auth_request(half_open, h)) {
		ike_drop(s->out, DROP_IKE_EXCHANGE, "not an IKE_AUTH request of this IKE SA");
		return false;
	}
	if (s->request_id.total > 0 && !(half_open->features & IKE_PEER_FRAGMENTATION)) {
		ike_drop(s->out, DROP_IKE_FRAGMENT, "fragments were not agreed on");
		return false;
	}
	place = ike_window_position(&half_open->window, h, first->data, first->len);
	if (MUTANT(MUTANT_AUTH_ANY_ID) && place != IKE_WINDOW_REPEATED)
		place = IKE_WINDOW_NEXT;
	if (is_repeated(half_open, place, first)) {
		s->out->verdict = IKE_VERDICT_REPLY;
		s->out->reply = ike_datagrams_ref(half_open->window.response);
		ike_note(s->out, "message %u again: cached response", h->message_id);
	} else if (place != IKE_WINDOW_NEXT) {
		ike_drop(s->out, DROP_IKE_EXCHANGE, "not the IKE_AUTH request that comes next");
	} else if (!half_open->auth.question) {
		return true;
	} else if (CRYPTO_memcmp(asked->hash, s->request_id.hash, IKE_HASH_LEN) == 0) {
		s->out->verdict = IKE_VERDICT_WAIT;
	} else {
		ike_drop(s->out, DROP_IKE_MESSAGE_ID, "another request waits for an answer from outside");
	}
	return false;
}

enum drop ike_auth_expects(const struct ike_half_open *half_open, const struct ike_header *h,
			   bool is_current, struct sk_direction *theirs)
{
	uint32_t next = half_open->window.next_in;

	if (!(half_open->features & IKE_PEER_FRAGMENTATION))
		return DROP_IKE_FRAGMENT;
	if (!is_auth_request(half_open, h) || h->message_id < next || (is_current && h->message_id > next))
		return DROP_IKE_EXCHANGE;
	*theirs = theirs_of(half_open);
	return DROP_NONE;
}

void ike_respond_auth(const struct ike_env *env, const struct ike_half_open *half_open,
		      const struct endpoint *local, const struct endpoint *remote,
		      const struct ike_datagrams *message, struct ike_outcome *out)
{
	const struct blob *first = message->datagram[0];
	struct auth_step s = {
		.env = env,
		.half_open = half_open,
		.path = {.local = local, .remote = remote},
		.round = {.env = env, .half_open = half_open, .local = local, .remote = remote},
		.out = out,
	};
	struct sk_direction theirs = theirs_of(half_open);
	struct ike_opened o;
	enum drop d;

	ike_outcome_init(out);
	d = ike_header_parse(&s.request, first->data, first->len);
	if (d != DROP_NONE) {
		ike_drop(out, d, "IKE header refused");
		return;
	}
	s.request_id = ike_request_identify(first->data, first->len);
	if (!request_accept(&s, first))
		return;
	d = ike_open(&o, &theirs, message);
	if (d != DROP_NONE) {
		ike_drop(out, d, "not an IKE_AUTH request of this IKE SA");
		return;
	}
	s.round.message = &o.message;
	if (o.content != OK)
		reject(&s, &o);
	else if (half_open->auth.step == 0)
		begin(&s);
	else
		next(&s);
	ike_opened_fini(&o);
}

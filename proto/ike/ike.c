/* SPDX-License-Identifier: Apache-2.0 */
/* The responder's front door for established sessions (RFC 7296 2.2, 2.3).
 *
 * 	a datagram on one of the session's IKE SAs
 * 	  |- request,  ID = expected - 1, same bytes,
 * 	  |            or cut otherwise and authentic: the cached response again
 * 	  |- request,  ID = expected, authenticates:   one exchange -> next state
 * 	  |- response, ID = outstanding, authenticates: our request is done
 * 	  '- anything else:                             dropped, nothing changes
 *
 * The window is in window.c. The exchange works on a copy, the next state; the given session stays
 * as it is. An exchange adds payloads to the response and edits the copy; everything that all
 * exchanges share (IDs, caching, sealing, address updates, replacing and ending IKE SAs) happens
 * here. */
#include "proto/ike/ike.h"
#include "proto/ike/builder.h"
#include "proto/ike/fragment.h"
#include "proto/ike/ike_keys.h"
#include "proto/ike/ike_message.h"
#include "proto/ike/ike_seal.h"
#include "proto/ike/outcome.h"
#include "proto/ike/request.h"
#include "proto/ike/select.h"
#include "proto/ike/session_step.h"
#include "proto/ike/sk.h"
#include "proto/mutant.h"

#include <openssl/mem.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ---- Requests and responses ---- */

/* RFC 7296 2.11: the response goes back the way the request came, always. Whether the
 * *session* follows is another question, and only for authenticated, new messages:
 * 2.23: "A host behind a NAT SHOULD NOT do this type of dynamic address update";
 * RFC 4555 3.8: with MOBIKE "The host not behind a NAT MUST NOT use these dynamic
 * updates for IKEv2 packets" (there the client says so, see informational.c). */
static void follow_address(struct ike_step *s)
{
	struct ike_session *next = s->next;

	if (!(next->features & IKE_PEER_BEHIND_NAT) ||
	    (next->features & (IKE_SELF_BEHIND_NAT | IKE_PEER_MOBIKE)))
		return;
	next->local = *s->path.local;
	next->remote = *s->path.remote;
}

/* The exchange ends s->sa. The current IKE SA takes the session with it. The old one of a rekeyed
 * pair goes alone; a remainder can repeat that it is gone, since this very response may be lost. */
static void stop_asking(struct ike_sa *sa)
{
	if (MUTANT(MUTANT_DELETED_ASKS))
		return;
	ike_datagrams_set(&sa->window.outstanding, NULL);
	blob_set(&sa->finish, NULL);
	sa->purpose = IKE_PURPOSE_NONE;
	sa->purpose_arg = 0;
}

void ike_old_end(struct ike_session *s)
{
	stop_asking(&s->ike[1]);
	ike_keys_cleanse(&s->ike[1].keys);
	s->ike[1].state = IKE_SA_DELETED;
}

static void end_sa(struct ike_step *s)
{
	if (s->sa == &s->next->ike[0]) {
		s->out->verdict = IKE_VERDICT_DELETE;
		return;
	}
	ike_old_end(s->next);
}

bool ike_may_renew(const struct ike_env *env, const struct ike_session *s)
{
	return ike_is_admitted(env, ike_session_client(s)) ||
	       env->now_ms - s->ike[0].made_ms >= IKE_RENEW_ALWAYS_MS;
}

/* RFC 7296 2.18: the new IKE SA takes over the session; the old one waits to be deleted. One that still waits for that
 * goes: the client has the one that replaced it, and may have sent its DELETE in vain. */
static void replace_sa(struct ike_step *s)
{
	struct ike_session *next = s->next;

	assert(s->sa == &next->ike[0]);
	assert(next->ike[1].state != IKE_SA_REKEYED || ike_sa_is_used(&next->ike[0]));
	ike_window_fini(&next->ike[1].window);
	blob_unref(next->ike[1].finish);
	next->ike[1] = next->ike[0];
	next->ike[1].state = IKE_SA_REKEYED;
	next->ike[0] = *s->replacement;
}

/* A request that follows from the message becomes outstanding by the same commit, if nothing else
 * is; else the leader asks later. A rekey with the group that the client wants may be too long to
 * be kept: then there is none. */
static void ask_next(struct ike_step *s)
{
	const enum ike_purpose what = s->follow.purpose;
	const struct ike_sa *now = &s->next->ike[0];

	if (what == IKE_PURPOSE_NONE || now->state != IKE_SA_ESTABLISHED || now->window.outstanding)
		return;
	if (what != IKE_PURPOSE_DELETE_IKE && (s->sa != now || (s->next->features & IKE_ENDS)))
		return;
	if (ike_request_make(s->env, s->next, &s->follow) && ike_session_is_brief(s->next))
		return;
	if (what == IKE_PURPOSE_REKEY_CHILD || what == IKE_PURPOSE_REKEY_IKE) {
		stop_asking(s->sa);
		ike_note(s->out, "a rekey with the group that the client wants is too long");
	} else {
		ike_drop(s->out, DROP_CRYPTO, "request cannot be sealed");
	}
}

static void exchange(struct ike_step *s, const struct ike_opened *o)
{
	const struct ike_header *h = &o->message.header;

	if (o->content != OK) {
		ike_add_content_error(&s->reply, o);
		/* 2.21.3: INVALID_SYNTAX "is considered fatal in both peers, meaning
		 * that the IKE SA is deleted without needing an explicit Delete". */
		s->sa_ends = o->content == ERR_MALFORMED;
		ike_note(s->out, "request refused: %s", status_text(o->content));
	} else if (h->exchange == IKE_EXCHANGE_CREATE_CHILD_SA) {
		ike_step_child(s);
	} else {
		ike_step_informational(s);
	}
}

static void respond_request(struct ike_step *s, const struct ike_opened *o,
			    const struct ike_datagrams *message)
{
	struct ike_header h = ike_reply_header(&o->message.header);
	struct ike_datagrams *reply;
	struct ike_sealer sealer;

	ike_builder_init_message(&s->reply, &h);
	follow_address(s);
	exchange(s, o);
	sealer = ike_sealer_of(s->env, sk_direction_of(&s->sa->suite, &s->sa->keys, s->sa->original_initiator),
			       s->next->features, s->path.remote->address.family);
	if (ike_seal(&sealer, &s->reply, &reply) != OK) {
		ike_drop(s->out, DROP_CRYPTO, "response cannot be sealed");
		return;
	}
	s->out->reply = reply;
	ike_window_respond(&s->sa->window, message, ike_datagrams_ref(reply));
	s->out->verdict = IKE_VERDICT_STEP;
	if (s->replacement)
		replace_sa(s);
	else if (s->sa_ends)
		end_sa(s);
	else
		ask_next(s);
}

static void take_answer(struct ike_step *s, const struct ike_opened *o)
{
	const struct ike_notify *error = ike_message_error(&o->message);

	follow_address(s);
	s->out->verdict = IKE_VERDICT_STEP;
	s->out->answered = true;
	s->out->answered_purpose = (enum ike_purpose)s->sa->purpose;
	s->content = o->content;
	ike_step_answer(s);
	ike_window_answered(&s->sa->window);
	blob_set(&s->sa->finish, NULL);
	s->sa->purpose = IKE_PURPOSE_NONE;
	s->sa->purpose_arg = 0;
	/* A bad response cannot be answered (2.21), but a client that refused our syntax has
	 * deleted its end (2.21.3). */
	if (s->replacement) {
		replace_sa(s);
		if (!ike_request_close_old(s->env, s->next))
			ike_drop(s->out, DROP_CRYPTO, "request cannot be sealed");
		return;
	}
	if (error && error->type == IKE_NOTIFY_INVALID_SYNTAX) {
		s->sa_ends = true;
		ike_note(s->out, "client refused our request as malformed");
	}
	if (s->sa_ends)
		end_sa(s);
	else
		ask_next(s);
}

/* ---- The window ---- */

static struct sk_direction theirs_of(const struct ike_sa *sa)
{
	return sk_direction_of(&sa->suite, &sa->keys, !sa->original_initiator);
}

/* Is this the message that comes next on sa? Else out says what it is. */
static bool window_accept(const struct ike_sa *sa, const struct ike_header *h,
			  const struct blob *first, struct ike_outcome *out)
{
	const struct sk_direction theirs = theirs_of(sa);

	switch (ike_window_position(&sa->window, h, first->data, first->len)) {
	case IKE_WINDOW_ANSWER:
		return true;
	case IKE_WINDOW_NEXT:
		if (sa->state != IKE_SA_DELETED)
			return true;
		break;
	case IKE_WINDOW_RECUT:
		if (sa->state == IKE_SA_DELETED ||
		    ike_authenticate(&theirs, first->data, first->len) != DROP_NONE)
			break;
		/* fall through */
	case IKE_WINDOW_REPEATED:
		out->verdict = IKE_VERDICT_REPLY;
		out->reply = ike_datagrams_ref(sa->window.response);
		ike_note(out, "message %u again: cached response", h->message_id);
		return false;
	case IKE_WINDOW_OUTSIDE:
		break;
	}
	ike_drop(out, DROP_IKE_MESSAGE_ID,
		 h->flags & IKE_FLAG_RESPONSE ? "response to nothing outstanding"
					      : "request outside the window");
	return false;
}

/* Only the two exchanges of an established IKE SA; an answer repeats the exchange
 * type of its question. */
static bool exchange_accept(const struct ike_sa *sa, const struct ike_header *h)
{
	if (h->flags & IKE_FLAG_RESPONSE)
		return h->exchange == ike_window_asked(&sa->window);
	return h->exchange == IKE_EXCHANGE_CREATE_CHILD_SA ||
	       h->exchange == IKE_EXCHANGE_INFORMATIONAL;
}

/* Works out the exchange on a copy of the session. */
static void step(struct ike_step *s, const struct ike_session *session, struct ike_opened *o,
		 const struct ike_datagrams *message)
{
	const struct ike_header *h = &o->message.header;

	s->message = &o->message;
	s->connection = ike_connection_find(s->env->config, session->connection);
	s->next = malloc(sizeof(*s->next));
	assert(s->next);
	ike_session_copy(s->next, session);
	s->sa = ike_session_find_sa(s->next, h->spi_i, h->spi_r);
	if (h->flags & IKE_FLAG_RESPONSE)
		take_answer(s, o);
	else
		respond_request(s, o, message);
	if (s->replacement) /* Its values are in next by now, or refused. */
		OPENSSL_cleanse(s->replacement, sizeof(*s->replacement));
	free(s->replacement);
	s->out->next = s->next;
	if (s->out->verdict == IKE_VERDICT_STEP)
		return;
	ike_session_fini(s->next);
	free(s->next);
	s->out->next = NULL;
}

/* The IKE SA that the header speaks of, or NULL and why in *why. */
static const struct ike_sa *sa_of(const struct ike_session *session, const struct ike_header *h,
				  enum drop *why)
{
	const struct ike_sa *sa = ike_session_find_sa((struct ike_session *)session, h->spi_i, h->spi_r);

	*why = DROP_IKE_UNKNOWN;
	if (!sa)
		return NULL;
	/* The Initiator bit tells whose IKE SA it was from the start (3.1). */
	*why = DROP_IKE_HEADER;
	return !(h->flags & IKE_FLAG_INITIATOR) == !sa->original_initiator ? NULL : sa;
}

/* RFC 7383 2.4: "MUST NOT be used unless both peers have indicated their support for it". */
static bool form_accept(const struct ike_session *session, const struct blob *first)
{
	return ike_fragment_of(first->data, first->len).total == 0 ||
	       (session->features & IKE_PEER_FRAGMENTATION);
}

enum drop ike_expects(const struct ike_session *session, const struct ike_header *h,
		      const struct blob *fragment, struct sk_direction *theirs)
{
	const struct ike_sa *sa;
	enum ike_window_position place;
	enum drop why;

	if (!form_accept(session, fragment))
		return DROP_IKE_FRAGMENT;
	sa = sa_of(session, h, &why);
	if (!sa)
		return why;
	place = ike_window_position(&sa->window, h, fragment->data, fragment->len);
	if (sa->state == IKE_SA_DELETED || (place != IKE_WINDOW_NEXT && place != IKE_WINDOW_ANSWER))
		return DROP_IKE_MESSAGE_ID;
	if (!exchange_accept(sa, h))
		return DROP_IKE_EXCHANGE;
	*theirs = theirs_of(sa);
	return DROP_NONE;
}

void ike_respond(const struct ike_env *env, const struct ike_session *session,
		 const struct endpoint *local, const struct endpoint *remote,
		 const struct ike_datagrams *message, struct ike_outcome *out)
{
	const struct blob *first = message->datagram[0];
	struct ike_step s = {
		.env = env,
		.path = {.local = local, .remote = remote},
		.out = out,
	};
	const struct ike_sa *sa;
	struct sk_direction theirs;
	struct ike_header h;
	struct ike_opened o;
	enum drop d;

	ike_outcome_init(out);
	d = ike_header_parse(&h, first->data, first->len);
	if (d != DROP_NONE) {
		ike_drop(out, d, "IKE header refused");
		return;
	}
	sa = sa_of(session, &h, &d);
	if (!sa || !form_accept(session, first)) {
		ike_drop(out, sa ? DROP_IKE_FRAGMENT : d, "not an IKE SA of this session, or not as agreed on");
		return;
	}
	/* Before the exchange type: a repeated IKE_AUTH request gets its response again. */
	if (!window_accept(sa, &h, first, out))
		return;
	if (!exchange_accept(sa, &h)) {
		ike_drop(out, DROP_IKE_EXCHANGE, "exchange not allowed here");
		return;
	}
	theirs = theirs_of(sa);
	d = ike_open(&o, &theirs, message);
	if (d != DROP_NONE) {
		ike_drop(out, d, "does not authenticate");
		return;
	}
	step(&s, session, &o, message);
	ike_opened_fini(&o);
	ike_later(env, out);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Our outstanding requests: sent once they are committed, repeated bit for bit after 1, 2, 4 ... s,
 * and then left alone until the client shows itself. A client that has moved is asked at its new
 * address at once.
 *
 * Silence ends a session in two cases only: its client was asked whether it lives and has given no
 * sign of life since, neither in IKE nor in ESP; or the session ends anyway and its client leaves
 * the DELETE unanswered. Phones sleep, so an unanswered notice or rekey ends nothing. Nor does the
 * DELETE of an SA that we have replaced, because the client may have obeyed and only its answer may
 * be lost (RFC 7296 2.8): both SAs receive until it answers. */
#include "cluster/core/requests_internal.h"
#include "cluster/core/requests.h"

#include "cluster/core/lane_reserve.h"
#include "cluster/core/outgoing.h"
#include "cluster/core/proposals.h"
#include "proto/mutant.h"

#define SETTLE_US (50 * MS) /* Until the owner has a new SA: see ask(). */

const struct ike_sa *requests_asking(const struct session *s)
{
	for (unsigned i = 0; i < IKE_SA_MAX; i++) {
		const struct ike_sa *sa = &s->ike.ike[i];

		if (i > 0 && (sa->purpose == IKE_PURPOSE_DELETE_IKE || ike_sa_is_used(&s->ike.ike[0])))
			continue;
		if (sa->state && sa->window.outstanding)
			return sa;
	}
	return NULL;
}

/* The one that we have replaced, with our DELETE outstanding on it, or NULL. */
static const struct ike_sa *closing(const struct session *s)
{
	const struct ike_sa *old = &s->ike.ike[1];

	return old->state && old->window.outstanding && old->purpose == IKE_PURPOSE_DELETE_IKE ? old : NULL;
}

void requests_send(struct core *c, const struct session *s, const struct ike_datagrams *message)
{
	outgoing_send(c, core_node_index(c, session_slot(c->state, s)->node), &s->ike.local,
		      &s->ike.remote, message);
}

/* ---- What became of it ---- */

static bool is_rekey(uint32_t purpose)
{
	return purpose == IKE_PURPOSE_REKEY_CHILD;
}

/* The client goes over to the new SA when it is told to delete the old one: by then its packets
 * must find it. */
static void ask(struct core *c, const struct session *s, struct open_request *q, const struct ike_sa *sa)
{
	bool settles = is_rekey(q->purpose) && sa->purpose == IKE_PURPOSE_DELETE_CHILD;

	ike_datagrams_set(&q->request, ike_datagrams_ref(sa->window.outstanding));
	q->purpose = sa->purpose;
	q->there = s->ike.remote;
	q->tries = 0;
	q->elsewhere_us = 0;
	q->since_us = c->now_us;
	q->next_us = c->now_us + c->config->timing.retransmit_ms * MS;
	if (sa->purpose == IKE_PURPOSE_CHECK_ADDRESS)
		q->next_us = c->now_us; /* After the response to what it follows from. */
	else if (settles)
		q->next_us = c->now_us + SETTLE_US;
	else
		requests_send(c, s, q->request);
}

/* Sets q to what is outstanding on sa (NULL: nothing). True: the previous request was answered. */
static bool follow(struct core *c, const struct session *s, struct open_request *q, const struct ike_sa *sa)
{
	if (sa) {
		if (!ike_datagrams_equal(q->request, sa->window.outstanding)) {
			ask(c, s, q, sa);
		} else if (!endpoint_equal(&q->there, &s->ike.remote)) {
			/* Where it was asked so far it has not heard it; at its new place it does, and
			 * the check of that place waits for the answer. */
			q->there = s->ike.remote;
			q->tries = 0;
			q->next_us = c->now_us;
		}
		return false;
	}
	if (!q->request)
		return false;
	ike_datagrams_set(&q->request, NULL);
	q->next_us = NEVER;
	return true;
}

void requests_probe(struct core *c, struct task *e)
{
	e->probing = true;
	e->question.tries = 0;
	e->question.since_us = c->now_us;
	e->question.next_us = c->now_us;
}

enum ike_purpose requests_follow(struct core *c, const struct session *s, struct task *e)
{
	const struct ike_datagrams *before = e->question.request;

	follow(c, s, &e->closing, closing(s));
	if (follow(c, s, &e->question, requests_asking(s))) {
		e->alive_us = c->now_us;
		return (enum ike_purpose)e->question.purpose;
	}
	if (e->question.request != before)
		e->probing = false;
	if (e->question.request && session_ends(s) && e->question.next_us == NEVER)
		requests_probe(c, e); /* Its DELETE waits for this answer. */
	return IKE_PURPOSE_NONE;
}

/* ---- The client shows itself ---- */

/* It slept; now it is here. The same if it shows itself after the last repetition, before the
 * request is given up. */
static void wake(const struct core *c, struct open_request *q)
{
	if (!q->request || (q->next_us != NEVER && q->tries < c->config->timing.retransmit_tries))
		return;
	q->tries = 0;
	q->next_us = c->now_us;
}

void requests_alive(struct core *c, const struct session *s)
{
	struct task *e;

	if (!core_leads(c))
		return;
	e = task_get(c, s->id);
	e->alive_us = c->now_us;
	e->probing = false;
	wake(c, &e->question);
	wake(c, &e->closing);
}

static bool may_go_elsewhere(const struct core *c, const struct open_request *q)
{
	return q->elsewhere_us == 0 || c->now_us - q->elsewhere_us >= c->config->timing.retransmit_ms * MS;
}

void requests_wake(struct core *c, const struct session *s, const struct endpoint *seen)
{
	struct endpoint there = *seen;
	struct open_request *q;
	struct task *e;

	if (!core_leads(c))
		return;
	e = task_get(c, s->id);
	q = &e->question;
	if (there.port == 0) /* ESP without UDP. */
		there.port = s->ike.remote.port;
	/* Only its answer, which is authenticated and new, can move the session there. A request with
	 * a COOKIE2 goes only to the address that it is to prove. No more often than it is repeated: the
	 * address is not proved, and whoever lives there may know nothing of us. */
	if (q->request && may_go_elsewhere(c, q) && q->purpose != IKE_PURPOSE_CHECK_ADDRESS &&
	    (s->ike.features & (IKE_PEER_BEHIND_NAT | IKE_PEER_MOBIKE)) &&
	    there.address.family == s->ike.local.address.family && !endpoint_equal(&there, &s->ike.remote)) {
		q->elsewhere_us = c->now_us;
		outgoing_send(c, core_node_index(c, session_slot(c->state, s)->node), &s->ike.local,
			      &there, q->request);
	}
	if (!e->probing)
		wake(c, q);
}

/* ---- Repeating, and giving up ---- */

/* Was it asked whether it lives, and has nobody heard of it since? */
static bool is_dead(const struct task *e)
{
	if (MUTANT(MUTANT_FLOW_IS_NO_LIFE))
		return e->probing || e->question.purpose == IKE_PURPOSE_DPD;
	if (MUTANT(MUTANT_DELETE_ENDS_SESSION) && e->question.purpose == IKE_PURPOSE_DELETE_CHILD)
		return true;
	return (e->probing || e->question.purpose == IKE_PURPOSE_DPD) &&
	       e->alive_us <= e->question.since_us;
}

static void give_up(struct core *c, const struct session *s, struct task *e)
{
	struct command del = { .type = COMMAND_SESSION_DEL };

	if (requests_asking(s) == &s->ike.ike[1]) {
		e->question.next_us = c->now_us + c->config->timing.retransmit_ms * MS;
		requests_old_ike_end(c, s);
		return;
	}
	if (!is_dead(e) && !session_ends(s)) {
		e->question.next_us = NEVER;
		e->probing = false;
		return;
	}
	/* In case the deletion is refused because the client has just sent something. */
	e->question.next_us = c->now_us + c->config->timing.retransmit_ms * MS;
	if (!exchange_reserve(c, s->id))
		return;
	action_event(c->actions, "peer_dead", "session %llu does not answer",
		     (unsigned long long)s->id);
	del.session_del.session = s->id;
	del.session_del.serial = s->serial;
	del.session_del.lost = true;
	proposals_add(c, URGENT_REQUEST, &del);
}

/* False: that was the last time. */
static bool repeat(struct core *c, const struct session *s, struct open_request *q)
{
	if (++q->tries > c->config->timing.retransmit_tries)
		return false;
	requests_send(c, s, q->request);
	q->next_us = c->now_us + ((uint64_t)c->config->timing.retransmit_ms * MS << q->tries);
	return true;
}

bool requests_repeat_turn(struct core *c, const struct session *s, struct task *e)
{
	if (!e->question.request && requests_asking(s)) {
		requests_follow(c, s, e); /* Committed while we did not lead. */
	} else if (c->now_us >= e->question.next_us) {
		if (!repeat(c, s, &e->question))
			give_up(c, s, e);
	} else if (c->now_us >= e->closing.next_us) {
		if (!repeat(c, s, &e->closing))
			e->closing.next_us = NEVER;
	} else {
		return false;
	}
	return true;
}

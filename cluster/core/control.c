/* SPDX-License-Identifier: Apache-2.0 */
/* What an operator asks for: to end a session, to revoke an identity or allow it again, to end
 * sessions whose identity or connection is no longer configured. The operator may ask any node. It
 * proposes a command through the leader, and again until it sees the command applied, because the
 * leader may be lost. Each of these commands may be applied twice.
 *
 * The command carries a ticket that was drawn here. So the node answers when it has itself applied
 * the command, with what that did: nobody has to send the answer, and it is never given for an
 * uncommitted command. */
#include "cluster/core/rooms.h"
#include "cluster/core/control_room.h"
#include "cluster/core/policy.h"
#include "cluster/core/proposals.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <stdlib.h>

#define CONTROLS_MAX 8u

struct control {
	struct control_asked {
		struct control_request request; /* from 0: nobody asks. */
		uint64_t ticket;
		uint64_t again_us, until_us;    /* Proposed again; given up. */
		struct policy_walk walk;        /* PRUNE */
		uint32_t ended;
	} asked[CONTROLS_MAX];
};

#define AGAIN_US (300 * MS)
#define PATIENCE_US (5000 * MS)

static void __attribute__((format(printf, 5, 6)))
answer(struct core *c, struct control_asked *a, bool done, uint32_t sessions, const char *format, ...)
{
	char text[ACTION_CONTROL_TEXT_LEN];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	action_control(c->actions, a->request.from, done, sessions, text);
	memset(a, 0, sizeof(*a));
}

static const char *sessions_text(uint32_t n, char text[40])
{
	snprintf(text, 40, n == 1 ? "%u session is" : "%u sessions are", n);
	return text;
}

/* ---- Asking ---- */

/* A name that nobody has is a slip: the operator would think that somebody is locked out. */
static bool is_anybody(const struct core *c, const struct ike_id *id)
{
	return policy_knows(c, id) || policy_admits(c, id) || state_is_revoked(c->state, id) ||
	       state_next_session_named(c->state, id, 0) != NULL;
}

/* So would one that is meant for many: it is looked up as it stands. Unless somebody is called so. */
static bool is_pattern(const struct core *c, const struct ike_id *id)
{
	return ike_id_is_pattern(id) && !policy_knows(c, id) && !state_is_revoked(c->state, id) &&
	       state_next_session_named(c->state, id, 0) == NULL;
}

void control_request(struct core *c, const struct control_request *r)
{
	struct control_asked *a = NULL, none = { .request = *r };
	char id[IKE_ID_TEXT_LEN];

	for (unsigned i = 0; i < CONTROLS_MAX && !a; i++)
		if (c->control->asked[i].request.from == 0)
			a = &c->control->asked[i];
	if (!a) {
		answer(c, &none, false, 0, "%u other requests are open: repeat this one", CONTROLS_MAX);
		return;
	}
	memset(a, 0, sizeof(*a));
	a->request = *r;
	a->ticket = entropy_u64(&c->entropy) | 1;
	a->until_us = c->now_us + PATIENCE_US;
	if (r->verb == CONTROL_REVOKE && is_pattern(c, &r->id))
		answer(c, a, false, 0, "'%s': revoke takes one identity and no pattern: name each, or change \"client_ids\"",
		       ike_id_format(&r->id, id, sizeof(id)));
	else if (r->verb == CONTROL_REVOKE && !is_anybody(c, &r->id))
		answer(c, a, false, 0, "unknown identity '%s': no [[secret]], [[user]] or [[client]] has it, no "
		       "\"client_ids\" name it, and no session has it", ike_id_format(&r->id, id, sizeof(id)));
	else if ((r->verb == CONTROL_PRUNE || r->verb == CONTROL_PRUNE_YES) && !policy_is_shown(c))
		answer(c, a, false, 0,
		       "most voters have another policy in force than this node: ask one of them");
}

static void propose(struct core *c, const struct control_asked *a)
{
	const struct control_request *r = &a->request;
	struct command x = { .type = COMMAND_IDENTITY };

	if (r->verb == CONTROL_END) {
		x.type = COMMAND_SESSIONS_END;
		x.sessions_end.ticket = a->ticket;
		x.sessions_end.reason = END_ASKED;
		x.sessions_end.n = 1;
		x.sessions_end.session[0] = r->session;
	} else {
		x.identity.ticket = a->ticket;
		x.identity.verdict = r->verb == CONTROL_REVOKE  ? IDENTITY_REVOKE
				     : r->verb == CONTROL_ALLOW ? IDENTITY_ALLOW
								: IDENTITY_END;
		x.identity.id = r->id;
	}
	proposals_add(c, URGENT_REQUEST, &x);
}

/* ---- Pruning: a walk through all sessions ---- */

static void pruned(struct core *c, struct control_asked *a)
{
	unsigned long long gone = a->walk.gone, seen = a->walk.seen;
	char n[40];

	if (a->request.verb == CONTROL_PRUNE_YES)
		answer(c, a, true, a->ended, "%s ended", sessions_text(a->ended, n));
	else if (gone == 0)
		answer(c, a, true, 0, "the identities and connections of all %llu sessions are "
				      "configured", seen);
	else
		answer(c, a, true, (uint32_t)gone,
		       "%llu of %llu sessions have an identity or a connection that is not "
		       "configured: `baton prune --yes` ends them", gone, seen);
}

static void prune(struct core *c, struct control_asked *a)
{
	if (a->walk.n > 0) { /* On its way: control_applied() empties it. */
		if (c->now_us >= a->again_us)
			policy_propose(c, &a->walk, a->ticket);
		return;
	}
	if (!a->walk.over)
		policy_walk(c, &a->walk);
	if (a->request.verb == CONTROL_PRUNE)
		a->walk.n = 0;
	if (a->walk.n > 0)
		policy_propose(c, &a->walk, a->ticket);
	else if (a->walk.over)
		pruned(c, a);
}

/* ---- Answering ---- */

static void answer_identity(struct core *c, struct control_asked *a, const struct apply_result *r)
{
	char id[IKE_ID_TEXT_LEN], n[40];

	ike_id_format(&a->request.id, id, sizeof(id));
	sessions_text(r->n_ended, n);
	if (a->request.verb == CONTROL_END_IDENTITY && r->status == OK)
		answer(c, a, true, r->n_ended, "'%s': %s ended", id, n);
	else if (a->request.verb == CONTROL_END_IDENTITY)
		answer(c, a, false, 0, "there is no session of '%s'", id);
	else if (a->request.verb == CONTROL_ALLOW && r->status == OK)
		answer(c, a, true, 0, "'%s' is allowed again", id);
	else if (a->request.verb == CONTROL_ALLOW)
		answer(c, a, false, 0, "'%s' is not revoked", id);
	else if (r->status == OK)
		answer(c, a, true, r->n_ended, "'%s' is revoked, %s ended", id, n);
	else
		answer(c, a, false, 0, "%u identities are revoked already, the most that is possible: "
				       "allow those whose [[secret]] is gone", STATE_REVOKED_MAX);
}

static void answer_applied(struct core *c, struct control_asked *a, const struct apply_result *r)
{
	if (a->request.verb == CONTROL_PRUNE_YES) {
		a->ended += r->n_ended;
		a->walk.n = 0;
		a->until_us = c->now_us + PATIENCE_US;
	} else if (a->request.verb != CONTROL_END) {
		answer_identity(c, a, r);
	} else if (r->status == OK) {
		answer(c, a, true, 1, "session %llu is ended", (unsigned long long)a->request.session);
	} else {
		answer(c, a, false, 0, "there is no session %llu",
		       (unsigned long long)a->request.session);
	}
}

/* One line at each node. */
static void tell(struct core *c, const struct command *x, const struct apply_result *r)
{
	const struct identity_command *p = &x->identity;
	char id[IKE_ID_TEXT_LEN], n[40];

	if (r->status != OK)
		return;
	sessions_text(r->n_ended, n);
	if (x->type == COMMAND_SESSIONS_END && x->sessions_end.n == 1) {
		action_event(c->actions, "session_end", "session %llu is ended",
			     (unsigned long long)x->sessions_end.session[0]);
		return;
	}
	if (x->type == COMMAND_SESSIONS_END) {
		action_event(c->actions, "session_end", "%s ended", n);
		return;
	}
	ike_id_format(&p->id, id, sizeof(id));
	if (p->verdict == IDENTITY_ALLOW)
		action_event(c->actions, "allowed", "'%s' is allowed again", id);
	else
		action_event(c->actions, p->verdict == IDENTITY_REVOKE ? "revoked" : "session_end",
			     p->verdict == IDENTITY_REVOKE ? "'%s' is revoked, %s ended" : "'%s': %s ended",
			     id, n);
}

void control_applied(struct core *c, const struct command *x, const struct apply_result *r)
{
	uint64_t ticket = x->type == COMMAND_IDENTITY ? x->identity.ticket : x->sessions_end.ticket;

	tell(c, x, r);
	for (unsigned i = 0; i < CONTROLS_MAX && ticket != 0; i++)
		if (c->control->asked[i].request.from != 0 && c->control->asked[i].ticket == ticket)
			answer_applied(c, &c->control->asked[i], r);
}

/* A snapshot may contain what was proposed, but not what it did: the same command again would find its
 * session ended, its identity allowed, and say that there was none. A revocation may be repeated. */
void control_restored(struct core *c)
{
	for (unsigned i = 0; i < CONTROLS_MAX; i++) {
		struct control_asked *a = &c->control->asked[i];
		bool pruned = a->request.verb == CONTROL_PRUNE_YES && (a->walk.n > 0 || a->ended > 0);
		bool ended = a->request.verb == CONTROL_END || a->request.verb == CONTROL_END_IDENTITY ||
			     a->request.verb == CONTROL_ALLOW;

		if (a->request.from != 0 && a->again_us != 0 && (pruned || ended))
			answer(c, a, false, 0, "this node was far behind the others and does not know what became of "
					       "this: it may have been committed: check, or repeat it");
	}
}

void control_tick(struct core *c)
{
	for (unsigned i = 0; i < CONTROLS_MAX; i++) {
		struct control_asked *a = &c->control->asked[i];
		bool prunes = a->request.verb == CONTROL_PRUNE || a->request.verb == CONTROL_PRUNE_YES;
		bool due = c->now_us >= a->again_us;

		if (a->request.from == 0)
			continue;
		if (c->now_us >= a->until_us) {
			answer(c, a, false, 0, "not committed within %llu s: is there a leader? It "
					       "may still be committed: check, or repeat it",
			       (unsigned long long)(PATIENCE_US / (1000 * MS)));
			continue;
		}
		if (prunes)
			prune(c, a);
		else if (due)
			propose(c, a);
		if (due)
			a->again_us = c->now_us + AGAIN_US;
	}
}

void control_init(struct core *c)
{
	c->control = core_room(sizeof(*c->control));
}

void control_fini(struct core *c)
{
	free(c->control);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions that are to end: some, or all of an identity, with or without locking that out.
 *
 * The command that ends a session removes its Child SAs: a node that has applied it serves none of
 * them. The IKE SA stays until the client has been told (cluster/core/requests.c), by a DELETE that
 * is committed like every request of ours: until the client has answered it, or has not for too
 * long. Until then nothing new is made on it. */
#include "cluster/state/accounting_report.h"
#include "cluster/state/state_internal.h"
#include "proto/mutant.h"

#include <string.h>

bool session_end(struct state *s, struct session_entry *e, uint8_t cause)
{
	static const struct seq_record none[IKE_CHILD_MAX];
	const struct seq_record *seq = none;
	struct ike_session next;

	if (session_ends(&e->s))
		return false;
	accounting_stop(s, e, cause);
	ike_session_copy(&next, &e->s.ike);
	ike_session_end(&next);
	if (MUTANT(MUTANT_END_KEEPS_SAS)) {
		memcpy(next.child, e->s.ike.child, sizeof(next.child));
		next.n_child = e->s.ike.n_child;
		seq = e->s.seq;
	}
	session_replace(s, e, &next, seq);
	ike_session_fini(&next);
	e->s.serial++; /* A step that was computed from what it was is refused. */
	return true;
}

static uint8_t cause_of(uint8_t reason)
{
	return reason == END_LIFETIME ? RADIUS_CAUSE_SESSION_TIMEOUT
	       : reason == END_REPLACED ? RADIUS_CAUSE_PORT_PREEMPTED
					: RADIUS_CAUSE_ADMIN_RESET;
}

void apply_sessions_end(struct state *s, const struct sessions_end *c, struct apply_result *r)
{
	for (uint32_t i = 0; i < c->n; i++) {
		struct session_entry *e = session_find(s, c->session[i]);

		r->n_ended += e && session_end(s, e, cause_of(c->reason));
	}
	if (r->n_ended == 0)
		r->status = ERR_NOT_FOUND;
}

/* ---- All of an identity ---- */

static uint32_t end_all_of(struct state *s, const struct ike_id *id)
{
	const struct session *x = NULL;
	uint32_t n = 0;

	while ((x = state_next_session_named(s, id, x ? x->id : 0)) != NULL)
		n += session_end(s, session_entry_of((struct session *)x), RADIUS_CAUSE_ADMIN_RESET);
	return n;
}

void apply_identity(struct state *s, const struct identity_command *c, struct apply_result *r)
{
	bool revoked = state_is_revoked(s, &c->id);

	switch ((enum identity_verdict)c->verdict) {
	case IDENTITY_END:
		r->n_ended = end_all_of(s, &c->id);
		r->status = r->n_ended > 0 ? OK : ERR_NOT_FOUND;
		return;
	case IDENTITY_REVOKE:
		if (!revoked && state_revoked(s) >= STATE_REVOKED_MAX) {
			r->status = ERR_FULL;
			return;
		}
		if (!revoked)
			revoked_add(s, &c->id);
		r->n_ended = end_all_of(s, &c->id);
		return;
	case IDENTITY_ALLOW:
		if (revoked)
			revoked_remove(s, &c->id);
		else
			r->status = ERR_NOT_FOUND;
		return;
	}
}

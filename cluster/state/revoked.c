/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions that are to end, and identities that are no longer let in.
 *
 * The command that ends a session removes its Child SAs: a node that has applied it serves none of
 * them. The IKE SA stays until the client has been told (cluster/core/requests.c), by a DELETE that
 * is committed like every request of ours: until the client has answered it, or has not for too
 * long. Until then nothing new is made on it.
 *
 * A revoked identity is looked up without regard to case, as its secret is. There are
 * STATE_REVOKED_MAX at most; one more is refused here, where they are granted. */
#include "cluster/state/accounting_report.h"
#include "cluster/state/state_internal.h"
#include "proto/ike/ike_config.h"
#include "proto/mutant.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

bool session_ends(const struct session *session)
{
	return (session->ike.features & IKE_ENDS) != 0;
}

/* False: it does already. */
static bool session_end(struct state *s, struct session_entry *e, uint8_t cause)
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

/* ---- Identities ---- */

static struct revoked *revoked_find(const struct state *s, const struct ike_id *id)
{
	struct ike_id key = ike_id_key(id);
	struct revoked *x;

	HASH_FIND(hh, s->revoked, &key, sizeof(key), x);
	return x;
}

bool state_is_revoked(const struct state *s, const struct ike_id *id)
{
	return revoked_find(s, id) != NULL;
}

size_t state_revoked(const struct state *s)
{
	return HASH_CNT(hh, s->revoked);
}

const struct ike_id *state_next_revoked(const struct state *s, const struct ike_id *after)
{
	const struct revoked *x = after ? revoked_find(s, after) : NULL;

	x = !after ? s->revoked : x ? x->hh.next : NULL;
	return x ? &x->id : NULL;
}

static void revoked_add(struct state *s, const struct ike_id *id)
{
	struct revoked *x = calloc(1, sizeof(*x));

	assert(x);
	x->id = ike_id_key(id);
	HASH_ADD(hh, s->revoked, id, sizeof(x->id), x);
}

static void revoked_remove(struct state *s, struct revoked *x)
{
	HASH_DEL(s->revoked, x);
	free(x);
}

void revoked_fini(struct state *s)
{
	struct revoked *x, *next;

	HASH_ITER(hh, s->revoked, x, next)
		revoked_remove(s, x);
}

static uint32_t end_all_of(struct state *s, const struct ike_id *id)
{
	const struct session *x = NULL;
	uint32_t n = 0;

	while ((x = state_next_session_of(s, id, x ? x->id : 0)) != NULL)
		n += session_end(s, session_entry_of((struct session *)x), RADIUS_CAUSE_ADMIN_RESET);
	return n;
}

void apply_identity(struct state *s, const struct identity_command *c, struct apply_result *r)
{
	struct revoked *x = revoked_find(s, &c->id);

	switch ((enum identity_verdict)c->verdict) {
	case IDENTITY_END:
		r->n_ended = end_all_of(s, &c->id);
		r->status = r->n_ended > 0 ? OK : ERR_NOT_FOUND;
		return;
	case IDENTITY_REVOKE:
		if (!x && state_revoked(s) >= STATE_REVOKED_MAX) {
			r->status = ERR_FULL;
			return;
		}
		if (!x)
			revoked_add(s, &c->id);
		r->n_ended = end_all_of(s, &c->id);
		return;
	case IDENTITY_ALLOW:
		if (x)
			revoked_remove(s, x);
		else
			r->status = ERR_NOT_FOUND;
		return;
	}
}

/* ---- In a snapshot ---- */

static void read_revoked(struct codec *c, struct state *s)
{
	struct ike_id id = {0}, key;

	codec_id(c, &id);
	key = ike_id_key(&id);
	codec_check(c, id.len > 0 && memcmp(key.data, id.data, id.len) == 0 &&
			       !state_is_revoked(s, &id));
	if (!c->bad)
		revoked_add(s, &id);
}

void codec_revoked(struct codec *c, struct state *s)
{
	uint32_t n = (uint32_t)state_revoked(s);

	codec_count(c, &n, STATE_REVOKED_MAX);
	for (uint32_t i = 0; codec_reads(c) && i < n && !c->bad; i++)
		read_revoked(c, s);
	for (struct revoked *x = s->revoked; !codec_reads(c) && x; x = x->hh.next)
		codec_id(c, &x->id);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The lifetimes of an IKE SA: at the soft one the leader rekeys it, at the hard one the session
 * ends, as it does at a time limit that was set when the client was let in. A client that refuses,
 * or for which there is no room among the tombstones, is asked again ever more slowly.
 *
 * A client that has replaced its IKE SA deletes the old one. If it does not, because its DELETE was lost and it sends
 * that only once, the leader does it, once the client has used the new one: until then it may have only the old one. */
#include "cluster/core/requests_internal.h"

#include "cluster/core/exchange_env.h"
#include "cluster/core/lane_reserve.h"
#include "cluster/core/lifetime.h"
#include "cluster/core/proposals.h"
#include "proto/ike/outcome.h"

#define IKE_REKEY_AGAIN_US (10000 * MS) /* Doubled ... */
#define IKE_REKEY_DOUBLINGS 6u          /* ... so often. */
#define IKE_EXPIRE_AGAIN_US (1000 * MS) /* Should the command be lost. */
#define OLD_IKE_KEPT_MS 90000u          /* So long the client has to delete what it replaced. */

/* Its own SPIs, one of which we have drawn. */
static uint32_t seed_of(const struct ike_sa *sa)
{
	return (uint32_t)(sa->spi_i ^ sa->spi_r);
}

static void rekey(struct core *c, const struct session *s, struct task *e)
{
	const struct ike_request r = { .purpose = IKE_PURPOSE_REKEY_IKE };

	if (!requests_make(c, s, &r))
		return;
	e->ike_rekey_us = c->now_us + (IKE_REKEY_AGAIN_US << e->ike_rekey_tries);
	if (e->ike_rekey_tries < IKE_REKEY_DOUBLINGS)
		e->ike_rekey_tries++;
	action_event(c->actions, "ike_rekey", "session %llu: its IKE SA is to be replaced",
		     (unsigned long long)s->id);
}

static void expire(struct core *c, const struct session *s, const char *why)
{
	struct command end = { .type = COMMAND_SESSIONS_END };

	end.sessions_end.reason = END_LIFETIME;
	end.sessions_end.n = 1;
	end.sessions_end.session[0] = s->id;
	proposals_add(c, URGENT_REQUEST, &end);
	action_event(c->actions, "ike_expired", "session %llu: %s", (unsigned long long)s->id, why);
}

bool requests_ike_turn(struct core *c, const struct session *s, struct task *e)
{
	const struct ike_connection *connection = core_connection(c, s);
	const struct ike_sa *sa = &s->ike.ike[0];
	uint64_t now_ms = state_time_ms(c->state);
	bool ends = s->ike.ends_ms != 0 && now_ms >= s->ike.ends_ms;
	struct ike_env env;

	if ((!connection && !ends) || session_ends(s))
		return false;
	if (ends || lifetime_is_over(&connection->ike_life, sa->made_ms, now_ms)) {
		if (c->now_us < e->ike_expire_us)
			return false;
		e->ike_expire_us = c->now_us + IKE_EXPIRE_AGAIN_US;
		expire(c, s, ends ? "the time that was set when it was let in is over"
				  : "its IKE SA is past its hard lifetime");
		return true;
	}
	if (c->now_us < e->ike_rekey_us)
		return false;
	if (!lifetime_is_due(&connection->ike_life, sa->made_ms, seed_of(sa), now_ms)) {
		e->ike_rekey_tries = 0;
		return false;
	}
	env = exchange_env(c);
	if (e->question.request || !ike_sa_rekey_possible(&c->in_force->ike, &s->ike) ||
	    !ike_may_renew(&env, &s->ike))
		return false;
	rekey(c, s, e);
	return true;
}

/* ---- The IKE SA that the client has replaced ---- */

/* A DELETE of it, or, if something else is outstanding there and so takes its window, without a word. */
static bool end_old(struct core *c, const struct session *s, bool says)
{
	struct command step = { .type = COMMAND_SESSION_STEP };
	struct session_step *p = &step.session_step;
	struct ike_env env = exchange_env(c);

	if (!exchange_reserve(c, s->id))
		return false;
	p->session = s->id;
	p->serial = s->serial;
	p->lease = c->config->lease;
	p->horizon = core_first_horizon(c, &s->ike);
	ike_session_copy(&p->ike, &s->ike);
	if (!says) {
		ike_old_end(&p->ike);
	} else if (!ike_request_close_old(&env, &p->ike) || !ike_session_is_brief(&p->ike)) {
		ike_session_fini(&p->ike); /* Later: beside it a long rekey is outstanding. */
		exchange_unreserve(c, s->id);
		return false;
	}
	action_event(c->actions, "ike_old", "session %llu: the IKE SA that its client has replaced ends",
		     (unsigned long long)s->id);
	proposals_add(c, URGENT_REQUEST, &step);
	return true;
}

void requests_old_ike_end(struct core *c, const struct session *s)
{
	(void)end_old(c, s, false);
}

bool requests_old_ike_turn(struct core *c, const struct session *s)
{
	const struct ike_sa *now = &s->ike.ike[0], *old = &s->ike.ike[1];

	if (old->state != IKE_SA_REKEYED || old->purpose == IKE_PURPOSE_DELETE_IKE || !ike_sa_is_used(now) ||
	    state_time_ms(c->state) < now->made_ms + OLD_IKE_KEPT_MS)
		return false;
	return end_old(c, s, !old->window.outstanding);
}

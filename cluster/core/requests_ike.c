/* SPDX-License-Identifier: Apache-2.0 */
/* The lifetimes of an IKE SA: at the soft one the leader rekeys it, at the hard one the session
 * ends, as it does at a time limit that was set when the client was let in. A client that refuses,
 * or for which there is no room among the tombstones, is asked again ever more slowly. */
#include "cluster/core/requests_internal.h"

#include "cluster/core/exchange_env.h"
#include "cluster/core/lifetime.h"
#include "cluster/core/proposals.h"
#include "proto/ike/outcome.h"

#define IKE_REKEY_AGAIN_US (10000 * MS) /* Doubled ... */
#define IKE_REKEY_DOUBLINGS 6u          /* ... so often. */
#define IKE_EXPIRE_AGAIN_US (1000 * MS) /* Should the command be lost. */

/* Its own SPIs, one of which we have drawn. */
uint32_t requests_ike_seed(const struct ike_sa *sa)
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
	if (!lifetime_is_due(&connection->ike_life, sa->made_ms, requests_ike_seed(sa), now_ms)) {
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

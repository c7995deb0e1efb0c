/* SPDX-License-Identifier: Apache-2.0 */
/* The IKE SA that a client has replaced: the client deletes it. If it does not, because its DELETE was lost and it
 * sends that only once, the leader does it, once the client has used the new one: until then it may have only the
 * old one. */
#include "cluster/core/requests_internal.h"

#include "cluster/core/exchange_env.h"
#include "cluster/core/lane_reserve.h"
#include "cluster/core/proposals.h"
#include "proto/ike/outcome.h"

#define OLD_IKE_KEPT_MS 90000u /* So long the client has to delete what it replaced. */

/* A DELETE of it, or, if something else is outstanding there and so takes its window, without a word. */
static bool end_old(struct core *c, const struct session *s, bool says)
{
	struct command step = { .type = COMMAND_SESSION_STEP };
	struct session_step *p = &step.session_step;
	struct ike_env env = exchange_env(c);

	if (!exchange_reserve(c, s->id))
		return false;
	core_step_terms(c, s, p);
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

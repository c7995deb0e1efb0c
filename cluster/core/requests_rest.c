/* SPDX-License-Identifier: Apache-2.0 */
/* How long a session will have nothing to ask. Its turn finds something by what its record, its task, the policy and
 * the time are. A change of the record, and whatever changes the task, wakes the task (task_get()); a new policy
 * wakes all; what is left is the time, and that is known here. Where that is not sure, the session does not rest:
 * all of those have something open, which is over soon. */
#include "cluster/core/requests_internal.h"

#include "cluster/core/lifetime.h"
#include "cluster/core/tasks.h"

static bool child_is_open(const struct core *c, const struct session *s, unsigned i)
{
	const struct ike_connection *connection = core_connection(c, s);
	const struct child_sa *child = &s->ike.child[i];

	return child->expired || ike_session_has_child(&s->ike, child->replaces) ||
	       lease_is_high(&s->seq[i], session_epoch(c->state, s)) ||
	       lifetime_is_used(&connection->child_life, &s->seq[i].volume, child->spi_in) ||
	       lifetime_is_used_up(&connection->child_life, &s->seq[i].volume);
}

/* What waits until the client has answered what it is asked now begins when its answer changes the record. */
static bool waits_for_its_turn(const struct core *c, const struct session *s, const struct task *e)
{
	return !e->question.request &&
	       (requests_asking(s) || session_ends(s) || s->ike.moving || requests_child_waits(c, s) || e->ended ||
		session_epoch(c->state, s) != s->acknowledged_epoch);
}

/* Older sessions of its client, which its INITIAL_CONTACT ends. */
static bool ends_others(const struct core *c, const struct session *s)
{
	const struct session *old;

	if (!(s->ike.features & IKE_INITIAL_CONTACT))
		return false;
	old = state_next_session_of(c->state, ike_session_client(&s->ike), 0);
	return old && old->id < s->id;
}

static bool is_open(const struct core *c, const struct session *s, const struct task *e)
{
	if (waits_for_its_turn(c, s, e) || s->followed_by || s->ike.ike[1].state || s->ike.n_child == 0 ||
	    c->now_us < e->replaced_us || e->newer || c->now_us < e->ike_expire_us || ends_others(c, s))
		return true;
	for (unsigned i = 0; i < s->ike.n_child; i++)
		if (child_is_open(c, s, i))
			return true;
	return false;
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t requests_rest_until(const struct core *c, const struct session *s, const struct task *e)
{
	const struct ike_connection *connection = core_connection(c, s);
	const struct ike_sa *sa = &s->ike.ike[0];
	uint64_t now_ms = state_time_ms(c->state), left_ms = TASKS_REST_S * 1000, until_us;

	if (!connection || is_open(c, s, e))
		return 0;
	for (unsigned i = 0; i < s->ike.n_child; i++)
		left_ms = sooner(left_ms, lifetime_left_ms(&connection->child_life, s->ike.child[i].made_ms,
							   s->ike.child[i].spi_in, now_ms));
	left_ms = sooner(left_ms, lifetime_left_ms(&connection->ike_life, sa->made_ms, requests_ike_seed(sa), now_ms));
	if (s->ike.ends_ms)
		left_ms = sooner(left_ms, s->ike.ends_ms > now_ms ? s->ike.ends_ms - now_ms : 0);
	until_us = c->now_us + left_ms * MS;
	if (connection->dpd_ms)
		until_us = sooner(until_us, e->alive_us + connection->dpd_ms * MS);
	return sooner(until_us, sooner(e->question.next_us, e->closing.next_us));
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of our own, all made by the leader: takeover notices and dead peer detection here, what Child SAs need in
 * requests_child.c, repetition in requests_repeat.c. Each is committed with its bytes before it is sent (DESIGN section
 * 4), so the next leader repeats it bit for bit and knows what its answer finishes. Strict clients silently drop a
 * skipped or repeated Message ID, so all of this must be exact.
 *
 * A *task* is the leader's memory of one outstanding request: when to repeat it, and how often that
 * was done. It is volatile: a new leader makes its own. */
#include "cluster/core/requests.h"

#include "cluster/core/requests_internal.h"
#include "cluster/core/exchange_env.h"
#include "cluster/core/lane_reserve.h"
#include "cluster/core/outgoing.h"
#include "cluster/core/proposals.h"
#include "cluster/core/slow_dh.h"
#include "cluster/core/tasks.h"
#include "cluster/core/unique.h"
#include "proto/mutant.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct requests {
	struct tasks tasks;
	bool scanning;          /* Sessions are looked through for notices to send ... */
	uint64_t scan_after;    /* ... from this id on, ... */
	uint64_t scan_next_us;  /* ... at this time. */
	uint64_t takeovers, acknowledged;
};

#define TASKS_TICKS 50u     /* Ticks until each had its turn ... */
#define TASKS_LOOK_MIN 64u  /* ... but so many in each. */
#define SCAN_BURST_US (2 * MS)
#define SCAN_STEP_MAX 512u    /* Sessions looked at in one step. */
#define CONTACT_MAX 64u       /* Older sessions that end in one turn. */
#define REPLACED_AGAIN_US (1000 * MS) /* Should the command be lost. */
#define NOTICE_AGAIN_US (1000 * MS) /* Between two notices to one client. */
#define TOO_LONG_AGAIN_US (600000 * MS) /* Perhaps the policy is another one by then. */

struct task *task_get(struct core *c, uint64_t session)
{
	struct tasks *t = &c->requests->tasks;
	struct task *e = tasks_find(t, session);
	bool is_new = !e;

	e = tasks_get(t, session);
	if (is_new) {
		e->question.next_us = e->closing.next_us = NEVER;
		e->alive_us = c->now_us;
	}
	return e;
}

void requests_forget(struct core *c, uint64_t session)
{
	struct task *e = tasks_find(&c->requests->tasks, session);

	if (!e)
		return;
	ike_datagrams_unref(e->question.request);
	ike_datagrams_unref(e->closing.request);
	tasks_free(&c->requests->tasks, e);
}

/* ---- Making a request ---- */

/* Not `noticed`: a notice whose IKE SA was rekeyed and deleted was never answered. */
static bool notice_due(struct core *c, const struct session *s)
{
	struct task *e;

	if (session_ends(s) || session_epoch(c->state, s) == s->acknowledged_epoch)
		return false;
	/* If owners come and go, a client hears of the last one, and a return to the first is one
	 * step. It is served meanwhile: nothing depends on the notice. A notice that was lost with
	 * its IKE SA is not repeated as another one. */
	e = task_get(c, s->id);
	if (MUTANT(MUTANT_NOTICE_EACH_MOVE))
		return true;
	return (e->greeted && e->greeted_epoch == session_epoch(c->state, s)) ||
	       c->now_us >= e->notice_us;
}

/* A session's record has no room for it: a rekey that offers many long proposals, in small
 * fragments. Everything else fits. */
static void refuse_too_long(struct core *c, const struct session *s, const struct ike_request *r)
{
	bool ike = r->purpose == IKE_PURPOSE_REKEY_IKE;
	uint64_t again_us = c->now_us + TOO_LONG_AGAIN_US;

	assert(ike || r->purpose == IKE_PURPOSE_REKEY_CHILD);
	if (ike)
		task_get(c, s->id)->ike_rekey_us = again_us;
	else
		requests_child_later(c, r->spi_in, again_us);
	exchange_unreserve(c, s->id);
	action_event(c->actions, "request_too_long", "session %llu: a rekey that offers all "
						     "configured proposals is too long: give "
						     "connection %s fewer \"%s\", or raise "
						     "\"fragment_size\"",
		     (unsigned long long)s->id, s->ike.connection, ike ? "ike_proposals" : "esp_proposals");
}

bool requests_make(struct core *c, const struct session *s, const struct ike_request *r)
{
	struct command step = { .type = COMMAND_SESSION_STEP };
	struct session_step *p = &step.session_step;
	struct ike_env env = exchange_env(c);
	struct ike_outcome out;

	if (requests_asking(s) || !exchange_reserve(c, s->id))
		return false;
	ike_request_create(&env, &s->ike, r, &out);
	if (out.verdict == IKE_VERDICT_LATER) { /* At its next turn, when its value is there. */
		slow_dh_wait(c, &(struct slow_dh_waiter){ .request = NULL });
		exchange_unreserve(c, s->id);
		return false;
	}
	if (out.verdict != IKE_VERDICT_STEP || !ike_session_is_brief(out.next)) {
		refuse_too_long(c, s, r);
		ike_outcome_fini(&out);
		return false;
	}
	core_step_terms(c, s, p);
	p->noticed = r->purpose == IKE_PURPOSE_NOTICE;
	p->epoch = r->epoch;
	if (MUTANT(MUTANT_REQUEST_EARLY))
		requests_send(c, s, out.next->ike[0].window.outstanding);
	exchange_take_next(&p->ike, &out);
	ike_outcome_fini(&out);
	proposals_add(c, URGENT_NOTICE, &step);
	return true;
}

static void notice(struct core *c, const struct session *s)
{
	struct ike_request r = { .purpose = IKE_PURPOSE_NOTICE };
	struct task *e = task_get(c, s->id);

	r.epoch = session_epoch(c->state, s);
	r.node = session_slot(c->state, s)->node;
	if (!e->greeted || e->greeted_epoch != r.epoch) {
		/* The client may be waiting for this very answer, for a minute. */
		if (s->ike.ike[0].window.response)
			requests_send(c, s, s->ike.ike[0].window.response);
		e->greeted = true;
		e->greeted_epoch = r.epoch;
	}
	if (requests_make(c, s, &r)) {
		e->notice_us = c->now_us + NOTICE_AGAIN_US;
		c->requests->takeovers++;
		action_event(c->actions, "notice_sent", "session %llu, epoch %lld, owner %s",
			     (unsigned long long)s->id, (long long)r.epoch, core_node_name(c, r.node));
	}
}

/* ---- What became of it ---- */

static uint64_t sum_of_marks(const struct session *s)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < s->ike.n_child; i++)
		sum += s->seq[i].mark;
	return sum;
}

/* A new session may end all others of its client. */
static void wake_client(struct core *c, const struct session *s)
{
	const struct session *other = NULL;

	while ((other = state_next_session_of(c->state, ike_session_client(&s->ike), other ? other->id : 0)) != NULL)
		(void)task_get(c, other->id);
}

void requests_policy(struct core *c)
{
	tasks_wake_all(&c->requests->tasks);
}

void requests_applied(struct core *c, const struct session *s)
{
	struct task *e;

	if (!core_leads(c))
		return;
	if (!tasks_find(&c->requests->tasks, s->id) && unique_replaces(c, s))
		wake_client(c, s);
	e = task_get(c, s->id);
	if (sum_of_marks(s) > e->marks)
		requests_alive(c, s);
	e->marks = sum_of_marks(s); /* Less after a rekey. */
	if (requests_follow(c, s, e) != IKE_PURPOSE_NOTICE || s->acknowledged_epoch != s->noticed_epoch)
		return;
	c->requests->acknowledged++;
	action_event(c->actions, "notice_acknowledged", "session %llu, epoch %lld",
		     (unsigned long long)s->id, (long long)s->acknowledged_epoch);
	/* If a notice is due now, it is made at the task's next turn: the session's lane
	 * is still in this commit's hands. */
}

static bool dpd_due(const struct core *c, const struct session *s, const struct task *e)
{
	const struct ike_connection *connection = core_connection(c, s);

	return connection && connection->dpd_ms != 0 &&
	       c->now_us - e->alive_us >= connection->dpd_ms * MS;
}

static void dpd(struct core *c, const struct session *s, struct task *e)
{
	struct ike_request r = { .purpose = IKE_PURPOSE_DPD };

	if (requests_make(c, s, &r))
		e->alive_us = c->now_us;
}

/* It has no Child SA any more, and nothing of ours is outstanding: the client is told. */
static void end(struct core *c, const struct session *s)
{
	struct ike_request r = { .purpose = IKE_PURPOSE_DELETE_IKE };

	if (requests_make(c, s, &r))
		action_event(c->actions, "session_delete", "session %llu: its client is told that it "
							   "ends",
			     (unsigned long long)s->id);
}

/* A command has the size of a session: it is made only where it is needed, not at each task's turn. */
static bool end_older(struct core *c, const struct session *old)
{
	struct command del = { .type = COMMAND_SESSION_DEL };

	if (!exchange_reserve(c, old->id))
		return false;
	del.session_del.session = old->id;
	del.session_del.serial = old->serial;
	del.session_del.lost = true;
	proposals_add(c, URGENT_REQUEST, &del);
	return true;
}

static void end_replaced(struct core *c, const struct session *s)
{
	struct command end = { .type = COMMAND_SESSIONS_END };

	end.sessions_end.reason = END_REPLACED;
	end.sessions_end.n = 1;
	end.sessions_end.session[0] = s->id;
	proposals_add(c, URGENT_REQUEST, &end);
	action_event(c->actions, "session_replaced", "session %llu ends: its identity has a newer one",
		     (unsigned long long)s->id);
}

/* Its INITIAL_CONTACT said that it is the only session of its client (RFC 7296 2.4). SessionPut
 * ends COMMAND_SUPERSEDES_MAX others; if there are more, the leader ends them here: all that are
 * older than such a session. */
static bool contact_turn(struct core *c, const struct session *s)
{
	const struct session *old;
	bool some = false;

	if (!(s->ike.features & IKE_INITIAL_CONTACT))
		return false;
	if (MUTANT(MUTANT_CONTACT_OF_FOUR))
		return false;
	old = state_next_session_of(c->state, ike_session_client(&s->ike), 0);
	for (unsigned i = 0; i < CONTACT_MAX && old && old->id < s->id; i++) {
		some |= end_older(c, old);
		old = state_next_session_of(c->state, ike_session_client(&s->ike), old->id);
	}
	return some;
}

/* A newer session of its identity has its place (unique.c). */
static bool replaced_turn(struct core *c, const struct session *s, struct task *e)
{
	if (c->now_us < e->replaced_us || !unique_is_replaced(c, s, &e->newer))
		return false;
	e->replaced_us = c->now_us + REPLACED_AGAIN_US;
	end_replaced(c, s);
	return true;
}

/* One task's turn. True: something was made or sent. */
static bool task_turn(struct core *c, const struct session *s, struct task *e)
{
	if (contact_turn(c, s) || replaced_turn(c, s, e))
		return true;
	if (requests_repeat_turn(c, s, e) || requests_expire_turn(c, s) || requests_ike_turn(c, s, e) ||
	    requests_old_ike_turn(c, s))
		return true;
	if (e->question.request && e->question.next_us == NEVER && dpd_due(c, s, e))
		requests_probe(c, e);
	else if (e->question.request)
		return false;
	else if (session_ends(s))
		end(c, s);
	else if (s->ike.moving)
		requests_make(c, s, &(struct ike_request){ .purpose = IKE_PURPOSE_CHECK_ADDRESS });
	else if (notice_due(c, s))
		notice(c, s); /* Its lane was busy when the scan came by. */
	else if (requests_child_turn(c, s, e))
		return true;
	else if (dpd_due(c, s, e))
		dpd(c, s, e);
	else
		return false;
	return true;
}

/* Every task that is awake has its turn within a second, however many there are; and however many
 * fall due at once, they go out at the pace of notices. */
static void tasks_walk(struct core *c)
{
	struct tasks *t = &c->requests->tasks;
	size_t n = t->n_awake, look = n / TASKS_TICKS + TASKS_LOOK_MIN;
	uint64_t due = c->config->timing.sequence_tick_ms * MS / c->config->timing.notice_interval_us;

	tasks_pass(t, c->now_us);
	for (size_t i = 0; i < look && i < n && due > 0; i++) {
		struct task *e = tasks_next(t);
		const struct session *s = state_session(c->state, e->session);

		if (s && task_turn(c, s, e))
			due--;
		else if (s)
			tasks_rest(t, e, requests_rest_until(c, s, e));
	}
}

/* ---- Looking through the sessions after ownership changed ---- */

void requests_scan(struct core *c)
{
	struct requests *r = c->requests;

	if (!core_leads(c))
		return;
	r->scanning = true;
	r->scan_after = 0;
	r->scan_next_us = c->now_us;
}

static void scan(struct core *c)
{
	struct requests *r = c->requests;

	/* Turns missed while there was no leader are not made up at once. */
	if (c->now_us > r->scan_next_us + SCAN_BURST_US)
		r->scan_next_us = c->now_us - SCAN_BURST_US;
	for (unsigned i = 0; r->scanning && c->now_us >= r->scan_next_us; i++) {
		const struct session *s = state_next_session(c->state, r->scan_after);

		if (!s) {
			r->scanning = false;
			r->scan_next_us = NEVER;
			return;
		}
		if (i == SCAN_STEP_MAX) {
			r->scan_next_us = c->now_us; /* Others wait too: on with the next step. */
			return;
		}
		r->scan_after = s->id;
		if (requests_asking(s)) {
			requests_follow(c, s, task_get(c, s->id));
		} else if (notice_due(c, s)) {
			notice(c, s);
			r->scan_next_us += c->config->timing.notice_interval_us;
		} else {
			task_get(c, s->id); /* Its life is watched from now on. */
		}
	}
}

void requests_role(struct core *c)
{
	struct task *e, *tmp;

	HASH_ITER(hh, c->requests->tasks.by_session, e, tmp)
		requests_forget(c, e->session);
	c->requests->scanning = false;
	c->requests->scan_next_us = NEVER;
	requests_scan(c);
}

void requests_tick(struct core *c)
{
	if (!core_leads(c))
		return;
	/* consensus_is_current() turns true without a change of role. */
	if (!c->requests->tasks.by_session && !c->requests->scanning && state_sessions(c->state))
		requests_scan(c);
	scan(c);
	if (c->now_us < c->housekeeping_us)
		return;
	tasks_walk(c);
}

uint64_t requests_deadline_us(const struct core *c)
{
	return c->requests->scanning ? c->requests->scan_next_us : NEVER;
}

void requests_count(const struct core *c, uint64_t *takeovers, uint64_t *acknowledged)
{
	*takeovers = c->requests->takeovers;
	*acknowledged = c->requests->acknowledged;
}

void requests_init(struct core *c)
{
	c->requests = core_room(sizeof(*c->requests));
	c->requests->scan_next_us = NEVER;
}

void requests_fini(struct core *c)
{
	struct task *e, *tmp;

	HASH_ITER(hh, c->requests->tasks.by_session, e, tmp)
		requests_forget(c, e->session);
	free(c->requests);
}

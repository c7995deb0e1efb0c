/* SPDX-License-Identifier: Apache-2.0 */
/* What the leader asks for a Child SA: to be replaced, when three quarters of its numbers are used, it is old or has
 * carried much, or another room has a reason; to be deleted, when no number is left (RFC 4303 3.3.3: "the sender MUST
 * NOT send a packet on an SA if doing so would cause the sequence number to cycle") or its hard lifetime is over,
 * or the client has replaced it and used the new one. Each happens at its session's turn, see requests.c. */
#include "cluster/core/requests_internal.h"
#include "cluster/core/requests.h"

#include "cluster/core/lane_reserve.h"
#include "cluster/core/lifetime.h"
#include "cluster/core/owned_sa.h"
#include "cluster/core/proposals.h"

#define REKEY_AGAIN_US (5000 * MS) /* Doubled ... */
#define REKEY_DOUBLINGS 6u         /* ... so often. */
#define OLD_CHILD_KEPT_MS 90000u   /* So long the client has to delete what it replaced. */

/* ---- Without numbers ---- */

static void delete_ended(struct core *c, const struct session *s, struct task *e)
{
	struct ike_request r = { .purpose = IKE_PURPOSE_DELETE_CHILD, .spi_in = e->ended };
	uint32_t spi_in = e->ended;

	if (!ike_session_has_child(&s->ike, spi_in)) {
		e->ended = 0;
	} else if (requests_make(c, s, &r)) {
		e->ended = 0;
		action_event(c->actions, "sequence_end",
			     "session %llu: SPI %08x has no sequence number left and is deleted",
			     (unsigned long long)s->id, spi_in);
	}
}

/* While something else is outstanding, or on its way, it waits for the session's turn. */
void requests_delete_child(struct core *c, uint32_t spi_in)
{
	const struct session *s = state_session_by_spi(c->state, spi_in, NULL);
	struct task *e;

	if (!s || !core_leads(c))
		return;
	e = task_get(c, s->id);
	e->ended = spi_in;
	delete_ended(c, s, e);
}

/* ---- Hard lifetimes ---- */

/* It ends whether or not the client can be told now: if something else is outstanding it only
 * expires, and its DELETE is made afterwards. */
static void expire(struct core *c, const struct session *s, const struct child_sa *child)
{
	struct ike_request r = { .purpose = IKE_PURPOSE_DELETE_CHILD, .spi_in = child->spi_in, .expires = true };
	struct command step = { .type = COMMAND_SESSION_STEP };
	struct session_step *p = &step.session_step;

	if (!requests_asking(s)) {
		if (!requests_make(c, s, &r))
			return;
	} else if (!child->expired && exchange_reserve(c, s->id)) {
		core_step_terms(c, s, p);
		ike_session_copy(&p->ike, &s->ike);
		ike_session_find_child(&p->ike, child->spi_in)->expired = true;
		proposals_add(c, URGENT_REQUEST, &step);
	} else {
		return;
	}
	if (!child->expired)
		action_event(c->actions, "child_expired", "session %llu: SPI %08x is past its hard lifetime",
			     (unsigned long long)s->id, child->spi_in);
}

static bool is_over(const struct core *c, const struct session *s, unsigned i)
{
	const struct ike_connection *connection = core_connection(c, s);

	return connection && (lifetime_is_over(&connection->child_life, s->ike.child[i].made_ms,
					       state_time_ms(c->state)) ||
			      lifetime_is_used_up(&connection->child_life, &s->seq[i].volume));
}

bool requests_expire_turn(struct core *c, const struct session *s)
{
	for (unsigned i = 0; i < s->ike.n_child; i++) {
		const struct child_sa *child = &s->ike.child[i];
		bool over = is_over(c, s, i);

		if ((over && !child->expired) || (child->expired && !requests_asking(s))) {
			expire(c, s, child);
			return true;
		}
	}
	return false;
}

/* ---- Rekeying ---- */

/* Does the client surely have it? If the client rekeyed, it shows that by deleting the old one;
 * until then our answer may be lost, and it would say CHILD_SA_NOT_FOUND. */
static bool is_settled(const struct session *s, const struct child_sa *child)
{
	return child->replaces == 0 ||
	       !ike_session_has_child(&s->ike, child->replaces);
}

/* It is old, or it has carried much. */
static bool is_due(const struct core *c, const struct session *s, unsigned i)
{
	const struct ike_connection *connection = core_connection(c, s);
	const struct child_sa *child = &s->ike.child[i];

	return connection &&
	       (lifetime_is_due(&connection->child_life, child->made_ms, child->spi_in,
				state_time_ms(c->state)) ||
		lifetime_is_used(&connection->child_life, &s->seq[i].volume, child->spi_in));
}

static const struct sa_rekey *rekey_of(const struct core *c, uint32_t spi_in)
{
	static const struct sa_rekey none;
	const struct owned_sa *sa = owned_sa_find(c, spi_in);

	return sa && sa->rekey.term == consensus_term(c->consensus) ? &sa->rekey : &none;
}

static struct sa_rekey *rekey_note(struct core *c, uint32_t spi_in)
{
	struct sa_rekey *r = &owned_sa_get(c, spi_in)->rekey;
	uint64_t term = consensus_term(c->consensus);

	if (r->term != term)
		*r = (struct sa_rekey){ .term = term };
	return r;
}

void requests_child_later(struct core *c, uint32_t spi_in, uint64_t again_us)
{
	rekey_note(c, spi_in)->again_us = again_us;
}

/* The Child SA that needs a successor and has none: because another room asked, three quarters of its numbers
 * are used, or its soft lifetime is over. 0: there is none, or it is not yet time. */
static uint32_t rekey_due(const struct core *c, const struct session *s)
{
	int64_t epoch = session_epoch(c->state, s);
	uint32_t due = 0;

	if (s->followed_by && s->ike.virtual_ip.family != 0) /* Its client has gone on. */
		return 0;

	for (unsigned i = 0; i < s->ike.n_child && !due; i++) {
		const struct child_sa *child = &s->ike.child[i];
		uint32_t spi_in = child->spi_in;
		const struct sa_rekey *r = rekey_of(c, spi_in);

		if ((r->wanted || lease_is_high(&s->seq[i], epoch) || is_due(c, s, i)) && c->now_us >= r->again_us &&
		    !child->expired && !core_has_replacement(s, spi_in) && is_settled(s, child))
			due = spi_in;
	}
	return ike_rekey_possible(&c->in_force->ike, &s->ike, due) ? due : 0;
}

bool requests_child_waits(const struct core *c, const struct session *s)
{
	for (unsigned i = 0; i < s->ike.n_child; i++)
		if (rekey_of(c, s->ike.child[i].spi_in)->wanted && !core_has_replacement(s, s->ike.child[i].spi_in))
			return true;
	return false;
}

/* Whether the client answers TEMPORARY_FAILURE or refuses, the next try is later (RFC 7296 2.25). A
 * wrong group is settled within one try. */
static void rekey(struct core *c, const struct session *s, uint32_t spi_in)
{
	struct ike_request r = { .purpose = IKE_PURPOSE_REKEY_CHILD, .spi_in = spi_in };
	struct sa_rekey *n;

	if (!requests_make(c, s, &r))
		return;
	n = rekey_note(c, spi_in);
	n->again_us = c->now_us + (REKEY_AGAIN_US << n->tries);
	if (n->tries < REKEY_DOUBLINGS)
		n->tries++;
	action_event(c->actions, "child_rekey", "session %llu: SPI %08x is to be replaced",
		     (unsigned long long)s->id, spi_in);
}

void requests_rekey_child(struct core *c, const struct session *s, uint32_t spi_in)
{
	if (!core_leads(c) || !ike_session_has_child(&s->ike, spi_in))
		return;
	rekey_note(c, spi_in)->wanted = true;
	(void)task_get(c, s->id);
}

/* ---- What the client replaced, and does not delete ---- */

/* Its DELETE may be lost for good, as some send it once. Traffic shows that it has the new one. */
static uint32_t left_behind(const struct core *c, const struct session *s)
{
	for (unsigned i = 0; i < s->ike.n_child; i++) {
		const struct child_sa *child = &s->ike.child[i];

		if (!is_settled(s, child) && s->seq[i].mark != 0 &&
		    state_time_ms(c->state) >= child->made_ms + OLD_CHILD_KEPT_MS)
			return child->replaces;
	}
	return 0;
}

static void delete_left_behind(struct core *c, const struct session *s, uint32_t spi_in)
{
	struct ike_request r = { .purpose = IKE_PURPOSE_DELETE_CHILD, .spi_in = spi_in };

	if (requests_make(c, s, &r))
		action_event(c->actions, "child_old",
			     "session %llu: SPI %08x, that its client has replaced, is deleted",
			     (unsigned long long)s->id, spi_in);
}

bool requests_child_turn(struct core *c, const struct session *s, struct task *e)
{
	uint32_t spi_in;

	if (e->ended)
		delete_ended(c, s, e);
	else if ((spi_in = left_behind(c, s)) != 0)
		delete_left_behind(c, s, spi_in);
	else if ((spi_in = rekey_due(c, s)) != 0)
		rekey(c, s, spi_in);
	else
		return false;
	return true;
}

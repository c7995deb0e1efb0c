/* SPDX-License-Identifier: Apache-2.0 */
/* IKE messages of established and of emerging sessions (DESIGN section 4).
 *
 * A *lane* is the queue of one session's messages, at most LANE_ROOM of them. The message at its
 * head may have a command in the log; the others wait. When the command was applied, or refused,
 * the message at the head is simply handled once more. If its command was applied, the state now
 * holds the reply and the message is a retransmission like any other, answered from the replicated
 * bytes. If it was refused, the message is executed on the new state. So there is one path by which
 * replies leave, and it starts from committed state.
 *
 *   datagram -> header -> (no leader: keep) -> (not leader: relay) -> (fragment: collect)
 *     -> lane -> ike_respond() -> command -> log -> applied -> again -> cached reply -> out
 *
 * A reply that makes or ends an SA also waits until the session's owner has applied that, 50 ms at
 * most: the client's first packet must find the SA, and no packet may be let in once the client was
 * told that its SA is gone. */
#include "cluster/core/exchange.h"

#include "cluster/core/lane.h"
#include "cluster/core/exchange_env.h"
#include "cluster/core/fragments.h"
#include "cluster/core/outgoing.h"
#include "cluster/core/half_open.h"
#include "cluster/core/refusals.h"
#include "cluster/core/relay.h"
#include "cluster/core/requests.h"
#include "cluster/core/slow_dh.h"
#include "proto/ike/ike_message.h"
#include "proto/mutant.h"
#include "proto/crypto/prf.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define OWNER_WAIT_US (50 * MS)

/* ---- Handling the message at the head ---- */

static void to_lane(struct core *c, const struct ike_header *h, const struct received *received);

/* Is it the DELETE that ended an IKE SA, or a repetition? Its answer is in the state. */
static bool send_final_response(struct core *c, const struct received *t)
{
	const struct blob *first = received_first(t);
	uint8_t hash[IKE_HASH_LEN];
	struct ike_header h;
	const struct ike_datagrams *message;

	if (ike_header_parse(&h, first->data, first->len) != DROP_NONE ||
	    !state_final_response(c->state, h.spi_i, h.spi_r, NULL))
		return false;
	hash_sha256(first->data, first->len, hash);
	message = state_final_response(c->state, h.spi_i, h.spi_r, hash);
	outgoing_send(c, t->via, &t->local, &t->remote, message);
	return message != NULL;
}

/* The outcome of an IKE_AUTH request that is not the last. */
static void conclude_auth(struct core *c, struct lane *l, const struct ike_header *h,
			  struct ike_outcome *out)
{
	struct received *t = &l->received[0];

	switch (out->verdict) {
	case IKE_VERDICT_HALF_OPEN: /* Its response leaves later. */
		half_open_step(c, t->via, out->half_open);
		lane_pop(l);
		break;
	case IKE_VERDICT_ASK:
		half_open_step(c, t->via, out->half_open);
		l->asks = true;
		break;
	case IKE_VERDICT_WAIT:
		half_open_ask(c, h->spi_i, h->spi_r);
		l->asks = true;
		break;
	default: /* REFUSE */
		half_open_refuse(c, h->spi_i, h->spi_r);
		outgoing_send(c, t->via, &t->local, &t->remote, out->reply);
		lane_pop(l);
		break;
	}
}

static void note(struct core *c, const struct received *t, const struct ike_outcome *out)
{
	if (out->refused && out->verdict != IKE_VERDICT_DROP)
		refusals_tell(c, &t->remote, out);
	else if (out->note[0] && out->verdict != IKE_VERDICT_REPLY && out->verdict != IKE_VERDICT_DROP)
		action_event(c->actions, "ike", "%s", out->note);
}

/* Handles the outcome of the message at the head; h: its header. s: its session, or NULL. Ends
 * out. */
static void conclude(struct core *c, struct lane *l, const struct ike_header *h,
		     const struct session *s, struct ike_outcome *out)
{
	struct received *t = &l->received[0];

	note(c, t, out);
	switch (out->verdict) {
	case IKE_VERDICT_LATER:
		l->asks = slow_dh_wait(c, &(struct slow_dh_waiter){ .a = l->key.a, .b = l->key.b });
		if (!l->asks)
			lane_pop(l);
		break;
	case IKE_VERDICT_DROP:
		core_drop(c, out->drop);
		lane_pop(l);
		break;
	case IKE_VERDICT_REPLY:
		if (s || half_open_repeats(c, t->via, h->spi_i, h->spi_r))
			outgoing_send(c, t->via, &t->local, &t->remote, out->reply);
		lane_pop(l);
		break;
	case IKE_VERDICT_HALF_OPEN:
	case IKE_VERDICT_ASK:
	case IKE_VERDICT_WAIT:
	case IKE_VERDICT_REFUSE:
		conclude_auth(c, l, h, out);
		break;
	case IKE_VERDICT_ESTABLISH:
		lane_propose_put(c, l, out);
		break;
	case IKE_VERDICT_STEP:
		/* Fresh and authenticated; a repeated message can be anyone's. */
		requests_alive(c, s);
		lane_propose_step(c, l, s, out);
		break;
	case IKE_VERDICT_DELETE:
		lane_propose_del(c, l, s, out);
		break;
	}
	ike_outcome_fini(out);
}

/* Handles the head; afterwards it is gone, its command is on its way, or it waits. */
static void handle(struct core *c, struct lane *l)
{
	struct received *t = &l->received[0];
	struct ike_env env = exchange_env(c);
	const struct ike_half_open *half_open;
	const struct session *s;
	struct ike_outcome out;
	struct ike_header h;
	bool used;

	if (ike_header_parse(&h, received_first(t)->data, received_first(t)->len) != DROP_NONE) {
		lane_pop(l);
		return;
	}
	s = state_session_by_ike(c->state, h.spi_i, h.spi_r);
	if (s && l->key.b != 0 && h.exchange != IKE_EXCHANGE_AUTH) {
		to_lane(c, &h, t); /* It was half-open when this came: now the session has a lane. */
		lane_pop(l);
		return;
	}
	half_open = s ? NULL : half_open_find(c, h.spi_i, h.spi_r);
	used = !s && state_tombstone(c->state, h.spi_i, h.spi_r);
	if (MUTANT(MUTANT_NO_TOMBSTONE))
		used = false;
	if (MUTANT(MUTANT_HALF_OPEN_KEPT))
		used = false;
	if (s) {
		ike_respond(&env, &s->ike, &t->local, &t->remote, t->message, &out);
	} else if (half_open && !used) {
		if (!half_open_is_current(c, h.spi_i, h.spi_r)) {
			l->asks = true;
			return;
		}
		ike_respond_auth(&env, half_open, &t->local, &t->remote, t->message, &out);
	} else { /* A half-open copy may outlive what became of it. */
		if (!send_final_response(c, t))
			core_drop(c, half_open ? DROP_IKE_TOMBSTONE : DROP_IKE_UNKNOWN);
		lane_pop(l);
		return;
	}
	conclude(c, l, &h, s, &out);
}

static void lane_run(struct core *c, struct lane *l)
{
	while (l->n > 0 && !l->busy && !l->asks && l->wait_until_us == NEVER)
		handle(c, l);
	if (l->n == 0 && !l->busy)
		lane_free(c, l);
}

/* ---- Answers from outside ---- */

void exchange_answered(struct core *c, const struct auth_question *question, const uint8_t *answer,
		       size_t len)
{
	const struct ike_half_open *h = half_open_find(c, question->spi_i, question->spi_r);
	struct lane *l = lane_find(c, question->spi_i, question->spi_r);
	struct ike_env env = exchange_env(c);
	struct ike_outcome out;
	struct ike_header header;
	struct blob *b;

	if (!core_leads(c) || !h || !h->auth.question || h->auth.step != question->step)
		return; /* Late, or once more. */
	if (!l || !l->asks) {
		half_open_missed(c, question->spi_i, question->spi_r);
		return;
	}
	l->asks = false;
	b = blob_new(answer, len);
	ike_auth_answer(&env, h, b, &out);
	blob_unref(b);
	/* It was parsed when it began to wait. */
	(void)ike_header_parse(&header, received_first(&l->received[0])->data,
			       received_first(&l->received[0])->len);
	conclude(c, l, &header, NULL, &out);
	lane_run(c, l);
}

/* Messages that wait for what became of a half-open SA. */
static void go_on(struct core *c)
{
	uint64_t spi_i, spi_r;

	while (half_open_next_changed(c, &spi_i, &spi_r)) {
		struct lane *l = lane_find(c, spi_i, spi_r);

		if (!half_open_find(c, spi_i, spi_r))
			fragments_forget(c, spi_i, spi_r);
		if (!l || !l->asks)
			continue;
		l->asks = false;
		lane_run(c, l);
	}
}

void exchange_computed(struct core *c, uint64_t id, const struct dh_result *result)
{
	struct slow_dh_waiter w;
	struct lane *l;

	if (!slow_dh_answered(c, id, result, &w))
		return;
	if (w.request) {
		if (core_leads(c))
			half_open_request(c, w.via, &w.local, &w.remote, w.request->data, w.request->len);
		blob_unref(w.request);
		return;
	}
	l = lane_find(c, w.a, w.b);
	if (!l || !l->asks)
		return;
	l->asks = false;
	lane_run(c, l);
}

/* ---- After the commit ---- */

static bool owners_have_applied(const struct core *c, const struct lane *l)
{
	for (uint32_t i = 0; i < c->config->n_nodes; i++)
		if ((l->owners & 1u << i) && i != c->config->self && core_node_linked(c, i) &&
		    c->known[i].applied < l->wait_index)
			return false;
	return true;
}

/* s: what the session is now; NULL: it is gone. */
static void wait_for_owners(struct core *c, struct lane *l, const struct session *s)
{
	if (s)
		l->owners |= lane_owner(c, session_slot(c->state, s)->node);
	l->wait_index = core_applied(c);
	if (owners_have_applied(c, l))
		return;
	l->wait_until_us = c->now_us + OWNER_WAIT_US;
	if (l->wait_until_us < c->exchange->next_us)
		c->exchange->next_us = l->wait_until_us;
}

/* Running one lane may free any other: so collect the keys first, then run the lanes. */
void exchange_owner_applied(struct core *c)
{
	struct lane_key *keys;
	struct lane *l, *tmp;
	size_t n = 0;

	if (c->exchange->next_us == NEVER)
		return;
	keys = malloc((c->exchange->n_lanes + 1) * sizeof(*keys));
	assert(keys);
	HASH_ITER(hh, c->exchange->lanes, l, tmp)
	{
		if (l->wait_until_us == NEVER ||
		    (c->now_us < l->wait_until_us && !owners_have_applied(c, l)))
			continue;
		l->wait_until_us = NEVER;
		keys[n++] = l->key;
	}
	for (size_t i = 0; i < n; i++) {
		l = lane_find(c, keys[i].a, keys[i].b);
		if (l)
			lane_run(c, l);
	}
	free(keys);
}

static void lane_done(struct core *c, struct lane *l, const struct follow_session *f)
{
	const struct session *s = state_session(c->state, f->session);
	bool answered = l->answered && f->status == OK, own = l->own, waits;

	if (l->what)
		action_event(c->actions, "commit", "%s", l->what);
	l->busy = l->own = l->answered = false;
	l->what = NULL;
	lane_drop_address(c, l);
	if (!own && answered && l->n)
		lane_pop(l);
	waits = l->owners && f->status == OK;
	if (MUTANT(MUTANT_DELETE_NO_WAIT) && !s)
		waits = false;
	if (waits)
		wait_for_owners(c, l, s);
	l->makes_session = false;
	lane_run(c, l);
}

void exchange_applied(struct core *c, const struct follow_session *f)
{
	const struct session *s = state_session(c->state, f->session);
	struct lane *l;

	if (f->spi_r && (l = lane_find(c, f->spi_i, f->spi_r)) && l->busy) {
		if (s && f->status == OK && l->makes_session) {
			char id[IKE_ID_TEXT_LEN], ip[ADDRESS_TEXT_LEN];

			action_event(c->actions, "session_up", "%s from connection %s, virtual IP %s",
				     ike_id_format(&s->ike.peer_id, id, sizeof(id)), s->ike.connection,
				     address_format(&s->ike.virtual_ip, ip));
		}
		lane_done(c, l, f);
	}
	if (s && f->step)
		fragments_settle(c, s);
	/* Renewals and marks change the session too, but not whose turn it is. */
	if (f->session && (f->step || f->deleted) && (l = lane_find(c, f->session, 0)) && l->busy)
		lane_done(c, l, f);
	if (f->deleted && core_leads(c))
		action_event(c->actions, "session_down", "session %llu is gone",
			     (unsigned long long)f->session);
}

/* ---- Datagrams ---- */

static void to_lane(struct core *c, const struct ike_header *h, const struct received *received)
{
	const struct session *s = state_session_by_ike(c->state, h->spi_i, h->spi_r);
	struct lane *l;

	if (!s && !half_open_find(c, h->spi_i, h->spi_r)) {
		if (!send_final_response(c, received))
			core_drop(c, DROP_IKE_UNKNOWN);
		return;
	}
	l = s ? lane_get(c, s->id, 0) : lane_get(c, h->spi_i, h->spi_r);
	if (!l || l->n == LANE_ROOM) {
		core_drop(c, DROP_IKE_BUSY);
		return;
	}
	l->received[l->n] = *received;
	ike_datagrams_ref(l->received[l->n++].message);
	lane_run(c, l);
}

void exchange_datagram(struct core *c, uint32_t via, const struct endpoint *local,
		       const struct endpoint *remote, const uint8_t *data, size_t len)
{
	uint32_t leader = core_leader_index(c);
	struct received received = { *local, *remote, via, NULL };
	struct ike_datagrams *reply;
	struct blob *datagram;
	struct ike_header h;
	enum drop d = ike_header_parse(&h, data, len);

	if (d == DROP_NONE && h.spi_i == 0)
		d = DROP_IKE_HEADER;
	if (d != DROP_NONE) {
		core_drop(c, d);
		reply = refusals_version(c, data, len);
		outgoing_send(c, via, local, remote, reply);
		ike_datagrams_unref(reply);
		return;
	}
	if (!core_leads(c)) {
		if (relay_possible(c, leader)) {
			relay_forward(c, via, local, remote, data, len);
		} else {
			datagram = blob_new(data, len);
			relay_keep(c, via, &h, local, remote, datagram);
			blob_unref(datagram);
		}
		return;
	}
	if (h.spi_r == 0) {
		half_open_request(c, via, local, remote, data, len);
		return;
	}
	datagram = blob_new(data, len);
	received.message = fragments_collect(c, &h, datagram);
	if (received.message)
		to_lane(c, &h, &received);
	ike_datagrams_unref(received.message);
	blob_unref(datagram);
}

static void keep(struct core *c, const struct received *t, struct blob *b)
{
	struct ike_header h;

	if (ike_header_parse(&h, b->data, b->len) == DROP_NONE)
		relay_keep(c, t->via, &h, &t->local, &t->remote, b);
}

/* Commands on their way may be lost without notice: everything begins anew. The messages wait for
 * the next leader, or for ourselves. */
void exchange_lost(struct core *c)
{
	struct slow_dh_waiter w;
	struct lane *l, *tmp;

	HASH_ITER(hh, c->exchange->lanes, l, tmp)
	{
		for (unsigned i = 0; i < l->n; i++)
			for (uint32_t k = 0; k < l->received[i].message->n; k++)
				keep(c, &l->received[i], l->received[i].message->datagram[k]);
		lane_free(c, l);
	}
	while (slow_dh_abandon(c, &w))
		if (w.request) {
			keep(c, &(struct received){ w.local, w.remote, w.via, NULL }, w.request);
			blob_unref(w.request);
		}
}

void exchange_role(struct core *c)
{
	if (MUTANT(MUTANT_IV_GOES_BACK))
		c->exchange->iv.next = 0;
	if (!core_leads(c)) {
		exchange_lost(c);
		fragments_clear(c);
	}
	relay_resume(c, exchange_datagram);
}

void exchange_tick(struct core *c)
{
	struct lane *l, *tmp;
	uint64_t next = NEVER;

	relay_resume(c, exchange_datagram);
	go_on(c);
	if (c->now_us < c->exchange->next_us)
		return;
	exchange_owner_applied(c);
	HASH_ITER(hh, c->exchange->lanes, l, tmp)
		if (l->wait_until_us < next)
			next = l->wait_until_us;
	c->exchange->next_us = next;
}

size_t exchange_pending(const struct core *c)
{
	return c->exchange->n_lanes;
}

uint64_t exchange_deadline_us(const struct core *c)
{
	return c->exchange->next_us;
}

void exchange_init(struct core *c)
{
	struct exchange *x = c->exchange = core_room(sizeof(*x));

	seal_derive(c->seal, "cookie", x->cookie_key);
	x->iv.salt = (uint32_t)(c->incarnation >> 32);
	x->next_us = NEVER;
}

void exchange_fini(struct core *c)
{
	struct lane *l, *tmp;

	HASH_ITER(hh, c->exchange->lanes, l, tmp)
		lane_free(c, l);
	OPENSSL_cleanse(c->exchange->cookie_key, sizeof(c->exchange->cookie_key));
	free(c->exchange);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* How a half-open IKE SA gets from the leader to the others, after IKE_SA_INIT and after each step
 * of IKE_AUTH (DESIGN section 4). Its response leaves once a majority holds the half-open SA in its
 * new state, or after 5 ms. So the next leader can answer what the client will repeat for minutes,
 * with the same bytes, and go on from there.
 *
 * The next leader may not be in that majority. So before its first step it shares what it has, in
 * its own term: a node that has a later step sends it back; any other acknowledges, and takes no
 * more from the leader before. Two majorities share a node. A question that was asked outside is
 * asked again, with the same octets, once the client repeats the request that waits for it.
 *
 * All this is memory, not the log: if a majority of processes ends, or 5 ms are not enough, the
 * client begins anew. */
#include "cluster/core/half_open_entry.h"
#include "cluster/core/outgoing.h"
#include "cluster/core/refused_pairs.h"
#include "cluster/core/radius_client.h"
#include "cluster/core/wall_clock.h"
#include "proto/auth/outside.h"
#include "proto/mutant.h"
#include "proto/wire/wire.h"

#include <openssl/mem.h>

#include <utlist.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define ACK_WAIT_US (5 * MS)

static bool majority_holds(const struct core *c, const struct half_open_entry *e)
{
	return (uint32_t)__builtin_popcount(e->acks) > c->config->n_nodes / 2;
}

/* term (8) and the record, sealed. */
static struct blob *copy_of(struct core *c, const struct half_open_entry *e)
{
	struct blob *record = half_open_encode(&e->h, state_level(c->state));
	struct blob *plain = blob_new(NULL, 8 + record->len), *sealed;

	wire_put_u64(plain->data, e->term);
	memcpy(plain->data + 8, record->data, record->len);
	sealed = seal_create(c->seal, SEAL_HALF_OPEN, &c->entropy, plain->data, plain->len);
	blob_unref(plain);
	blob_unref(record);
	return sealed;
}

static void share(struct core *c, struct half_open_entry *e)
{
	struct frame f = { .type = FRAME_HALF_OPEN };
	struct blob *sealed;

	e->term = consensus_term(c->consensus);
	sealed = copy_of(c, e);
	f.bytes.data = sealed->data;
	f.bytes.len = sealed->len;
	core_broadcast(c, &f);
	blob_unref(sealed);
}

/* ---- Waiting, and what for ---- */

void half_open_stop_waiting(struct core *c, struct half_open_entry *e)
{
	if (!e->waiting)
		return;
	e->waiting = false;
	DL_DELETE2(c->half_opens->waiting, e, wait_prev, wait_next);
}

static void ask(struct core *c, const struct ike_half_open *h)
{
	const struct auth_question name = { h->spi_i, h->spi_r, h->auth.step };
	const struct auth_clock clock = wall_clock_judge(c);

	if (h->auth.question->data[0] == AUTH_QUESTION_RADIUS)
		radius_ask(c, &name, &h->remote.address, h->auth.question);
	else
		action_auth_ask(c->actions, &name, h->auth.question, &clock);
}

static void act(struct core *c, struct half_open_entry *e)
{
	struct ike_half_open *h = &e->h;
	struct ike_datagrams *response;

	half_open_stop_waiting(c, e);
	if (e->quiet) {
		e->quiet = false;
		e->led_term = core_leads(c) ? consensus_term(c->consensus) : 0;
		half_open_changed(c, e);
		return;
	}
	/* The present leader may be on another way already. */
	if (h->auth.step > 0 && !core_leads(c))
		return;
	if (h->auth.question) {
		e->asked_term = consensus_term(c->consensus);
		ask(c, h);
		return;
	}
	if (h->auth.step > 0 && e->via == NODE_NONE)
		return; /* The client will ask, and say where it is. */
	response = h->auth.step > 0 ? ike_datagrams_ref(h->window.response)
				    : ike_datagrams_of(blob_ref(h->response));
	outgoing_send(c, e->via, &h->local, &h->remote, response);
	ike_datagrams_unref(response);
}

void half_open_settle(struct core *c, struct half_open_entry *e)
{
	struct half_opens *t = c->half_opens;
	bool shared;

	if (e->waiting)
		return;
	shared = majority_holds(c, e);
	if (MUTANT(MUTANT_ROUND_UNSHARED) && e->h.auth.step > 0)
		shared = true;
	if (MUTANT(MUTANT_ANSWER_BEFORE_SHARED) && e->h.auth.question)
		shared = true;
	if (shared) {
		act(c, e);
		return;
	}
	e->waiting = true;
	e->act_at_us = c->now_us + ACK_WAIT_US;
	DL_APPEND2(t->waiting, e, wait_prev, wait_next);
	if (e->act_at_us < t->next_us)
		t->next_us = e->act_at_us;
	share(c, e);
}

void half_open_step(struct core *c, uint32_t via, struct ike_half_open *next)
{
	struct half_open_entry *e = half_open_entry(c, next->spi_i, next->spi_r);

	assert(e);
	half_open_replace(c, e, next, consensus_term(c->consensus));
	e->via = via;
	e->led_term = e->term;
	half_open_settle(c, e);
}

bool half_open_repeats(struct core *c, uint32_t via, uint64_t spi_i, uint64_t spi_r)
{
	struct half_open_entry *e = half_open_entry(c, spi_i, spi_r);

	assert(e);
	if (majority_holds(c, e) && !e->waiting)
		return true;
	e->via = via;
	half_open_settle(c, e);
	return false;
}

void half_open_ask(struct core *c, uint64_t spi_i, uint64_t spi_r)
{
	struct half_open_entry *e = half_open_entry(c, spi_i, spi_r);

	assert(e && e->h.auth.question);
	if (e->asked_term != consensus_term(c->consensus))
		half_open_settle(c, e);
}

void half_open_missed(struct core *c, uint64_t spi_i, uint64_t spi_r)
{
	struct half_open_entry *e = half_open_entry(c, spi_i, spi_r);

	assert(e && e->h.auth.question);
	e->asked_term = 0;
}

bool half_open_is_current(struct core *c, uint64_t spi_i, uint64_t spi_r)
{
	struct half_open_entry *e = half_open_entry(c, spi_i, spi_r);

	assert(e);
	if (MUTANT(MUTANT_ROUND_UNASKED))
		return true;
	if (e->led_term == consensus_term(c->consensus))
		return true;
	if (!e->waiting) {
		e->quiet = true;
		e->acks = 1u << c->config->self;
		half_open_settle(c, e);
	}
	return e->led_term == consensus_term(c->consensus);
}

void half_open_ack(struct core *c, uint32_t node, const struct frame *f)
{
	struct half_open_entry *e = half_open_entry(c, f->half_open_ack.spi_i, f->half_open_ack.spi_r);

	assert(node < c->config->n_nodes);
	if (!e || f->half_open_ack.step != e->h.auth.step)
		return;
	e->acks |= 1u << node;
	if (e->waiting && majority_holds(c, e))
		act(c, e);
}

/* ---- At the others ---- */

/* Sends the node our own copy: it has an older one. */
static void correct(struct core *c, uint32_t node, const struct half_open_entry *e)
{
	struct blob *sealed = copy_of(c, e);
	struct frame f = { .type = FRAME_HALF_OPEN };

	f.bytes.data = sealed->data;
	f.bytes.len = sealed->len;
	core_send(c, node, &f);
	blob_unref(sealed);
}

/* Takes h unless ours is further; returns whether h is what we now have. A leader takes only what
 * is further than its own; the others take nothing from a leader before the one that sent them
 * theirs. */
static bool take(struct core *c, uint32_t node, struct ike_half_open *h, uint64_t term)
{
	struct half_open_entry *e = half_open_entry(c, h->spi_i, h->spi_r);
	uint32_t step = h->auth.step;
	bool taken = false;

	if (!e)
		return half_open_add(c, h, term) != NULL;
	if (core_leads(c)) {
		if (step > e->h.auth.step) {
			half_open_replace(c, e, h, consensus_term(c->consensus));
			e->led_term = 0;
			half_open_changed(c, e);
		}
	} else if (term >= e->term && step >= e->h.auth.step) {
		taken = true;
		half_open_replace(c, e, h, term);
	} else if (term >= e->term) {
		correct(c, node, e);
	}
	ike_half_open_fini(h); /* Nothing is left of what was taken. */
	if (taken)
		e->via = NODE_NONE;
	return taken;
}

void half_open_share(struct core *c, uint32_t node, const uint8_t *sealed, size_t len)
{
	struct frame f = { .type = FRAME_HALF_OPEN_ACK };
	struct ike_half_open h;
	struct blob *plain = NULL;
	uint64_t term = 0;
	bool good;
	CBS in;

	assert(node < c->config->n_nodes);
	good = seal_open(c->seal, SEAL_HALF_OPEN, sealed, len, &plain) == OK && plain;
	if (good) {
		CBS_init(&in, plain->data, plain->len);
		good = CBS_get_u64(&in, &term) && half_open_decode(&h, CBS_data(&in), CBS_len(&in),
									c->config->level) == OK;
	}
	blob_unref(plain);
	if (!good) {
		core_drop(c, DROP_MALFORMED);
		return;
	}
	f.half_open_ack.spi_i = h.spi_i;
	f.half_open_ack.spi_r = h.spi_r;
	f.half_open_ack.step = h.auth.step;
	if (state_tombstone(c->state, h.spi_i, h.spi_r)) {
		ike_half_open_fini(&h);
		return;
	}
	if (refused_pairs_has(c, h.spi_i, h.spi_r)) { /* The refusal has not come to that node. */
		f.type = FRAME_HALF_OPEN_END;
		ike_half_open_fini(&h);
		core_send(c, node, &f);
		return;
	}
	if (take(c, node, &h, term))
		core_send(c, node, &f);
}

/* ---- Time ---- */

void half_open_share_tick(struct core *c)
{
	struct half_opens *t = c->half_opens;

	while (t->waiting && c->now_us >= t->waiting->act_at_us)
		act(c, t->waiting);
	t->next_us = t->waiting ? t->waiting->act_at_us : NEVER;
}

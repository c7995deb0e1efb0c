/* SPDX-License-Identifier: Apache-2.0 */
/* The responder, with state: the input is a list of steps, each with a chain of payloads
 * that is sealed under the right keys and message ID, so that it gets behind the
 * cryptography. Step: kind, type of the first payload, length (2 octets), chain. With the
 * top bit of its kind a message comes from another address; that bit of the first step
 * chooses a client behind a NAT, with PFS and without MOBIKE.
 *
 * What must hold after each: the state given is untouched (gateway.c asserts it),
 * the window moved by one or not at all, SPIs are unique, and the same request again
 * gets the same bytes. */
#include "cluster/level.h"
#include "proto/ike/sk.h"
#include "cluster/state/command.h"
#include "test/lib/gateway.h"
#include "test/lib/toy_auth.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* runs: 6000 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum kind {
	STEP_CREATE_CHILD,
	STEP_INFORMATIONAL,
	STEP_INFORMATIONAL_OLD, /* On the rekeyed IKE SA. */
	STEP_OWN_REQUEST,
	STEP_ANSWER,
	STEP_AUTH,
	STEP_INIT,
	STEP_DAMAGE, /* A liveness check with octets changed: position, mask. */
	STEP_FINISH, /* Replaces the stored record that finishes the current rekey. */
	STEP_KINDS
};
#define STEP_ELSEWHERE 0x80u

#define STEPS_KINDS STEP_KINDS
#define STEPS_IKE
#include "test/fuzz/steps.h"

static struct base {
	struct gateway g;
	struct ike_half_open half_open;
} bases[2], *base;
static bool elsewhere;

/* One handshake for all inputs: the session, and the half-open SA it came from. */
static void make_base(struct base *to, bool nat)
{
	static struct fixture f;
	struct blob *d, *auth;

	memset(&f, 0, sizeof(f));
	fixture_setup(&f, nat ? "aes256-sha256-prfsha256-ecp256-x25519" : IKE_DEFAULT,
		      nat ? "aes128gcm16-x25519-ecp256" : "aes128gcm16-esn-noesn");
	/* A client without AUTH means the second one. */
	f.g.connections[1] = f.g.connections[0];
	f.g.connections[1].auth = &toy_auth;
	strcpy(f.g.connections[1].name, "rounds");
	f.g.config.n_connections = 2;
	f.i.config.mobike = !nat;
	f.i.config.fake_nat = nat;
	d = fixture_to_gateway(&f, initiator_create_init(&f.i));
	ike_half_open_copy(&to->half_open, f.g.half_open);
	auth = fixture_to_client(&f, d);
	blob_unref(fixture_to_gateway(&f, auth));
	assert(f.g.session);
	to->g = f.g;
	initiator_fini(&f.i);
}

/* base by value, with pointers of its own. */
static void gateway_copy(struct gateway *g)
{
	*g = base->g;
	ike_datagrams_ref(g->reply);
	g->session = malloc(sizeof(*g->session));
	assert(g->session);
	ike_session_copy(g->session, base->g.session);
	steps_spis[0] = g->session->child[0].spi_out;
	steps_spis[1] = g->session->child[0].spi_in;
	g->config.connections = g->connections;
	g->config.secrets = g->secrets;
	g->env.config = &g->config;
	g->env.entropy = &g->entropy;
	g->env.iv = &g->iv;
	g->env.ctx = g;
}

/* ---- Datagrams ---- */

static struct blob *clear_message(const struct ike_header *h, const CBS *chain)
{
	struct blob *b = blob_new(NULL, IKE_HEADER_LEN + CBS_len(chain));
	struct ike_header whole = *h;

	whole.major = 2;
	whole.length = b->len;
	ike_header_write(b->data, &whole);
	if (CBS_len(chain) > 0)
		memcpy(b->data + IKE_HEADER_LEN, CBS_data(chain), CBS_len(chain));
	return b;
}

static struct blob *sealed_message(const struct suite *suite, const struct ike_keys *keys,
				   const struct ike_header *h, const CBS *chain)
{
	struct sk_direction d = sk_direction_of(suite, keys, true);
	struct iv_source iv = {.salt = 5, .next = h->message_id & (IV_COUNTER_MAX - 1)};
	struct blob *clear = clear_message(h, chain), *out;
	struct entropy e = base->g.entropy;

	if (sk_seal(&d, &iv, &e, clear->data, clear->len, &out) != OK)
		out = NULL; /* Too long. */
	blob_unref(clear);
	return out;
}

/* The client's next message on an IKE SA of the session. */
static struct blob *message_on(const struct ike_sa *sa, uint8_t exchange, bool response,
			       uint8_t first, const CBS *chain)
{
	struct ike_header h = {
		.spi_i = sa->spi_i,
		.spi_r = sa->spi_r,
		.next_payload = first,
		.exchange = exchange,
		.flags = IKE_FLAG_INITIATOR | (response ? IKE_FLAG_RESPONSE : 0),
		.message_id = response ? sa->window.next_out : sa->window.next_in,
	};

	if (sa->state == 0 || sa->state == IKE_SA_DELETED)
		return NULL;
	return sealed_message(&sa->suite, &sa->keys, &h, chain);
}

/* ---- What must hold ---- */

static void check_session(const struct ike_session *s)
{
	assert(s->ike[0].state == IKE_SA_ESTABLISHED || s->ike[0].state == IKE_SA_DELETING);
	assert(s->ike[1].state != IKE_SA_ESTABLISHED && s->ike[1].state != IKE_SA_DELETING);
	assert(s->n_child <= IKE_CHILD_MAX);
	for (size_t i = 0; i < s->n_child; i++) {
		assert(s->child[i].spi_in > 255 && s->child[i].spi_out > 255);
		assert(s->child[i].local.n > 0 && s->child[i].remote.n > 0);
		for (size_t k = 0; k < i; k++)
			assert(s->child[i].spi_in != s->child[k].spi_in &&
			       s->child[i].spi_out != s->child[k].spi_out);
	}
}

/* Delivers a request; its repetition must give the same bytes. */
static void deliver(struct gateway *g, struct blob *d)
{
	struct endpoint from = g->session->remote;
	struct blob *reply, *again;

	if (!d)
		return;
	from.port = (uint16_t)(from.port + elsewhere);
	reply = gateway_receive(g, &from, blob_ref(d));
	if (g->session)
		check_session(g->session);
	if (g->verdict == IKE_VERDICT_STEP && !g->answered) {
		again = gateway_receive(g, &from, blob_ref(d));
		assert(g->verdict == IKE_VERDICT_REPLY);
		assert(again->len == reply->len && memcmp(again->data, reply->data, reply->len) == 0);
		blob_unref(again);
	}
	blob_unref(reply);
	blob_unref(d);
}

/* ---- Steps ---- */

static void own_request(struct gateway *g, uint8_t choice)
{
	struct ike_request r = {.purpose = IKE_PURPOSE_NOTICE + choice % 5, .epoch = 3, .node = 4};

	if (g->session->ike[0].window.outstanding || g->session->ike[0].state != IKE_SA_ESTABLISHED)
		return;
	if (g->session->n_child > 0)
		r.spi_in = g->session->child[0].spi_in;
	else if (r.purpose == IKE_PURPOSE_DELETE_CHILD)
		return;
	if (r.purpose == IKE_PURPOSE_REKEY_CHILD &&
	    !ike_rekey_possible(&g->config, g->session, r.spi_in))
		return;
	blob_unref(gateway_request(g, &r));
	check_session(g->session);
}

/* One round is done; the next, of whatever content, is asked outside or refused. */
static void second_round(struct gateway *g, const struct ike_half_open *half_open, uint8_t first,
			 const CBS *chain)
{
	struct ike_header h = {
		.spi_i = half_open->spi_i,
		.spi_r = half_open->spi_r,
		.next_payload = first,
		.exchange = IKE_EXCHANGE_AUTH,
		.flags = IKE_FLAG_INITIATOR,
		.message_id = 2,
	};
	struct ike_datagrams *d =
		ike_datagrams_of(sealed_message(&half_open->suite, &half_open->keys, &h, chain));
	struct blob *copy = half_open_encode(half_open, LEVEL);
	struct ike_half_open other;
	struct ike_outcome o;
	enum status s = half_open_decode(&other, copy->data, copy->len, LEVEL);

	assert(s == OK && other.auth.step == 1);
	if (d) {
		ike_respond_auth(&g->env, &other, &g->local, &other.remote, d, &o);
		assert(o.verdict == IKE_VERDICT_ASK || o.verdict == IKE_VERDICT_REFUSE);
		ike_outcome_fini(&o);
	}
	ike_half_open_fini(&other);
	blob_unref(copy);
	ike_datagrams_unref(d);
}

static void half_open_step(struct gateway *g, enum kind kind, uint8_t first, const CBS *chain)
{
	struct ike_header h = {
		.spi_i = base->half_open.spi_i,
		.next_payload = first,
		.exchange = kind == STEP_AUTH ? IKE_EXCHANGE_AUTH : IKE_EXCHANGE_SA_INIT,
		.flags = IKE_FLAG_INITIATOR,
	};
	struct endpoint from = base->half_open.remote;
	struct ike_datagrams *d;
	struct ike_outcome o;

	if (kind == STEP_INIT) {
		d = ike_datagrams_of(clear_message(&h, chain));
		ike_respond_init(&g->env, &g->local, &from, d->datagram[0]->data, d->datagram[0]->len, &o);
		assert(o.verdict == IKE_VERDICT_DROP || o.reply);
	} else {
		h.spi_r = base->half_open.spi_r;
		h.message_id = 1;
		d = ike_datagrams_of(
			sealed_message(&base->half_open.suite, &base->half_open.keys, &h, chain));
		if (!d)
			return;
		ike_respond_auth(&g->env, &base->half_open, &g->local, &from, d, &o);
		/* Only a peer with the key gets in; the corpus has AUTH payloads that do. */
		if (o.verdict == IKE_VERDICT_ESTABLISH)
			check_session(o.next);
		if (o.verdict == IKE_VERDICT_HALF_OPEN)
			second_round(g, o.half_open, first, chain);
		assert(o.verdict == IKE_VERDICT_ESTABLISH || o.verdict == IKE_VERDICT_REFUSE ||
		       o.verdict == IKE_VERDICT_HALF_OPEN);
	}
	ike_datagrams_unref(d);
	ike_outcome_fini(&o);
}

static void damage_step(struct gateway *g, const CBS *chain)
{
	CBS nothing = {0};
	struct blob *d = message_on(&g->session->ike[0], IKE_EXCHANGE_INFORMATIONAL, false, 0, &nothing);
	struct endpoint from = g->session->remote;

	for (size_t i = 0; i + 1 < CBS_len(chain); i += 2)
		d->data[CBS_data(chain)[i] % d->len] ^= CBS_data(chain)[i + 1];
	blob_unref(gateway_receive(g, &from, d));
}

/* A damaged record of ours: whatever it says, the result is a step. */
static void finish_step(struct gateway *g, const CBS *chain)
{
	struct ike_sa *sa = &g->session->ike[0];

	if (sa->purpose == IKE_PURPOSE_REKEY_CHILD && sa->finish)
		blob_set(&sa->finish, blob_new(CBS_data(chain), CBS_len(chain)));
}

static void do_step(struct gateway *g, enum kind kind, uint8_t first, const CBS *chain)
{
	const struct ike_sa *sa = g->session->ike;

	switch (kind) {
	case STEP_CREATE_CHILD:
		deliver(g, message_on(&sa[0], IKE_EXCHANGE_CREATE_CHILD_SA, false, first, chain));
		break;
	case STEP_INFORMATIONAL:
		deliver(g, message_on(&sa[0], IKE_EXCHANGE_INFORMATIONAL, false, first, chain));
		break;
	case STEP_INFORMATIONAL_OLD:
		deliver(g, message_on(&sa[1], IKE_EXCHANGE_INFORMATIONAL, false, first, chain));
		break;
	case STEP_OWN_REQUEST:
		own_request(g, first);
		break;
	case STEP_ANSWER:
		deliver(g, message_on(&sa[0], sa->purpose == IKE_PURPOSE_REKEY_CHILD
						      ? IKE_EXCHANGE_CREATE_CHILD_SA
						      : IKE_EXCHANGE_INFORMATIONAL, true, first, chain));
		break;
	case STEP_AUTH:
	case STEP_INIT:
		half_open_step(g, kind, first, chain);
		break;
	case STEP_DAMAGE:
		damage_step(g, chain);
		break;
	case STEP_FINISH:
		finish_step(g, chain);
		break;
	case STEP_KINDS:
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct gateway g;
	uint8_t kind, first;
	CBS in, chain;

	if (!bases[0].g.session) {
		make_base(&bases[0], false);
		make_base(&bases[1], true);
	}
	base = &bases[size > 0 && data[0] & STEP_ELSEWHERE];
	gateway_copy(&g);
	CBS_init(&in, data, size);
	while (g.session && CBS_get_u8(&in, &kind) && CBS_get_u8(&in, &first) &&
	       CBS_get_u16_length_prefixed(&in, &chain)) {
		elsewhere = kind & STEP_ELSEWHERE;
		do_step(&g, (kind & 0x7f) % STEP_KINDS, first, &chain);
	}
	gateway_fini(&g);
	return 0;
}

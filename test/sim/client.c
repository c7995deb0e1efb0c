/* SPDX-License-Identifier: Apache-2.0 */
/* A client: the strict initiator of proto, SAD entries of its own for ESP, and a habit
 * (client_esp.c). Now and then it rekeys, asks whether the gateway lives, moves to another address,
 * is moved by its NAT without knowing, leaves and comes back, re-authenticates while it goes on
 * (client_reauth.c), or dies without a word; then it may come back as a new client.
 *
 * An established client never starts anew on its own, however long nobody answers: if it has to,
 * the cluster has failed (I5). Nor does one that leaves: the answer to its DELETE is in the
 * replicated state, so any leader can repeat it. */
#include "test/sim/client.h"

#include "test/lib/toy_auth.h"
#include "test/sim/certificates.h"
#include "test/sim/radius.h"
#include "test/sim/sweep.h"

#include "proto/ike/fragment.h"
#include "proto/ike/ike_message.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAKE_MAX_US (8 * MS)
#define RETRANSMIT_US (300 * MS)
#define RETRANSMIT_MAX_US (2 * SECOND)
#define INIT_TRIES 4u

/* ---- IKE ---- */

void client_send_ike(struct client *c, const struct initiator *from, struct blob *b)
{
	struct blob *next;

	for (; b; b = next) {
		next = initiator_next_datagram(from, b);
		i3_asked(&c->full->checkers.i3, b);
		outside_to_gateway(c->full, c->index, DATAGRAM_IKE, b);
	}
}

/* Not a repetition: a request counts as a new exchange. */
static void send_new(struct client *c, struct blob *b)
{
	if (b && b->len >= IKE_HEADER_LEN && !(b->data[19] & IKE_FLAG_RESPONSE))
		i5_exchange(&c->full->checkers.i5, c->index, b->data[18]);
	client_send_ike(c, &c->ike, b);
}

/* Something new is outstanding: its own clock starts. */
void client_watch_outstanding(struct client *c)
{
	struct blob *b = initiator_retransmit(&c->ike);

	if (b != c->pending) {
		c->tries = 0;
		c->backoff_us = RETRANSMIT_US;
		c->retry_us = c->full->world.now_us + c->backoff_us;
	}
	blob_set(&c->pending, b);
}

static void follow(struct client *c, const struct child_sa *child)
{
	const struct seq_grant all = { .epoch = 0, .start = 1, .end = UINT64_C(1) << 32 };
	struct sad_path path = { .udp_encap = false };
	struct client_sa *s = NULL;

	for (size_t i = 0; i < CLIENT_SAS; i++)
		if (c->sa[i].used && c->sa[i].spi_in == child->spi_in)
			return;
	for (size_t i = 0; i < CLIENT_SAS && !s; i++)
		s = c->sa[i].used ? NULL : &c->sa[i];
	assert(s);
	s->used = true;
	s->spi_in = child->spi_in;
	if (sad_entry_init(&s->entry, 0, child, &path, 256) != OK)
		world_fail(&c->full->world, "a client's SA is refused");
	sad_entry_grant(&s->entry, &all);
}

void client_follow_children(struct client *c)
{
	for (size_t i = 0; i < CLIENT_SAS; i++) {
		struct client_sa *s = &c->sa[i];

		if (s->used && !initiator_find_child(&c->ike, s->spi_in) &&
		    !(client_has_old(c) && initiator_find_child(&c->old.ike, s->spi_in))) {
			sad_entry_fini(&s->entry);
			s->used = false;
		}
	}
	for (size_t k = 0; k < c->ike.n_child; k++)
		follow(c, &c->ike.child[k]);
	for (size_t k = 0; client_has_old(c) && k < c->old.ike.n_child; k++)
		follow(c, &c->old.ike.child[k]);
}

void client_connect(struct client *c)
{
	c->leaving = c->must_tell = false;
	c->old.attempts++;
	if (c->full->sweep)
		sweep_connects(c);
	radius_client_connects(c);
	client_aims_at(c, 0);
	c->ike.config.initial_contact = !client_has_old(c);
	c->ike.config.local = outside_client(c->index, c->full->moves[c->index]);
	if (c->index % 4 != 3) /* Re-authentication: it wants to stay who it was. */
		c->ike.config.wanted_address = c->ike.virtual_ip;
	send_new(c, initiator_create_init(&c->ike));
	client_follow_children(c);
	client_watch_outstanding(c);
}

static void retransmit(struct client *c)
{
	uint64_t now = c->full->world.now_us;

	if (!c->pending || now < c->retry_us)
		return;
	c->backoff_us = c->backoff_us * 2 > RETRANSMIT_MAX_US ? RETRANSMIT_MAX_US
							      : c->backoff_us * 2;
	c->retry_us = now + c->backoff_us;
	if (++c->tries > INIT_TRIES && c->ike.state != INITIATOR_ESTABLISHED) {
		client_forget_old(c); /* It begins anew, whatever it has by now. */
		client_connect(c);
	} else {
		client_send_ike(c, &c->ike, blob_ref(c->pending));
	}
}

static void after_message(struct client *c, enum initiator_state before, uint64_t spi_i,
			  uint64_t spi_r, uint8_t children)
{
	struct world *w = &c->full->world;

	if (before != INITIATOR_ESTABLISHED && c->ike.state == INITIATOR_ESTABLISHED)
		world_say(w, "client %u is in, SA %08x", c->index,
			  c->ike.n_child ? c->ike.child[0].spi_out : 0);
	if (before != INITIATOR_ESTABLISHED && c->ike.state == INITIATOR_ESTABLISHED)
		client_reauth_established(c);
	if (c->ike.state == INITIATOR_ESTABLISHED)
		i12_let_in(&c->full->checkers.i12, c->index);
	if (before == INITIATOR_ESTABLISHED && c->ike.state == INITIATOR_CLOSED) {
		i4_ended(&c->full->checkers.i4, c->index, c->leaving);
		i6_told(&c->full->checkers.i6, spi_i, spi_r);
		world_say(w, "client %u has left", c->index);
	}
	if (c->ike.state == INITIATOR_FAILED)
		world_say(w, "client %u is refused: %u", c->index, c->ike.error);
	if (c->ike.state == INITIATOR_ESTABLISHED && c->ike.n_child == 0 && children > 0)
		i4_lost_child(&c->full->checkers.i4, c->index);
	client_follow_children(c);
	client_watch_outstanding(c);
}

static void receive_ike(struct client *c, const struct blob *data)
{
	enum initiator_state before = c->ike.state;
	uint64_t spi_i = c->ike.ike[0].spi_i, spi_r = c->ike.ike[0].spi_r;
	uint8_t children = c->ike.n_child;

	if (client_reauth_receive(c, data))
		return;
	i3_received(&c->full->checkers.i3, c->index, &c->ike, data);
	send_new(c, initiator_consume(&c->ike, data->data, data->len));
	after_message(c, before, spi_i, spi_r, children);
}

/* There was no address for it: RFC 7296 2.21.2 leaves it an IKE SA without a Child SA. It ends
 * that, and tries again. */
static struct blob *give_up(struct client *c)
{
	c->leaving = true;
	return initiator_create_ike_delete(&c->ike, 0);
}

/* The side that asked for the rekey deletes the replaced SA (RFC 7296 2.8). */
static struct blob *tidy(struct client *c)
{
	if (c->ike.ike[1].state != 0 && c->ike.ike[0].original_initiator)
		return initiator_create_ike_delete(&c->ike, 1);
	for (size_t k = 0; k < c->ike.n_child; k++) {
		const struct child_sa *old =
			initiator_find_child(&c->ike, c->ike.child[k].replaces);

		if (c->ike.child[k].replaces && old)
			return initiator_create_child_delete(&c->ike, old->spi_in);
	}
	return NULL;
}

/* Another address: with MOBIKE it says so; behind a NAT it does not know. */
void client_move(struct client *c)
{
	if (!c->mobike && !c->behind_nat)
		return;
	c->full->moves[c->index]++;
	c->must_tell = c->mobike;
	c->full->faults.count[FAULT_MOVE]++;
	world_say(&c->full->world, "client %u %s", c->index,
		  c->mobike ? "moves" : "gets another address from its NAT");
}

static void die(struct client *c)
{
	c->dead = true;
	client_forget_old(c);
	c->full->faults.count[FAULT_CLIENT_DIES]++;
	world_say(&c->full->world, "client %u dies", c->index);
}

static struct blob *do_something(struct client *c)
{
	struct random *r = &c->full->world.random;

	switch (random_below(r, 10)) {
	case 0:
		c->leaving = random_chance(r, c->full->plan.leave_per_mille);
		return c->leaving ? initiator_create_ike_delete(&c->ike, 0) : NULL;
	case 1:
		return initiator_create_ike_rekey(&c->ike, DH_CURVE25519);
	case 2:
	case 3:
		return client_rekeys_any(c);
	case 4:
		client_move(c);
		return NULL;
	case 5:
		if (random_chance(r, 100))
			die(c);
		return NULL;
	default:
		return initiator_create_dpd(&c->ike);
	}
}

static void manage(struct client *c)
{
	struct random *r = &c->full->world.random;
	struct endpoint here = outside_client(c->index, c->full->moves[c->index]);
	struct blob *b;

	retransmit(c);
	client_reauth_go_on(c);
	if (c->ike.state == INITIATOR_IDLE || c->ike.state == INITIATOR_FAILED ||
	    c->ike.state == INITIATOR_CLOSED) {
		if (random_chance(r, c->full->calm ? 500 : 10 * c->full->plan.pace))
			client_connect(c);
		return;
	}
	if (c->ike.state != INITIATOR_ESTABLISHED || c->pending)
		return;
	b = c->ike.n_child == 0 ? give_up(c) : tidy(c);
	if (!b && c->must_tell) {
		b = initiator_create_move(&c->ike, &here);
		c->must_tell = b == NULL;
	}
	if (!b && c->full->sweep)
		b = sweep_step(c);
	else if (!b && !c->full->calm && random_chance(r, 10))
		b = do_something(c);
	if (!b && !c->full->sweep)
		b = client_networks_go_on(c);
	if (!b && c->full->plan.reauth && client_may_reauth(c) && random_chance(&c->full->reauth.random, 3))
		client_reauth_begin(c);
	send_new(c, b);
	client_watch_outstanding(c);
}

void client_receive(struct full *f, unsigned client, enum datagram_kind kind, struct blob *data)
{
	if (f->client[client].dead)
		return;
	if (kind == DATAGRAM_IKE)
		receive_ike(&f->client[client], data);
	else
		client_receive_esp(&f->client[client], data);
}

/* ---- Life ---- */

static void on_wake(struct world *w, void *ctx, uint64_t a, struct blob *data)
{
	struct client *c = ctx;

	(void)a;
	(void)data;
	if (c->dead && (c->full->calm || !random_chance(&w->random, 3))) {
		world_at(w, WAKE_MAX_US * c->full->plan.pace, on_wake, c, 0, NULL);
		return;
	}
	if (c->dead) { /* It remembers nothing: the gateway may forget what the client had. */
		c->dead = false;
		client_connect(c);
	}
	manage(c);
	client_talk(c);
	world_at(w, random_between(&w->random, 1, WAKE_MAX_US) * c->full->plan.pace, on_wake, c, 0,
		 NULL);
}

static struct ts_set everything(void)
{
	struct ts_set set = { .n = 1 };
	struct prefix p = { .address = { .family = 4 }, .bits = 0 };

	set.ts[0] = ts_from_prefix(&p);
	return set;
}

static void configure(struct full *f, unsigned i, struct initiator_config *c)
{
	memset(c, 0, sizeof(*c));
	c->local = outside_client(i, 0);
	c->remote = outside_service();
	c->id = f->secret[i].id;
	c->remote_id = f->connection.local_id;
	c->psk = f->plan.eap ? f->own.psk : f->secret[i].psk;
	c->auth = f->plan.rounds ? &initiator_toy : f->plan.eap ? &initiator_eap_mschapv2 : NULL;
	c->password = f->user[i].password;
	snprintf(c->user, sizeof(c->user), "c%u", i);
	certificates_client(f, i, c);
	c->ike[0] = f->connection.ike[0];
	c->esp[0] = f->connection.esp[0];
	c->n_ike = c->n_esp = 1;
	c->tsi = c->tsr = everything();
	c->request_address = true;
	c->initial_contact = true;
	c->fragmentation = f->plan.fragments && i % 5 != 4; /* One in five does not support it. */
	c->fragment_size = IKE_FRAGMENT_SIZE_MIN;
	c->fake_nat = i % 2; /* Behind a NAT, or raw ESP. */
	c->mobike = i / 2 % 2;
}

void clients_init(struct full *f, unsigned n)
{
	f->client = calloc(n, sizeof(*f->client));
	assert(f->client);
	f->n_clients = n;
	for (unsigned i = 0; i < n; i++) {
		struct client *c = &f->client[i];
		struct initiator_config config;
		uint8_t seed[ENTROPY_SEED_LEN];

		c->full = f;
		c->index = i;
		c->closed_loop = random_chance(&f->world.random, 500);
		random_fill(&f->world.random, seed, sizeof(seed));
		configure(f, i, &config);
		c->mobike = config.mobike;
		c->behind_nat = config.fake_nat;
		initiator_init(&c->ike, &config, seed);
		c->dead = f->sweep && !sweep_is_of(f, i);
		if (!c->dead)
			world_at(&f->world, random_between(&f->world.random, 500, 3000) * MS, on_wake,
				 c, 0, NULL);
	}
}

void clients_fini(struct full *f)
{
	for (unsigned i = 0; i < f->n_clients; i++) {
		struct client *c = &f->client[i];

		for (size_t k = 0; k < CLIENT_SAS; k++)
			if (c->sa[k].used)
				sad_entry_fini(&c->sa[k].entry);
		blob_unref(c->pending);
		initiator_fini(&c->ike);
		initiator_fini(&c->old.ike);
	}
	free(f->client);
}

void clients_calm(struct full *f)
{
	f->calm = true;
	for (unsigned i = 0; i < f->n_clients; i++) {
		struct client *c = &f->client[i];

		c->calm_from = c->asked + 1;
		c->had_session = c->ike.state == INITIATOR_ESTABLISHED && !c->leaving &&
				 !c->dead && c->ike.n_child > 0 && !f->orders.of[i].touched;
	}
}

bool client_is_behind_nat(const struct full *f, unsigned client)
{
	return f->client[client].behind_nat;
}

bool client_must_go_on(const struct full *f, unsigned client)
{
	return f->client[client].had_session;
}

static const struct ike_sa *find_sa(const struct client *c, uint64_t spi_i)
{
	for (unsigned i = 0; i < IKE_SA_MAX; i++) {
		if (c->ike.ike[i].state != 0 && c->ike.ike[i].spi_i == spi_i)
			return &c->ike.ike[i];
		if (client_has_old(c) && c->old.ike.ike[i].state != 0 && c->old.ike.ike[i].spi_i == spi_i)
			return &c->old.ike.ike[i];
	}
	return NULL;
}

bool client_is_past(const struct full *f, unsigned client, uint64_t spi_i, uint32_t message_id)
{
	const struct client *c = &f->client[client];
	const struct ike_sa *sa = find_sa(c, spi_i);

	if (sa)
		return message_id < sa->window.next_out;
	/* A refused IKE_AUTH may stand with another leader, once it is allowed again. */
	return c->ike.state == INITIATOR_ESTABLISHED && !f->orders.of[client].touched;
}

bool client_was_answered(const struct full *f, unsigned client, uint64_t spi_i, uint64_t spi_r,
			 uint32_t message_id)
{
	const struct client *c = &f->client[client];
	const struct ike_sa *sa = find_sa(c, spi_i);

	bool is_old = client_has_old(c) && sa >= c->old.ike.ike && sa < c->old.ike.ike + IKE_SA_MAX;

	return sa && sa->spi_r == spi_r && message_id < sa->window.next_out &&
	       (is_old || c->ike.state == INITIATOR_ESTABLISHED);
}

bool client_asks_to_enter(const struct full *f, unsigned client, struct ike_header *h)
{
	const struct client *c = &f->client[client];

	return c->ike.state == INITIATOR_AUTH_SENT && c->pending &&
	       ike_header_parse(h, c->pending->data, c->pending->len) == DROP_NONE && h->exchange == IKE_EXCHANGE_AUTH;
}

static bool lacks_answer(const struct client *c)
{
	for (unsigned network = 0; network < 2; network++)
		if (client_newest(&c->ike, network) && c->answered_in[network] < c->calm_from)
			return true;
	return false;
}

const char *clients_unhappy(struct full *f, char *text, size_t size)
{
	for (unsigned i = 0; i < f->n_clients; i++) {
		const struct client *c = &f->client[i];
		const char *what = NULL;

		if (c->dead || word_is_out(f, i) || word_has_ended(f, i) || certificates_bad(f, i))
			continue;
		if (c->ike.state != INITIATOR_ESTABLISHED || c->leaving)
			what = "has no session";
		else if (c->answered < c->calm_from)
			what = "gets no answer";
		else if (f->plan.networks && lacks_answer(c))
			what = "gets no answer from one of its networks";
		else if (c->pending)
			what = "has a request outstanding";
		else if (client_has_old(c))
			what = "has not ended its session before";
		if (!what)
			continue;
		snprintf(text, size, "client %u (%s, it %s a session) %s: asked %u, answered %u", i,
			 c->closed_loop ? "closed loop" : "open loop",
			 c->had_session ? "had" : "did not have", what, c->asked, c->answered);
		return text;
	}
	return NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A client: the strict initiator of test/lib, SAD entries of its own for ESP, and
 * a habit. Half of them ask and wait for the answer before they ask again, like a
 * person; the others send all the time, like a call. Now and then one rekeys,
 * asks whether the gateway lives, or leaves and comes back.
 *
 * An established client never starts anew on its own, however long nobody answers:
 * if it has to, the cluster has failed (I5). */
#include "test/sim/full.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAKE_MAX_US (8 * MS)
#define ASK_AGAIN_US (50 * MS)
#define RETRANSMIT_US (300 * MS)
#define RETRANSMIT_MAX_US (2 * SECOND)
#define INIT_TRIES 4u
#define LEAVE_TRIES 3u
#define SERVER "\x0a\x14\x00\x05"

struct client_sa {
	bool used;
	uint32_t spi_in;
	struct sad_entry entry;
};

struct client {
	struct full *full;
	unsigned index;
	bool closed_loop;
	struct initiator ike;
	struct client_sa sa[IKE_CHILD_MAX];
	uint64_t retry_us, backoff_us; /* Of the outstanding request. */
	unsigned tries;
	struct blob *pending;          /* What was sent last, to notice a new one. */
	uint64_t ask_us;               /* Next packet. */
	uint32_t asked, answered;      /* Numbers of questions. */
	uint32_t calm_from;            /* The first question that counts for I5. */
	bool had_session;              /* When calm began. */
	bool leaving;                  /* It asked for the end of its IKE SA. */
	unsigned n_sessions, n_rekeys, n_echoes;
};

/* ---- IKE ---- */

static void send_ike(struct client *c, struct blob *b)
{
	if (b)
		full_to_gateway(c->full, c->index, DATAGRAM_IKE, b);
}

/* Something new is outstanding: its own clock starts. */
static void watch_outstanding(struct client *c)
{
	struct blob *b = initiator_retransmit(&c->ike);

	if (b != c->pending) {
		c->tries = 0;
		c->backoff_us = RETRANSMIT_US;
		c->retry_us = c->full->world.now_us + c->backoff_us;
	}
	blob_set(&c->pending, b);
}

/* The SAD follows the initiator's list of Child SAs. */
static void follow_children(struct client *c)
{
	const struct seq_grant all = { .epoch = 0, .start = 1, .end = UINT64_C(1) << 32 };
	struct sad_path path = { .udp_encap = false };

	for (size_t i = 0; i < IKE_CHILD_MAX; i++) {
		struct client_sa *s = &c->sa[i];

		if (s->used && !initiator_find_child(&c->ike, s->spi_in)) {
			sad_entry_fini(&s->entry);
			s->used = false;
		}
	}
	for (size_t k = 0; k < c->ike.n_child; k++) {
		struct client_sa *s = NULL;

		for (size_t i = 0; i < IKE_CHILD_MAX; i++)
			if (c->sa[i].used && c->sa[i].spi_in == c->ike.child[k].spi_in)
				s = &c->sa[i];
		for (size_t i = 0; i < IKE_CHILD_MAX && !s; i++) {
			if (c->sa[i].used)
				continue;
			s = &c->sa[i];
			s->used = true;
			s->spi_in = c->ike.child[k].spi_in;
			if (sad_entry_init(&s->entry, 0, &c->ike.child[k], &path, 256) != OK)
				world_fail(&c->full->world, "a client's SA is refused");
			sad_entry_grant(&s->entry, &all);
		}
	}
}

static void connect_client(struct client *c)
{
	c->leaving = false;
	c->n_sessions++;
	send_ike(c, initiator_create_init(&c->ike));
	follow_children(c);
	watch_outstanding(c);
}

static void retransmit(struct client *c)
{
	uint64_t now = c->full->world.now_us;

	if (!c->pending || now < c->retry_us)
		return;
	c->backoff_us = c->backoff_us * 2 > RETRANSMIT_MAX_US ? RETRANSMIT_MAX_US
							      : c->backoff_us * 2;
	c->retry_us = now + c->backoff_us;
	/* A DELETE may have been done and its answer lost with the leader: there is
	 * nobody left to repeat it, and the client forgets the IKE SA (RFC 7296 1.4.1). */
	if (++c->tries > (c->leaving ? LEAVE_TRIES : INIT_TRIES) &&
	    (c->leaving || c->ike.state != INITIATOR_ESTABLISHED))
		connect_client(c);
	else
		send_ike(c, blob_ref(c->pending));
}

static void after_message(struct client *c, enum initiator_state before, uint64_t spi_i,
			  uint64_t spi_r, uint8_t children)
{
	struct world *w = &c->full->world;

	if (before != INITIATOR_ESTABLISHED && c->ike.state == INITIATOR_ESTABLISHED)
		world_say(w, "client %u is in, SA %08x", c->index,
			  c->ike.n_child ? c->ike.child[0].spi_out : 0);
	if (before == INITIATOR_ESTABLISHED && c->ike.state == INITIATOR_CLOSED) {
		if (!c->leaving)
			world_fail(w, "I4: the gateway ends client %u's IKE SA", c->index);
		state_checker_deleted(&c->full->state, spi_i, spi_r);
		world_say(w, "client %u has left", c->index);
	}
	if (c->ike.state == INITIATOR_FAILED)
		world_say(w, "client %u is refused: %u", c->index, c->ike.error);
	if (c->ike.state == INITIATOR_ESTABLISHED && c->ike.n_child == 0 && children > 0)
		world_fail(w, "I4: client %u lost its Child SA", c->index);
	follow_children(c);
	watch_outstanding(c);
}

static void receive_ike(struct client *c, const struct blob *data)
{
	enum initiator_state before = c->ike.state;
	uint64_t spi_i = c->ike.ike[0].spi_i, spi_r = c->ike.ike[0].spi_r;
	uint8_t children = c->ike.n_child;

	send_ike(c, initiator_consume(&c->ike, data->data, data->len));
	after_message(c, before, spi_i, spi_r, children);
}

/* What a rekey replaced is deleted by who asked for it (RFC 7296 2.8). */
static struct blob *tidy(struct client *c)
{
	if (c->ike.ike[1].state != 0)
		return initiator_create_ike_delete(&c->ike, 1);
	for (size_t k = 0; k < c->ike.n_child; k++) {
		const struct child_sa *old =
			initiator_find_child(&c->ike, c->ike.child[k].replaces);

		if (c->ike.child[k].replaces && old)
			return initiator_create_child_delete(&c->ike, old->spi_in);
	}
	return NULL;
}

static void manage(struct client *c)
{
	struct random *r = &c->full->world.random;
	struct blob *b;

	retransmit(c);
	if (c->ike.state == INITIATOR_IDLE || c->ike.state == INITIATOR_FAILED ||
	    c->ike.state == INITIATOR_CLOSED) {
		if (random_chance(r, 10))
			connect_client(c);
		return;
	}
	if (c->ike.state != INITIATOR_ESTABLISHED || c->pending)
		return;
	b = tidy(c);
	if (!b && !c->full->calm && random_chance(r, 10)) {
		switch (random_below(r, 8)) {
		case 0:
			c->leaving = random_chance(r, 300);
			b = c->leaving ? initiator_create_ike_delete(&c->ike, 0) : NULL;
			break;
		case 1:
			c->n_rekeys++;
			b = initiator_create_ike_rekey(&c->ike, DH_CURVE25519);
			break;
		case 2:
		case 3:
			c->n_rekeys++;
			b = initiator_create_child_rekey(&c->ike, c->ike.child[0].spi_in, DH_NONE);
			break;
		default:
			b = initiator_create_dpd(&c->ike);
		}
	}
	send_ike(c, b);
	watch_outstanding(c);
}

/* ---- ESP ---- */

static struct client_sa *newest(struct client *c)
{
	for (size_t k = c->ike.n_child; k > 0; k--)
		for (size_t i = 0; i < IKE_CHILD_MAX; i++)
			if (c->sa[i].used && c->sa[i].spi_in == c->ike.child[k - 1].spi_in)
				return &c->sa[i];
	return NULL;
}

/* IPv4, next header 253 (RFC 3692): client, kind, number of the question. */
static void ask(struct client *c)
{
	uint8_t room[512] = { 0 }, *inner, *out;
	struct client_sa *s = newest(c);
	size_t len;
	uint64_t seq;

	if (!s || sad_entry_draw(&s->entry, &seq) != DROP_NONE)
		return;
	inner = room + esp_head_room(&s->entry.child.suite);
	inner[0] = 0x45;
	inner[3] = 32;
	inner[8] = 64;
	inner[9] = 253;
	memcpy(inner + 12, c->ike.virtual_ip.octets, 4);
	memcpy(inner + 16, SERVER, 4);
	inner[20] = (uint8_t)c->index;
	memcpy(inner + 24, &c->asked, 4);
	if (esp_seal(&s->entry.out, s->entry.child.spi_out, seq, 1 + c->index, NULL, 4, inner, 32,
		     &out, &len) != DROP_NONE)
		world_fail(&c->full->world, "a client cannot seal");
	full_to_gateway(c->full, c->index, DATAGRAM_ESP, blob_new(out, len));
}

static void talk(struct client *c)
{
	uint64_t now = c->full->world.now_us;

	if (c->ike.state != INITIATOR_ESTABLISHED || now < c->ask_us)
		return;
	if (!c->closed_loop || c->asked == c->answered)
		c->asked++;
	ask(c);
	c->ask_us = now + (c->closed_loop
				   ? ASK_AGAIN_US
				   : random_between(&c->full->world.random, 1, 8) * MS);
}

static void receive_esp(struct client *c, const struct blob *data)
{
	uint8_t copy[512], *inner, next;
	struct esp_packet p;
	size_t len;
	uint64_t seq;
	int64_t epoch;
	uint32_t number;

	if (data->len > sizeof(copy) || esp_parse(&p, data->data, data->len) != DROP_NONE)
		return;
	memcpy(copy, data->data, data->len);
	for (size_t i = 0; i < IKE_CHILD_MAX; i++) {
		struct sad_entry *e = &c->sa[i].entry;

		if (!c->sa[i].used || c->sa[i].spi_in != p.spi)
			continue;
		if (sad_entry_check(e, p.seq_low, &seq, &epoch) != DROP_NONE ||
		    esp_open(&e->in, seq, copy, data->len, &inner, &len, &next) != DROP_NONE ||
		    sad_entry_accept(e, seq, epoch) != DROP_NONE)
			return;
		if (len != 32 || inner[20] != c->index)
			world_fail(&c->full->world, "client %u gets a packet of another",
				   c->index);
		memcpy(&number, inner + 24, 4);
		c->n_echoes++;
		if (number > c->answered && number <= c->asked) {
			c->answered = number;
			c->ask_us = c->full->world.now_us +
				    random_between(&c->full->world.random, 1, 10) * MS;
		}
		return;
	}
}

void client_receive(struct full *f, unsigned client, enum datagram_kind kind, struct blob *data)
{
	if (kind == DATAGRAM_IKE)
		receive_ike(&f->client[client], data);
	else
		receive_esp(&f->client[client], data);
}

/* ---- Life ---- */

static void on_wake(struct world *w, void *ctx, uint64_t a, struct blob *data)
{
	struct client *c = ctx;

	(void)a;
	(void)data;
	manage(c);
	talk(c);
	world_at(w, random_between(&w->random, 1, WAKE_MAX_US), on_wake, c, 0, NULL);
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
	c->local.address = address_ipv4(0xc0000200u + 10 + i);
	c->local.port = 4500;
	c->remote = full_service();
	c->id = f->secret[i].id;
	c->remote_id = f->connection.local_id;
	c->psk = f->secret[i].psk;
	c->ike[0] = f->connection.ike[0];
	c->esp[0] = f->connection.esp[0];
	c->n_ike = c->n_esp = 1;
	c->tsi = c->tsr = everything();
	c->request_address = true;
	c->initial_contact = true;
	c->fake_nat = i % 2; /* Behind a NAT, or raw ESP. */
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
		c->closed_loop = i / 2 % 2;
		random_fill(&f->world.random, seed, sizeof(seed));
		configure(f, i, &config);
		initiator_init(&c->ike, &config, seed);
		world_at(&f->world, random_between(&f->world.random, 500, 3000) * MS, on_wake, c, 0,
			 NULL);
	}
}

void clients_fini(struct full *f)
{
	for (unsigned i = 0; i < f->n_clients; i++) {
		struct client *c = &f->client[i];

		for (size_t k = 0; k < IKE_CHILD_MAX; k++)
			if (c->sa[k].used)
				sad_entry_fini(&c->sa[k].entry);
		blob_unref(c->pending);
		initiator_fini(&c->ike);
	}
	free(f->client);
}

void clients_calm(struct full *f)
{
	f->calm = true;
	for (unsigned i = 0; i < f->n_clients; i++) {
		f->client[i].calm_from = f->client[i].asked + 1;
		f->client[i].had_session = f->client[i].ike.state == INITIATOR_ESTABLISHED &&
					   !f->client[i].leaving;
	}
}

const char *clients_unhappy(struct full *f, char *text, size_t size)
{
	for (unsigned i = 0; i < f->n_clients; i++) {
		const struct client *c = &f->client[i];
		const char *what = NULL;

		if (c->ike.state != INITIATOR_ESTABLISHED || c->leaving)
			what = "has no session";
		else if (c->answered < c->calm_from)
			what = "gets no answer";
		else if (c->pending)
			what = "has a request outstanding";
		if (!what)
			continue;
		snprintf(text, size, "client %u (%s, it %s a session) %s: asked %u, answered %u", i,
			 c->closed_loop ? "closed loop" : "open loop",
			 c->had_session ? "had" : "did not have", what, c->asked, c->answered);
		return text;
	}
	return NULL;
}

void clients_believe(struct full *f, void (*fn)(struct full *f, unsigned client, uint64_t spi_i,
						 uint64_t spi_r, uint32_t spi_in))
{
	for (unsigned i = 0; i < f->n_clients; i++) {
		const struct client *c = &f->client[i];

		if (c->ike.state != INITIATOR_ESTABLISHED || c->leaving)
			continue;
		fn(f, i, c->ike.ike[0].spi_i, c->ike.ike[0].spi_r, 0);
		for (size_t k = 0; k < c->ike.n_child; k++)
			fn(f, i, c->ike.ike[0].spi_i, c->ike.ike[0].spi_r, c->ike.child[k].spi_out);
	}
}

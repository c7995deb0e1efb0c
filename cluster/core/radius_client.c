/* SPDX-License-Identifier: Apache-2.0 */
/* RADIUS (RFC 2865, 3579) for authentication methods: the leader sends the requests in the
 * question, and waits.
 *
 * Where: requests leave by the node that holds the addresses, from the inner address of the
 * server's family and one port (RADIUS_LOCAL_PORT), which move with the holder. Answers arrive
 * there, and it passes them to the leader. So a server sees one client, whichever nodes lead and
 * hold. The next leader sends the same octets from the same place: to the server that is a
 * repetition, and it repeats its answer (RFC 5080 2.2.2).
 *
 * When: a request is sent again after 1 s and 2 s; after 5 s the next server is asked, if the
 * question has a request for it; at the end the method is told that no server answers. A server
 * that left a request unanswered, and meanwhile answered no other, is *dead* for 30 s, or until it
 * answers: others come first. Only this leader remembers that.
 *
 * An answer counts if its Message-Authenticator is right for the request that is open under its
 * identifier. Each server has 256 identifiers, one for each open request; a request that must be
 * repeated waits while its identifier is in use. One address of clients has at most
 * RADIUS_ASKS_MAX of them, so nobody who makes a server slow keeps all others out. */
#include "cluster/core/radius_client.h"

#include "cluster/core/accounting.h"
#include "cluster/core/radius_port.h"
#include "cluster/core/rooms.h"
#include "proto/auth/radius_question.h"
#include "proto/mutant.h"

#include <utlist.h>

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRIES 3u
#define DEAD_US (30000 * MS)
#define WAITS_US (50 * MS)    /* It cannot leave, or its identifier is another request's: tried again then. */
#define RADIUS_ASKS_MAX 32u   /* Identifiers of one client address at each time; its further requests wait. */
#define OPEN_US (30000 * MS)  /* A question is open for so long at most. */
static const uint64_t again_us[TRIES] = {1000 * MS, 2000 * MS, 2000 * MS};

struct server {
	struct endpoint at;
	uint64_t dead_until_us, heard_us;
	uint8_t last_id;
	struct ask *by_id[256]; /* Open requests. */
};

struct ask {
	struct auth_question name;
	struct address from;      /* Its client's. */
	struct blob *question;
	struct radius_question q; /* Views of it. */
	bool tried[IKE_RADIUS_MAX];
	size_t now;               /* q.to[now] is being asked, ... */
	struct server *on;        /* ... and its identifier is ours; NULL: not yet. */
	unsigned sent;
	bool left;                /* A request was sent. */
	uint64_t since_us, next_us, until_us; /* since_us: this server is asked. */
	struct blob *answer;      /* It has come. */
	struct ask *prev, *next;  /* In the list of answered ones. */
	UT_hash_handle hh;
};

/* An address of clients, and how many identifiers it has. */
struct asker {
	struct address from;
	unsigned n;
	UT_hash_handle hh;
};

struct radius_client {
	struct server server[IKE_RADIUS_MAX]; /* Those of the policy, in whatever order. */
	size_t n;
	struct ask *asks, *answered;
	struct asker *askers;
	uint64_t next_us;
};

/* ---- Servers ---- */

static struct server *server_at(const struct core *c, const struct endpoint *at)
{
	for (size_t i = 0; i < c->radius_client->n; i++)
		if (endpoint_equal(&c->radius_client->server[i].at, at))
			return &c->radius_client->server[i];
	return NULL;
}

uint8_t radius_draw_id(struct core *c, const struct endpoint *at)
{
	struct server *s = server_at(c, at);

	if (!s)
		return (uint8_t)entropy_u32(&c->entropy);
	for (unsigned i = 0; i < 256; i++)
		if (!s->by_id[++s->last_id])
			break;
	return s->last_id;
}

static uint8_t id_of(const struct ask *a)
{
	return CBS_data(&a->q.to[a->now].packet)[1];
}

static struct asker *asker_of(const struct core *c, const struct ask *a)
{
	struct asker *k;

	HASH_FIND(hh, c->radius_client->askers, &a->from, sizeof(a->from), k);
	return k;
}

static void let_go(struct core *c, struct ask *a)
{
	struct asker *k = a->on ? asker_of(c, a) : NULL;

	if (!a->on)
		return;
	a->on->by_id[id_of(a)] = NULL;
	a->on = NULL;
	assert(k && k->n > 0);
	if (--k->n > 0)
		return;
	HASH_DEL(c->radius_client->askers, k);
	free(k);
}

/* False: another request has the identifier, or the client's address has as many as it may. */
static bool may_claim(const struct core *c, const struct ask *a, const struct server *s)
{
	const struct asker *k = asker_of(c, a);
	bool too_many = k && k->n >= RADIUS_ASKS_MAX;

	if (MUTANT(MUTANT_RADIUS_SOURCES))
		too_many = false;
	return a->on || (!s->by_id[id_of(a)] && !too_many);
}

static void claim(struct core *c, struct ask *a, struct server *s)
{
	struct asker *k = asker_of(c, a);

	if (a->on)
		return;
	s->by_id[id_of(a)] = a;
	a->on = s;
	if (!k) {
		k = calloc(1, sizeof(*k));
		assert(k);
		k->from = a->from;
		HASH_ADD(hh, c->radius_client->askers, from, sizeof(k->from), k);
	}
	k->n++;
}

static bool is_dead(const struct core *c, const struct ask *a, size_t i)
{
	const struct server *s = server_at(c, &a->q.to[i].server);

	return !s || c->now_us < s->dead_until_us;
}

/* The next server that was not asked, live ones before dead ones. False: there is none. */
static bool choose(const struct core *c, struct ask *a)
{
	size_t best = a->q.n;

	for (size_t i = a->q.n; i > 0; i--)
		if (!a->tried[i - 1] && server_at(c, &a->q.to[i - 1].server) &&
		    (best == a->q.n || !is_dead(c, a, i - 1) || is_dead(c, a, best)))
			best = i - 1;
	if (best == a->q.n)
		return false;
	a->now = best;
	a->tried[best] = true;
	a->sent = 0;
	a->since_us = c->now_us;
	return true;
}

/* ---- Questions ---- */

static void ask_free(struct core *c, struct ask *a)
{
	let_go(c, a);
	if (a->answer)
		DL_DELETE(c->radius_client->answered, a);
	HASH_DEL(c->radius_client->asks, a);
	blob_unref(a->question);
	blob_unref(a->answer);
	free(a);
}

static struct ask *ask_find(const struct core *c, const struct auth_question *name)
{
	struct auth_question key;
	struct ask *a;

	memset(&key, 0, sizeof(key)); /* Padding is hashed too. */
	key.spi_i = name->spi_i;
	key.spi_r = name->spi_r;
	key.step = name->step;
	HASH_FIND(hh, c->radius_client->asks, &key, sizeof(key), a);
	return a;
}

void radius_ask(struct core *c, const struct auth_question *name, const struct address *from,
		struct blob *question)
{
	struct ask *a;

	if (ask_find(c, name))
		return;
	a = calloc(1, sizeof(*a));
	assert(a);
	a->question = blob_ref(question);
	if (!radius_question_read(&a->q, a->question)) { /* It was checked when it was made. */
		core_drop(c, DROP_MALFORMED);
		blob_unref(a->question);
		free(a);
		return;
	}
	a->name.spi_i = name->spi_i;
	a->name.spi_r = name->spi_r;
	a->name.step = name->step;
	a->from.family = from->family;
	memcpy(a->from.octets, from->octets, address_len(from)); /* Octets behind it are hashed too. */
	a->now = a->q.n; /* None yet. */
	a->next_us = c->now_us;
	a->until_us = c->now_us + OPEN_US;
	HASH_ADD(hh, c->radius_client->asks, name, sizeof(a->name), a);
	c->radius_client->next_us = c->now_us;
}

void radius_forget(struct core *c, uint64_t spi_i, uint64_t spi_r, uint32_t step)
{
	struct ask *a = ask_find(c, &(struct auth_question){spi_i, spi_r, step});

	if (a)
		ask_free(c, a);
}

/* Adopts b. */
static void answer(struct core *c, struct ask *a, struct blob *b)
{
	let_go(c, a);
	a->answer = b;
	a->next_us = NEVER;
	DL_APPEND(c->radius_client->answered, a);
}

bool radius_next_answer(struct core *c, struct auth_question *name, struct blob **b)
{
	struct ask *a = c->radius_client->answered;

	if (!a)
		return false;
	*name = a->name;
	*b = blob_ref(a->answer);
	ask_free(c, a);
	return true;
}

static void nobody_answers(struct core *c, struct ask *a)
{
	char text[160 + IKE_RADIUS_MAX * (ENDPOINT_TEXT_LEN + 2)], at[ENDPOINT_TEXT_LEN];
	size_t n = (size_t)snprintf(
		text, sizeof(text), "%s",
		a->left ? "no RADIUS server answers:"
			: "nothing was sent to RADIUS, as too many requests are open there, or no node holds the inner address:");

	for (size_t i = 0; i < a->q.n; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s %s", i ? "," : "",
				      endpoint_format(&a->q.to[i].server, at));
	answer(c, a, radius_answer_none(text));
}

/* ---- Out ---- */

static bool send_request(struct core *c, const struct ask *a)
{
	const CBS *packet = &a->q.to[a->now].packet;
	struct blob *b = blob_new(CBS_data(packet), CBS_len(packet));
	bool sent = radius_send(c, &a->q.to[a->now].server, b);

	blob_unref(b);
	return sent;
}

static void find_dead(struct core *c, struct server *s, const struct ask *a)
{
	char at[ENDPOINT_TEXT_LEN];

	if (s->heard_us >= a->since_us)
		return; /* It answers others. */
	if (c->now_us >= s->dead_until_us)
		action_event(c->actions, "radius_silent", "RADIUS server %s does not answer: others "
							  "are asked first",
			     endpoint_format(&s->at, at));
	s->dead_until_us = c->now_us + DEAD_US;
}

/* a is due. */
static void advance(struct core *c, struct ask *a)
{
	struct server *s;

	if (a->sent == TRIES && a->on)
		find_dead(c, a->on, a);
	if (a->now == a->q.n || a->sent == TRIES || !server_at(c, &a->q.to[a->now].server)) {
		let_go(c, a);
		if (c->now_us >= a->until_us || !choose(c, a)) {
			nobody_answers(c, a);
			return;
		}
	}
	s = server_at(c, &a->q.to[a->now].server);
	/* What has not left says nothing of the server. */
	if (!may_claim(c, a, s) || !send_request(c, a)) {
		if (c->now_us >= a->until_us)
			nobody_answers(c, a);
		else
			a->next_us = c->now_us + WAITS_US;
		return;
	}
	claim(c, a, s);
	a->left = true;
	a->next_us = c->now_us + again_us[a->sent++];
}

void radius_tick(struct core *c)
{
	struct radius_client *r = c->radius_client;
	struct ask *a, *tmp;

	if (c->now_us < r->next_us)
		return;
	r->next_us = NEVER;
	HASH_ITER(hh, r->asks, a, tmp)
	{
		if (c->now_us >= a->next_us)
			advance(c, a);
		if (a->next_us < r->next_us)
			r->next_us = a->next_us;
	}
}

/* ---- In ---- */

bool radius_is_for(const struct core *c, const struct endpoint *local)
{
	(void)c;
	return local->port == RADIUS_LOCAL_PORT;
}

static void take(struct core *c, const struct endpoint *remote, const uint8_t *data, size_t len)
{
	struct server *s = server_at(c, remote);
	struct ask *a = s && len >= RADIUS_HEADER_LEN ? s->by_id[data[1]] : NULL;
	char at[ENDPOINT_TEXT_LEN];
	CBS in;

	CBS_init(&in, data, len);
	if (!a || !radius_question_accepts(&a->q, &c->in_force->ike, remote, in)) {
		core_drop(c, DROP_RADIUS);
		return;
	}
	if (c->now_us < s->dead_until_us)
		action_event(c->actions, "radius", "RADIUS server %s answers again",
			     endpoint_format(&s->at, at));
	s->dead_until_us = 0;
	s->heard_us = c->now_us;
	answer(c, a, radius_answer_encode(remote, in));
}

/* What nobody can read now is lost, and the next request repeated. */
void radius_datagram(struct core *c, uint32_t via, const struct endpoint *local,
		     const struct endpoint *remote, const uint8_t *data, size_t len)
{
	struct frame f = {.type = FRAME_RELAY,
			  .datagram = {.local = *local, .remote = *remote, .data = data, .len = len}};
	uint32_t leader = core_leader_index(c);

	if (len > RADIUS_LEN_MAX ||
	    !(radius_port_expects(c, remote) || radius_server_find(&c->in_force->ike, remote) || core_leads(c)))
		core_drop(c, DROP_RADIUS);
	else if (core_leads(c) && !accounting_datagram(c, remote, data, len))
		take(c, remote, data, len);
	else if (core_leads(c))
		return;
	else if (via == c->config->self && leader != NODE_NONE)
		core_send(c, leader, &f);
	else
		core_drop(c, DROP_IKE_NO_LEADER);
}

/* ---- Life ---- */

void radius_policy(struct core *c)
{
	const struct ike_config *ike = &c->in_force->ike;
	struct radius_client *r = c->radius_client, old = *r;
	struct ask *a, *tmp;

	HASH_ITER(hh, r->asks, a, tmp) /* Each claims its identifier again when it is due: now. */
	{
		if (a->answer)
			continue;
		let_go(c, a);
		a->sent -= a->sent == TRIES;
		a->next_us = c->now_us;
		r->next_us = c->now_us;
	}
	memset(r->server, 0, sizeof(r->server));
	r->n = ike->n_radius;
	for (size_t i = 0; i < r->n; i++) {
		r->server[i].at = ike->radius[i].address;
		for (size_t k = 0; k < old.n; k++)
			if (endpoint_equal(&old.server[k].at, &r->server[i].at)) {
				r->server[i].dead_until_us = old.server[k].dead_until_us;
				r->server[i].last_id = old.server[k].last_id;
				r->server[i].heard_us = old.server[k].heard_us;
			}
	}
}

static void forget_all(struct core *c)
{
	struct ask *a, *tmp;

	HASH_ITER(hh, c->radius_client->asks, a, tmp)
		ask_free(c, a);
	c->radius_client->next_us = NEVER;
}

void radius_role(struct core *c)
{
	if (!core_leads(c)) {
		forget_all(c);
		return;
	}
	/* Those of the leader before us are open still, as far as we know. */
	for (size_t i = 0; i < c->radius_client->n; i++)
		c->radius_client->server[i].last_id = (uint8_t)entropy_u32(&c->entropy);
}

uint64_t radius_deadline_us(const struct core *c)
{
	return c->radius_client->next_us;
}

size_t radius_open(const struct core *c)
{
	return HASH_COUNT(c->radius_client->asks);
}

void radius_init(struct core *c)
{
	c->radius_client = core_room(sizeof(*c->radius_client));
	c->radius_client->next_us = NEVER;
	radius_policy(c);
}

void radius_fini(struct core *c)
{
	forget_all(c);
	free(c->radius_client);
}

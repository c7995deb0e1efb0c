/* SPDX-License-Identifier: Apache-2.0 */
/* Two RADIUS servers that let clients in by EAP-MSCHAPv2 (test/lib/radius_server.h), and are told of sessions. A
 * request leaves by whoever holds the inner address and is lost, doubled and overtaken like any datagram; so is
 * the answer, which goes to whoever holds the address by then. A server that gets the octets of a request again
 * gives the octets of its answer again (RFC 5080 2.2.2).
 *
 * A client's name in EAP has the number of its attempt to come in, so each request says to which IKE_AUTH it
 * belongs: i3_reply.c knows what that one's may be. User-Name in Access-Accept is the client's own name.
 *
 * Now and then a server is silent for a while: the other one is asked, or nobody answers. The attacker, who sees
 * requests, answers first. He does not know the secret, but by a collision of MD5 (CVE-2024-3596) he can make a
 * Response Authenticator; what he cannot make is a Message-Authenticator. What he sends must change nothing
 * (i8_attack.c). */
#include "test/sim/radius.h"

#include "cluster/link/frame.h"
#include "proto/auth/method.h"
#include "test/lib/radius_server.h"
#include "test/sim/client.h"
#include "test/sim/net.h"
#include "test/sim/sweep.h"

#include <openssl/md5.h>
#include <uthash.h>

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERVERS 2u
#define INSIDE 0x0a140001u
#define ACCOUNTING UINT64_C(0x100) /* Beside a server's number. */

/* One attempt of one client, as one server knows it. */
struct conversation {
	struct {
		unsigned server;
		char name[IKE_ID_MAX];
	} key;
	char user[IKE_ID_MAX];
	struct radius_server with;
	UT_hash_handle hh;
};

struct answered {
	struct {
		uint64_t server, request;
	} key; /* The request's hash. */
	struct blob *answer; /* NULL: none. */
	UT_hash_handle hh;
};

struct radius_servers {
	struct {
		struct endpoint at, accounting;
		struct secret secret;
		uint64_t silent_until_us;
	} server[SERVERS];
	struct conversation *conversations;
	struct answered *answered;
	unsigned attempt[CLIENTS_MAX];
	struct random random;
};

/* ---- Names ---- */

void radius_client_connects(struct client *c)
{
	struct radius_servers *r = c->full->radius;

	if (r)
		snprintf(c->ike.config.user, sizeof(c->ike.config.user), "c%u.%u", c->index, ++r->attempt[c->index]);
}

static bool read_name(CBS name, unsigned *client, unsigned *attempt)
{
	char text[IKE_ID_MAX] = "";

	memcpy(text, CBS_data(&name), CBS_len(&name) < sizeof(text) ? CBS_len(&name) : sizeof(text) - 1);
	return sscanf(text, "c%u.%u", client, attempt) == 2 && *client < CLIENTS_MAX;
}

int radius_client_of(struct full *f, CBS name)
{
	unsigned client, attempt;

	if (!read_name(name, &client, &attempt))
		world_fail(&f->world, "RADIUS is asked about nobody's name");
	return attempt == f->radius->attempt[client] ? (int)client : -1;
}

/* ---- A server's answer ---- */

static struct conversation *conversation_of(struct radius_servers *r, unsigned server, CBS name)
{
	struct conversation *c, key;
	unsigned client, attempt;
	char text[ENDPOINT_TEXT_LEN], password[24];

	memset(&key, 0, sizeof(key));
	key.key.server = server;
	memcpy(key.key.name, CBS_data(&name), CBS_len(&name) < IKE_ID_MAX ? CBS_len(&name) : IKE_ID_MAX - 1);
	HASH_FIND(hh, r->conversations, &key.key, sizeof(key.key), c);
	if (c || !read_name(name, &client, &attempt))
		return c;
	c = calloc(1, sizeof(*c));
	assert(c);
	c->key = key.key;
	snprintf(password, sizeof(password), "secret %u", client);
	snprintf(c->user, sizeof(c->user), "c%u", client);
	radius_server_init(&c->with, endpoint_format(&r->server[server].at, text), password);
	c->with.user_name = c->user;
	c->with.extra[0].type = RADIUS_CLASS;
	c->with.extra[0].value = c->user;
	c->with.extra[0].len = (uint8_t)strlen(c->user);
	HASH_ADD(hh, r->conversations, key, sizeof(c->key), c);
	return c;
}

/* MD5 over the packet with these 16 octets in the place of its authenticator, and the secret (RFC 2865 3,
 * RFC 2866 3). */
static void authenticator(uint8_t out[16], const struct blob *packet, const uint8_t *instead,
			  const struct secret *secret)
{
	MD5_CTX h;

	MD5_Init(&h);
	MD5_Update(&h, packet->data, 4);
	MD5_Update(&h, instead, 16);
	MD5_Update(&h, packet->data + 20, packet->len - 20);
	MD5_Update(&h, secret->bytes, secret->len);
	MD5_Final(out, &h);
}

static struct blob *answer_access(struct full *f, unsigned server, const struct radius *request,
				  struct blob *data)
{
	struct conversation *c;
	CBS name;

	if (!radius_find(request, RADIUS_USER_NAME, &name))
		return NULL;
	c = conversation_of(f->radius, server, name);
	return c ? radius_server_answer(&c->with, data->data, data->len) : NULL;
}

static struct blob *answer_accounting(struct full *f, unsigned server, const struct radius *request,
				      struct blob *data)
{
	static const uint8_t zero[16];
	const struct secret *secret = &f->radius->server[server].secret;
	struct radius_builder b;
	uint8_t digest[16];

	authenticator(digest, data, zero, secret);
	if (memcmp(digest, data->data + 4, 16) != 0)
		world_fail(&f->world, "accounting: a request is not signed");
	accounts_told(f, request);
	radius_begin(&b, RADIUS_ACCOUNTING_RESPONSE, request->id, zero);
	return radius_finish_answer(&b, request, secret);
}

/* The same octets get the same answer. The caller's. */
static struct blob *answer(struct full *f, uint64_t to, struct blob *data)
{
	struct radius_servers *r = f->radius;
	unsigned server = (unsigned)(to & 0xff);
	struct answered *a, key;
	struct radius request;
	CBS in;

	memset(&key, 0, sizeof(key));
	key.key.server = to;
	key.key.request = seen_hash(data->data, data->len);
	HASH_FIND(hh, r->answered, &key.key, sizeof(key.key), a);
	if (a)
		return blob_ref(a->answer);
	CBS_init(&in, data->data, data->len);
	if (radius_parse(&request, in) != OK ||
	    request.code != (to & ACCOUNTING ? RADIUS_ACCOUNTING_REQUEST : RADIUS_ACCESS_REQUEST))
		world_fail(&f->world, "a RADIUS server gets what is no request to it");
	a = calloc(1, sizeof(*a));
	assert(a);
	a->key = key.key;
	a->answer = to & ACCOUNTING ? answer_accounting(f, server, &request, data)
				    : answer_access(f, server, &request, data);
	HASH_ADD(hh, r->answered, key, sizeof(a->key), a);
	return blob_ref(a->answer);
}

/* ---- The way ---- */

static void arrives(struct full *f, uint64_t from, struct blob *data, bool hostile)
{
	const struct radius_servers *r = f->radius;
	struct delivery d = {.kind = DELIVER_DATAGRAM, .value = DATAGRAM_IKE, .data = data};
	int host = f->holder;

	if (host < 0 || !host_runs(&f->world.host[host]) || unfit_inner_cut(f, (unsigned)host))
		return;
	d.value |= hostile ? DATAGRAM_HOSTILE : 0;
	d.local = (struct endpoint){address_ipv4(INSIDE), RADIUS_LOCAL_PORT};
	d.remote = from & ACCOUNTING ? r->server[from & 0xff].accounting : r->server[from & 0xff].at;
	host_deliver(&f->world.host[host], f->world.host[host].generation, &d);
}

static void on_answer(struct world *w, void *ctx, uint64_t a, struct blob *data)
{
	(void)w;
	arrives(ctx, a, data, false);
}

/* Adopts data. */
static void pass_on(struct full *f, world_fn fn, uint64_t a, struct blob *data)
{
	if (!f->sweep || !sweep_takes(f, fn, a, data))
		net_datagram(&f->world, fn, f, a, data);
}

/* ---- The attacker ---- */

/* RFC 3579 3.2 without what only the secret makes. */
static struct blob *forged(struct full *f, uint64_t to, const struct radius *request)
{
	static const uint8_t codes[] = {RADIUS_ACCESS_ACCEPT, RADIUS_ACCESS_REJECT, RADIUS_ACCESS_CHALLENGE};
	/* Success, Failure, Request/Identity */
	static const uint8_t eap[][5] = {{3, 1, 0, 4}, {4, 1, 0, 4}, {1, 1, 0, 5, 1}};
	static const uint8_t zero[16], head = RADIUS_HEADER_LEN, signature = 18;
	struct random *r = &f->radius->random;
	const struct secret *secret = &f->radius->server[to & 0xff].secret;
	unsigned kind = (unsigned)random_below(r, 3);
	struct radius_builder b;
	struct blob *packet;
	CBS in;

	radius_begin(&b, to & ACCOUNTING ? RADIUS_ACCOUNTING_RESPONSE : codes[kind], request->id, zero);
	CBS_init(&in, eap[kind], eap[kind][3]);
	if (!(to & ACCOUNTING))
		radius_add_eap(&b, in);
	packet = radius_finish_answer(&b, request, secret);
	if (to & ACCOUNTING) { /* It needs no Message-Authenticator, and there is no collision for it. */
		packet->data[4] ^= 1;
		return packet;
	}
	if (random_chance(r, 500)) { /* It comes first (radius.h): without it, or with another one. */
		packet->data[head + 2 + random_below(r, 16)] ^= 1;
	} else {
		memmove(packet->data + head, packet->data + head + signature, packet->len - head - signature);
		packet->len -= signature;
		packet->data[3] = (uint8_t)(packet->len & 0xff);
		packet->data[2] = (uint8_t)(packet->len >> 8);
	}
	authenticator(packet->data + 4, packet, CBS_data(&request->authenticator), secret);
	return packet;
}

static void attack(struct full *f, uint64_t to, const struct blob *data)
{
	struct radius request;
	struct blob *packet;
	CBS in;

	if (!random_chance(&f->radius->random, f->plan.attack_per_mille))
		return;
	CBS_init(&in, data->data, data->len);
	if (radius_parse(&request, in) != OK)
		return;
	packet = forged(f, to, &request);
	arrives(f, to, packet, true);
	blob_unref(packet);
}

bool radius_comes(const struct event *e)
{
	struct frame f;

	if (e->type == EVENT_DATAGRAM)
		return e->datagram.local.port == RADIUS_LOCAL_PORT;
	return e->type == EVENT_FRAME && e->frame.data[0] == FRAME_RELAY &&
	       frame_parse(&f, e->frame.data, e->frame.len) == OK && f.datagram.local.port == RADIUS_LOCAL_PORT;
}

/* ---- At a server ---- */

static void on_server(struct world *w, void *ctx, uint64_t a, struct blob *data)
{
	struct full *f = ctx;
	struct blob *b;

	attack(f, a, data);
	if (w->now_us < f->radius->server[a & 0xff].silent_until_us)
		return;
	b = answer(f, a, data);
	if (b)
		pass_on(f, on_answer, a, b);
}

void radius_leaves(struct node *n, const struct endpoint *remote, struct blob *data)
{
	struct full *f = n->full;

	if (unfit_inner_cut(f, n->host->index))
		return;
	for (uint64_t i = 0; i < SERVERS; i++)
		if (endpoint_equal(remote, &f->radius->server[i].at))
			pass_on(f, on_server, i, blob_ref(data));
		else if (endpoint_equal(remote, &f->radius->server[i].accounting))
			pass_on(f, on_server, i | ACCOUNTING, blob_ref(data));
}

/* ---- Silence ---- */

static void on_silence(struct world *w, void *ctx, uint64_t a, struct blob *data)
{
	struct full *f = ctx;
	struct random *r = &f->radius->random;
	unsigned server = (unsigned)random_below(r, SERVERS);

	(void)a;
	(void)data;
	if (f->calm)
		return;
	f->radius->server[server].silent_until_us = w->now_us + random_between(r, 300, 6000) * MS;
	world_say(w, "RADIUS server %u falls silent", server + 1);
	world_at(w, random_between(r, 500, 6000) * MS, on_silence, f, 0, NULL);
}

void radius_faults(struct full *f)
{
	if (f->radius)
		world_at(&f->world, 3 * SECOND, on_silence, f, 0, NULL);
}

void radius_calm(struct full *f)
{
	for (unsigned i = 0; f->radius && i < SERVERS; i++)
		f->radius->server[i].silent_until_us = 0;
}

/* ---- The run ---- */

void radius_begin_run(struct full *f)
{
	struct radius_servers *r;

	if (!f->plan.radius)
		return;
	r = f->radius = calloc(1, sizeof(*r));
	assert(r);
	f->accounts = accounts_new();
	random_init(&r->random, f->world.seed ^ RADIUS_SALT ^ 1);
	for (unsigned i = 0; i < SERVERS; i++) {
		char text[ENDPOINT_TEXT_LEN];

		r->server[i].at = (struct endpoint){address_ipv4(0x0a140009 + i), 1812};
		r->server[i].accounting = (struct endpoint){address_ipv4(0x0a140009 + i), 1813};
		endpoint_format(&r->server[i].at, text);
		secret_set(&r->server[i].secret, text, strlen(text)); /* As radius_server_init() has it. */
	}
	f->config.inside[0] = address_ipv4(INSIDE);
	f->connection.auth = &ike_auth_eap_radius;
}

void radius_policy_of(const struct full *f, struct ike_config *c)
{
	if (!f->radius)
		return;
	snprintf(c->nas_identifier, sizeof(c->nas_identifier), "sim");
	c->n_radius = SERVERS;
	for (unsigned i = 0; i < SERVERS; i++)
		c->radius[i] = (struct ike_radius){.address = f->radius->server[i].at,
						   .accounting = f->radius->server[i].accounting,
						   .secret = f->radius->server[i].secret};
}

void radius_end_run(struct full *f)
{
	struct conversation *c, *next;
	struct answered *a, *after;

	if (!f->radius)
		return;
	HASH_ITER(hh, f->radius->conversations, c, next)
	{
		HASH_DEL(f->radius->conversations, c);
		radius_server_fini(&c->with);
		free(c);
	}
	HASH_ITER(hh, f->radius->answered, a, after)
	{
		HASH_DEL(f->radius->answered, a);
		blob_unref(a->answer);
		free(a);
	}
	accounts_free(f->accounts);
	free(f->radius);
}

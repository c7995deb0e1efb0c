/* SPDX-License-Identifier: Apache-2.0 */
#include "test/lib/gateway.h"
#include "test/lib/pki.h"

#include "proto/ike/fragment.h"

#include <openssl/mem.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct endpoint gateway_endpoint(const char *text)
{
	struct endpoint e;

	if (endpoint_parse(&e, text) != OK)
		abort();
	return e;
}

struct ike_id gateway_id(const char *text)
{
	struct ike_id id;

	if (ike_id_parse(&id, text) != OK)
		abort();
	return id;
}

static struct ts_set ts_of(const char *prefix)
{
	struct ts_set set = {.n = 1};
	struct prefix p;

	if (prefix_parse(&p, prefix) != OK)
		abort();
	set.ts[0] = ts_from_prefix(&p);
	return set;
}

static void proposals_of(struct proposal *ike, struct proposal *esp, const char *ike_text,
			 const char *esp_text)
{
	if (proposal_parse_ike(ike, ike_text, NULL) != OK ||
	    proposal_parse_esp(esp, esp_text, NULL) != OK)
		abort();
}

/* ---- Gateway ---- */

static uint32_t draw_spi(void *ctx, struct entropy *e)
{
	uint32_t spi;

	(void)ctx;
	do
		spi = entropy_u32(e);
	while (spi < 256);
	return spi;
}

static bool assign_address(void *ctx, const struct ike_connection *c,
			   const struct ike_address_wish *wish, struct address *out)
{
	const struct address *wanted = wish->address;
	const struct gateway *g = ctx;

	if (g->pool_empty)
		return false;
	*out = wanted && prefix_contains(&c->pool, wanted) ? *wanted : address_ipv4(0x0a1e0001);
	return true;
}

void gateway_init(struct gateway *g, const char *ike, const char *esp)
{
	static const uint8_t seed[ENTROPY_SEED_LEN] = "gateway";
	struct ike_connection *c = &g->connections[0];

	memset(g, 0, sizeof(*g));
	entropy_init(&g->entropy, seed);
	g->iv.salt = entropy_u32(&g->entropy);
	entropy_draw(&g->entropy, g->cookie_key, sizeof(g->cookie_key));
	strcpy(c->name, "road");
	c->local_id = gateway_id("gw");
	c->local_ts = ts_of("10.20.0.0/16");
	c->has_pool = true;
	if (prefix_parse(&c->pool, "10.30.0.0/16") != OK)
		abort();
	c->dns[0] = address_ipv4(0x0a140035);
	c->n_dns = 1;
	proposals_of(&c->ike[0], &c->esp[0], ike, esp);
	c->n_ike = c->n_esp = 1;
	g->secrets[0].id = gateway_id("cl");
	secret_set(&g->secrets[0].psk, "correct horse", 13);
	g->config.connections = g->connections;
	g->config.n_connections = 1;
	g->config.secrets = g->secrets;
	g->config.n_secrets = 1;
	g->config.fragmentation = true;
	g->local = gateway_endpoint("198.51.100.1:500");
	g->clock.unix_now = PKI_NOW;
	g->env = (struct ike_env){
		.config = &g->config,
		.entropy = &g->entropy,
		.iv = &g->iv,
		.now_ms = 1000,
		.cookie_key = g->cookie_key,
		.ctx = g,
		.draw_spi = draw_spi,
		.assign_address = assign_address,
	};
}

static void forget_half_open(struct gateway *g)
{
	if (!g->half_open)
		return;
	ike_half_open_fini(g->half_open);
	free(g->half_open);
	g->half_open = NULL;
}

static void forget_session(struct gateway *g)
{
	if (!g->session)
		return;
	ike_session_fini(g->session);
	free(g->session);
	g->session = NULL;
}

void gateway_fini(struct gateway *g)
{
	forget_half_open(g);
	forget_session(g);
	ike_datagrams_set(&g->reply, NULL);
	for (unsigned i = 0; i < 2; i++)
		ike_reassembly_clear(&g->reassembly[i]);
	entropy_fini(&g->entropy);
}

/* Commits o. Returns its reply. */
static struct blob *commit(struct gateway *g, struct ike_outcome *o)
{
	struct blob *reply = o->reply ? blob_ref(o->reply->datagram[0]) : NULL;

	ike_datagrams_set(&g->reply, ike_datagrams_ref(o->reply));
	g->verdict = o->verdict;
	g->drop = o->drop;
	g->answered = o->answered;
	g->answered_purpose = o->answered_purpose;
	memcpy(g->note, o->note, sizeof(g->note));
	switch (o->verdict) {
	case IKE_VERDICT_DROP:
		assert(!reply && !o->next && o->drop != DROP_NONE);
		break;
	case IKE_VERDICT_REPLY:
		assert(reply && !o->next && !o->half_open);
		break;
	case IKE_VERDICT_LATER: /* It has no desk. */
	case IKE_VERDICT_WAIT:
		assert(!reply && !o->next && !o->half_open);
		break;
	case IKE_VERDICT_ASK:
		assert(!reply);
		/* fall through */
	case IKE_VERDICT_HALF_OPEN:
		forget_half_open(g);
		g->half_open = o->half_open;
		o->half_open = NULL;
		break;
	case IKE_VERDICT_REFUSE:
		assert(reply && !o->next);
		forget_half_open(g);
		break;
	case IKE_VERDICT_ESTABLISH:
		forget_half_open(g);
		assert(!g->session);
		g->session = o->next;
		o->next = NULL;
		break;
	case IKE_VERDICT_STEP:
		forget_session(g);
		g->session = o->next;
		o->next = NULL;
		break;
	case IKE_VERDICT_DELETE:
		assert(!o->next);
		forget_session(g);
		break;
	}
	ike_outcome_fini(o);
	return reply;
}

/* Does the work of cluster/core/fragments.c. NULL: nothing is complete, and out says why (WAIT: it
 * was kept). */
static struct ike_datagrams *collect(struct gateway *g, const struct ike_header *h,
				     const struct blob *d, struct ike_outcome *out)
{
	struct ike_reassembly *r = &g->reassembly[(h->flags & IKE_FLAG_RESPONSE) != 0];
	struct ike_datagrams *message;
	struct sk_direction theirs;
	enum drop why = DROP_IKE_UNKNOWN;

	if (ike_fragment_of(d->data, d->len).total == 0)
		return ike_datagrams_of(blob_new(d->data, d->len));
	if (g->session && ike_session_find_sa(g->session, h->spi_i, h->spi_r))
		why = ike_expects(g->session, h, d, &theirs);
	else if (g->half_open && h->spi_r == g->half_open->spi_r)
		why = ike_auth_expects(g->half_open, h, true, &theirs);
	if (why != DROP_NONE && ike_fragment_of(d->data, d->len).number == 1)
		return ike_datagrams_of(blob_new(d->data, d->len));
	*out = (struct ike_outcome){.drop = why};
	if (why != DROP_NONE)
		return NULL;
	out->drop = ike_reassembly_take(r, &theirs, d->data, d->len, &message);
	if (out->drop == DROP_NONE)
		out->verdict = IKE_VERDICT_WAIT;
	return message;
}

static void respond(struct gateway *g, const struct endpoint *remote, const struct blob *d,
		    struct ike_outcome *out)
{
	struct ike_header h;

	struct ike_datagrams *message;

	if (ike_header_parse(&h, d->data, d->len) != DROP_NONE ||
	    h.exchange == IKE_EXCHANGE_SA_INIT) {
		ike_respond_init(&g->env, &g->local, remote, d->data, d->len, out);
		return;
	}
	message = collect(g, &h, d, out);
	if (!message)
		return;
	if (g->session && ike_session_find_sa(g->session, h.spi_i, h.spi_r))
		ike_respond(&g->env, g->session, &g->local, remote, message, out);
	else if (g->half_open && h.spi_r == g->half_open->spi_r)
		ike_respond_auth(&g->env, g->half_open, &g->local, remote, message, out);
	else
		*out = (struct ike_outcome){.drop = DROP_IKE_UNKNOWN};
	ike_datagrams_unref(message);
}

struct blob *gateway_receive(struct gateway *g, const struct endpoint *remote,
			     struct blob *datagram)
{
	struct ike_session *before = NULL;
	struct ike_half_open *half = NULL;
	struct ike_outcome o;

	if (g->session)
		before = OPENSSL_memdup(g->session, sizeof(*before));
	if (g->half_open)
		half = OPENSSL_memdup(g->half_open, sizeof(*half));
	respond(g, remote, datagram, &o);
	assert(!before || memcmp(before, g->session, sizeof(*before)) == 0);
	assert(!half || memcmp(half, g->half_open, sizeof(*half)) == 0);
	OPENSSL_free(before);
	OPENSSL_free(half);
	blob_unref(datagram);
	return commit(g, &o);
}

struct blob *gateway_answer(struct gateway *g, const struct blob *answer)
{
	struct ike_outcome o;

	ike_auth_answer(&g->env, g->half_open, answer, &o);
	return commit(g, &o);
}

struct blob *gateway_outside(struct gateway *g)
{
	struct auth_job *j = auth_job_new(&g->config, g->half_open->auth.question);
	struct blob *answer, *reply;

	if (!j)
		return NULL;
	auth_job_run(j, &g->clock);
	answer = auth_job_end(j);
	reply = gateway_answer(g, answer);
	blob_unref(answer);
	return reply;
}

struct blob *gateway_request(struct gateway *g, const struct ike_request *request)
{
	struct ike_outcome o;

	ike_request_create(&g->env, g->session, request, &o);
	return commit(g, &o);
}

/* ---- Client ---- */

struct initiator_config gateway_client_config(const char *ike, const char *esp)
{
	struct initiator_config c = {
		.local = gateway_endpoint("192.0.2.7:500"),
		.remote = gateway_endpoint("198.51.100.1:500"),
		.id = gateway_id("cl"),
		.remote_id = gateway_id("gw"),
		.n_ike = 1,
		.n_esp = 1,
		.tsi = ts_of("0.0.0.0/0"),
		.tsr = ts_of("0.0.0.0/0"),
		.request_address = true,
		.request_dns = true,
		.fragmentation = true,
	};

	secret_set(&c.psk, "correct horse", 13);
	proposals_of(&c.ike[0], &c.esp[0], ike, esp);
	return c;
}

/* Delivers all datagrams of the client's message; returns the first datagram of the answer. */
static struct blob *to_gateway(struct gateway *g, const struct initiator *i, struct blob *datagram,
			       unsigned *n)
{
	struct blob *next, *reply = NULL;

	for (; datagram; datagram = next) {
		next = initiator_next_datagram(i, datagram);
		blob_unref(reply);
		reply = gateway_receive(g, &i->config.local, datagram);
		++*n;
	}
	return reply;
}

/* All datagrams of the gateway's last reply. */
static struct blob *to_client(struct gateway *g, struct initiator *i, unsigned *n)
{
	struct ike_datagrams *reply = ike_datagrams_ref(g->reply);
	struct blob *answer = NULL;

	for (uint32_t k = 0; reply && k < reply->n; k++) {
		blob_unref(answer);
		answer = initiator_consume(i, reply->datagram[k]->data, reply->datagram[k]->len);
		++*n;
	}
	ike_datagrams_unref(reply);
	return answer;
}

unsigned gateway_exchange(struct gateway *g, struct initiator *i, struct blob *datagram)
{
	struct blob *reply;
	unsigned n = 0;

	while (datagram) {
		reply = to_gateway(g, i, datagram, &n);
		if (g->verdict == IKE_VERDICT_ASK)
			reply = gateway_outside(g);
		datagram = reply ? to_client(g, i, &n) : NULL;
		blob_unref(reply);
	}
	return n;
}

/* ---- Both ends ---- */

void fixture_setup(struct fixture *f, const char *ike, const char *esp)
{
	static const uint8_t seed[ENTROPY_SEED_LEN] = "client";

	gateway_init(&f->g, ike, esp);
	f->config = gateway_client_config(ike, esp);
	initiator_init(&f->i, &f->config, seed);
}

void fixture_teardown(struct fixture *f)
{
	initiator_fini(&f->i);
	gateway_fini(&f->g);
}

unsigned fixture_handshake(struct fixture *f)
{
	f->i.config = f->config;
	return gateway_exchange(&f->g, &f->i, initiator_create_init(&f->i));
}

void fixture_establish(struct fixture *f)
{
	unsigned n;

	fixture_setup(f, IKE_DEFAULT, ESP_DEFAULT);
	n = fixture_handshake(f);
	assert(n == 4 && f->i.state == INITIATOR_ESTABLISHED);
}

struct blob *fixture_to_gateway(struct fixture *f, struct blob *d)
{
	return gateway_receive(&f->g, &f->i.config.local, d);
}

struct blob *fixture_to_client(struct fixture *f, struct blob *d)
{
	struct blob *answer;

	assert(d);
	answer = initiator_consume(&f->i, d->data, d->len);
	blob_unref(d);
	return answer;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "test/lib/sample.h"

#include "cluster/level.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t sample_random(uint64_t *stream)
{
	uint64_t z = (*stream += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static uint32_t below(uint64_t *stream, uint32_t n)
{
	return (uint32_t)(sample_random(stream) % n);
}

static struct address ipv4(uint32_t host_order)
{
	struct address a = {.family = 4};

	for (unsigned i = 0; i < 4; i++)
		a.octets[i] = (uint8_t)(host_order >> (24 - 8 * i));
	return a;
}

static void fill(uint8_t *data, size_t len, uint64_t seed)
{
	for (size_t i = 0; i < len; i++)
		data[i] = (uint8_t)sample_random(&seed);
}

static void fill_secret(struct secret *s, size_t len, uint64_t seed)
{
	s->len = (uint16_t)len;
	fill(s->bytes, len, seed);
}

static void fill_ts(struct ts_set *set, uint32_t first, uint32_t last)
{
	set->n = 1;
	set->ts[0].start = ipv4(first);
	set->ts[0].end = ipv4(last);
	set->ts[0].port_end = 65535;
}

static void fill_keys(struct ike_keys *k, uint64_t seed)
{
	fill_secret(&k->d, 32, seed + 1);
	fill_secret(&k->ei, 20, seed + 2);
	fill_secret(&k->er, 20, seed + 3);
	fill_secret(&k->pi, 32, seed + 4);
	fill_secret(&k->pr, 32, seed + 5);
}

static const struct suite ike_suite = {.encr = ENCR_AES_GCM_16,
				       .encr_key_bits = 128,
				       .integ = AUTH_NONE,
				       .prf = PRF_HMAC_SHA2_256,
				       .dh = DH_CURVE25519};

void sample_child(struct child_sa *child, uint32_t spi_in, bool esn)
{
	bool cbc = spi_in % 3 == 0;

	memset(child, 0, sizeof(*child));
	child->spi_in = spi_in;
	child->spi_out = spi_in * 2654435761u;
	child->suite = (struct suite){.encr = cbc ? ENCR_AES_CBC : ENCR_AES_GCM_16,
				      .encr_key_bits = 256,
				      .integ = cbc ? AUTH_HMAC_SHA2_256_128 : AUTH_NONE,
				      .esn = esn ? ESN_YES : ESN_NO};
	fill(child->in.encr, cbc ? 32 : 36, spi_in);
	fill(child->out.encr, cbc ? 32 : 36, spi_in + 77);
	fill(child->in.integ, cbc ? 32 : 0, spi_in + 78);
	fill(child->out.integ, cbc ? 32 : 0, spi_in + 79);
	fill_ts(&child->local, 0x0a140000, 0x0a14ffff);
	fill_ts(&child->remote, 0x0a1e0000 + spi_in, 0x0a1e0000 + spi_in);
	child->replaces = spi_in - 1;
	child->made_ms = 77 + spi_in;
	child->expired = spi_in % 5 == 0;
	child->esp_in_udp = spi_in % 7 == 0;
}

static void sample_ike(struct ike_sa *sa, uint64_t spi_i, uint64_t spi_r)
{
	struct blob *answer[3]; /* In fragments. */
	uint8_t message[60];

	memset(sa, 0, sizeof(*sa));
	fill(message, sizeof(message), spi_i);
	for (unsigned i = 0; i < 3; i++)
		answer[i] = blob_new(message + i, sizeof(message) - 10 * i);
	sa->spi_i = spi_i;
	sa->spi_r = spi_r;
	sa->suite = ike_suite;
	fill_keys(&sa->keys, spi_i);
	sa->state = IKE_SA_ESTABLISHED;
	sa->window.next_in = 2;
	sa->window.next_out = 1;
	fill(sa->window.request.hash, sizeof(sa->window.request.hash), spi_r);
	sa->window.response = ike_datagrams_new(answer, 3);
	sa->purpose = IKE_PURPOSE_DPD;
	sa->purpose_arg = 7;
	sa->window.outstanding = ike_datagrams_of(blob_new(message, 33));
}

void sample_session(struct ike_session *s, uint32_t seed)
{
	memset(s, 0, sizeof(*s));
	sample_ike(&s->ike[0], seed, ~(uint64_t)seed);
	sample_child(&s->child[0], 0x1000 + seed, false);
	s->n_child = 1;
	s->peer_id.type = 2;
	s->peer_id.len =
		(uint8_t)snprintf((char *)s->peer_id.data, sizeof(s->peer_id.data), "peer-%u", seed);
	s->realm = 1;
	strcpy(s->connection, "road");
	s->virtual_ip = ipv4(0x0a1e0000 + seed);
	s->local = (struct endpoint){ipv4(0x0a4f0064), 4500};
	s->remote = (struct endpoint){ipv4(0xc0000200 + seed % 200), 40000};
	s->features = IKE_PEER_BEHIND_NAT | IKE_PEER_MOBIKE;
	s->established_ms = 1000 + seed;
	s->ends_ms = seed % 2 ? 2000 + seed : 0;
	s->account.kept = seed % 2 == 0;
	if (s->account.kept)
		s->account.attributes = blob_new("\1\3a\31\4xy", 7);
	s->account.interim_s = seed % 4 == 0 ? 60 : 0;
	s->moving = seed % 3 == 0;
	if (s->moving)
		s->before = (struct ike_esp_path){s->local, {ipv4(0xc0000300 + seed % 200), 4500}, IKE_PEER_BEHIND_NAT};
}

void sample_half_open(struct ike_half_open *h, uint32_t seed)
{
	uint8_t message[200];

	memset(h, 0, sizeof(*h));
	fill(message, sizeof(message), seed);
	h->spi_i = seed;
	h->spi_r = ~(uint64_t)seed;
	h->suite = ike_suite;
	fill_keys(&h->keys, seed);
	h->local = (struct endpoint){ipv4(0x0a4f0064), 500};
	h->remote = (struct endpoint){{.family = 6, .octets = {0x20, 0x01, 0x0d, 0xb8, 1}}, 500};
	h->features = IKE_PEER_FRAGMENTATION;
	h->created_ms = 12345;
	h->nonce_i_len = 32;
	fill(h->nonce_i, 32, seed + 1);
	fill(h->nonce_r, sizeof(h->nonce_r), seed + 2);
	h->request = blob_new(message, sizeof(message));
	h->response = blob_new(message, 100);
	h->window.next_in = 1;
	if (seed % 2 == 0)
		return;
	/* Two rounds of IKE_AUTH are done, and something is asked. */
	h->window.next_in = 3;
	h->window.response = ike_datagrams_of(blob_new(message, 90));
	fill(h->window.request.hash, sizeof(h->window.request.hash), seed + 3);
	h->auth.step = 3;
	strcpy(h->auth.connection, "road");
	h->auth.peer = (struct ike_id){.type = 2, .len = 2, .data = "cl"};
	h->auth.first = blob_new(message, 80);
	h->auth.state = blob_new(message, 20);
	h->auth.question = blob_new(message, 30);
	fill(h->auth.asked.hash, sizeof(h->auth.asked.hash), seed + 4);
}

/* ---- Random commands: small numbers, so that they meet ---- */

#define NODES 4u
#define SPIS 96u

static void random_ike(struct ike_session *s, uint64_t *r)
{
	sample_session(s, below(r, SPIS));
	s->virtual_ip = ipv4(0x0a1e0000 + below(r, SPIS));
	if (below(r, 4) == 0)
		s->virtual_ip.family = 0;
	s->n_child = (uint8_t)below(r, 4);
	for (unsigned i = 0; i < s->n_child; i++)
		sample_child(&s->child[i], 0x1000 + below(r, SPIS), below(r, 2) == 0);
	if (s->n_child == 0 && below(r, 2) == 0)
		s->features |= IKE_ENDS;
	if (below(r, 3) == 0) {
		uint32_t seed = below(r, SPIS);

		sample_ike(&s->ike[1], seed, ~(uint64_t)seed);
		s->ike[1].state = IKE_SA_REKEYED;
	}
}

/* Of one of those sessions, in one spelling or the other. */
static void random_identity(struct ike_id *id, uint64_t *r)
{
	memset(id, 0, sizeof(*id));
	id->type = 2;
	id->len = (uint8_t)snprintf((char *)id->data, sizeof(id->data), "%s-%u",
				    below(r, 2) ? "peer" : "Peer", below(r, SPIS));
}

static void random_row(struct seq_row *row, uint64_t *r)
{
	row->spi_in = 0x1000 + below(r, SPIS);
	row->epoch = below(r, 12);
	row->end = below(r, 3) == 0 ? 0 : below(r, 500000);
	row->mark = below(r, 1000);
	row->horizon = below(r, 4) ? 0 : 500 + below(r, 100000);
	if (below(r, 2))
		row->volume = (struct volume){ below(r, 1u << 30), below(r, 1000), below(r, 2) ? UINT64_MAX : 0, 1 };
}

static void random_sessions(struct command *c, uint64_t *r)
{
	switch (c->type) {
	case COMMAND_SESSION_PUT:
		random_ike(&c->session_put.ike, r);
		c->session_put.slot = below(r, 4) * 7;
		c->session_put.lease = 100 + below(r, 65536);
		c->session_put.horizon = below(r, 2) ? 0 : 1 + below(r, 65536);
		c->session_put.n_supersedes = below(r, 3);
		for (unsigned i = 0; i < c->session_put.n_supersedes; i++)
			c->session_put.supersedes[i] = 1 + below(r, SPIS);
		c->session_put.takes_from = below(r, 2) ? 0 : 1 + below(r, SPIS);
		c->session_put.room.sessions = below(r, 2) ? 0 : 1 + below(r, SPIS);
		c->session_put.room.places = below(r, 2) ? 0 : 1 + below(r, 4 * SPIS);
		c->session_put.identity_max = below(r, 2) ? 0 : 1 + below(r, 3);
		break;
	case COMMAND_SESSION_STEP:
		random_ike(&c->session_step.ike, r);
		c->session_step.session = 1 + below(r, SPIS);
		c->session_step.serial = 1 + below(r, 3);
		c->session_step.lease = 65536;
		c->session_step.horizon = below(r, 2) ? 0 : 65537;
		c->session_step.noticed = below(r, 2) == 0;
		c->session_step.acknowledged = below(r, 2) == 0;
		c->session_step.epoch = below(r, 12);
		c->session_step.room.places = below(r, 2) ? 0 : 1 + below(r, 4 * SPIS);
		break;
	case COMMAND_SESSION_DEL:
		c->session_del.session = 1 + below(r, SPIS);
		c->session_del.serial = 1 + below(r, 3);
		if (below(r, 2) == 0)
			c->session_del.final_response = ike_datagrams_of(blob_new("gone", 4));
		c->session_del.lost = c->session_del.serial == 2;
		break;
	case COMMAND_SEQ_BATCH:
		c->seq_batch.n = 1 + below(r, 9);
		c->seq_batch.rows = calloc(c->seq_batch.n, sizeof(*c->seq_batch.rows));
		for (unsigned i = 0; i < c->seq_batch.n; i++)
			random_row(&c->seq_batch.rows[i], r);
		break;
	case COMMAND_OWNER_MOVE:
		c->owner_move.session = 1 + below(r, SPIS);
		c->owner_move.epoch = below(r, 12);
		c->owner_move.to = 100 + below(r, NODES);
		c->owner_move.n = below(r, 4);
		for (unsigned i = 0; i < c->owner_move.n; i++)
			random_row(&c->owner_move.rows[i], r);
		break;
	default:
		break;
	}
}

void sample_command(struct command *c, uint64_t *r)
{
	static const enum command_type often[] = {
		COMMAND_SESSION_PUT,  COMMAND_SESSION_PUT, COMMAND_SESSION_PUT, COMMAND_SESSION_STEP,
		COMMAND_SESSION_STEP, COMMAND_SESSION_DEL, COMMAND_SEQ_BATCH,	COMMAND_SEQ_BATCH,
		COMMAND_OWNER_MOVE,   COMMAND_OWNER_MOVE,  COMMAND_CLUSTER_TIME, COMMAND_SESSIONS_END,
		COMMAND_IDENTITY,     COMMAND_ACCOUNTING,  COMMAND_COA};

	memset(c, 0, sizeof(*c));
	c->type = below(r, 3) != 0 ? often[below(r, sizeof(often) / sizeof(often[0]))]
				   : (enum command_type)(1 + below(r, COMMAND_NODE_GONE));
	switch (c->type) {
	case COMMAND_NODE_UP:
		c->node_up.id = 100 + below(r, NODES);
		snprintf(c->node_up.name, sizeof(c->node_up.name), "n%u",
			 (unsigned)(c->node_up.id - 99));
		c->node_up.incarnation = 1 + below(r, 3);
		c->node_up.config_hash = 5 + c->node_up.incarnation % 2;
		c->node_up.policy_hash = 7 + below(r, 2);
		c->node_up.level = c->node_up.id == 100 && c->node_up.incarnation == 1 ? LEVEL : LEVEL + 1;
		break;
	case COMMAND_NODE_DOWN:
		c->node_down.id = 100 + below(r, NODES);
		c->node_down.incarnation = 1 + below(r, 3);
		c->node_down.successor = below(r, 2) == 0 ? 0 : 100 + below(r, NODES);
		c->node_down.config_hash = c->node_down.id % 2 == 0 ? 0 : 4 + c->node_down.incarnation;
		break;
	case COMMAND_ADDRESS_HOLD:
		c->address_hold.node = 100 + below(r, NODES);
		c->address_hold.incarnation = 1 + below(r, 3);
		c->address_hold.slots = below(r, 2) == 0;
		break;
	case COMMAND_CLUSTER_TIME:
		c->cluster_time.delta_ms = below(r, 200000);
		c->cluster_time.unix_s = c->cluster_time.delta_ms % 3;
		c->cluster_time.level = (uint8_t)(c->cluster_time.delta_ms % (LEVEL + 2));
		c->cluster_time.n = 1;
		c->cluster_time.stored[0].id = 100 + below(r, NODES);
		c->cluster_time.stored[0].stored_index = sample_random(r) % 1000;
		break;
	case COMMAND_NODE_GONE:
		c->node_gone.id = 100 + below(r, 8 * NODES); /* Seldom one that is there. */
		c->node_gone.config_hash = c->node_gone.id % 2 == 0 ? 0 : 5;
		break;
	case COMMAND_SESSIONS_END:
		c->sessions_end.reason = (uint8_t)(1 + below(r, END_POLICY));
		c->sessions_end.n = 1 + below(r, 3);
		for (uint32_t i = 0; i < c->sessions_end.n; i++)
			c->sessions_end.session[i] = 1 + sample_random(r) % 200;
		break;
	case COMMAND_IDENTITY:
		c->identity.verdict = (uint8_t)(1 + below(r, IDENTITY_ALLOW));
		random_identity(&c->identity.id, r);
		break;
	case COMMAND_COA:
		c->coa.hash[0] = (uint8_t)below(r, 200);
		c->coa.error = (uint16_t)(below(r, 4) ? 0 : 401);
		c->coa.timeout_s = below(r, 2) ? 0 : 60;
		c->coa.n = below(r, 3);
		for (uint32_t i = 0; i < c->coa.n; i++)
			c->coa.session[i] = 1 + sample_random(r) % 200;
		break;
	case COMMAND_ACCOUNTING:
		c->accounting.verdict = (uint8_t)(1 + below(r, ACCOUNTING_INTERIM));
		c->accounting.n = 1 + below(r, 5);
		for (uint32_t i = 0; i < c->accounting.n; i++)
			c->accounting.id[i] = 1 + sample_random(r) % 200;
		break;
	default:
		random_sessions(c, r);
	}
}

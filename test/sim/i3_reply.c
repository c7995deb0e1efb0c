/* SPDX-License-Identifier: Apache-2.0 */
/* I3, at the core that leads, where IKE messages are made. Right after a step, each response that
 * it sends must be the session's cached one in its applied state, each request the outstanding one.
 * Two different messages never have one Message ID. Seen from the client, a request never has a
 * Message ID beyond the next: the one before it must have been answered.
 *
 * A response to a round of IKE_AUTH before the last is in no state: a majority of nodes must hold
 * it in memory, or 5 ms have passed since the client asked. After such a wait another response may
 * follow; also once too many of its holders have restarted. */
#include "test/sim/full.h"

#include "proto/auth/radius_question.h"
#include "proto/ike/fragment.h"
#include "proto/ike/ike_message.h"
#include "test/sim/radius.h"

#include <string.h>

static bool is(const struct ike_datagrams *message, const uint8_t *data, size_t len)
{
	for (uint32_t i = 0; message && i < message->n; i++) {
		const struct blob *b = message->datagram[i];

		if (b->len == len && memcmp(b->data, data, len) == 0)
			return true;
	}
	return false;
}

static bool committed(const struct state *s, const struct ike_header *h, const uint8_t *data,
		      size_t len)
{
	const struct session *x = state_session_by_ike(s, h->spi_i, h->spi_r);

	if (!x) /* Its final response, or a refusal: neither leaves anything behind. */
		return (h->flags & IKE_FLAG_RESPONSE) &&
		       (h->exchange == IKE_EXCHANGE_AUTH || state_tombstone(s, h->spi_i, h->spi_r));
	for (unsigned i = 0; i < IKE_SA_MAX; i++) {
		const struct ike_sa *sa = &x->ike.ike[i];

		if (is(h->flags & IKE_FLAG_RESPONSE ? sa->window.response : sa->window.outstanding, data,
		       len))
			return true;
	}
	return false;
}

/* Equal Message IDs mean equal bytes; of fragments (RFC 7383), equal numbers too. */
static uint64_t place_of(const struct ike_header *h, const uint8_t *message, size_t len)
{
	return h->message_id | (uint64_t)ike_fragment_of(message, len).number << 32;
}

/* ---- Rounds of IKE_AUTH ---- */

#define ROUND_WAIT_US (4 * MS) /* 5 ms by a clock that may be ahead of ours. */

static const struct ike_half_open *half_open_at(const struct full *f, unsigned host,
						const struct ike_header *h)
{
	const struct core *core = node_core(&f->world.host[host]);

	return core ? core_half_open(core, h->spi_i, h->spi_r) : NULL;
}

static bool is_majority(const struct full *f, uint32_t hosts)
{
	return (unsigned)__builtin_popcount(hosts) > f->world.n_hosts / 2;
}

/* The nodes that hold this response as the half-open SA's last one. */
static uint32_t holders(const struct full *f, const struct ike_header *h, const uint8_t *data,
			size_t len)
{
	uint32_t hosts = 0;

	for (unsigned i = 0; i < f->world.n_hosts; i++) {
		const struct ike_half_open *half_open = half_open_at(f, i, h);

		if (half_open && is(half_open->window.response, data, len))
			hosts |= 1u << i;
	}
	return hosts;
}

static uint32_t without_started_since(const struct i3_reply *c, uint32_t hosts, uint64_t us)
{
	for (unsigned i = 0; i < c->full->world.n_hosts; i++)
		if (c->started_us[i] >= us)
			hosts &= ~(1u << i);
	return hosts;
}

static uint32_t down(const struct full *f)
{
	uint32_t hosts = 0;

	for (unsigned i = 0; i < f->world.n_hosts; i++)
		if (!node_core(&f->world.host[i]))
			hosts |= 1u << i;
	return hosts;
}

static void round_sent(struct i3_reply *c, unsigned host, const struct ike_header *h,
		       const uint8_t *message, size_t len)
{
	struct full *f = c->full;
	uint64_t hash = seen_hash(message, len), now = f->world.now_us, *asked, *v;
	uint32_t hosts = holders(f, h, message, len);
	bool fresh;

	if (!(hosts & 1u << host))
		return; /* A refusal: it may be given twice. */
	asked = seen_find(&c->asked, h->spi_i, h->message_id, 0);
	if (!is_majority(f, hosts | down(f)) && asked && now - asked[0] < ROUND_WAIT_US)
		world_fail(&f->world, "I3: n%u answers message %u of exchange %u, but few hold it",
			   host + 1, h->message_id, h->exchange);
	c->n_rounds++;
	/* Its hash, the nodes that held it, and when it was sent. */
	v = seen_get(&c->rounds, h->spi_r, place_of(h, message, len), 0, &fresh);
	if (!fresh && v[0] != hash && is_majority(f, without_started_since(c, (uint32_t)v[1], v[2])))
		world_fail(&f->world, "I3: n%u sends message %u of exchange %u with other bytes than before",
			   host + 1, h->message_id, h->exchange);
	if (fresh || v[0] != hash) {
		v[0] = hash;
		v[1] = 0;
	}
	if (is_majority(f, hosts)) {
		v[1] = hosts;
		v[2] = now;
	}
}

void i3_asked(struct i3_reply *c, const struct blob *message)
{
	struct ike_header h;
	uint64_t *v;
	bool fresh;

	if (ike_header_parse(&h, message->data, message->len) != DROP_NONE ||
	    h.exchange != IKE_EXCHANGE_AUTH)
		return;
	v = seen_get(&c->asked, h.spi_i, h.message_id, 0, &fresh);
	if (fresh)
		v[0] = c->full->world.now_us;
}

void i3_started(struct i3_reply *c, unsigned host)
{
	c->started_us[host] = c->full->world.now_us;
}

/* ---- Questions to RADIUS ---- */

static bool asks(const struct ike_half_open *h, const uint8_t *data, size_t len)
{
	struct radius_question q;

	if (!h || !h->auth.question || !radius_question_read(&q, h->auth.question))
		return false;
	for (size_t i = 0; i < q.n; i++)
		if (CBS_mem_equal(&q.to[i].packet, data, len))
			return true;
	return false;
}

static uint64_t hash_of(const struct radius *r, uint8_t type)
{
	CBS rest = r->attributes;
	struct radius_attribute a;
	uint64_t hash = 1;

	while (radius_next(&rest, &a))
		if (a.type == type)
			hash = hash * 31 + seen_hash(CBS_data(&a.value), CBS_len(&a.value));
	return hash;
}

/* The same octets for the same server, client, attempt and round of EAP, whoever leads. Reports about
 * sessions are state. */
void i3_asks_radius(struct i3_reply *c, unsigned host, const struct endpoint *server, const uint8_t *data, size_t len)
{
	struct full *f = c->full;
	uint64_t hash = seen_hash(data, len), now = f->world.now_us, *asked, *v;
	uint32_t hosts = 0;
	struct ike_header h;
	struct radius r;
	CBS in, name;
	int client;
	bool fresh;

	CBS_init(&in, data, len);
	if (radius_parse(&r, in) != OK)
		world_fail(&f->world, "n%u sends what is no RADIUS packet", host + 1);
	if (r.code != RADIUS_ACCESS_REQUEST)
		return;
	client = radius_find(&r, RADIUS_USER_NAME, &name) ? radius_client_of(f, name) : -1;
	if (client < 0 || !client_asks_to_enter(f, (unsigned)client, &h))
		return;
	for (unsigned i = 0; i < f->world.n_hosts; i++)
		if (asks(half_open_at(f, i, &h), data, len))
			hosts |= 1u << i;
	c->n_questions++;
	asked = seen_find(&c->asked, h.spi_i, h.message_id, 0);
	if (!is_majority(f, hosts | down(f)) && asked && now - asked[0] < ROUND_WAIT_US)
		world_fail(&f->world, "I3: n%u asks RADIUS about client %d, but few hold the question", host + 1, client);
	v = seen_get(&c->questions, address_to_ipv4(&server->address), hash_of(&r, RADIUS_USER_NAME),
		     hash_of(&r, RADIUS_EAP_MESSAGE) ^ hash_of(&r, RADIUS_STATE) << 1, &fresh);
	if (!fresh && v[0] != hash && is_majority(f, without_started_since(c, (uint32_t)v[1], v[2])))
		world_fail(&f->world, "I3: n%u asks RADIUS about client %d with other bytes than before", host + 1, client);
	if (fresh || v[0] != hash) {
		v[0] = hash;
		v[1] = 0;
	}
	if (is_majority(f, hosts)) {
		v[1] = hosts;
		v[2] = now;
	}
}

/* ---- Everything ---- */

void i3_sent(struct i3_reply *c, unsigned host, const struct core *core, const uint8_t *message,
	     size_t len)
{
	uint64_t hash = seen_hash(message, len), *v;
	struct ike_header h;
	bool fresh;

	if (ike_header_parse(&h, message, len) != DROP_NONE)
		world_fail(&c->full->world, "n%u sends what is no IKE message", host + 1);
	if (h.exchange == IKE_EXCHANGE_SA_INIT)
		return;
	c->n_checked++;
	if (!committed(core_state(core), &h, message, len))
		world_fail(&c->full->world,
			   "I3: n%u sends a %s (exchange %u, message %u) that is not committed",
			   host + 1, h.flags & IKE_FLAG_RESPONSE ? "response" : "request",
			   h.exchange, h.message_id);
	if (h.exchange == IKE_EXCHANGE_AUTH &&
	    !state_session_by_ike(core_state(core), h.spi_i, h.spi_r)) {
		round_sent(c, host, &h, message, len);
		return;
	}
	if (c->full->checkers.i1.rolled_back)
		return; /* No node remembers what was sent since. */
	v = seen_get(&c->bytes, h.spi_r, h.flags, place_of(&h, message, len), &fresh);
	if (!fresh && v[0] != hash)
		world_fail(&c->full->world,
			   "I3: n%u sends message %u of exchange %u with other bytes than before",
			   host + 1, h.message_id, h.exchange);
	v[0] = hash;
}

void i3_received(struct i3_reply *c, unsigned client, const struct initiator *i,
		 const struct blob *message)
{
	struct ike_header h;

	if (ike_header_parse(&h, message->data, message->len) != DROP_NONE ||
	    (h.flags & IKE_FLAG_RESPONSE) || c->full->checkers.i1.rolled_back)
		return;
	for (unsigned k = 0; k < IKE_SA_MAX; k++)
		if (i->ike[k].state != 0 && i->ike[k].spi_i == h.spi_i &&
		    i->ike[k].spi_r == h.spi_r && h.message_id > i->ike[k].window.next_in)
			world_fail(&c->full->world,
				   "I3: client %u gets request %u, but has not answered %u", client,
				   h.message_id, i->ike[k].window.next_in);
}

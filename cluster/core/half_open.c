/* SPDX-License-Identifier: Apache-2.0 */
/* IKE SAs between IKE_SA_INIT and IKE_AUTH (DESIGN section 4): bounded, in the
 * memory of the leader and of the other voters, never in the log.
 *
 * The leader's reply leaves once a majority holds the half-open SA, or after
 * 5 ms. So the next leader can answer the IKE_AUTH that the client will repeat for
 * minutes. A repeated IKE_SA_INIT gets the same bytes again. Another one with the same SPI
 * and from the same address is another exchange, and both stay: RFC 7296 2.1 has them told
 * apart "based on the whole packet, its hash, or the Ni payload"; anybody may have sent it.
 *
 * One address may not fill the table: above SOURCE_COOKIE_ABOVE half-open SAs it must
 * show with a COOKIE that it is there (RFC 7296 2.6), and then it has SOURCE_MAX. So
 * nobody can use up another's share with forged addresses, nor all by himself. Who has
 * many addresses can fill the table; then the oldest make room. */
#include "cluster/core/half_open.h"

#include "cluster/core/core_internal.h"
#include "cluster/core/exchange.h"
#include "cluster/core/refusals.h"
#include "cluster/core/snapshot.h"
#include "proto/mutant.h"
#include "proto/crypto/prf.h"

#include <assert.h>
#include <string.h>
#include <stdlib.h>

struct half_open_entry;
struct half_open_host;
struct half_opens {
	struct half_open_entry *by_pair, *by_source;
	struct half_open_host *hosts;
	size_t n;
	uint64_t demand_until_us; /* Cookies are demanded of everybody. */
	uint64_t next_us; /* Earliest time a reply must leave unacknowledged; NEVER. */
};

#define ACK_WAIT_US (5 * MS)
#define SOURCE_COOKIE_ABOVE 64u
#define SOURCE_MAX 256u      /* Many clients can be behind one NAT. */
#define REQUEST_LEN_MAX 8192u /* It is kept, for AUTH. */

struct pair_key {
	uint64_t spi_i, spi_r;
};

struct source_key { /* RFC 7296 2.1: the initiator's address, and the packet. */
	uint16_t port;
	uint8_t family, octets[16];
	uint8_t request_hash[IKE_HASH_LEN];
};

struct half_open_host { /* An address; of IPv6 the network part, which one host has whole. */
	struct address address;
	uint32_t n;
	uint64_t demand_until_us; /* Cookies are demanded of it. */
	UT_hash_handle hh;
};

struct half_open_entry {
	struct pair_key pair;
	struct source_key source;
	struct half_open_host *host;
	struct ike_half_open h;
	struct ike_datagrams *reply; /* h.response */
	uint64_t created_us;
	uint32_t via;            /* The node that the request came by; NODE_NONE: a copy. */
	bool waiting;            /* The reply has not left yet. */
	uint32_t acks;           /* Bits: nodes that hold a copy, ourselves included. */
	uint64_t reply_at_us;
	UT_hash_handle hh, hh_source;
};

static struct source_key source_of(const struct endpoint *remote, const uint8_t *data, size_t len)
{
	struct source_key k;

	memset(&k, 0, sizeof(k)); /* Padding is hashed too. */
	k.port = remote->port;
	k.family = remote->address.family;
	memcpy(k.octets, remote->address.octets, sizeof(k.octets));
	hash_sha256(data, MUTANT(MUTANT_INIT_BY_SPI) ? 8 : len, k.request_hash);
	return k;
}

static struct half_open_host *host_find(const struct core *c, const struct endpoint *remote,
					struct address *key)
{
	struct half_open_host *host;

	memset(key, 0, sizeof(*key));
	key->family = remote->address.family;
	memcpy(key->octets, remote->address.octets, key->family == 6 ? 8 : address_len(key));
	HASH_FIND(hh, c->half_opens->hosts, key, sizeof(*key), host);
	return host;
}

static struct half_open_host *host_join(struct core *c, const struct endpoint *remote)
{
	struct address key;
	struct half_open_host *host = host_find(c, remote, &key);

	if (!host) {
		host = calloc(1, sizeof(*host));
		assert(host);
		host->address = key;
		HASH_ADD(hh, c->half_opens->hosts, address, sizeof(host->address), host);
	}
	host->n++;
	return host;
}

static void host_leave(struct core *c, struct half_open_host *host)
{
	if (--host->n > 0)
		return;
	HASH_DEL(c->half_opens->hosts, host);
	free(host);
}

static struct half_open_entry *find(const struct core *c, uint64_t spi_i, uint64_t spi_r)
{
	struct half_open_entry *e;
	struct pair_key k = { spi_i, spi_r };

	HASH_FIND(hh, c->half_opens->by_pair, &k, sizeof(k), e);
	return e;
}

const struct ike_half_open *half_open_find(const struct core *c, uint64_t spi_i, uint64_t spi_r)
{
	struct half_open_entry *e = find(c, spi_i, spi_r);

	return e ? &e->h : NULL;
}

static void entry_free(struct core *c, struct half_open_entry *e)
{
	HASH_DELETE(hh, c->half_opens->by_pair, e);
	HASH_DELETE(hh_source, c->half_opens->by_source, e);
	c->half_opens->n--;
	host_leave(c, e->host);
	ike_datagrams_unref(e->reply);
	ike_half_open_fini(&e->h);
	OPENSSL_cleanse(e, sizeof(*e));
	free(e);
}

void half_open_forget(struct core *c, uint64_t spi_i, uint64_t spi_r)
{
	struct half_open_entry *e = find(c, spi_i, spi_r);

	if (e && !MUTANT(MUTANT_NO_TOMBSTONE) && !MUTANT(MUTANT_HALF_OPEN_KEPT))
		entry_free(c, e);
}

void half_open_refuse(struct core *c, uint64_t spi_i, uint64_t spi_r)
{
	struct frame f = { .type = FRAME_HALF_OPEN_END };

	half_open_forget(c, spi_i, spi_r);
	f.half_open_ack.spi_i = spi_i;
	f.half_open_ack.spi_r = spi_r;
	if (!MUTANT(MUTANT_REFUSED_REMEMBERED))
		core_broadcast(c, &f);
}

/* What a planted bug takes for the same exchange. */
static void forget_source(struct core *c, const struct ike_half_open *h)
{
	struct source_key source = source_of(&h->remote, h->request->data, h->request->len);
	struct half_open_entry *old;

	HASH_FIND(hh_source, c->half_opens->by_source, &source, sizeof(source), old);
	if (old)
		entry_free(c, old);
}

/* Adopts h's content. NULL: the entry is there already. In a full table the oldest makes
 * room: a client comes back with its IKE_AUTH at once, who fills the table never does. */
static struct half_open_entry *entry_new(struct core *c, struct ike_half_open *h)
{
	struct half_opens *t = c->half_opens;
	struct half_open_entry *e;

	if (!h->request || find(c, h->spi_i, h->spi_r)) {
		core_drop(c, DROP_IKE_HALF_OPEN_FULL);
		ike_half_open_fini(h);
		return NULL;
	}
	if (t->n >= c->config->half_open_max) { /* The hash keeps the order of insertion. */
		core_drop(c, DROP_IKE_HALF_OPEN_FULL);
		entry_free(c, t->by_pair);
	}
	if (MUTANT(MUTANT_INIT_BY_SPI))
		forget_source(c, h);
	e = calloc(1, sizeof(*e));
	assert(e);
	e->pair = (struct pair_key){ h->spi_i, h->spi_r };
	e->source = source_of(&h->remote, h->request->data, h->request->len);
	e->host = host_join(c, &h->remote);
	e->h = *h;
	e->reply = ike_datagrams_of(blob_ref(h->response));
	OPENSSL_cleanse(h, sizeof(*h));
	e->created_us = c->now_us;
	e->via = NODE_NONE;
	e->acks = 1u << c->config->self;
	HASH_ADD(hh, t->by_pair, pair, sizeof(e->pair), e);
	/* Perhaps beside another answer to the same request, by another leader: whose came first is
	 * what the client goes on with. */
	HASH_ADD(hh_source, t->by_source, source, sizeof(e->source), e);
	t->n++;
	return e;
}

static void reply(struct core *c, struct half_open_entry *e)
{
	e->waiting = false;
	exchange_send(c, e->via, &e->h.local, &e->h.remote, e->reply);
}

static bool majority_holds(const struct core *c, const struct half_open_entry *e)
{
	return (uint32_t)__builtin_popcount(e->acks) > c->config->n_nodes / 2;
}

/* ---- At the leader ---- */

static void share(struct core *c, const struct half_open_entry *e)
{
	struct blob *plain = half_open_encode(&e->h);
	struct blob *sealed = seal_create(c->seal, SEAL_HALF_OPEN, &c->entropy, plain->data, plain->len);
	struct frame f = { .type = FRAME_HALF_OPEN };

	f.bytes.data = sealed->data;
	f.bytes.len = sealed->len;
	core_broadcast(c, &f);
	blob_unref(sealed);
	blob_unref(plain);
}

void half_open_request(struct core *c, uint32_t via, const struct endpoint *local,
		       const struct endpoint *remote, const uint8_t *data, size_t len)
{
	struct ike_env env = exchange_env(c);
	struct half_open_entry *e;
	struct ike_outcome out;
	struct half_open_host *host;
	struct ike_header h;
	struct source_key source;
	struct address key;

	if (len > REQUEST_LEN_MAX || ike_header_parse(&h, data, len) != DROP_NONE) {
		core_drop(c, DROP_IKE_HEADER);
		return;
	}
	source = source_of(remote, data, len);
	HASH_FIND(hh_source, c->half_opens->by_source, &source, sizeof(source), e);
	if (e && !MUTANT(MUTANT_INIT_TWICE)) {
		e->via = via;
		if (!e->waiting)
			reply(c, e);
		return;
	}
	host = host_find(c, remote, &key);
	if (host && host->n >= SOURCE_MAX && !MUTANT(MUTANT_HALF_OPEN_SOURCES)) {
		core_drop(c, DROP_IKE_HALF_OPEN_FULL);
		return;
	}
	if (c->half_opens->n >= c->config->cookie_above)
		c->half_opens->demand_until_us = c->now_us + COOKIE_DEMAND_US;
	if (host && host->n >= SOURCE_COOKIE_ABOVE)
		host->demand_until_us = c->now_us + COOKIE_DEMAND_US;
	env.demand_cookie = c->now_us < c->half_opens->demand_until_us ||
			    (host && c->now_us < host->demand_until_us);
	ike_respond_init(&env, local, remote, data, len, &out);
	if (out.verdict == IKE_VERDICT_DROP) {
		core_drop(c, out.drop);
	} else if (out.verdict == IKE_VERDICT_REPLY) {
		if (out.refused)
			refusals_tell(c, remote, &out);
		exchange_send(c, via, local, remote, out.reply);
	} else if (out.verdict == IKE_VERDICT_HALF_OPEN) {
		e = entry_new(c, out.half_open);
		if (e) {
			e->via = via;
			e->waiting = true;
			e->reply_at_us = c->now_us + ACK_WAIT_US;
			if (e->reply_at_us < c->half_opens->next_us)
				c->half_opens->next_us = e->reply_at_us;
			share(c, e);
			if (majority_holds(c, e))
				reply(c, e);
		}
	}
	ike_outcome_fini(&out);
}

void half_open_ack(struct core *c, uint32_t node, uint64_t spi_i, uint64_t spi_r)
{
	struct half_open_entry *e = find(c, spi_i, spi_r);

	if (!e)
		return;
	e->acks |= 1u << node;
	if (e->waiting && majority_holds(c, e))
		reply(c, e);
}

/* ---- At the others ---- */

void half_open_share(struct core *c, uint32_t node, const uint8_t *sealed, size_t len)
{
	struct blob *plain = NULL;
	struct ike_half_open h;
	struct frame f = { .type = FRAME_HALF_OPEN_ACK };

	if (seal_open(c->seal, SEAL_HALF_OPEN, sealed, len, &plain) != OK ||
	    half_open_decode(&h, plain->data, plain->len) != OK) {
		blob_unref(plain);
		core_drop(c, DROP_MALFORMED);
		return;
	}
	blob_unref(plain);
	f.half_open_ack.spi_i = h.spi_i;
	f.half_open_ack.spi_r = h.spi_r;
	if (state_tombstone(c->state, h.spi_i, h.spi_r)) {
		ike_half_open_fini(&h);
		return;
	}
	if (entry_new(c, &h))
		core_send(c, node, &f);
}

void half_open_tick(struct core *c)
{
	struct half_opens *t = c->half_opens;
	struct half_open_entry *e, *tmp;
	bool due = c->now_us >= t->next_us;
	uint64_t next = NEVER;

	/* Oldest first: the hash keeps the order of insertion. */
	HASH_ITER(hh, t->by_pair, e, tmp)
	{
		if (c->now_us - e->created_us > c->config->timing.half_open_ms * MS) {
			entry_free(c, e);
			continue;
		}
		if (!due)
			break;
		if (e->waiting && c->now_us >= e->reply_at_us)
			reply(c, e);
		if (e->waiting && e->reply_at_us < next)
			next = e->reply_at_us;
	}
	if (due)
		t->next_us = next;
}

size_t half_open_count(const struct core *c)
{
	return c->half_opens->n;
}

bool half_open_demands(const struct core *c)
{
	return c->now_us < c->half_opens->demand_until_us;
}

uint64_t half_open_deadline_us(const struct core *c)
{
	return c->half_opens->next_us;
}

void half_open_init(struct core *c)
{
	c->half_opens = core_room(sizeof(*c->half_opens));
	c->half_opens->next_us = NEVER;
}

void half_open_fini(struct core *c)
{
	struct half_open_entry *e, *tmp;

	HASH_ITER(hh, c->half_opens->by_pair, e, tmp)
		entry_free(c, e);
	free(c->half_opens);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* IKE SAs between IKE_SA_INIT and the last IKE_AUTH (DESIGN section 4): bounded, in the
 * memory of the leader and of the other voters, never in the log. How they get there:
 * half_open_share.c.
 *
 * A repeated IKE_SA_INIT gets the same bytes again. Another one with the same SPI and from the same
 * address is another exchange, and both stay: RFC 7296 2.1 has them told apart "based on the whole
 * packet, its hash, or the Ni payload"; anybody may have sent it.
 *
 * One address may not fill the table: above SOURCE_COOKIE_ABOVE half-open SAs it must show with a
 * COOKIE that it is there (RFC 7296 2.6), and then it may have SOURCE_MAX. So nobody can use up
 * another's share with forged addresses, nor fill the table from one address. A client with many
 * addresses can; then the oldest make room, those without an IKE_AUTH first.
 *
 * They end after 30 s, or `auth_timeout_s` after their first IKE_AUTH was taken. */
#include "cluster/core/half_open.h"

#include "cluster/core/half_open_entry.h"
#include "cluster/core/exchange_env.h"
#include "cluster/core/outgoing.h"
#include "cluster/core/radius_client.h"
#include "cluster/core/refusals.h"
#include "cluster/core/refused_pairs.h"
#include "cluster/core/slow_dh.h"
#include "proto/mutant.h"
#include "proto/crypto/prf.h"

#include <utlist.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define SOURCE_COOKIE_ABOVE 64u
#define SOURCE_MAX 256u      /* Many clients can be behind one NAT. */
#define REQUEST_LEN_MAX 8192u /* It is kept, for AUTH. */

static struct source_key source_of(const struct endpoint *remote, const uint8_t *data, size_t len)
{
	struct source_key k;

	memset(&k, 0, sizeof(k)); /* Padding is hashed too. */
	k.port = remote->port;
	k.family = remote->address.family;
	memcpy(k.octets, remote->address.octets, sizeof(k.octets));
	if (MUTANT(MUTANT_INIT_BY_SPI))
		len = 8;
	hash_sha256(data, len, k.request_hash);
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

struct half_open_entry *half_open_entry(const struct core *c, uint64_t spi_i, uint64_t spi_r)
{
	struct half_open_entry *e;
	struct pair_key k = { spi_i, spi_r };

	HASH_FIND(hh, c->half_opens->by_pair, &k, sizeof(k), e);
	return e;
}

const struct ike_half_open *half_open_find(const struct core *c, uint64_t spi_i, uint64_t spi_r)
{
	struct half_open_entry *e = half_open_entry(c, spi_i, spi_r);

	return e ? &e->h : NULL;
}

static struct half_open_entry **list_of(struct half_opens *t, const struct half_open_entry *e)
{
	return e->h.auth.step == 0 ? &t->fresh : &t->stepped;
}

const struct ike_half_open *core_half_open(const struct core *c, uint64_t spi_i, uint64_t spi_r)
{
	return half_open_find(c, spi_i, spi_r);
}

void half_open_changed(struct core *c, const struct half_open_entry *e)
{
	struct half_opens *t = c->half_opens;

	if (t->n_changed == t->changed_room) {
		t->changed_room = 2 * t->changed_room + 8;
		t->changed = realloc(t->changed, t->changed_room * sizeof(*t->changed));
		assert(t->changed);
	}
	t->changed[t->n_changed++] = e->pair;
}

bool half_open_next_changed(struct core *c, uint64_t *spi_i, uint64_t *spi_r)
{
	struct half_opens *t = c->half_opens;

	if (t->n_changed == 0)
		return false;
	t->n_changed--;
	*spi_i = t->changed[t->n_changed].spi_i;
	*spi_r = t->changed[t->n_changed].spi_r;
	return true;
}

static void entry_free(struct core *c, struct half_open_entry *e)
{
	struct half_opens *t = c->half_opens;

	half_open_changed(c, e);
	half_open_stop_waiting(c, e);
	radius_forget(c, e->pair.spi_i, e->pair.spi_r, e->h.auth.step);
	HASH_DELETE(hh, t->by_pair, e);
	HASH_DELETE(hh_source, t->by_source, e);
	DL_DELETE(*list_of(t, e), e);
	t->n--;
	host_leave(c, e->host);
	ike_half_open_fini(&e->h);
	free(e);
}

void half_open_forget(struct core *c, uint64_t spi_i, uint64_t spi_r)
{
	struct half_open_entry *e = half_open_entry(c, spi_i, spi_r);

	if (MUTANT(MUTANT_NO_TOMBSTONE))
		return;
	if (MUTANT(MUTANT_HALF_OPEN_KEPT))
		return;
	if (e)
		entry_free(c, e);
}

void half_open_refuse(struct core *c, uint64_t spi_i, uint64_t spi_r)
{
	struct frame f = { .type = FRAME_HALF_OPEN_END };

	half_open_refused(c, spi_i, spi_r);
	f.half_open_ack.spi_i = spi_i;
	f.half_open_ack.spi_r = spi_r;
	if (MUTANT(MUTANT_REFUSED_REMEMBERED))
		return;
	core_broadcast(c, &f);
}

void half_open_refused(struct core *c, uint64_t spi_i, uint64_t spi_r)
{
	half_open_forget(c, spi_i, spi_r);
	refused_pairs_note(c, spi_i, spi_r);
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

static void make_room(struct core *c)
{
	struct half_opens *t = c->half_opens;

	core_drop(c, DROP_IKE_HALF_OPEN_FULL);
	entry_free(c, t->fresh ? t->fresh : t->stepped);
}

struct half_open_entry *half_open_add(struct core *c, struct ike_half_open *h, uint64_t term)
{
	struct half_opens *t = c->half_opens;
	struct half_open_entry *e;

	if (!h->request || half_open_entry(c, h->spi_i, h->spi_r)) {
		core_drop(c, DROP_IKE_HALF_OPEN_FULL);
		ike_half_open_fini(h);
		return NULL;
	}
	/* A client comes back with its IKE_AUTH at once; an attacker who fills the table never
	 * does. */
	while (t->n > 0 && t->n >= c->in_force->limits.half_open_max) /* Perhaps many: a reload. */
		make_room(c);
	if (MUTANT(MUTANT_INIT_BY_SPI))
		forget_source(c, h);
	e = calloc(1, sizeof(*e));
	assert(e);
	e->pair = (struct pair_key){ h->spi_i, h->spi_r };
	e->source = source_of(&h->remote, h->request->data, h->request->len);
	e->host = host_join(c, &h->remote);
	e->h = *h;
	OPENSSL_cleanse(h, sizeof(*h));
	e->since_us = c->now_us;
	e->term = term;
	e->via = NODE_NONE;
	e->acks = 1u << c->config->self;
	HASH_ADD(hh, t->by_pair, pair, sizeof(e->pair), e);
	/* Another leader may have answered the same request differently: the client goes on with
	 * the answer that came first. */
	HASH_ADD(hh_source, t->by_source, source, sizeof(e->source), e);
	DL_APPEND(*list_of(t, e), e);
	t->n++;
	return e;
}

void half_open_replace(struct core *c, struct half_open_entry *e, struct ike_half_open *h,
		       uint64_t term)
{
	struct half_opens *t = c->half_opens;
	bool first = e->h.auth.step == 0 && h->auth.step > 0;

	assert(h->spi_i == e->pair.spi_i && h->spi_r == e->pair.spi_r);
	half_open_stop_waiting(c, e);
	radius_forget(c, e->pair.spi_i, e->pair.spi_r, e->h.auth.step);
	e->quiet = false;
	if (first)
		DL_DELETE(t->fresh, e);
	ike_half_open_fini(&e->h);
	e->h = *h;
	OPENSSL_cleanse(h, sizeof(*h));
	if (first) {
		e->since_us = c->now_us;
		DL_APPEND(t->stepped, e);
	}
	e->term = term;
	e->acks = 1u << c->config->self;
}

/* ---- IKE_SA_INIT, at the leader ---- */

static void init_again(struct core *c, struct half_open_entry *e, uint32_t via)
{
	struct ike_datagrams *response;

	if (e->waiting && e->quiet)
		return; /* Its IKE_AUTH is here already. */
	if (e->h.auth.step == 0) {
		e->via = via;
		half_open_settle(c, e);
		return;
	}
	response = ike_datagrams_of(blob_ref(e->h.response));
	outgoing_send(c, via, &e->h.local, &e->h.remote, response);
	ike_datagrams_unref(response);
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
	bool full;

	if (len > REQUEST_LEN_MAX || ike_header_parse(&h, data, len) != DROP_NONE) {
		core_drop(c, DROP_IKE_HEADER);
		return;
	}
	source = source_of(remote, data, len);
	HASH_FIND(hh_source, c->half_opens->by_source, &source, sizeof(source), e);
	if (MUTANT(MUTANT_INIT_TWICE))
		e = NULL;
	if (e) {
		init_again(c, e, via);
		return;
	}
	if (slow_dh_has(c, remote, data, len))
		return; /* Its answer is being computed. */
	host = host_find(c, remote, &key);
	full = host && host->n >= SOURCE_MAX;
	if (MUTANT(MUTANT_HALF_OPEN_SOURCES))
		full = false;
	if (full) {
		core_drop(c, DROP_IKE_HALF_OPEN_FULL);
		return;
	}
	if (c->half_opens->n >= c->in_force->limits.cookie_above || slow_dh_is_crowded(c))
		c->half_opens->demand_until_us = c->now_us + COOKIE_DEMAND_US;
	if (host && host->n >= SOURCE_COOKIE_ABOVE)
		host->demand_until_us = c->now_us + COOKIE_DEMAND_US;
	env.demand_cookie = c->now_us < c->half_opens->demand_until_us ||
			    (host && c->now_us < host->demand_until_us);
	ike_respond_init(&env, local, remote, data, len, &out);
	if (out.verdict == IKE_VERDICT_LATER) {
		slow_dh_wait(c, &(struct slow_dh_waiter){ .via = via, .local = *local, .remote = *remote,
								.request = blob_new(data, len) });
	} else if (out.verdict == IKE_VERDICT_DROP) {
		core_drop(c, out.drop);
	} else if (out.verdict == IKE_VERDICT_REPLY) {
		if (out.refused)
			refusals_tell(c, remote, &out);
		outgoing_send(c, via, local, remote, out.reply);
	} else if (out.verdict == IKE_VERDICT_HALF_OPEN) {
		e = half_open_add(c, out.half_open, consensus_term(c->consensus));
		if (e) {
			e->via = via;
			e->led_term = e->term;
			half_open_settle(c, e);
		}
	}
	ike_outcome_fini(&out);
}

/* ---- Time ---- */

static void expire(struct core *c, struct half_open_entry **list, uint64_t limit_us)
{
	while (*list && c->now_us - (*list)->since_us > limit_us)
		entry_free(c, *list);
}

void half_open_tick(struct core *c)
{
	struct half_opens *t = c->half_opens;

	expire(c, &t->fresh, c->config->timing.half_open_ms * MS);
	expire(c, &t->stepped, c->in_force->limits.auth_ms * MS);
	half_open_share_tick(c);
}

/* ---- Life ---- */

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
	return c->half_opens->n_changed ? c->now_us : c->half_opens->next_us;
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
	free(c->half_opens->changed);
	free(c->half_opens);
}

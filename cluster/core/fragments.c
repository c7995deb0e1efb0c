/* SPDX-License-Identifier: Apache-2.0 */
/* Fragments of IKE messages wait here for the rest of their message (RFC 7383 2.6): only at the
 * leader, and only in its memory (DESIGN section 4). The other nodes relay each datagram. A new
 * leader lacks the fragments of the one before; the client repeats all fragments of an unanswered
 * message, as it repeats any message.
 *
 *   datagram -> fragments_collect() -> a complete message -> its lane (exchange.c)
 *
 * There is one reassembly for each IKE SA and direction, because with a window of 1 only one
 * message can be under way: the next request, or the answer to ours. Only fragments that
 * authenticate get in, so nobody without a key can make us keep anything. A client with a half-open
 * IKE SA can. So all fragments together have FRAGMENTS_OCTETS_MAX, where the oldest makes room, and
 * each message has 30 s, like a half-open SA. */
#include "cluster/core/fragments.h"

#include "cluster/core/half_open.h"
#include "cluster/core/rooms.h"
#include "proto/ike/fragment.h"
#include "proto/ike/reassembly.h"

#include <utlist.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define FRAGMENTS_US (30000 * MS)

struct fragments_key {
	uint64_t spi_i, spi_r;
	uint64_t response; /* 0: requests, 1: responses */
};

struct fragments_entry {
	struct fragments_key key;
	struct ike_reassembly r;
	uint64_t since_us;
	struct fragments_entry *prev, *next; /* By since_us. */
	UT_hash_handle hh;
};

struct fragments {
	struct fragments_entry *by_key, *oldest;
	size_t octets;
};

/* ---- Keeping ---- */

static size_t octets_of(const struct fragments_entry *e)
{
	return sizeof(*e) + e->r.len;
}

static struct fragments_entry *entry_find(const struct core *c, const struct fragments_key *k)
{
	struct fragments_entry *e;

	HASH_FIND(hh, c->fragments->by_key, k, sizeof(*k), e);
	return e;
}

static void entry_free(struct core *c, struct fragments_entry *e)
{
	struct fragments *f = c->fragments;

	f->octets -= octets_of(e);
	HASH_DEL(f->by_key, e);
	DL_DELETE(f->oldest, e);
	ike_reassembly_clear(&e->r);
	free(e);
}

static void make_room(struct core *c)
{
	while (c->fragments->octets > FRAGMENTS_OCTETS_MAX) {
		core_drop(c, DROP_IKE_FRAGMENTS_FULL);
		entry_free(c, c->fragments->oldest);
	}
}

/* What was there before is put back as it is now, or for the first time. */
static void entry_put(struct core *c, struct fragments_entry *e, const struct fragments_key *k,
		      const struct ike_reassembly *r)
{
	struct fragments *f = c->fragments;

	if (e) {
		f->octets -= octets_of(e);
		e->r = *r;
		f->octets += octets_of(e);
		if (r->total == 0)
			entry_free(c, e);
	} else if (r->total > 0) {
		e = calloc(1, sizeof(*e));
		assert(e);
		e->key = *k;
		e->r = *r;
		e->since_us = c->now_us;
		HASH_ADD(hh, f->by_key, key, sizeof(e->key), e);
		DL_APPEND(f->oldest, e);
		f->octets += octets_of(e);
	}
	make_room(c);
}

static struct ike_datagrams *take(struct core *c, const struct ike_header *h, const struct blob *datagram,
				  const struct sk_direction *theirs)
{
	const struct fragments_key k = { h->spi_i, h->spi_r, (h->flags & IKE_FLAG_RESPONSE) != 0 };
	struct fragments_entry *e = entry_find(c, &k);
	struct ike_reassembly r = {.total = 0};
	struct ike_datagrams *message;
	enum drop d;

	if (e)
		r = e->r;
	d = ike_reassembly_take(&r, theirs, datagram->data, datagram->len, &message);
	entry_put(c, e, &k, &r);
	if (d != DROP_NONE)
		core_drop(c, d);
	return message;
}

/* ---- What comes ---- */

/* A single fragment: if it is the first of a request that may have been answered, it is handled as
 * it is, and the window decides (2.6.1); nobody answers the others. */
static struct ike_datagrams *alone(struct core *c, struct blob *datagram, enum drop why)
{
	if (ike_fragment_of(datagram->data, datagram->len).number == 1)
		return ike_datagrams_of(blob_ref(datagram));
	core_drop(c, why);
	return NULL;
}

static struct ike_datagrams *collect_half_open(struct core *c, const struct ike_header *h,
					       struct blob *datagram)
{
	bool is_current = half_open_is_current(c, h->spi_i, h->spi_r);
	struct sk_direction theirs;
	enum drop d;

	d = ike_auth_expects(half_open_find(c, h->spi_i, h->spi_r), h, is_current, &theirs);
	return d == DROP_NONE ? take(c, h, datagram, &theirs) : alone(c, datagram, d);
}

struct ike_datagrams *fragments_collect(struct core *c, const struct ike_header *h, struct blob *datagram)
{
	const struct session *s;
	struct sk_direction theirs;
	enum drop d;

	if (ike_fragment_of(datagram->data, datagram->len).total == 0)
		return ike_datagrams_of(blob_ref(datagram));
	s = state_session_by_ike(c->state, h->spi_i, h->spi_r);
	if (!s && half_open_find(c, h->spi_i, h->spi_r) && !state_tombstone(c->state, h->spi_i, h->spi_r))
		return collect_half_open(c, h, datagram);
	d = s ? ike_expects(&s->ike, h, datagram, &theirs) : DROP_IKE_UNKNOWN;
	return d == DROP_NONE ? take(c, h, datagram, &theirs) : alone(c, datagram, d);
}

/* ---- What goes ---- */

void fragments_settle(struct core *c, const struct session *s)
{
	for (unsigned i = 0; i < IKE_SA_MAX; i++) {
		const struct ike_sa *sa = &s->ike.ike[i];

		for (uint64_t response = 0; sa->state != 0 && response <= 1; response++) {
			const struct fragments_key k = { sa->spi_i, sa->spi_r, response };
			struct fragments_entry *e = entry_find(c, &k);
			struct sk_direction ignored;
			const struct blob *any = NULL;

			for (unsigned n = 0; e && n < e->r.total && !any; n++)
				any = e->r.fragment[n];
			if (any && ike_expects(&s->ike, &e->r.header, any, &ignored) != DROP_NONE)
				entry_free(c, e);
		}
	}
}

void fragments_forget(struct core *c, uint64_t spi_i, uint64_t spi_r)
{
	for (uint64_t response = 0; response <= 1; response++) {
		const struct fragments_key k = { spi_i, spi_r, response };
		struct fragments_entry *e = entry_find(c, &k);

		if (e)
			entry_free(c, e);
	}
}

void fragments_clear(struct core *c)
{
	while (c->fragments->oldest)
		entry_free(c, c->fragments->oldest);
}

/* RFC 7383 2.6: "within a timeout interval, it MUST discard all IKE Fragment messages received
 * so far for the exchange". */
void fragments_tick(struct core *c)
{
	const struct fragments *f = c->fragments;

	while (f->oldest && c->now_us - f->oldest->since_us > FRAGMENTS_US)
		entry_free(c, f->oldest);
}

/* ---- Life ---- */

size_t fragments_octets(const struct core *c)
{
	return c->fragments->octets;
}

void fragments_init(struct core *c)
{
	c->fragments = core_room(sizeof(*c->fragments));
}

void fragments_fini(struct core *c)
{
	fragments_clear(c);
	free(c->fragments);
}

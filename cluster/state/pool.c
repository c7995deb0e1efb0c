/* SPDX-License-Identifier: Apache-2.0 */
/* Virtual IPs. An address is in use (the index of sessions by address says so, and refuses a second
 * one: I6), or it was freed, or it was never used. apply() only takes and frees the addresses that
 * commands name; the leader chooses one before it proposes, from the state alone.
 *
 * Freed addresses are listed in the order in which they were freed, so the one freed longest ago is
 * the first that fits. They are also listed by their last user: a client that comes back gets its
 * address back, at any node, unless another client needed it. The last STATE_FREED_MAX are
 * remembered for good, more only for FREED_MS; a forgotten address counts as never used. To find the
 * lowest free address without a walk over all that are in use, a hint for each pool remembers up to
 * where all are taken; forgetting a freed address lowers the hint again. The hint also has the pool's first freed
 * address: else each request to a full pool would walk over the freed addresses of other pools. */
#include "cluster/state/state_internal.h"
#include "proto/ike/ike_config.h"
#include "proto/mutant.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define LAST_LOOK 64u /* Addresses of one client: it may have had them all, in another pool. */

struct address address_key(const struct address *a)
{
	struct address key = {.family = a->family};

	memcpy(key.octets, a->octets, address_len(a));
	return key;
}

/* ---- In use ---- */

struct session_entry *pool_user(const struct state *s, const struct address *a)
{
	struct address key = address_key(a);
	struct session_entry *e;

	HASH_FIND(by_ip, s->by_ip, &key, sizeof(key), e);
	if (MUTANT(MUTANT_IP_TWICE))
		return NULL;
	return e;
}

static struct freed *freed_find(const struct state *s, const struct address *a)
{
	struct address key = address_key(a);
	struct freed *f;

	HASH_FIND(hh, s->freed, &key, sizeof(key), f);
	return f;
}

bool freed_contains(const struct state *s, const struct address *a)
{
	return freed_find(s, a) != NULL;
}

/* Out of the list and of its peer's; the caller frees it. */
static void freed_remove(struct state *s, struct freed *f)
{
	for (unsigned i = 0; i < POOL_HINTS; i++)
		if (s->hints->hint[i].oldest == f)
			s->hints->hint[i].oldest = f->hh.next;
	HASH_DEL(s->freed, f);
	if (f->older)
		f->older->newer = f->newer;
	if (f->newer) {
		f->newer->older = f->older;
		return;
	}
	HASH_DELETE(by_peer, s->freed_by_peer, f);
	if (f->older)
		HASH_ADD(by_peer, s->freed_by_peer, peer, sizeof(f->peer), f->older);
}

/* Whom the counts of pools are about. */
static void count_use(struct state *s, const struct address *a, int64_t change)
{
	for (unsigned i = 0; i < POOL_HINTS; i++)
		if (s->hints->hint[i].valid && prefix_contains(&s->hints->hint[i].pool, a))
			s->hints->hint[i].used += (uint64_t)change;
}

static void index_add(struct state *s, struct session_entry *e)
{
	HASH_ADD(by_ip, s->by_ip, virtual_ip, sizeof(e->virtual_ip), e);
	count_use(s, &e->virtual_ip, 1);
}

static void index_del(struct state *s, struct session_entry *e)
{
	HASH_DELETE(by_ip, s->by_ip, e);
	count_use(s, &e->virtual_ip, -1);
}

void pool_take(struct state *s, struct session_entry *e)
{
	struct freed *f;

	e->virtual_ip = address_key(&e->s.ike.virtual_ip);
	if (e->virtual_ip.family == 0)
		return;
	f = freed_find(s, &e->virtual_ip);
	if (f) {
		cut_before_freed_goes(s, f);
		freed_remove(s, f);
		free(f);
	}
	index_add(s, e);
}

void pool_free(struct state *s, struct session_entry *e)
{
	bool added;

	if (e->virtual_ip.family == 0)
		return;
	index_del(s, e);
	added = freed_add(s, &e->virtual_ip, tombstone_peer(ike_session_client(&e->s.ike)), s->time_ms);
	assert(added);
	e->virtual_ip.family = 0;
}

/* ---- Make before break ---- */

/* A client that re-authenticates makes its new session first, with the address of the old one, if
 * there are addresses. The address then belongs to the new session; if that one ends first, the
 * address goes back. */
void pool_pass(struct state *s, struct session_entry *from, struct session_entry *to)
{
	cut_before_session_changes(s, from);
	capacity_pair_breaks(s, from);
	if (from->virtual_ip.family != 0)
		index_del(s, from);
	from->virtual_ip.family = 0;
	from->s.followed_by = to->s.id;
	to->before = from;
}

uint64_t pool_return(struct state *s, struct session_entry *e)
{
	struct session_entry *after = e->s.followed_by ? session_find(s, e->s.followed_by) : NULL;
	struct session_entry *before = e->before;

	if (after)
		after->before = before;
	if (before) {
		cut_before_session_changes(s, before);
		before->s.followed_by = e->s.followed_by;
	}
	if (after)
		return 0;
	if (!before) {
		pool_free(s, e);
		return 0;
	}
	if (e->virtual_ip.family == 0)
		return 0;
	index_del(s, e);
	e->virtual_ip.family = 0;
	pool_take(s, before);
	return before->s.id;
}

bool pool_link(struct state *s)
{
	for (size_t i = 0; i < s->list.n; i++) {
		struct session_entry *e = s->list.item[i].entry, *after;

		if (!e || !e->s.followed_by)
			continue;
		after = e->s.followed_by > e->s.id ? session_find(s, e->s.followed_by) : NULL;
		if (!after || after->before ||
		    !ike_client_equal(ike_session_client(&e->s.ike),
				      ike_session_client(&after->s.ike)) ||
		    !address_equal(&e->s.ike.virtual_ip, &after->s.ike.virtual_ip))
			return false;
		after->before = e;
	}
	for (size_t i = 0; i < s->list.n; i++)
		if (s->list.item[i].entry && !s->list.item[i].entry->s.followed_by)
			capacity_pair_forms(s, s->list.item[i].entry);
	return true;
}

uint64_t state_address_user(const struct state *s, const struct address *a, const uint64_t *gone,
			    uint32_t n_gone)
{
	const struct session_entry *e = a->family == 0 ? NULL : pool_user(s, a);

	for (uint32_t i = 0; e && i < n_gone; i++)
		if (gone[i] == e->s.id) {
			e = e->before;
			i = UINT32_MAX; /* From the first on. */
		}
	return e ? e->s.id : 0;
}

/* ---- Freed ---- */

bool freed_add(struct state *s, const struct address *a, uint64_t peer, uint64_t at_ms)
{
	struct freed *f = freed_find(s, a);

	if (f)
		return false;
	f = calloc(1, sizeof(*f));
	assert(f);
	f->address = address_key(a);
	f->peer = peer;
	f->at_ms = at_ms;
	f->serial = s->freed_serial++;
	HASH_ADD(hh, s->freed, address, sizeof(f->address), f); /* The last of the list. */
	for (unsigned i = 0; i < POOL_HINTS; i++)
		if (!s->hints->hint[i].oldest)
			s->hints->hint[i].oldest = f;
	HASH_FIND(by_peer, s->freed_by_peer, &peer, sizeof(peer), f->older);
	if (f->older) {
		f->older->newer = f;
		HASH_DELETE(by_peer, s->freed_by_peer, f->older);
	}
	HASH_ADD(by_peer, s->freed_by_peer, peer, sizeof(f->peer), f);
	return true;
}

static void hints_lower(struct state *s, const struct address *a)
{
	for (unsigned i = 0; i < POOL_HINTS; i++) {
		struct pool_hint *h = &s->hints->hint[i];

		if (!h->valid || !prefix_contains(&h->pool, a))
			continue;
		if (h->full || address_compare(a, &h->low) < 0)
			h->low = *a;
		h->full = false;
	}
}

void freed_sweep(struct state *s)
{
	while (HASH_CNT(hh, s->freed) > STATE_FREED_MAX && s->time_ms - s->freed->at_ms >= FREED_MS) {
		struct freed *f = s->freed;

		cut_before_freed_goes(s, f);
		freed_remove(s, f);
		hints_lower(s, &f->address);
		free(f);
	}
}

void pool_fini(struct state *s)
{
	struct freed *f, *next;

	HASH_CLEAR(by_peer, s->freed_by_peer);
	HASH_ITER(hh, s->freed, f, next)
	{
		HASH_DEL(s->freed, f);
		free(f);
	}
}

/* ---- Choosing ---- */

static bool address_increment(struct address *a)
{
	for (size_t i = address_len(a); i > 0; i--)
		if (++a->octets[i - 1] != 0)
			return true;
	return false; /* It was the last one there is. */
}

/* First and last address of the prefix. */
static void pool_bounds(const struct prefix *pool, struct address *first, struct address *last)
{
	*first = *last = address_key(&pool->address);
	for (size_t i = 0; i < address_len(first); i++) {
		unsigned fixed = pool->bits > 8 * i ? pool->bits - 8 * (unsigned)i : 0;
		unsigned host = fixed >= 8 ? 0 : 0xffu >> fixed;

		first->octets[i] = (uint8_t)(first->octets[i] & ~host);
		last->octets[i] = (uint8_t)(last->octets[i] | host);
	}
}

/* Network and broadcast; in a prefix of one or two addresses all are for use (RFC 3021).
 * IPv6 has no broadcast, but its first address is the routers' (RFC 4291 2.6.1). */
static bool pool_reserved(const struct prefix *pool, const struct address *a)
{
	struct address first, last;
	size_t host_bits = 8 * address_len(&pool->address) - pool->bits;

	if (host_bits < 2)
		return false;
	pool_bounds(pool, &first, &last);
	return address_equal(a, &first) || (a->family == 4 && address_equal(a, &last));
}

static struct pool_hint *pool_hint(const struct state *s, const struct prefix *pool)
{
	struct pool_hints *hints = s->hints;
	const struct session_entry *e;
	struct pool_hint *h;
	struct address last;

	for (unsigned i = 0; i < POOL_HINTS; i++) {
		h = &hints->hint[i];
		if (h->valid && h->pool.bits == pool->bits &&
		    address_equal(&h->pool.address, &pool->address))
			return h;
	}
	h = &hints->hint[hints->next++ % POOL_HINTS];
	*h = (struct pool_hint){.pool = *pool, .oldest = s->freed, .valid = true};
	pool_bounds(pool, &h->low, &last);
	for (e = s->by_ip; e; e = e->by_ip.next)
		h->used += prefix_contains(pool, &e->virtual_ip);
	return h;
}

struct pool_use state_pool_use(const struct state *s, const struct prefix *pool)
{
	unsigned bits = 8 * (unsigned)address_len(&pool->address) - pool->bits;
	uint64_t all = bits < 63 ? UINT64_C(1) << bits : UINT64_MAX, reserved = 0;

	if (bits >= 2)
		reserved = pool->address.family == 4 ? 2 : 1;
	return (struct pool_use){pool_hint(s, pool)->used, all - reserved};
}

void state_pools_look_anew(const struct state *s)
{
	struct address last;

	for (unsigned i = 0; i < POOL_HINTS; i++) {
		struct pool_hint *h = &s->hints->hint[i];

		if (!h->valid)
			continue;
		pool_bounds(&h->pool, &h->low, &last);
		h->full = false;
		h->oldest = s->freed;
	}
}

static bool is_kept(const struct pool_taken *taken, const struct address *a)
{
	return taken && taken->kept && taken->kept(taken->ctx, a);
}

static bool is_taken(const struct pool_taken *taken, const struct address *a)
{
	return taken && taken->is(taken->ctx, a);
}

/* The lowest address that is neither in use, nor freed lately, nor taken. */
static bool pool_lowest(const struct state *s, const struct prefix *pool,
			const struct pool_taken *taken, struct address *out)
{
	struct pool_hint *h = pool_hint(s, pool);
	struct address a;

	while (!h->full) {
		if (!pool_reserved(pool, &h->low) && !pool_user(s, &h->low) &&
		    !freed_contains(s, &h->low) && !is_kept(taken, &h->low))
			break;
		if (!address_increment(&h->low) || !prefix_contains(pool, &h->low))
			h->full = true;
	}
	if (h->full)
		return false;
	/* A taken address may be freed again without notice: the hint stays below it. */
	a = h->low;
	while (is_taken(taken, &a) || pool_reserved(pool, &a) || pool_user(s, &a) ||
	       freed_contains(s, &a))
		if (!address_increment(&a) || !prefix_contains(pool, &a))
			return false;
	*out = a;
	return true;
}

/* The client that had it last may have it back at once, and gets it if it names none. Others wait: an owner that has
 * not heard of the session's end would mix their packets with its own. */
static bool was_his(const struct freed *f, struct ike_client client)
{
	if (MUTANT(MUTANT_IP_REST_FOR_ALL))
		return false;
	return client.id && f->peer == tombstone_peer(client);
}

static bool rested(const struct state *s, const struct freed *f, uint64_t rest_ms)
{
	if (MUTANT(MUTANT_IP_NO_REST))
		return true;
	return s->time_ms - f->at_ms >= rest_ms;
}

/* The address that the client had last: most clients name none, and get this one back. */
static bool pool_last(const struct state *s, const struct prefix *pool, struct ike_client client,
		      const struct pool_taken *taken, struct address *out)
{
	uint64_t key = tombstone_peer(client);
	const struct freed *f;

	HASH_FIND(by_peer, s->freed_by_peer, &key, sizeof(key), f);
	if (!f || !was_his(f, client)) /* So are all that it had. */
		return false;
	for (unsigned i = 0; f && i < LAST_LOOK; i++, f = f->older)
		if (prefix_contains(pool, &f->address) && !pool_reserved(pool, &f->address) &&
		    !is_taken(taken, &f->address)) {
			*out = f->address;
			return true;
		}
	return false;
}

/* The one freed longest ago. */
static bool pool_oldest(const struct state *s, const struct prefix *pool, uint64_t rest_ms,
			const struct pool_taken *taken, struct address *out)
{
	struct pool_hint *h = pool_hint(s, pool);

	while (h->oldest && (!prefix_contains(pool, &h->oldest->address) || pool_reserved(pool, &h->oldest->address) ||
			     is_kept(taken, &h->oldest->address)))
		h->oldest = h->oldest->hh.next;
	for (const struct freed *f = h->oldest; f && rested(s, f, rest_ms); f = f->hh.next)
		if (prefix_contains(pool, &f->address) && !pool_reserved(pool, &f->address) &&
		    !is_taken(taken, &f->address)) {
			*out = f->address;
			return true;
		}
	return false;
}

bool state_pool_pick(const struct state *s, const struct prefix *pool, const struct pool_wish *wish,
		     uint64_t rest_ms, const struct pool_taken *taken, struct address *out)
{
	const struct address *wanted = wish ? wish->address : NULL;
	const struct freed *f;

	if (wanted && wanted->family != 0 && prefix_contains(pool, wanted) &&
	    !pool_reserved(pool, wanted) && !pool_user(s, wanted) && !is_taken(taken, wanted)) {
		f = freed_find(s, wanted);
		if (!f || was_his(f, wish->client) || rested(s, f, rest_ms)) {
			*out = address_key(wanted);
			return true;
		}
	}
	if (wish && wish->client.id && pool_last(s, pool, wish->client, taken, out))
		return true;
	return pool_lowest(s, pool, taken, out) || pool_oldest(s, pool, rest_ms, taken, out);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The two tables of the packet worker, which alone uses them. SAs are allocated by the thread that
 * posts them, and only linked here.
 *
 * The SPI table shifts entries back when one is removed, so a lookup that misses stops at the first
 * empty slot, however many SAs came and went. It is at most half full. */
#include "xdp/engine/sa.h"
#include "xdp/engine/inner.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static uint32_t round_up(uint64_t n)
{
	uint32_t size = 16;

	while (size < n)
		size *= 2;
	return size;
}

/* The cluster draws SPIs at random; the multiplication only guards against a cluster that draws
 * them in steps. */
static uint32_t spi_home(const struct spi_table *t, uint32_t spi)
{
	return (uint32_t)((spi * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & t->mask;
}

enum status spi_table_init(struct spi_table *t, uint32_t max)
{
	uint32_t size = round_up(2 * (uint64_t)max);

	assert(max > 0 && max <= UINT32_C(1) << 24);
	t->slots = calloc(size, sizeof(*t->slots));
	t->mask = size - 1;
	t->used = 0;
	t->max = max;
	return t->slots ? OK : ERR_FULL;
}

void spi_table_fini(struct spi_table *t)
{
	free(t->slots);
	t->slots = NULL;
	t->used = 0;
}

struct sa *spi_table_find(const struct spi_table *t, uint32_t spi)
{
	for (uint32_t i = spi_home(t, spi); t->slots[i].spi; i = (i + 1) & t->mask)
		if (t->slots[i].spi == spi)
			return t->slots[i].sa;
	return NULL;
}

enum status spi_table_put(struct spi_table *t, struct sa *sa)
{
	uint32_t spi = sa->e.child.spi_in;
	uint32_t i = spi_home(t, spi);

	assert(spi != 0);
	for (; t->slots[i].spi; i = (i + 1) & t->mask)
		if (t->slots[i].spi == spi)
			return ERR_EXISTS;
	assert(t->used <= t->max);
	if (t->used == t->max)
		return ERR_FULL;
	t->slots[i] = (struct spi_slot){.spi = spi, .sa = sa};
	t->used++;
	return OK;
}

struct sa *spi_table_take(struct spi_table *t, uint32_t spi)
{
	uint32_t hole = spi_home(t, spi);
	struct sa *sa;

	assert(t->used <= t->mask / 2 + 1); /* There is an empty slot: each search ends. */
	while (t->slots[hole].spi && t->slots[hole].spi != spi)
		hole = (hole + 1) & t->mask;
	if (!t->slots[hole].spi || !spi)
		return NULL;
	sa = t->slots[hole].sa;
	for (uint32_t i = (hole + 1) & t->mask; t->slots[i].spi; i = (i + 1) & t->mask) {
		uint32_t home = spi_home(t, t->slots[i].spi);

		/* May slot i move into the hole? Only if its home is not behind the hole. */
		if (((i - home) & t->mask) >= ((i - hole) & t->mask)) {
			t->slots[hole] = t->slots[i];
			hole = i;
		}
	}
	t->slots[hole] = (struct spi_slot){0};
	assert(t->used > 0);
	t->used--;
	return sa;
}

void spi_table_each(const struct spi_table *t, void (*visit)(void *ctx, struct sa *sa), void *ctx)
{
	for (uint32_t i = 0; t->slots && i <= t->mask; i++)
		if (t->slots[i].spi)
			visit(ctx, t->slots[i].sa);
}

/* ---- Routes ---- */

enum status route_table_init(struct route_table *t, uint32_t max)
{
	uint32_t size = round_up(max);

	assert(max > 0);
	t->buckets = calloc(size, sizeof(struct sa_route *));
	t->mask = size - 1;
	t->wide = NULL;
	return t->buckets ? OK : ERR_FULL;
}

void route_table_fini(struct route_table *t)
{
	free(t->buckets);
	t->buckets = NULL;
	t->wide = NULL;
}

static struct sa_route **bucket_of(const struct route_table *t, const struct address *a)
{
	uint64_t words[2], h;

	memcpy(words, a->octets, sizeof(words));
	h = (words[0] ^ a->family) * UINT64_C(0x9e3779b97f4a7c15);
	h = (h ^ h >> 29 ^ words[1]) * UINT64_C(0xbf58476d1ce4e5b9);
	return &t->buckets[(h >> 32) & t->mask];
}

static void unlink_route(struct sa_route *r)
{
	if (!r->link)
		return;
	assert(*r->link == r && (!r->next || r->next->link == &r->next));
	*r->link = r->next;
	if (r->next)
		r->next->link = r->link;
	r->next = NULL;
	r->link = NULL;
}

void route_table_put(struct route_table *t, struct sa *sa)
{
	const struct ts_set *remote = &sa->e.child.remote;

	assert(remote->n <= TS_MAX);
	route_table_take(t, sa);
	for (uint8_t i = 0; i < remote->n; i++) {
		const struct traffic_selector *ts = &remote->ts[i];
		struct sa_route *r = &sa->routes[i];
		struct sa_route **head = address_equal(&ts->start, &ts->end)
						 ? bucket_of(t, &ts->start)
						 : &t->wide;

		assert(!r->link);
		r->sa = sa;
		r->next = *head;
		r->link = head;
		if (r->next)
			r->next->link = &r->next;
		*head = r;
	}
}

void route_table_take(struct route_table *t, struct sa *sa)
{
	(void)t;
	for (size_t i = 0; i < TS_MAX; i++)
		unlink_route(&sa->routes[i]);
}

/* Does the selector that r stands for contain the address? */
static bool route_contains(const struct sa_route *r, const struct address *a)
{
	const struct traffic_selector *ts = &r->sa->e.child.remote.ts[r - r->sa->routes];

	return a->family == ts->start.family && address_compare(a, &ts->start) >= 0 &&
	       address_compare(a, &ts->end) <= 0;
}

static enum drop find_in(const struct sa_route *r, const struct inner_packet *p, struct sa **sa)
{
	enum drop found = DROP_NO_SESSION;

	for (; r; r = r->next) {
		const struct child_sa *child = &r->sa->e.child;

		if (!route_contains(r, &p->dst))
			continue;
		if (inner_check_outbound(p, &child->local, &child->remote) == DROP_NONE) {
			*sa = r->sa;
			return DROP_NONE;
		}
		found = DROP_POLICY;
	}
	return found;
}

enum drop route_table_find(const struct route_table *t, const struct inner_packet *p,
			   struct sa **sa)
{
	enum drop exact = find_in(*bucket_of(t, &p->dst), p, sa);
	enum drop wide;

	if (exact == DROP_NONE || !t->wide)
		return exact;
	wide = find_in(t->wide, p, sa);
	return wide == DROP_NO_SESSION ? exact : wide;
}

static bool same_service(const struct sa *a, const struct sa *b)
{
	return a->e.session == b->e.session && ts_set_equal(&a->e.child.local, &b->e.child.local) &&
	       ts_set_equal(&a->e.child.remote, &b->e.child.remote);
}

static void supersede_from(struct route_table *t, struct sa_route *r, struct sa *sa)
{
	while (r) {
		struct sa *other = r->sa;
		struct sa_route *next = r->next;

		/* Its routes may hold next as well (two selectors in one bucket). */
		while (next && next->sa == other)
			next = next->next;
		if (other != sa && same_service(other, sa)) {
			route_table_take(t, other);
			other->e.outbound = false;
		}
		r = next;
	}
}

void route_table_supersede(struct route_table *t, struct sa *sa, struct sa *replaced)
{
	const struct ts_set *remote = &sa->e.child.remote;

	if (replaced && replaced != sa) {
		route_table_take(t, replaced);
		replaced->e.outbound = false;
	}
	for (uint8_t i = 0; i < remote->n; i++) {
		if (address_equal(&remote->ts[i].start, &remote->ts[i].end))
			supersede_from(t, *bucket_of(t, &remote->ts[i].start), sa);
		else
			supersede_from(t, t->wide, sa);
	}
}

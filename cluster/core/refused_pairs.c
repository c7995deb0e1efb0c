/* SPDX-License-Identifier: Apache-2.0 */
/* As many as there may be half-open SAs: when there are more the oldest gives way. Each cost its client a
 * half-open SA, so it takes a client with many addresses to fill the table. */
#include "cluster/core/refused_pairs.h"

#include "cluster/core/rooms.h"
#include "proto/mutant.h"

#include <assert.h>
#include <stdlib.h>

struct refused_pair {
	uint64_t pair[2]; /* spi_i, spi_r */
	uint64_t at_us;
	UT_hash_handle hh;
};

struct refused_pairs {
	struct refused_pair *by_pair; /* Oldest first. */
};

static struct refused_pair *find(const struct core *c, uint64_t spi_i, uint64_t spi_r)
{
	const uint64_t pair[2] = { spi_i, spi_r };
	struct refused_pair *p;

	HASH_FIND(hh, c->refused_pairs->by_pair, pair, sizeof(pair), p);
	return p;
}

static void drop_oldest(struct core *c)
{
	struct refused_pair *p = c->refused_pairs->by_pair;

	assert(p);
	HASH_DEL(c->refused_pairs->by_pair, p);
	free(p);
}

void refused_pairs_note(struct core *c, uint64_t spi_i, uint64_t spi_r)
{
	struct refused_pair *p;

	if (MUTANT(MUTANT_REFUSED_UNKNOWN))
		return;
	if (find(c, spi_i, spi_r))
		return;
	while (HASH_COUNT(c->refused_pairs->by_pair) >= c->in_force->limits.half_open_max)
		drop_oldest(c);
	p = calloc(1, sizeof(*p));
	assert(p);
	p->pair[0] = spi_i;
	p->pair[1] = spi_r;
	p->at_us = c->now_us;
	HASH_ADD(hh, c->refused_pairs->by_pair, pair, sizeof(p->pair), p);
}

bool refused_pairs_has(const struct core *c, uint64_t spi_i, uint64_t spi_r)
{
	return find(c, spi_i, spi_r) != NULL;
}

void refused_pairs_tick(struct core *c)
{
	const uint64_t half_open_us = c->config->timing.half_open_ms * MS, auth_us = c->in_force->limits.auth_ms * MS;
	const uint64_t life_us = half_open_us + auth_us;

	while (c->refused_pairs->by_pair && c->now_us - c->refused_pairs->by_pair->at_us > life_us)
		drop_oldest(c);
}

void refused_pairs_init(struct core *c)
{
	c->refused_pairs = core_room(sizeof(*c->refused_pairs));
}

void refused_pairs_fini(struct core *c)
{
	while (c->refused_pairs->by_pair)
		drop_oldest(c);
	free(c->refused_pairs);
}

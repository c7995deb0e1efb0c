/* SPDX-License-Identifier: Apache-2.0 */
/* The table of SAs, by SPI, and the lists that rooms keep of them. It knows no part of an entry;
 * the room that owns the part does. */
#include "cluster/core/owned_sa.h"
#include "cluster/core/rooms.h"

#include <assert.h>
#include <stdlib.h>
#include <utlist.h>

struct owned_sas {
	struct spi_index by_spi;
	struct owned_sa *list[SAS_LISTS];
};

struct owned_sa *owned_sa_find(const struct core *c, uint32_t spi_in)
{
	return (struct owned_sa *)spi_index_find(&c->owned_sas->by_spi, spi_in);
}

struct owned_sa *owned_sa_get(struct core *c, uint32_t spi_in)
{
	struct owned_sa *sa = owned_sa_find(c, spi_in);

	if (sa)
		return sa;
	sa = calloc(1, sizeof(*sa));
	assert(sa);
	spi_index_add(&c->owned_sas->by_spi, &sa->key, spi_in);
	return sa;
}

uint32_t owned_sa_count(const struct core *c)
{
	return spi_index_count(&c->owned_sas->by_spi);
}

uint64_t owned_sa_since(const struct core *c, const struct owned_sa *sa)
{
	return sa->grant.known ? sa->grant.since : core_applied(c);
}

void owned_sa_gone(struct core *c, struct owned_sa *sa)
{
	for (enum owned_sa_list list = 0; list < SAS_LISTS; list++)
		owned_sa_remove(c, sa, list);
	spi_index_remove(&c->owned_sas->by_spi, &sa->key);
	free(sa);
}

/* ---- Lists ---- */

struct owned_sa *owned_sa_first(const struct core *c, enum owned_sa_list list)
{
	return c->owned_sas->list[list];
}

bool owned_sa_is_on(const struct owned_sa *sa, enum owned_sa_list list)
{
	return sa->link[list].previous != NULL;
}

void owned_sa_append(struct core *c, struct owned_sa *sa, enum owned_sa_list list)
{
	if (!owned_sa_is_on(sa, list))
		DL_APPEND2(c->owned_sas->list[list], sa, link[list].previous, link[list].next);
}

void owned_sa_remove(struct core *c, struct owned_sa *sa, enum owned_sa_list list)
{
	if (owned_sa_is_on(sa, list))
		DL_DELETE2(c->owned_sas->list[list], sa, link[list].previous, link[list].next);
	sa->link[list].previous = NULL;
}

/* ---- Life ---- */

void owned_sa_init(struct core *c)
{
	c->owned_sas = core_room(sizeof(*c->owned_sas));
}

void owned_sa_fini(struct core *c)
{
	while (c->owned_sas->by_spi.first)
		owned_sa_gone(c, (struct owned_sa *)c->owned_sas->by_spi.first);
	free(c->owned_sas);
}

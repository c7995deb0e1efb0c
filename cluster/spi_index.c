/* SPDX-License-Identifier: Apache-2.0 */
/* Child SAs by SPI: uthash, which keeps its links in the entries. */
#include "cluster/spi_index.h"

#include <assert.h>

void spi_index_add(struct spi_index *t, struct spi_key *k, uint32_t spi_in)
{
	assert(!spi_index_find(t, spi_in));
	k->spi_in = spi_in;
	HASH_ADD(hh, t->first, spi_in, sizeof(k->spi_in), k);
}

void spi_index_remove(struct spi_index *t, struct spi_key *k)
{
	assert(spi_index_find(t, k->spi_in) == k);
	HASH_DEL(t->first, k);
}

struct spi_key *spi_index_find(const struct spi_index *t, uint32_t spi_in)
{
	struct spi_key *k;

	HASH_FIND(hh, t->first, &spi_in, sizeof(spi_in), k);
	return k;
}

uint32_t spi_index_count(const struct spi_index *t)
{
	return HASH_COUNT(t->first);
}

void spi_index_clear(struct spi_index *t)
{
	HASH_CLEAR(hh, t->first);
}

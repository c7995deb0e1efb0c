/* SPDX-License-Identifier: Apache-2.0 */
/* A table of Child SAs by their inbound SPI, which is all that ESP tells of the SA it belongs to
 * (RFC 4303 2.1). The replicated state has one and what this node alone knows of its SAs is
 * another. An entry begins with its key, is its owner's, and must outlive its place in the table. */
#ifndef CLUSTER_SPI_INDEX_H
#define CLUSTER_SPI_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UTHASH_NO_STRICT_ALIASING 1
#include <uthash.h>

struct spi_key {
	uint32_t spi_in;
	UT_hash_handle hh;
};

struct spi_index { /* All zero: empty. */
	struct spi_key *first;
};

/* The SPI must not be in the table yet. */
void spi_index_add(struct spi_index *t, struct spi_key *k, uint32_t spi_in);
void spi_index_remove(struct spi_index *t, struct spi_key *k);
struct spi_key *spi_index_find(const struct spi_index *t, uint32_t spi_in); /* NULL: none. */
uint32_t spi_index_count(const struct spi_index *t);
void spi_index_clear(struct spi_index *t); /* Frees what the table itself has; no entry. */

#endif

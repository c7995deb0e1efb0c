/* SPDX-License-Identifier: Apache-2.0 */
/* IKE SAs whose IKE_AUTH was refused, by SPI pair. A node that missed the refusal still has its half-open SA
 * and may lead next: it would answer the same IKE_AUTH a second time, perhaps otherwise. So each node
 * remembers the pairs for as long as a half-open SA may live, takes no share of one, and answers it with
 * FRAME_HALF_OPEN_END. Memory, as the half-open SAs are. */
#ifndef CLUSTER_CORE_REFUSED_PAIRS_H
#define CLUSTER_CORE_REFUSED_PAIRS_H

#include <stdbool.h>
#include <stdint.h>

struct core;

void refused_pairs_note(struct core *c, uint64_t spi_i, uint64_t spi_r);
bool refused_pairs_has(const struct core *c, uint64_t spi_i, uint64_t spi_r);
void refused_pairs_tick(struct core *c);
void refused_pairs_init(struct core *c);
void refused_pairs_fini(struct core *c);

#endif

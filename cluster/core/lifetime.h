/* SPDX-License-Identifier: Apache-2.0 */
/* How long SAs are used (struct lifetime). The leader judges by committed cluster time and by the
 * committed volume. */
#ifndef CLUSTER_CORE_LIFETIME_H
#define CLUSTER_CORE_LIFETIME_H

#include "proto/esp/volume.h"
#include "proto/ike/ike_config.h"

/* Soft: an SA is to be replaced at this limit, or up to a tenth earlier. Its own SPI, which the
 * leader drew and committed, says how much earlier. So SAs that were made together do not come due
 * together, and every leader decides the same. */
bool lifetime_is_due(const struct lifetime *l, uint64_t made_ms, uint32_t spi, uint64_t now_ms);
/* Hard. */
bool lifetime_is_over(const struct lifetime *l, uint64_t made_ms, uint64_t now_ms);
/* Until it is due or over, by the time alone. UINT64_MAX: never. */
uint64_t lifetime_left_ms(const struct lifetime *l, uint64_t made_ms, uint32_t spi, uint64_t now_ms);

/* The same of what a Child SA has carried, as far as it is committed. */
bool lifetime_is_used(const struct lifetime *l, const struct volume *v, uint32_t spi); /* Soft. */
bool lifetime_is_used_up(const struct lifetime *l, const struct volume *v); /* Hard. */

#endif

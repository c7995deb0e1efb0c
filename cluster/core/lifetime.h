/* SPDX-License-Identifier: Apache-2.0 */
/* How long SAs are used (struct lifetime): by committed cluster time and what is committed of what they
 * have carried, judged by whoever leads. */
#ifndef CLUSTER_CORE_LIFETIME_H
#define CLUSTER_CORE_LIFETIME_H

#include "proto/esp/volume.h"
#include "proto/ike/ike_config.h"

/* Soft: a tenth of it before its end, or less, an SA is to be replaced: its own SPI says how much,
 * which was drawn by the leader and is committed. So all that were made at once do not come
 * due at once, and each leader says the same of each. */
bool lifetime_is_due(const struct lifetime *l, uint64_t made_ms, uint32_t spi, uint64_t now_ms);
/* Hard. */
bool lifetime_is_over(const struct lifetime *l, uint64_t made_ms, uint64_t now_ms);

/* The same of what a Child SA has carried, as far as it is committed. */
bool lifetime_is_used(const struct lifetime *l, const struct volume *v, uint32_t spi); /* Soft. */
bool lifetime_is_used_up(const struct lifetime *l, const struct volume *v); /* Hard. */

#endif

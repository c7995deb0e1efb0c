/* SPDX-License-Identifier: Apache-2.0 */
/* How long SAs are used (struct lifetime): by committed cluster time, judged by whoever leads. */
#ifndef CLUSTER_CORE_LIFETIME_H
#define CLUSTER_CORE_LIFETIME_H

#include "proto/ike/ike_config.h"

/* Soft: a tenth of it before its end, or less, an SA is to be replaced: its own SPI says how much,
 * which was drawn by the leader and is committed. So all that were made at once do not come
 * due at once, and each leader says the same of each. */
bool lifetime_is_due(const struct lifetime *l, uint64_t made_ms, uint32_t spi, uint64_t now_ms);
/* Hard. */
bool lifetime_is_over(const struct lifetime *l, uint64_t made_ms, uint64_t now_ms);

#endif

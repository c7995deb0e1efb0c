/* SPDX-License-Identifier: Apache-2.0 */
/* IKE SAs between IKE_SA_INIT and the last IKE_AUTH (DESIGN section 4). */
#ifndef CLUSTER_CORE_HALF_OPEN_H
#define CLUSTER_CORE_HALF_OPEN_H

#include "proto/ike/ike.h"

struct core;
struct frame;

/* A client that was asked for a cookie is asked again when it repeats the request without one: of
 * two answers to one IKE_SA_INIT it would take the first as the answer to its latest. */
#define COOKIE_DEMAND_US (30000 * MS)

void half_open_request(struct core *c, uint32_t via, const struct endpoint *local,
		       const struct endpoint *remote, const uint8_t *data, size_t len);
void half_open_share(struct core *c, uint32_t node, const uint8_t *sealed, size_t len);
void half_open_ack(struct core *c, uint32_t node, const struct frame *f);
/* The half-open SA, which is there, is one step further: shared, then its response or question
 * leaves. Adopts next's content. */
void half_open_step(struct core *c, uint32_t via, struct ike_half_open *next);
/* Its last request came again: may the response leave at once? If not, it leaves later. */
bool half_open_repeats(struct core *c, uint32_t via, uint64_t spi_i, uint64_t spi_r);
/* Its client waits for an answer from outside: asks, unless we have while we lead. */
void half_open_ask(struct core *c, uint64_t spi_i, uint64_t spi_r);
/* The answer came while nobody waited: the next one that needs it asks again. */
void half_open_missed(struct core *c, uint64_t spi_i, uint64_t spi_r);
/* Is it known that no other node has come further with it? If not, that is found out now: then, or
 * after 5 ms, half_open_next_changed() says so. */
bool half_open_is_current(struct core *c, uint64_t spi_i, uint64_t spi_r);
const struct ike_half_open *half_open_find(const struct core *c, uint64_t spi_i, uint64_t spi_r);
/* One that is gone, or changed, or known to be current since the last call; false: there is
 * none. */
bool half_open_next_changed(struct core *c, uint64_t *spi_i, uint64_t *spi_r);
void half_open_forget(struct core *c, uint64_t spi_i, uint64_t spi_r);
/* Its IKE_AUTH was refused, which is final: a recorded one, sent again to the next leader, could be
 * accepted if there is room by then, and end what its client has made since. */
void half_open_refuse(struct core *c, uint64_t spi_i, uint64_t spi_r);
void half_open_refused(struct core *c, uint64_t spi_i, uint64_t spi_r); /* Another node says so. */
void half_open_tick(struct core *c);
void half_open_share_tick(struct core *c); /* half_open_share.c, by half_open_tick() */
void half_open_fini(struct core *c);
size_t half_open_count(const struct core *c);
bool half_open_demands(const struct core *c); /* Cookies, of everybody. */
uint64_t half_open_deadline_us(const struct core *c); /* A reply must leave then, unacknowledged. */
void half_open_init(struct core *c);

#endif

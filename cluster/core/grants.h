/* SPDX-License-Identifier: Apache-2.0 */
/* The applied state, told to the packet workers. */
#ifndef CLUSTER_CORE_GRANTS_H
#define CLUSTER_CORE_GRANTS_H

#include "cluster/state/state.h"
#include "cluster/core/owned_sa.h"

struct core;

void grants_session(struct core *c, const struct session *s);
void grants_gone(struct core *c, uint64_t session);
/* Removes what is gone. Call it first of all: another SA may have the SPI by now. */
void grants_drop_gone(struct core *c, uint64_t session);
void grants_slots(struct core *c);        /* Slots changed, nothing else. */
void grants_all(struct core *c);          /* Every session, and what is no longer there. */
/* Takeovers wait for nobody any more: deferred packets go on, except those of exact
 * SAs. */
void grants_resume(struct core *c);
void grants_first_in(struct core *c, uint32_t spi_in);
/* Exact SAs: how[slot], an enum collected, says where waiting is over. */
void grants_collected(struct core *c, const uint8_t *how);
void grants_fini(struct core *c);
void grants_init(struct core *c);

#endif

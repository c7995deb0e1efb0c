/* SPDX-License-Identifier: Apache-2.0 */
/* What owners ask the log for: leases, horizons, marks. */
#ifndef CLUSTER_CORE_LEASE_REQUESTS_H
#define CLUSTER_CORE_LEASE_REQUESTS_H

#include "cluster/state/command.h"
#include "cluster/core/owned_sa.h"

struct core;

void leases_low(struct core *c, const struct sa_report *r);
void leases_horizon_low(struct core *c, const struct sa_report *r);
void leases_row(struct core *c, const struct seq_row *row); /* For the next batch. */
uint32_t leases_rows(const struct core *c);                 /* So many wait for it. */
void leases_tick(struct core *c);
uint64_t leases_deadline_us(const struct core *c);
void leases_fini(struct core *c);
void leases_init(struct core *c);

#endif

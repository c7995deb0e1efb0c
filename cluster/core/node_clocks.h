/* SPDX-License-Identifier: Apache-2.0 */
/* The other nodes' clocks, as frames of marks may echo them. */
#ifndef CLUSTER_CORE_NODE_CLOCKS_H
#define CLUSTER_CORE_NODE_CLOCKS_H

#include "cluster/cluster_config.h"

struct core;

struct clock_reading { /* In this order. */
	/* When, by that node's clock, its newest heartbeat that came here left. Its clock is that of
	 * its core's events. */
	uint64_t node_us[CLUSTER_NODES_MAX];
	uint64_t own_us;        /* Our own clock. */
	uint64_t unreported_us; /* Our worker has reported all that it accepted before then;
				 * UINT64_MAX: everything. */
};

/* The control loop reads the clocks; then it hands over all of its worker's reports that wait for
 * the core; then the core has caught up. */
void node_clocks_read(struct core *c, const struct clock_reading *r);
void node_clocks_caught_up(struct core *c);

uint64_t node_clocks_echo_us(const struct core *c, uint32_t node);
void node_clocks_init(struct core *c);
void node_clocks_fini(struct core *c);

#endif

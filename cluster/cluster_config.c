/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/cluster_config.h"

#include "cluster/level.h"

#include <string.h>

void cluster_config_defaults(struct cluster_config *c)
{
	memset(c, 0, sizeof(*c));
	c->level = LEVEL;
	c->lease = 65536;
	c->sessions_max = 100000;
	c->snapshot_bytes = 8u << 20;
	c->snapshot_slice = 16u << 10;
	c->snapshot_trailing = 1024;
	c->timing = (struct cluster_timing){
		.heartbeat_ms = 10,
		.heartbeats_missed = 3,
		.detection_max_ms = 200,
		.raft_heartbeat_ms = 50,
		.raft_election_ms = 250,
		.isolation_ms = 1000,
		.sequence_tick_ms = 20,
		.mark_ms = 2,
		.mark_commit_ms = 1000,
		.half_open_ms = 30000,
		.retransmit_ms = 1000,
		.retransmit_tries = 5,
		.notice_interval_us = 200,
	};
}

/* Each session with one Child SA: one place for that, and one for its successor. */
uint32_t cluster_config_child_sas(const struct cluster_config *c)
{
	return c->child_sas_max ? c->child_sas_max : 2 * c->sessions_max;
}

uint32_t cluster_config_sa_tables(const struct cluster_config *c)
{
	return 2 * cluster_config_child_sas(c);
}

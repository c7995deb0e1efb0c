/* SPDX-License-Identifier: Apache-2.0 */
/* The time that all agree on. Once a second the leader adds what has passed, and says how far each
 * node's store is known to reach (DESIGN section 7) and which level all members can read
 * (cluster/level.h). */
#include "cluster/core/cluster_time.h"

#include "cluster/core/rooms.h"
#include "cluster/core/proposals.h"
#include "cluster/core/upgrade.h"
#include "cluster/core/wall_clock.h"

#include <stdlib.h>

#define CLUSTER_TIME_US (1000 * MS)

struct cluster_clock {
	uint64_t next_us; /* The next ClusterTime ... */
	uint64_t from_us; /* ... counts from here. */
	uint8_t level;    /* The highest that we have proposed. */
};

static void advance(struct core *c)
{
	struct cluster_clock *k = c->clock;
	struct command t = { .type = COMMAND_CLUSTER_TIME };
	struct consensus_member member[CLUSTER_NODES_MAX];
	uint64_t applied = consensus_applied(c->consensus);
	size_t n = consensus_members(c->consensus, member, CLUSTER_NODES_MAX);

	for (size_t i = 0; i < n && t.cluster_time.n < COMMAND_NODES_MAX; i++) {
		uint64_t match = member[i].id == c->raft_id
					 ? applied
					 : consensus_match_index(c->consensus, member[i].id);

		/* Only what is committed as well can never be truncated. */
		t.cluster_time.stored[t.cluster_time.n].id = member[i].id;
		t.cluster_time.stored[t.cluster_time.n++].stored_index =
			match < applied ? match : applied;
	}
	t.cluster_time.unix_s = wall_clock_unix_s(c);
	t.cluster_time.level = upgrade_level(c, member, n);
	if (t.cluster_time.level > k->level)
		k->level = t.cluster_time.level;
	t.cluster_time.delta_ms = (c->now_us - k->from_us) / MS;
	k->from_us += t.cluster_time.delta_ms * MS;
	k->next_us = c->now_us + CLUSTER_TIME_US;
	proposals_add(c, URGENT_NOTICE, &t);
}

/* A command has the size of a session: not one for each look. */
void cluster_time_advance(struct core *c)
{
	if (c->now_us >= c->clock->next_us)
		advance(c);
}

uint8_t cluster_time_level(const struct core *c)
{
	uint8_t committed = state_level(c->state);

	return c->clock->level > committed ? c->clock->level : committed;
}

void cluster_time_lead(struct core *c)
{
	c->clock->next_us = c->clock->from_us = c->now_us;
}

void cluster_time_init(struct core *c)
{
	c->clock = core_room(sizeof(*c->clock));
}

void cluster_time_fini(struct core *c)
{
	free(c->clock);
}

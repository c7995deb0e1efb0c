/* SPDX-License-Identifier: Apache-2.0 */
/* A frame of marks echoes a node's clock. That says: what was accepted before then is in the frames
 * so far. But a heartbeat comes by a thread of its own, while a mark waits for a millisecond with
 * the worker, or as long as the worker has no processor, and then in the control loop's inbox.
 *
 * So a reading of the clocks is not echoed until the worker has reported all that it accepted
 * before, and the core has been handed these reports. No margin takes part: a worker that is late,
 * for whatever reason, says since when. */
#include "cluster/core/node_clocks.h"

#include "cluster/core/rooms.h"
#include "proto/mutant.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct node_clocks {
	struct clock_reading newest, kept; /* kept: will be echoed next. */
	uint64_t echo_us[CLUSTER_NODES_MAX];
};

void node_clocks_read(struct core *c, const struct clock_reading *r)
{
	c->node_clocks->newest = *r;
}

void node_clocks_caught_up(struct core *c)
{
	struct node_clocks *n = c->node_clocks;
	uint64_t unreported_us = n->newest.unreported_us;

	if (n->newest.own_us <= unreported_us)
		n->kept = n->newest;
	if (n->kept.own_us > unreported_us)
		return;
	memcpy(n->echo_us, n->kept.node_us, sizeof(n->echo_us));
	n->kept = n->newest;
}

uint64_t node_clocks_echo_us(const struct core *c, uint32_t node)
{
	assert(node < c->config->n_nodes);
	if (MUTANT(MUTANT_ECHO_AHEAD))
		return c->node_clocks->newest.node_us[node];
	return c->node_clocks->echo_us[node];
}

void node_clocks_init(struct core *c)
{
	c->node_clocks = core_room(sizeof(*c->node_clocks));
}

void node_clocks_fini(struct core *c)
{
	free(c->node_clocks);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes are upgraded one after the other. Until the last one is, all write what the oldest can
 * read; then the leader says in its next ClusterTime that all can more (cluster_time.c), and
 * from there on nobody is let in who cannot. Up to there each node may go back.
 *
 * A member is held to the lower of what the state and its HELLO say: it may have come back with
 * an older program, and its NodeUp be on its way. One that the state does not know yet says
 * nothing, so nothing is raised before it does. */
#include "cluster/core/upgrade.h"

#include "cluster/core/rooms.h"

#include <stdio.h>

uint8_t upgrade_level(const struct core *c, const struct consensus_member *m, size_t n)
{
	uint8_t level = n > 0 ? c->config->level : 0;

	for (size_t i = 0; i < n; i++) {
		const struct node_record *r = state_node(c->state, m[i].id);
		uint32_t node = core_node_index(c, m[i].id);

		if (!r)
			return 0;
		if (r->level < level)
			level = r->level;
		if (node != NODE_NONE && node != c->config->self && c->peer[node].greeted &&
		    c->peer[node].level < level)
			level = c->peer[node].level;
	}
	return level;
}

const char *upgrade_objection(uint8_t level, uint8_t written, char *text, size_t size)
{
	if (level >= written)
		return NULL;
	snprintf(text, size, "its baton reads level %u, but this cluster writes level %u: upgrade it",
		 level, written);
	return text;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes are upgraded one after the other. Until the last one is, all write what the oldest can
 * read. Then the leader raises the level in its next ClusterTime (cluster_time.c), and from there
 * on no node is let in that cannot read it. Until then each node may go back.
 *
 * Where the state and a member's HELLO name different levels, the lower one counts: it may have come back
 * with an older program, and its NodeUp may be on its way. A member that the state does not know
 * yet has said nothing, so the level is not raised before it does. */
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
		if (node != NODE_NONE && node != c->config->self && c->known[node].greeted &&
		    c->known[node].level < level)
			level = c->known[node].level;
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

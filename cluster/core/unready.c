/* SPDX-License-Identifier: Apache-2.0 */
/* Readiness, and what stands in its way: a bare "no" would send an operator round all nodes. */
#include "cluster/core/unready.h"

#include "cluster/core/rooms.h"
#include "cluster/core/bootstrap.h"

#include <stdio.h>
#include <string.h>

uint32_t core_unready(const struct core *c)
{
	const struct node_record *self = state_node(c->state, c->raft_id);
	uint32_t leader = core_leader_index(c), bits = 0;

	if (leader == NODE_NONE) {
		bits |= 1u << UNREADY_NO_LEADER;
		bits |= (uint32_t)bootstrap_quorum_wiped(c) << UNREADY_WIPED;
	} else if (leader != c->config->self && c->known[leader].differs) {
		bits |= 1u << UNREADY_DIFFERS;
	}
	if (c->old_s)
		bits |= 1u << UNREADY_OLD_STORE;
	if (c->isolated)
		bits |= 1u << UNREADY_ISOLATED;
	if (!self || !self->up || self->incarnation != c->incarnation)
		bits |= 1u << UNREADY_NOT_UP;
	if (c->leaving)
		bits |= 1u << UNREADY_LEAVING;
	if (c->unfit)
		bits |= 1u << UNREADY_UNFIT;
	return bits;
}

const char *unready_name(enum unready u)
{
	static const char *const name[UNREADY_COUNT] = {
		[UNREADY_NO_LEADER] = "no_leader", [UNREADY_WIPED] = "wiped",
		[UNREADY_OLD_STORE] = "old_store", [UNREADY_ISOLATED] = "isolated",
		[UNREADY_NOT_UP] = "not_up",	   [UNREADY_LEAVING] = "leaving",
		[UNREADY_DIFFERS] = "configuration",
		[UNREADY_UNFIT] = "unfit",
	};

	return name[u];
}

/* The nodes from which nothing can come, as the end of a sentence. */
static void say_missing(const struct core *c, char *text)
{
	size_t at = strlen(text);
	const char *before = "; nothing is heard of ";

	for (uint32_t i = 0; i < c->config->n_nodes && at < UNREADY_TEXT_LEN; i++) {
		if (core_node_linked(c, i) && !c->known[i].suspect)
			continue;
		at += (size_t)snprintf(text + at, UNREADY_TEXT_LEN - at, "%s%s", before,
				       c->config->node[i]);
		before = ", ";
	}
}

void core_unready_text(const struct core *c, enum unready u, char text[UNREADY_TEXT_LEN])
{
	uint32_t leader = core_leader_index(c);

	text[0] = '\0';
	switch (u) {
	case UNREADY_NO_LEADER:
		snprintf(text, UNREADY_TEXT_LEN, "%s", bootstrap_cluster_id(c)
				 ? "no leader is known"
				 : "all nodes must be up once to found the cluster");
		say_missing(c, text);
		break;
	case UNREADY_WIPED:
		snprintf(text, UNREADY_TEXT_LEN, "the data_dir of a majority of nodes is empty: "
			 "restore them, or empty all to begin anew");
		break;
	case UNREADY_OLD_STORE:
		snprintf(text, UNREADY_TEXT_LEN, "the store is %llu s old: the node waits for a leader that "
			 "the others elect", (unsigned long long)c->old_s);
		break;
	case UNREADY_ISOLATED:
		snprintf(text, UNREADY_TEXT_LEN, "no contact with a majority of the nodes");
		say_missing(c, text);
		break;
	case UNREADY_NOT_UP:
		snprintf(text, UNREADY_TEXT_LEN, "the cluster has not confirmed this start of the node");
		break;
	case UNREADY_LEAVING:
		snprintf(text, UNREADY_TEXT_LEN, "the node was told to end and hands over");
		break;
	case UNREADY_DIFFERS:
		snprintf(text, UNREADY_TEXT_LEN,
			 "cluster.toml, in a key that only a restart changes, "
			 "differs from that of %s, which leads",
			 leader < c->config->n_nodes ? c->config->node[leader] : "the node");
		break;
	case UNREADY_UNFIT:
		snprintf(text, UNREADY_TEXT_LEN, "the host does not let it serve, so it owns nothing "
						 "while another node can serve");
		break;
	case UNREADY_COUNT:
		break;
	}
}

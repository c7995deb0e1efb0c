/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands applied in this step ask the rooms to look at: committed.c notes it, follow.c
 * calls the rooms. */
#ifndef CLUSTER_CORE_CHANGES_H
#define CLUSTER_CORE_CHANGES_H

#include "cluster/cluster_config.h"
#include "cluster/state/command.h"

struct follow_session {
	uint64_t session;      /* Its id, or 0 with a refused SessionPut. */
	uint64_t spi_i, spi_r; /* SessionPut: the pair that was half-open. */
	enum status status;
	bool deleted;
	bool step;             /* It was the command that the session's lane waits for. */
};

struct follow {
	struct follow_session *sessions;
	size_t n, room;
	bool all;            /* Every session: slots changed, or a snapshot came. */
	bool slots, holder, nodes, role, members, sas;
	bool lost;           /* Commands of ours did not get into the log. */
	struct {
		struct node_down command;
		uint64_t index; /* In the log. */
		bool moved;     /* Slots have a new owner by it. */
	} down[CLUSTER_NODES_MAX];
	unsigned n_down;
};

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Commands to the leader, into the log, and out of it into the state. */
#ifndef CLUSTER_CORE_PROPOSALS_H
#define CLUSTER_CORE_PROPOSALS_H

#include "cluster/state/command.h"
#include "cluster/raft/store.h"

struct core;

enum urgency { URGENT_NODE, URGENT_SEQUENCE, URGENT_HANDSHAKE, URGENT_REQUEST, URGENT_NOTICE, URGENCIES };

/* Queues a command: into this step's log entry if we lead, else to the leader;
 * dropped when there is none. Takes c's content (command_fini). */
void proposals_add(struct core *c, enum urgency u, struct command *command);
void proposals_flush(struct core *c);
void proposals_fini(struct core *c);
void proposals_init(struct core *c);

#endif

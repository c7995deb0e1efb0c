/* SPDX-License-Identifier: Apache-2.0 */
/* What the process gives up, so that an intruder in it has little. All of it is best effort: if a
 * host or a container does not allow a step, the log says so, and the node runs. */
#ifndef NODE_PROCESS_GUARD_H
#define NODE_PROCESS_GUARD_H

#include "node/config/config.h"
#include "node/process/events.h"

/* Before any key is used: no core dumps, no tracing, keys stay in memory. */
void guard_memory(const struct node_config *c);
/* In the process that reads the configuration again (config_reader.h), before it reads: all of this at
 * once. It stays the user that it is. */
void guard_reader(void);
/* After the start, by the control thread, when all others run: it keeps what the status
 * of maps needs, and no thread may start a program or change the system any more. */
void guard_started(struct events *events);

#endif

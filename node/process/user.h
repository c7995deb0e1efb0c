/* SPDX-License-Identifier: Apache-2.0 */
/* The user of the process. Started as root, it becomes another user before it touches the network,
 * and keeps the capabilities of the start; started as another user, with capabilities
 * (AmbientCapabilities= of a unit), it stays that user. */
#ifndef NODE_PROCESS_USER_H
#define NODE_PROCESS_USER_H

#include "node/config/config.h"
#include "node/process/events.h"
#include "proto/wire/status.h"

#define USER_ERR_LEN 1024u

/* Call it once the secrets are read, while there is one thread. Makes data_dir, gives it to the
 * node's user, becomes that user, and makes data_dir the working directory: no folder above it need
 * be open to that user. ERR_NO_SPACE: the disk of data_dir is full; call it again. ERR_IO: err says
 * what to do. */
enum status user_become(const struct node_config *c, struct events *events, char err[USER_ERR_LEN])
	must_check;

#endif

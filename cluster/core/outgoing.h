/* SPDX-License-Identifier: Apache-2.0 */
/* Messages to clients. */
#ifndef CLUSTER_CORE_OUTGOING_H
#define CLUSTER_CORE_OUTGOING_H

#include "proto/ike/datagrams.h"
#include "proto/wire/address.h"

struct core;

/* Through the node `via` (NODE_NONE: ours), which the client's datagram came by. Borrows the
 * message; NULL: nothing is sent. */
void outgoing_send(struct core *c, uint32_t via, const struct endpoint *local,
		   const struct endpoint *remote, const struct ike_datagrams *message);

#endif

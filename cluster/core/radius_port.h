/* SPDX-License-Identifier: Apache-2.0 */
/* Where RADIUS leaves the cluster, and comes to it: one address and port, which move with the holder. */
#ifndef CLUSTER_CORE_RADIUS_PORT_H
#define CLUSTER_CORE_RADIUS_PORT_H

#include "proto/wire/address.h"
#include "proto/wire/blob.h"

#include <stdbool.h>

struct core;

/* Through the holder. False: it did not leave, for nobody holds, or the holder cannot be reached. */
bool radius_send(struct core *c, const struct endpoint *remote, const struct blob *packet) must_check;
/* This node sends that datagram, for whichever leader: what answers it is let in here. */
void radius_port_sent(struct core *c, const struct endpoint *local, const struct endpoint *remote);
bool radius_port_expects(const struct core *c, const struct endpoint *remote);
void radius_port_init(struct core *c);
void radius_port_fini(struct core *c);

#endif

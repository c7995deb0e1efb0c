/* SPDX-License-Identifier: Apache-2.0 */
/* Who vouches for what a client says that it is. */
#ifndef PROTO_AUTH_REALM_H
#define PROTO_AUTH_REALM_H

#include "proto/ike/ike_config.h"

#include <stdint.h>

/* Equal where one client may come by both connections. Never 0; the same on every node. */
uint64_t ike_connection_realm(const struct ike_connection *c);

#endif

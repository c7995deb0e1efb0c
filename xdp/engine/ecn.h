/* SPDX-License-Identifier: Apache-2.0 */
/* Explicit congestion notification over a tunnel, RFC 6040. */
#ifndef XDP_ENGINE_ECN_H
#define XDP_ENGINE_ECN_H

#include "proto/wire/drop.h"

#include <stddef.h>
#include <stdint.h>

/* The traffic class of an IP packet: DSCP and ECN. What its outer header begins with (RFC 6040 4.1,
 * normal mode; RFC 4301 5.1.2.1 for DSCP). */
uint8_t ecn_traffic_class(const uint8_t *ip);

/* An inner packet whose outer header had that traffic class goes on with what both say (RFC 6040
 * 4.2). len: it is a whole IP header. DROP_ECN: it may not go on. */
enum drop ecn_decapsulate(uint8_t *ip, size_t len, uint8_t outer);

#endif

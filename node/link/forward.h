/* SPDX-License-Identifier: Apache-2.0 */
/* The body of FRAME_FORWARD: an SA's packet, unopened, on its way to its owner. */
#ifndef NODE_LINK_FORWARD_H
#define NODE_LINK_FORWARD_H

#include "xdp/datapath.h"

#define FORWARD_FRAME_MAX (DATAPATH_PACKET_MAX + 96u)

/* The whole frame, type octet first; returns its length. */
size_t forward_create(const struct datapath_forward *f, uint8_t out[FORWARD_FRAME_MAX]);
/* f->packet points into frame; f->node is nobody. ERR_MALFORMED. */
enum status forward_parse(struct datapath_forward *f, const uint8_t *frame, size_t len) must_check;

#endif

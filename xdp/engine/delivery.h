/* SPDX-License-Identifier: Apache-2.0 */
/* The last stage inward (DESIGN section 8). */
#ifndef XDP_ENGINE_DELIVERY_H
#define XDP_ENGINE_DELIVERY_H

#include "xdp/engine/engine.h"

/* Packets of a burst that are neither dropped nor done go inward; drops are counted. */
void engine_deliver(struct engine *e, struct packet *packets, size_t n);

#endif

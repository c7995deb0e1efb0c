/* SPDX-License-Identifier: Apache-2.0 */
/* Packets of SAs that another node owns (DESIGN section 3). */
#ifndef XDP_ENGINE_FORWARDING_H
#define XDP_ENGINE_FORWARDING_H

#include "xdp/engine/engine.h"

void forwarding_init(struct engine *e);
void forwarding_owner(struct engine *e, const struct sa_update *u); /* SA_UPDATE_OWNER */
/* Sends p out through the face to the owner's node: p is done; or drops it, because it came from
 * another node (DROP_FORWARD_TWICE) or no owner is known (DROP_NOT_OWNER). */
void engine_forward(struct engine *e, struct packet *p, enum datapath_direction direction);

#endif

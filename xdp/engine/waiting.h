/* SPDX-License-Identifier: Apache-2.0 */
/* Accepted packets of exact SAs, until a majority has their mark (DESIGN section 5). */
#ifndef XDP_ENGINE_WAITING_H
#define XDP_ENGINE_WAITING_H

#include "xdp/engine/engine.h"

bool waiting_prepare(struct engine *e); /* False: no memory. */
void waiting_fini(struct engine *e);
void waiting_add(struct engine *e, struct packet *p); /* Copies it; p is done, or dropped. */
void waiting_deliver(struct engine *e, struct sa *sa); /* Packets that need no longer wait. */
void waiting_drop(struct engine *e, struct sa *sa);

#endif

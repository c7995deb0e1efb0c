/* SPDX-License-Identifier: Apache-2.0 */
/* Says in the log, every hour, which certificates and CRLs of the connections in force expire soon, or have. */
#ifndef NODE_PROCESS_EXPIRY_WATCH_H
#define NODE_PROCESS_EXPIRY_WATCH_H

#include <stdint.h>

struct node;

void expiry_watch_look(struct node *n, uint64_t now_us); /* Now and then. */
void expiry_watch_anew(struct node *n); /* There are others now: the next look is at them. */

#endif

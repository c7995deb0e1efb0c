/* SPDX-License-Identifier: Apache-2.0 */
/* The start waits for what the host does not have yet, and the node is unready by that name
 * meanwhile (ready.h). Anything that will not come by itself is an error. */
#ifndef NODE_PROCESS_WAIT_H
#define NODE_PROCESS_WAIT_H

#include "node/process/node.h"

/* Something is missing: name and text as for ready_block(). Lets the loop run for a moment (the
 * status endpoint answers, signals are handled); then try again. false: the node was told to
 * end. */
bool wait_turn(struct node *n, const char *name, const char *format, ...) must_check
	__attribute__((format(printf, 3, 4)));

/* Each returns at once if nothing is missing. false: the node was told to end. */
bool wait_clock(struct node *n) must_check;      /* Our certificate is valid from ... on. */
bool wait_link(struct node *n) must_check;       /* The address of our node link is here. */
bool wait_interfaces(struct node *n) must_check; /* They exist and are up. */

#endif

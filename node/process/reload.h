/* SPDX-License-Identifier: Apache-2.0 */
/* Reads cluster.toml again while the node runs, on `baton reload` (the control socket) and SIGHUP.
 * A bad file, or one whose facts are not those that the node runs with, is refused with the key's
 * name, and the policy in force stays. */
#ifndef NODE_PROCESS_RELOAD_H
#define NODE_PROCESS_RELOAD_H

#include <stdint.h>

struct node;
struct reload;

/* reader: config_reader_start()'s, adopted; -1: there is none. */
struct reload *reload_new(struct node *n, int reader);
/* from: the asker on the control socket, who is answered there; 0: a signal. */
void reload_ask(struct reload *r, uint64_t from);
void reload_free(struct reload *r); /* In a later turn of the loop. NULL is fine. */

#endif

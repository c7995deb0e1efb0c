/* SPDX-License-Identifier: Apache-2.0 */
/* A test's way to kill a leader at a chosen point of an exchange. Off unless
 * [test] die_file is set. */
#ifndef NODE_PROCESS_DIE_H
#define NODE_PROCESS_DIE_H

struct node;

enum die_when { DIE_NEVER, DIE_AFTER, DIE_SENT };

void die_before(struct node *n); /* Before the queued actions are performed ... */
void die_after(struct node *n);  /* ... and after that. */

#endif

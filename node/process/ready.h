/* SPDX-License-Identifier: Apache-2.0 */
/* Why the node is unready, as far as the host is the cause: each part of the process reports under
 * its own name that it is not ready, and when it is again. /readyz and /v1/status show these
 * reasons beside the core's (core_unready_text()).
 *
 * The log has a line when a reason begins, one a minute while it lasts, and one when it is over.
 * Any thread may call. */
#ifndef NODE_PROCESS_READY_H
#define NODE_PROCESS_READY_H

#include "node/process/events.h"

#define READY_REASONS_MAX 16u /* Names that are given at the same time. */
#define READY_NAME_LEN 24u
#define READY_TEXT_LEN 160u

struct ready_reason {
	char name[READY_NAME_LEN]; /* One word, such as "interface". */
	char text[READY_TEXT_LEN]; /* For people; no secret. */
};

struct ready;

struct ready *ready_new(struct events *events); /* Borrowed. */
void ready_free(struct ready *r);

/* The node is unready because of that. A name that stands already gets the new text. */
void ready_block(struct ready *r, const char *name, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void ready_unblock(struct ready *r, const char *name); /* Does nothing if the name is not there. */

/* Copies the reasons, oldest first; returns how many. */
size_t ready_list(struct ready *r, struct ready_reason out[READY_REASONS_MAX]);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What a node tells of itself, as JSON and as Prometheus text (DESIGN section 11).
 * No secret is in any of it. Control thread only, between two steps. */
#ifndef NODE_STATUS_H
#define NODE_STATUS_H

#include "cluster/core.h"
#include "node/config.h"
#include "node/link.h"
#include "xdp/datapath.h"

#include <jansson.h>

#define STORE_FILL_MAX 90u /* Percent */

struct status_view { /* Borrowed; what the reports are made from. */
	const struct node_config *config;
	const struct core *core;    /* NULL while starting. */
	struct datapath *datapath;  /* NULL with the test hook no_datapath. */
	const struct link *link;
	void *ctx;
	json_t *(*events)(void *ctx); /* A new list: [{"at_ms","node","kind","text"}, ...] */
	uint64_t (*loop_stall_us)(void *ctx); /* Longest stall of the control loop; may be NULL. */
	unsigned (*store_fill_percent)(void *ctx); /* May be NULL. From STORE_FILL_MAX on: unready. */
};

/* New references. */
json_t *status_json(const struct status_view *v);
char *status_metrics(const struct status_view *v); /* malloc'ed */
bool status_ready(const struct status_view *v);
/* Ready, and no configured node is missing. */
bool status_healthy(const struct status_view *v);

/* The sessions with ids above `after`, at most `limit`, as one JSON array. */
struct status_sessions;
struct status_sessions *status_sessions_new(const struct status_view *v, uint64_t after,
					    uint64_t limit);
bool status_sessions_ready(const struct status_sessions *s); /* Reading waits for nothing. */
size_t status_sessions_read(struct status_sessions *s, char *out, size_t room); /* 0: the end. */
void status_sessions_free(struct status_sessions *s);

#endif

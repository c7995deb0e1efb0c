/* SPDX-License-Identifier: Apache-2.0 */
/* What a node reports about itself, as JSON and as Prometheus text (DESIGN section 11). It contains
 * no secret. Control thread only, between two steps. */
#ifndef NODE_HTTP_STATUS_JSON_H
#define NODE_HTTP_STATUS_JSON_H

#include "cluster/core/core.h"
#include "cluster/core/unready.h"
#include "node/config/config.h"
#include "node/link/link.h"
#include "node/process/ready.h"
#include "xdp/datapath.h"

#include <jansson.h>

#define STATUS_REASONS_MAX (UNREADY_COUNT + READY_REASONS_MAX) /* The core's, and the host's. */

struct status_stall { /* The longest round of the control loop. */
	uint64_t longest_us;    /* Since the start. */
	uint64_t lately_us;     /* In the last ten to twenty seconds, ... */
	uint64_t lately_cpu_us; /* ... and that in processor time. */
};

struct status_view { /* Borrowed; what the reports are made from. */
	const struct node_config *config;
	const struct core *core;    /* NULL while starting. */
	struct datapath *datapath;  /* NULL with the test hook no_datapath. */
	const struct link *link;
	struct ready *ready;        /* May be NULL. */
	void *ctx;
	json_t *(*events)(void *ctx); /* A new list: [{"at_ms","node","kind","text"}, ...] */
	void (*loop_stall)(void *ctx, struct status_stall *out); /* May be NULL. */
	/* What found no room on its way to the control loop, by class: false, there is no such class. May be NULL. */
	bool (*inbox_lost)(void *ctx, size_t class, const char **name, uint64_t *lost);
	unsigned (*store_fill_percent)(void *ctx); /* May be NULL. */
};

/* New references. */
json_t *status_json(const struct status_view *v);
char *status_metrics(const struct status_view *v); /* malloc'ed */
/* Why it is unready; 0: it is ready. */
size_t status_unready(const struct status_view *v, struct ready_reason out[STATUS_REASONS_MAX]);
bool status_ready(const struct status_view *v);
/* Ready, and no configured node is missing. */
bool status_healthy(const struct status_view *v);
/* The text of /readyz (without `healthy`) or /healthz when the answer is no: malloc'ed lines. */
char *status_no_text(const struct status_view *v, bool healthy);

/* The sessions with ids above `after`, at most `limit`, as one JSON array. */
struct status_sessions;
struct status_sessions *status_sessions_new(const struct status_view *v, uint64_t after,
					    uint64_t limit);
bool status_sessions_ready(const struct status_sessions *s); /* Reading waits for nothing. */
size_t status_sessions_read(struct status_sessions *s, char *out, size_t room); /* 0: the end. */
void status_sessions_free(struct status_sessions *s);

#endif

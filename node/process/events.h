/* SPDX-License-Identifier: Apache-2.0 */
/* The log: lines on stderr, and a ring of the last ones for /v1/events. Any thread may add. */
#ifndef NODE_PROCESS_EVENTS_H
#define NODE_PROCESS_EVENTS_H

#include "node/config/config.h"

#include <stddef.h>
#include <stdint.h>

#define EVENTS_KEPT 1024u
#define EVENTS_FLUSH_MS 2000u /* So long an end waits for who reads stderr. */

struct event_line {
	uint64_t serial;   /* 1, 2, 3, ... since the start. */
	uint64_t unix_ms;
	enum config_log_level level;
	char kind[32];
	char text[480];    /* Printable; whatever else came in is a '?'. */
};

struct events;

struct events *events_new(const char *node, enum config_log_level level);
/* Any thread. Returns the level before. */
enum config_log_level events_set_level(struct events *e, enum config_log_level level);
void events_free(struct events *e); /* As events_flush(); then nobody may add. */

/* From now on a thread writes the lines, and nobody waits for who reads them. */
void events_start(struct events *e);
/* Before the process ends in another way: until all lines are written, EVENTS_FLUSH_MS at most. */
void events_flush(struct events *e);

/* kind: one word. Lines below the level are dropped, others are written at once. */
void events_add(struct events *e, enum config_log_level level, const char *kind,
		const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Copies up to n events with a serial above `after`, oldest first. */
size_t events_read(struct events *e, uint64_t after, struct event_line *out, size_t n);

#endif

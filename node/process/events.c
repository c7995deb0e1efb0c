/* SPDX-License-Identifier: Apache-2.0 */
/* One line per event: "time level node kind text". The text may contain input from outside (a
 * peer's identity, for instance), so control characters are replaced: a line stays one line.
 * Nothing here ever sees a secret. */
#include "node/process/events.h"

#include <assert.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct events {
	pthread_mutex_t lock;
	_Atomic enum config_log_level level;
	char node[CLUSTER_NAME_MAX];
	uint64_t serial; /* The newest one's. */
	struct event_line ring[EVENTS_KEPT];
};

struct events *events_new(const char *node, enum config_log_level level)
{
	struct events *e = calloc(1, sizeof(*e));

	assert(e);
	pthread_mutex_init(&e->lock, NULL);
	e->level = level;
	snprintf(e->node, sizeof(e->node), "%s", node);
	return e;
}

enum config_log_level events_set_level(struct events *e, enum config_log_level level)
{
	enum config_log_level before = e->level;

	e->level = level;
	return before;
}

void events_free(struct events *e)
{
	if (!e)
		return;
	pthread_mutex_destroy(&e->lock);
	free(e);
}

static void line_print(const struct events *e, const struct event_line *l)
{
	static const char *const level[] = {"error", "warning", "info", "debug"};
	time_t s = (time_t)(l->unix_ms / 1000);
	char when[32];
	struct tm tm;

	gmtime_r(&s, &tm);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm);
	fprintf(stderr, "%s.%03uZ %s %s %s %s\n", when, (unsigned)(l->unix_ms % 1000),
		level[l->level], e->node, l->kind, l->text);
}

void events_add(struct events *e, enum config_log_level level, const char *kind,
		const char *format, ...)
{
	struct event_line *l;
	struct timespec now;
	va_list ap;

	if (level > e->level)
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	pthread_mutex_lock(&e->lock);
	l = &e->ring[++e->serial % EVENTS_KEPT];
	l->serial = e->serial;
	l->unix_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
	l->level = level;
	snprintf(l->kind, sizeof(l->kind), "%s", kind);
	va_start(ap, format);
	vsnprintf(l->text, sizeof(l->text), format, ap);
	va_end(ap);
	for (char *c = l->text; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	line_print(e, l);
	pthread_mutex_unlock(&e->lock);
}

size_t events_read(struct events *e, uint64_t after, struct event_line *out, size_t n)
{
	uint64_t next;
	size_t got = 0;

	pthread_mutex_lock(&e->lock);
	next = e->serial >= EVENTS_KEPT ? e->serial - EVENTS_KEPT + 1 : 1;
	if (next <= after)
		next = after + 1;
	while (next <= e->serial && got < n)
		out[got++] = e->ring[next++ % EVENTS_KEPT];
	pthread_mutex_unlock(&e->lock);
	return got;
}

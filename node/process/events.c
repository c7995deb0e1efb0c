/* SPDX-License-Identifier: Apache-2.0 */
/* One line per event: "time level node kind text". The text may contain input from outside (a
 * peer's identity, for instance), so control characters are replaced: a line stays one line.
 * Nothing here ever sees a secret.
 *
 * Whoever reads stderr may stop reading (a journal on a full or a dead disk, a pipe), and a write then
 * blocks. So a thread of its own writes, from the ring, and nobody else waits: neither the control loop
 * nor the threads of the links, which would all look dead. It holds no lock while it writes. What the
 * ring has lost by then is counted in a line. */
#include "node/process/events.h"
#include "xdp/thread/privilege.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct events {
	pthread_mutex_t lock;
	_Atomic enum config_log_level level;
	char node[CLUSTER_NAME_MAX];
	uint64_t serial; /* The newest one's. */
	uint64_t written; /* All up to this one are on stderr, or lost. */
	pthread_cond_t changed; /* serial, written or stop. */
	pthread_t thread;
	bool started, stop, ended;
	struct event_line ring[EVENTS_KEPT];
};

struct events *events_new(const char *node, enum config_log_level level)
{
	struct events *e = calloc(1, sizeof(*e));
	pthread_condattr_t clock;

	assert(e);
	pthread_mutex_init(&e->lock, NULL);
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&e->changed, &clock);
	pthread_condattr_destroy(&clock);
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

static void line_print(const struct events *e, const struct event_line *l)
{
	static const char *const level[] = {"error", "warning", "info", "debug"};
	time_t s = (time_t)(l->unix_ms / 1000);
	char when[32], text[sizeof(l->text) + sizeof(l->kind) + CLUSTER_NAME_MAX + 64];
	struct tm tm;
	ssize_t k;
	int n;

	gmtime_r(&s, &tm);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm);
	n = snprintf(text, sizeof(text), "%s.%03uZ %s %s %s %s\n", when, (unsigned)(l->unix_ms % 1000),
		     level[l->level], e->node, l->kind, l->text);
	assert(n > 0 && (size_t)n < sizeof(text));
	/* Not by stdio: exit() would wait for its lock. */
	for (size_t at = 0; at < (size_t)n; at += (size_t)k) {
		k = write(STDERR_FILENO, text + at, (size_t)n - at);
		if (k < 0 && errno != EINTR)
			return;
		k = k < 0 ? 0 : k;
	}
}

static void print_lost(const struct events *e, uint64_t unix_ms, uint64_t lost)
{
	struct event_line l = {.unix_ms = unix_ms, .level = CONFIG_LOG_WARNING, .kind = "log"};

	snprintf(l.text, sizeof(l.text), "%llu lines are missing here: the log was not read in time",
		 (unsigned long long)lost);
	line_print(e, &l);
}

/* Under the lock, which it gives back while it writes. */
static void write_next(struct events *e)
{
	uint64_t lost = e->serial - e->written > EVENTS_KEPT ? e->serial - e->written - EVENTS_KEPT : 0;
	uint64_t next = e->written + lost + 1;
	struct event_line l = e->ring[next % EVENTS_KEPT];

	pthread_mutex_unlock(&e->lock);
	if (lost)
		print_lost(e, l.unix_ms, lost);
	line_print(e, &l);
	pthread_mutex_lock(&e->lock);
	e->written = next;
}

static void *run(void *ctx)
{
	struct events *e = ctx;

	pthread_setname_np(pthread_self(), "baton-log");
	(void)privilege_keep(PRIVILEGE_NONE);
	pthread_mutex_lock(&e->lock);
	while (!e->stop || e->written < e->serial) {
		if (e->written < e->serial)
			write_next(e);
		else
			pthread_cond_wait(&e->changed, &e->lock);
		if (e->written == e->serial)
			pthread_cond_broadcast(&e->changed);
	}
	e->ended = true;
	pthread_cond_broadcast(&e->changed);
	pthread_mutex_unlock(&e->lock);
	return NULL;
}

void events_start(struct events *e)
{
	int rc;

	pthread_mutex_lock(&e->lock);
	rc = pthread_create(&e->thread, NULL, run, e);
	assert(rc == 0);
	e->started = true;
	pthread_mutex_unlock(&e->lock);
}

/* Under the lock. False: not within EVENTS_FLUSH_MS. */
static bool wait_for(struct events *e, bool end)
{
	struct timespec until;
	int rc = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += EVENTS_FLUSH_MS / 1000;
	while (rc == 0 && (end ? !e->ended : e->written < e->serial))
		rc = pthread_cond_timedwait(&e->changed, &e->lock, &until);
	return rc == 0;
}

void events_flush(struct events *e)
{
	pthread_mutex_lock(&e->lock);
	if (e->started)
		(void)wait_for(e, false);
	pthread_mutex_unlock(&e->lock);
}

void events_free(struct events *e)
{
	bool ended = true;

	if (!e)
		return;
	pthread_mutex_lock(&e->lock);
	if (e->started) {
		e->stop = true;
		pthread_cond_broadcast(&e->changed);
		ended = wait_for(e, true);
	}
	pthread_mutex_unlock(&e->lock);
	if (!ended) {
		pthread_detach(e->thread); /* It still writes, and keeps all that it needs. */
		return;
	}
	if (e->started)
		pthread_join(e->thread, NULL);
	pthread_cond_destroy(&e->changed);
	pthread_mutex_destroy(&e->lock);
	free(e);
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
	if (e->started) {
		pthread_cond_broadcast(&e->changed);
	} else {
		e->written = e->serial;
		line_print(e, l);
	}
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

/* SPDX-License-Identifier: Apache-2.0 */
/* A short list under a lock. Names are literals of this program, so there is always room. */
#include "node/process/ready.h"

#include <assert.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define AGAIN_S 60

struct ready {
	pthread_mutex_t lock;
	struct events *events;
	struct ready_reason reason[READY_REASONS_MAX];
	time_t told_s[READY_REASONS_MAX]; /* By CLOCK_MONOTONIC. */
	size_t n;
};

struct ready *ready_new(struct events *events)
{
	struct ready *r = calloc(1, sizeof(*r));

	assert(r);
	pthread_mutex_init(&r->lock, NULL);
	r->events = events;
	return r;
}

void ready_free(struct ready *r)
{
	if (!r)
		return;
	pthread_mutex_destroy(&r->lock);
	free(r);
}

static size_t find(const struct ready *r, const char *name)
{
	size_t i = 0;

	while (i < r->n && strcmp(r->reason[i].name, name) != 0)
		i++;
	return i;
}

void ready_block(struct ready *r, const char *name, const char *format, ...)
{
	struct timespec now;
	bool first;
	va_list ap;
	size_t i;

	clock_gettime(CLOCK_MONOTONIC, &now);
	pthread_mutex_lock(&r->lock);
	i = find(r, name);
	first = i == r->n;
	assert(i < READY_REASONS_MAX && strlen(name) < READY_NAME_LEN);
	if (first)
		strcpy(r->reason[r->n++].name, name);
	va_start(ap, format);
	vsnprintf(r->reason[i].text, READY_TEXT_LEN, format, ap);
	va_end(ap);
	if (first || now.tv_sec - r->told_s[i] >= AGAIN_S) {
		r->told_s[i] = now.tv_sec;
		events_add(r->events, CONFIG_LOG_WARNING, "unready", "%s%s: %s", first ? "" : "still ",
			   name, r->reason[i].text);
	}
	pthread_mutex_unlock(&r->lock);
}

void ready_unblock(struct ready *r, const char *name)
{
	size_t i;

	pthread_mutex_lock(&r->lock);
	i = find(r, name);
	if (i < r->n) {
		events_add(r->events, CONFIG_LOG_INFO, "unready", "no longer %s: %s", name,
			   r->reason[i].text);
		r->n--;
		memmove(&r->reason[i], &r->reason[i + 1], (r->n - i) * sizeof(*r->reason));
		memmove(&r->told_s[i], &r->told_s[i + 1], (r->n - i) * sizeof(*r->told_s));
	}
	pthread_mutex_unlock(&r->lock);
}

size_t ready_list(struct ready *r, struct ready_reason out[READY_REASONS_MAX])
{
	size_t n;

	pthread_mutex_lock(&r->lock);
	n = r->n;
	memcpy(out, r->reason, n * sizeof(*out));
	pthread_mutex_unlock(&r->lock);
	return n;
}

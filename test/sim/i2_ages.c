/* SPDX-License-Identifier: Apache-2.0 */
/* I2, what is published: a packet that was let in twice was first let in, by an owner that was
 * lost, within the mark age that its successor publishes. Late marks of an owner that lived on
 * correct that age, so this is checked at the end. If an owner ended before its late mark reached
 * others, the age is too short by as long as it lived on unheard; it can do so only until it finds
 * itself isolated. */
#include "test/sim/full.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define SLACK_US (4 * MS) /* Reports, updates and frames on their way. */
#define UNHEARD_US (200 * MS) /* Until isolation is noticed; clocks differ, too. */

struct i2_ages {
	struct window { /* What a successor publishes, in the world's time. */
		uint64_t successor, lost, at_us; /* at_us: by the successor's own clock, to tell them apart. */
		uint64_t from_us, until_us, age_us;
	} *windows;
	size_t n_windows;
	struct again {
		uint64_t at_us, lost, successor;
		char what[160];
	} *again;
	size_t n_again;
	struct seen changes; /* (incarnation): seen so far. */
	struct seen ended;   /* (incarnation) */
};

static struct i2_ages *ages_of(struct i2_delivery *c)
{
	if (!c->ages)
		c->ages = calloc(1, sizeof(*c->ages));
	assert(c->ages);
	return c->ages;
}

static struct window *window_of(struct i2_ages *x, uint64_t successor, const struct core_mark_age *a)
{
	struct window *w;

	for (size_t i = x->n_windows; i > 0; i--) {
		w = &x->windows[i - 1];
		if (w->successor == successor && w->lost == a->incarnation && w->at_us == a->at_us)
			return w;
	}
	x->windows = realloc(x->windows, (x->n_windows + 1) * sizeof(*x->windows));
	assert(x->windows);
	w = &x->windows[x->n_windows++];
	*w = (struct window){ .successor = successor, .lost = a->incarnation, .at_us = a->at_us,
			      .from_us = UINT64_MAX };
	return w;
}

/* Hosts' clocks drift by up to 2 %. */
static uint64_t ago(uint64_t now_us, uint64_t age_us)
{
	uint64_t most = age_us + age_us / 50 + SLACK_US;

	return most < now_us ? now_us - most : 0;
}

void i2_stepped(struct i2_delivery *c, unsigned host, uint64_t incarnation, const struct core *core)
{
	struct i2_ages *x = ages_of(c);
	struct core_mark_age age[TAKEOVERS_KEPT];
	uint64_t changes, now = c->full->world.now_us, *seen;
	size_t n = core_mark_ages(core, age, &changes);
	bool fresh;

	(void)host;
	seen = seen_get(&x->changes, incarnation, 0, 0, &fresh);
	if (seen[0] == changes)
		return;
	seen[0] = changes;
	for (size_t i = 0; i < n; i++) {
		struct window *w = window_of(x, incarnation, &age[i]);
		uint64_t from = ago(now, age[i].age_us);

		if (w->until_us && age[i].age_us == w->age_us)
			continue;
		w->age_us = age[i].age_us;
		w->from_us = from < w->from_us ? from : w->from_us;
		w->until_us = now + SLACK_US;
	}
}

void i2_ended(struct i2_delivery *c, uint64_t incarnation)
{
	bool fresh;

	seen_get(&ages_of(c)->ended, incarnation, 0, 0, &fresh)[0] = c->full->world.now_us;
}

void i2_again(struct i2_delivery *c, uint64_t at_us, uint64_t lost, uint64_t successor, const char *what)
{
	struct i2_ages *x = ages_of(c);
	struct again *a;

	x->again = realloc(x->again, (x->n_again + 1) * sizeof(*x->again));
	assert(x->again);
	a = &x->again[x->n_again++];
	*a = (struct again){ .at_us = at_us, .lost = lost, .successor = successor };
	snprintf(a->what, sizeof(a->what), "%s", what);
}

/* Only the wall clock tells how old the log is. */
static bool is_misdated(const struct i2_delivery *c, const struct window *w)
{
	return c->full->world.walls_set && w->age_us >= c->full->config.timing.mark_commit_ms * MS;
}

/* extra_us: how much longer it may have lived on. */
static bool is_covered(const struct i2_delivery *c, const struct again *a, uint64_t extra_us)
{
	const struct i2_ages *x = c->ages;

	for (size_t i = 0; i < x->n_windows; i++) {
		const struct window *w = &x->windows[i];

		if ((w->lost == a->lost || w->successor == a->successor) &&
		    (a->at_us >= w->from_us || is_misdated(c, w)) && a->at_us <= w->until_us + extra_us)
			return true;
	}
	return false;
}

void i2_end(struct i2_delivery *c)
{
	struct i2_ages *x = ages_of(c);
	uint64_t isolation = c->full->plan.isolation_ms * MS + UNHEARD_US;

	for (size_t i = 0; i < x->n_again; i++) {
		const struct again *a = &x->again[i];
		bool unheard = seen_find(&x->ended, a->lost, 0, 0) || seen_find(&x->ended, a->successor, 0, 0);

		if (!is_covered(c, a, unheard ? isolation : 0))
			world_fail(&c->full->world, "I2: %s, is within no published mark age", a->what);
	}
}

void i2_ages_fini(struct i2_delivery *c)
{
	if (!c->ages)
		return;
	seen_fini(&c->ages->changes);
	seen_fini(&c->ages->ended);
	free(c->ages->windows);
	free(c->ages->again);
	free(c->ages);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Each node says now and then what time it has, at once to a node that connects, and at once when
 * its clock was set; a frame's time on the way is negligible here. A node whose clock is wrong
 * judges no certificate and hands leadership on (departure.c). Nor does one judge whose clock no
 * majority has confirmed yet: it has just started, or half of the nodes are lost and another's clock
 * is wrong, so nobody knows whose. It goes on leading, because nobody knows better. If the majority
 * is wrong, a node cannot know; nor could anybody else. */
#include "cluster/core/wall_clock.h"

#include "cluster/core/core_start.h"
#include "cluster/core/rooms.h"
#include "proto/mutant.h"

#include <assert.h>
#include <stdlib.h>

#define TELL_US (5000 * MS)
#define KEPT_US (30000 * MS)
#define STEADY_S 2 /* A clock that is further off was set. */

struct wall_clocks {
	struct {
		int64_t unix_s;
		uint64_t at_us; /* 0: it has said nothing. */
	} clock[CLUSTER_NODES_MAX];
	uint64_t tell_us;
	int64_t unix_least;
	bool told_wrong; /* Our own: in the log. */
};

/* What that clock would show now. False: nothing was heard of it lately. */
static bool now_of(const struct core *c, uint32_t node, int64_t *unix_s)
{
	const struct wall_clocks *w = c->wall_clocks;
	uint64_t age_us = c->now_us - w->clock[node].at_us;

	if (w->clock[node].at_us == 0 || age_us > KEPT_US)
		return false;
	*unix_s = w->clock[node].unix_s + (int64_t)(age_us / 1000000);
	return true;
}

/* How many clocks are far from that node's, and how many are not, its own among them. */
static void compare(const struct core *c, int64_t its, uint32_t *apart, uint32_t *near)
{
	int64_t other;

	*apart = *near = 0;
	for (uint32_t i = 0; i < c->config->n_nodes; i++)
		if (now_of(c, i, &other))
			++*((its > other ? its - other : other - its) > (int64_t)WALL_CLOCK_APART_S ? apart : near);
}

bool wall_clock_is_wrong(const struct core *c, uint32_t node)
{
	uint32_t apart, near;
	int64_t its;

	assert(node < c->config->n_nodes);
	if (!now_of(c, node, &its))
		return false;
	compare(c, its, &apart, &near);
	return its < c->wall_clocks->unix_least || apart > c->config->n_nodes / 2;
}

struct auth_clock wall_clock_judge(const struct core *c)
{
	struct auth_clock clock = { 0, NULL };
	uint32_t apart, near;

	if (!now_of(c, c->config->self, &clock.unix_now)) {
		clock.wrong = "ours is not known";
		return clock;
	}
	compare(c, clock.unix_now, &apart, &near);
	if (clock.unix_now < c->wall_clocks->unix_least)
		clock.wrong = "ours is before the day on which this program was built";
	else if (apart > c->config->n_nodes / 2)
		clock.wrong = "ours is far from those of most nodes";
	else if (near <= c->config->n_nodes / 2)
		clock.wrong = "too few other nodes' clocks confirm ours";
	if (MUTANT(MUTANT_CLOCK_TRUSTED))
		clock.wrong = NULL;
	return clock;
}

static void keep(struct core *c, uint32_t node, int64_t unix_s)
{
	struct wall_clocks *w = c->wall_clocks;
	bool wrong;

	w->clock[node].unix_s = unix_s;
	w->clock[node].at_us = c->now_us;
	wrong = wall_clock_is_wrong(c, c->config->self);
	if (wrong != w->told_wrong)
		action_event(c->actions, wrong ? "clock_wrong" : "clock",
			     wrong ? "our wall clock is more than %u s from those of most nodes, or before "
				     "the day on which this program was built: this node judges no "
				     "certificate. Set the clock (NTP)"
				   : "our wall clock is again within %u s of the others'",
			     WALL_CLOCK_APART_S);
	w->told_wrong = wrong;
}

void wall_clock_set(struct core *c, int64_t unix_s)
{
	struct wall_clocks *w = c->wall_clocks;
	int64_t was;
	bool known = now_of(c, c->config->self, &was);

	keep(c, c->config->self, unix_s);
	if (known && (was > unix_s ? was - unix_s : unix_s - was) <= STEADY_S && c->now_us < w->tell_us)
		return;
	w->tell_us = c->now_us + TELL_US;
	core_broadcast(c, &(struct frame){ .type = FRAME_CLOCK, .clock.unix_s = (uint64_t)unix_s });
}

void wall_clock_greet(struct core *c, uint32_t node)
{
	int64_t now;

	if (now_of(c, c->config->self, &now))
		core_send(c, node, &(struct frame){ .type = FRAME_CLOCK, .clock.unix_s = (uint64_t)now });
}

void wall_clock_heard(struct core *c, uint32_t node, int64_t unix_s)
{
	assert(node < c->config->n_nodes);
	keep(c, node, unix_s);
}

uint64_t wall_clock_unix_s(const struct core *c)
{
	int64_t now;

	if (!now_of(c, c->config->self, &now) || wall_clock_is_wrong(c, c->config->self))
		return 0;
	return now > 0 ? (uint64_t)now : 0;
}

void wall_clock_init(struct core *c)
{
	c->wall_clocks = core_room(sizeof(*c->wall_clocks));
}

void wall_clock_begin(struct core *c, const struct core_start *start)
{
	c->wall_clocks->unix_least = start->unix_least;
	if (start->unix_now != 0)
		wall_clock_set(c, start->unix_now);
}

void wall_clock_fini(struct core *c)
{
	free(c->wall_clocks);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Each node says now and then what time it has; a frame's time on the way is negligible here. A
 * node whose clock is wrong judges no certificate and hands leadership on (departure.c). If the
 * majority is wrong, a node cannot know; nor could anybody else. */
#include "cluster/core/wall_clock.h"

#include "cluster/core/rooms.h"

#include <assert.h>
#include <stdlib.h>

#define TELL_US (5000 * MS)
#define KEPT_US (30000 * MS)

struct wall_clocks {
	struct {
		int64_t unix_s;
		uint64_t at_us; /* 0: it has said nothing. */
	} clock[CLUSTER_NODES_MAX];
	uint64_t tell_us;
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

bool wall_clock_is_wrong(const struct core *c, uint32_t node)
{
	uint32_t apart = 0;
	int64_t its, other;

	assert(node < c->config->n_nodes);
	if (!now_of(c, node, &its))
		return false;
	for (uint32_t i = 0; i < c->config->n_nodes; i++)
		apart += now_of(c, i, &other) &&
			 (its > other ? its - other : other - its) > (int64_t)WALL_CLOCK_APART_S;
	return apart > c->config->n_nodes / 2;
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
			     wrong ? "our wall clock is more than %u s from those of most nodes: this "
				     "node judges no certificate. Set the clock (NTP)"
				   : "our wall clock is again within %u s of the others'",
			     WALL_CLOCK_APART_S);
	w->told_wrong = wrong;
}

void wall_clock_set(struct core *c, int64_t unix_s)
{
	struct wall_clocks *w = c->wall_clocks;

	keep(c, c->config->self, unix_s);
	if (c->now_us < w->tell_us)
		return;
	w->tell_us = c->now_us + TELL_US;
	core_broadcast(c, &(struct frame){ .type = FRAME_CLOCK, .clock.unix_s = (uint64_t)unix_s });
}

void wall_clock_heard(struct core *c, uint32_t node, int64_t unix_s)
{
	assert(node < c->config->n_nodes);
	keep(c, node, unix_s);
}

uint64_t wall_clock_unix_s(const struct core *c)
{
	int64_t now;

	return now_of(c, c->config->self, &now) && !wall_clock_is_wrong(c, c->config->self) && now > 0 ? (uint64_t)now : 0;
}

void wall_clock_init(struct core *c)
{
	c->wall_clocks = core_room(sizeof(*c->wall_clocks));
}

void wall_clock_fini(struct core *c)
{
	free(c->wall_clocks);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes up and down (DESIGN section 6).
 *
 * A node repeats NodeUp until the state shows it as up, with its running incarnation, the policy
 * in force at it and the routes that it has added. When the detector reports a follower as dead, the leader
 * proposes NodeDown. */
#include "cluster/core/membership.h"

#include "cluster/core/cluster_time.h"
#include "cluster/core/rooms.h"
#include "cluster/core/successor.h"
#include "cluster/core/relief.h"
#include "cluster/core/voter.h"
#include "cluster/core/departure.h"
#include "cluster/core/election.h"
#include "cluster/core/event.h"
#include "cluster/core/holder.h"
#include "cluster/core/proposals.h"
#include "cluster/core/routes.h"
#include "proto/mutant.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NODE_UP_AGAIN_US (200 * MS)
#define NEVER_HEARD_GRACE_US (1000 * MS)
#define DOWN_AGAIN_US (100 * MS)

struct membership {
	uint64_t led_term;      /* The last term that we led. */
	uint64_t node_up_at_us; /* Propose NodeUp again. */
	uint64_t down_at_us[CLUSTER_NODES_MAX]; /* ... NodeDown of another, not before. */
};

/* ---- The leader's duties ---- */

static void propose_down(struct core *c, uint32_t i)
{
	const struct known_node *p = &c->known[i];
	const struct node_record *n = NULL;
	struct command down = { .type = COMMAND_NODE_DOWN };

	/* By name: after a power loss a node that never came back has no known id. */
	for (uint32_t place = 0; place < STATE_NODES_MAX && !n; place++) {
		const struct node_record *x = state_node_at(c->state, place);

		if (x && x->up && strcmp(x->name, c->config->node[i]) == 0)
			n = x;
	}
	if (!n || c->now_us < c->membership->down_at_us[i])
		return;
	c->membership->down_at_us[i] = c->now_us + DOWN_AGAIN_US;
	down.node_down = (struct node_down){ n->id, n->incarnation,
					     successor_of_slots(c, n->id),
					     core_successors_hash(c) };
	action_event(c->actions, "node_lost", "%s was silent for %llu ms", c->config->node[i],
		     (unsigned long long)(p->silent_us / MS));
	proposals_add(c, URGENT_NODE, &down);
}

static void watch_nodes(struct core *c)
{
	for (uint32_t i = 0; i < c->config->n_nodes; i++) {
		const struct known_node *p = &c->known[i];

		if (i == c->config->self || !p->suspect)
			continue;
		if (p->never_heard &&
		    c->now_us < c->led_since_us + NEVER_HEARD_GRACE_US)
			continue;
		propose_down(c, i);
	}
}

/* ---- Changes ---- */

void membership_suspect(struct core *c, const struct event *e)
{
	struct known_node *p = &c->known[e->suspect.node];

	p->suspect = e->suspect.suspect;
	p->never_heard = false;
	p->silent_us = e->suspect.silent_us;
	if (p->suspect && p->leaving)
		action_event(c->actions, "ended", "%s has ended, as announced", c->config->node[e->suspect.node]);
	else
		action_event(c->actions, p->suspect ? "suspect" : "heard", "%s%s",
			     c->config->node[e->suspect.node], p->suspect ? " does not answer" : " answers");
	election_look(c);
}

void membership_role(struct core *c)
{
	struct membership *m = c->membership;

	if (consensus_role(c->consensus) == CONSENSUS_LEADER &&
	    m->led_term != consensus_term(c->consensus)) {
		m->led_term = consensus_term(c->consensus);
		c->led_since_us = c->now_us;
		cluster_time_lead(c);
		action_event(c->actions, "leader", "%s leads term %llu",
			     c->config->node[c->config->self],
			     (unsigned long long)consensus_term(c->consensus));
	}
	m->node_up_at_us = 0;
	election_role(c);
	departure_role(c);
	c->applied_sent = 0;
}

void membership_applied(struct core *c)
{
	departure_applied(c);
	holder_applied(c);
}

void membership_tell_down(struct core *c, const struct node_down *down)
{
	uint32_t i = core_node_index(c, down->id);
	bool left = i != NODE_NONE &&
		    (i == c->config->self ? c->leaving : c->known[i].leaving);

	/* The log of a node that comes back tells no new events. */
	if (!voter_may_vote(c) && !(left && i == c->config->self))
		return;
	action_event(c->actions, left ? "node_left" : "node_down", "%s %s, successor %s",
		     core_node_name(c, down->id), left ? "has left" : "is down",
		     core_node_name(c, down->successor));
}

/* In its running incarnation, with the policy in force and the routes that exist. */
static bool is_shown(const struct core *c)
{
	const struct node_record *n = state_node(c->state, c->raft_id);

	return core_is_up(c, c->raft_id, c->incarnation) && n->policy_hash == c->in_force->hash &&
	       prefix_list_equal(&n->routes, routes_shown(c));
}

void membership_say_again(struct core *c)
{
	c->membership->node_up_at_us = 0;
}

static void say_up(struct core *c)
{
	struct membership *m = c->membership;
	struct command up = { .type = COMMAND_NODE_UP };

	if (c->leaving || c->now_us < m->node_up_at_us || is_shown(c))
		return;
	m->node_up_at_us = c->now_us + NODE_UP_AGAIN_US;
	if (MUTANT(MUTANT_NODE_UP_ONCE))
		m->node_up_at_us = NEVER;
	up.node_up.id = c->raft_id;
	up.node_up.incarnation = c->incarnation;
	up.node_up.config_hash = c->config->hash;
	up.node_up.policy_hash = c->in_force->hash;
	up.node_up.routes = *routes_shown(c);
	up.node_up.level = c->config->level;
	snprintf(up.node_up.name, sizeof(up.node_up.name), "%s", c->config->node[c->config->self]);
	proposals_add(c, URGENT_NODE, &up);
}

void membership_tick(struct core *c)
{
	if (c->leaving)
		departure_tick(c);
	if (!c->consensus || c->stopped)
		return;
	if (core_leads(c)) {
		watch_nodes(c);
		relief_tick(c);
		holder_assign(c);
		departure_transfer(c);
		cluster_time_advance(c);
	} else {
		election_tick(c);
	}
	say_up(c);
}

void membership_init(struct core *c)
{
	c->membership = core_room(sizeof(*c->membership));
}

void membership_fini(struct core *c)
{
	free(c->membership);
}

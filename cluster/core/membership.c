/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes up and down, who holds the service addresses, who leads (DESIGN
 * sections 3, 6, 9).
 *
 * A node that is not shown as up in its running incarnation says so until it is.
 * The leader turns the detector's word about a follower into NodeDown. When the
 * leader itself is gone, every node tells the others; once a majority says so,
 * the survivor with the longest log stands for election at once; the others
 * follow in turn, every 50 ms, should it fail.
 *
 * The leader prefers not to hold the service addresses: then no single loss needs
 * both an election and a takeover. */
#include "cluster/core/core_internal.h"
#include "proto/mutant.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define NODE_UP_AGAIN_US (200 * MS)
#define CLUSTER_TIME_US (1000 * MS)
#define ELECTION_AGAIN_US (3 * MS)
#define ELECTION_ROTATE_US (50 * MS)
#define SUSPICION_AGAIN_US (20 * MS)
#define SUSPICION_VALID_US (200 * MS)
#define NEVER_HEARD_GRACE_US (1000 * MS)
#define DOWN_AGAIN_US (100 * MS)
#define HOLD_AGAIN_US (200 * MS)
#define HOLD_PATIENCE_US (300 * MS)
#define TRANSFER_AGAIN_US (1000 * MS)
#define TRANSFER_LEAVING_US (300 * MS) /* libraft gives one up after an election timeout. */
#define TRANSFER_BEHIND 64u            /* Entries. */
#define SHUTDOWN_US (2000 * MS)

/* ---- Who could take over ---- */

static bool can_own(const struct core *c, uint32_t i)
{
	const struct peer *p = &c->peer[i];
	const struct node_record *n;

	if (i == c->config->self)
		return !c->membership.shutdown;
	n = state_node(c->state, p->raft_id);
	return p->greeted && !p->refused && !p->suspect && n && n->up &&
	       n->incarnation == p->incarnation;
}

/* The first of the others that can own, and is (or is not) ready. */
static uint64_t another(const struct core *c, uint64_t lost, bool ready)
{
	for (uint32_t i = 0; i < c->config->n_nodes; i++)
		if (i != c->config->self && c->peer[i].raft_id != lost && can_own(c, i) &&
		    (fitness_ready(c, i) == ready || MUTANT(MUTANT_HEIR_UNREADY)))
			return c->peer[i].raft_id;
	return 0;
}

/* Who is unready becomes an heir only if nobody else can. */
uint64_t membership_heir(const struct core *c, uint64_t lost)
{
	bool we_can = c->raft_id != lost && can_own(c, c->config->self);
	uint64_t heir = another(c, lost, true);

	if (heir == 0 && we_can && fitness_ready(c, c->config->self))
		heir = c->raft_id;
	if (heir == 0)
		heir = another(c, lost, false);
	return heir == 0 && we_can ? c->raft_id : heir;
}

/* A load balancer spreads: no heir means by rendezvous over all that are up. The state
 * does not know who is unfit, so then it is one heir. */
uint64_t membership_slots_heir(const struct core *c, uint64_t lost)
{
	return c->config->mode == SERVICE_LB && !fitness_lacks(c) ? 0 : membership_heir(c, lost);
}

uint64_t membership_slots_hash(const struct core *c)
{
	for (uint32_t place = 0; place < STATE_NODES_MAX; place++) {
		const struct node_record *n = state_node_at(c->state, place);

		if (n && n->up && n->config_hash != c->config->hash)
			return c->config->hash;
	}
	return 0;
}

static bool is_up(const struct core *c, uint64_t id, uint64_t incarnation)
{
	const struct node_record *n = state_node(c->state, id);

	return n && n->up && n->incarnation == incarnation;
}

/* ---- The leader's duties ---- */

static void propose_down(struct core *c, uint32_t i)
{
	struct peer *p = &c->peer[i];
	const struct node_record *n = NULL;
	struct command down = { .type = COMMAND_NODE_DOWN };

	/* By name: after a power loss a node that never came back has no known id. */
	for (uint32_t place = 0; place < STATE_NODES_MAX && !n; place++) {
		const struct node_record *x = state_node_at(c->state, place);

		if (x && x->up && strcmp(x->name, c->config->node[i]) == 0)
			n = x;
	}
	if (!n || c->now_us < p->down_proposed_us)
		return;
	p->down_proposed_us = c->now_us + DOWN_AGAIN_US;
	down.node_down = (struct node_down){ n->id, n->incarnation,
					     membership_slots_heir(c, n->id),
					     membership_slots_hash(c) };
	action_event(c->actions, "node_lost", "%s was silent for %llu ms", c->config->node[i],
		     (unsigned long long)(p->silent_us / MS));
	proposals_add(c, URGENT_NODE, &down);
}

static void watch_nodes(struct core *c)
{
	for (uint32_t i = 0; i < c->config->n_nodes; i++) {
		const struct peer *p = &c->peer[i];

		if (i == c->config->self || !p->suspect)
			continue;
		if (p->never_heard &&
		    c->now_us < c->membership.leader_since_us + NEVER_HEARD_GRACE_US)
			continue;
		propose_down(c, i);
	}
}

static void assign_holder(struct core *c)
{
	struct membership *m = &c->membership;
	uint64_t incarnation, holder = state_holder(c->state, &incarnation);
	struct command hold = { .type = COMMAND_ADDRESS_HOLD };
	const struct node_record *n;

	if (c->now_us < m->hold_proposed_us || is_up(c, holder, incarnation))
		return;
	hold.address_hold.node = membership_heir(c, 0);
	n = state_node(c->state, hold.address_hold.node);
	if (!n || !n->up)
		return;
	/* The others are still coming up: better one of them. */
	if (n->id == c->raft_id && c->config->n_nodes > 1 &&
	    c->now_us < m->leader_since_us + HOLD_PATIENCE_US)
		return;
	hold.address_hold.incarnation = n->incarnation;
	hold.address_hold.slots = true;
	m->hold_proposed_us = c->now_us + HOLD_AGAIN_US;
	proposals_add(c, URGENT_NODE, &hold);
}

/* Who could lead at once: a voter that is up and close behind, for nothing is taken into
 * the log until it has caught up. Better not the holder. 0: nobody. */
static uint64_t successor(const struct core *c)
{
	uint64_t last = consensus_last_index(c->consensus), holder = state_holder(c->state, NULL);
	struct consensus_member member[CLUSTER_NODES_MAX];
	size_t n = consensus_members(c->consensus, member, CLUSTER_NODES_MAX);
	bool want_holder = c->config->leader_holds && !c->membership.shutdown;
	uint64_t best = 0;

	for (size_t i = 0; i < n; i++) {
		uint32_t node = core_node_index(c, member[i].id);

		if (!member[i].voter || node == NODE_NONE || node == c->config->self ||
		    !can_own(c, node) ||
		    consensus_match_index(c->consensus, member[i].id) + TRANSFER_BEHIND < last)
			continue;
		if (c->peer[node].differs && !c->membership.shutdown)
			continue;
		if (want_holder ? member[i].id == holder : best == 0 || best == holder)
			best = member[i].id;
	}
	return best;
}

static void leave_if_holder(struct core *c)
{
	struct membership *m = &c->membership;
	bool holds = state_holder(c->state, NULL) == c->raft_id;
	bool misplaced = c->config->mode == SERVICE_VIP && holds != c->config->leader_holds;
	uint64_t to;

	if (c->now_us < m->transfer_at_us || !(misplaced || m->shutdown))
		return;
	to = successor(c);
	if (!to)
		return; /* Looked for again with the next tick. */
	/* What this step has proposed so far would not be taken any more. */
	proposals_flush(c);
	m->transfer_at_us = c->now_us + (m->shutdown ? TRANSFER_LEAVING_US : TRANSFER_AGAIN_US);
	if (consensus_transfer(c->consensus, core_now_ms(c), to) != OK)
		m->transfer_at_us = c->now_us + HOLD_AGAIN_US;
}

static void advance_time(struct core *c)
{
	struct membership *m = &c->membership;
	struct command t = { .type = COMMAND_CLUSTER_TIME };
	struct consensus_member member[CLUSTER_NODES_MAX];
	uint64_t applied = consensus_applied(c->consensus);
	size_t n;

	if (c->now_us < m->time_at_us)
		return;
	n = consensus_members(c->consensus, member, CLUSTER_NODES_MAX);
	for (size_t i = 0; i < n && t.cluster_time.n < COMMAND_NODES_MAX; i++) {
		uint64_t match = member[i].id == c->raft_id
					 ? applied
					 : consensus_match_index(c->consensus, member[i].id);

		/* Only what is committed as well can never be truncated. */
		t.cluster_time.stored[t.cluster_time.n].id = member[i].id;
		t.cluster_time.stored[t.cluster_time.n++].stored_index =
			match < applied ? match : applied;
	}
	t.cluster_time.delta_ms = (c->now_us - m->time_from_us) / MS;
	m->time_from_us += t.cluster_time.delta_ms * MS;
	m->time_at_us = c->now_us + CLUSTER_TIME_US;
	proposals_add(c, URGENT_NOTICE, &t);
}

/* ---- The leader is gone ---- */

static bool leader_suspected(const struct core *c)
{
	uint32_t leader = core_leader_index(c);

	return leader != NODE_NONE && leader != c->config->self && c->peer[leader].suspect &&
	       !c->peer[leader].never_heard;
}

static bool suspects_too(const struct core *c, const struct peer *p)
{
	return p->greeted && p->suspects_leader == consensus_leader(c->consensus) &&
	       p->suspects_term == consensus_term(c->consensus) &&
	       c->now_us - p->suspects_at_us < SUSPICION_VALID_US;
}

/* Our place among those who could stand: longest log first, then who does not hold
 * the addresses, then the order of the file. */
static uint32_t election_place(const struct core *c)
{
	uint64_t holder = state_holder(c->state, NULL);
	uint64_t mine = consensus_last_index(c->consensus);
	bool i_hold = holder == c->raft_id;
	uint32_t place = 0;

	for (uint32_t i = 0; i < c->config->n_nodes; i++) {
		const struct peer *p = &c->peer[i];
		bool it_holds = holder == p->raft_id;

		if (i == c->config->self || !suspects_too(c, p))
			continue;
		if (p->suspects_last_index != mine)
			place += p->suspects_last_index > mine;
		else if (it_holds != i_hold)
			place += i_hold;
		else
			place += i < c->config->self;
	}
	return place;
}

static void tell_suspicion(struct core *c)
{
	struct membership *m = &c->membership;
	struct frame f = { .type = FRAME_SUSPECT };

	if (c->now_us < m->suspect_sent_us)
		return;
	m->suspect_sent_us = c->now_us + SUSPICION_AGAIN_US;
	f.suspect.leader = consensus_leader(c->consensus);
	f.suspect.term = consensus_term(c->consensus);
	f.suspect.last_index = consensus_last_index(c->consensus);
	core_broadcast(c, &f);
}

static void replace_leader(struct core *c)
{
	struct membership *m = &c->membership;
	uint32_t agree = 1, place;

	if (!leader_suspected(c)) {
		m->election_since_us = 0;
		return;
	}
	tell_suspicion(c);
	for (uint32_t i = 0; i < c->config->n_nodes; i++)
		agree += i != c->config->self && suspects_too(c, &c->peer[i]);
	if (agree <= c->config->n_nodes / 2)
		return;
	if (m->election_since_us == 0)
		m->election_since_us = m->election_next_us = c->now_us;
	place = election_place(c);
	if (c->now_us < m->election_since_us + place * ELECTION_ROTATE_US ||
	    c->now_us < m->election_next_us)
		return;
	m->election_next_us = c->now_us + ELECTION_AGAIN_US;
	consensus_timeout_now(c->consensus, core_now_ms(c));
}

void membership_suspect(struct core *c, const struct event *e)
{
	struct peer *p = &c->peer[e->suspect.node];

	p->suspect = e->suspect.suspect;
	p->never_heard = false;
	p->silent_us = e->suspect.silent_us;
	if (p->suspect && p->leaving)
		action_event(c->actions, "ended", "%s has ended, as it said", c->config->node[e->suspect.node]);
	else
		action_event(c->actions, p->suspect ? "suspect" : "heard", "%s%s",
			     c->config->node[e->suspect.node], p->suspect ? " does not answer" : " answers");
	c->membership.suspect_sent_us = 0;
}

void membership_suspect_frame(struct core *c, uint32_t node, const struct frame *f)
{
	struct peer *p = &c->peer[node];

	p->suspects_leader = f->suspect.leader;
	p->suspects_term = f->suspect.term;
	p->suspects_last_index = f->suspect.last_index;
	p->suspects_at_us = c->now_us;
}

/* ---- Changes ---- */

void membership_role(struct core *c)
{
	struct membership *m = &c->membership;

	if (consensus_role(c->consensus) == CONSENSUS_LEADER &&
	    m->led_term != consensus_term(c->consensus)) {
		m->led_term = consensus_term(c->consensus);
		m->leader_since_us = m->time_from_us = m->time_at_us = c->now_us;
		action_event(c->actions, "leader", "%s leads term %llu",
			     c->config->node[c->config->self],
			     (unsigned long long)consensus_term(c->consensus));
	}
	m->node_up_at_us = 0;
	m->election_since_us = 0;
	c->applied_sent = 0;
}

void membership_applied(struct core *c)
{
	struct membership *m = &c->membership;
	uint64_t incarnation, holder = state_holder(c->state, &incarnation);
	bool hold = holder == c->raft_id && incarnation == c->incarnation &&
		    (!c->grants.isolated || MUTANT(MUTANT_HOLD_ISOLATED)) &&
		    is_up(c, holder, incarnation);

	m->hold_proposed_us = m->transfer_at_us = 0;
	if (hold == m->holding)
		return;
	m->holding = hold;
	action_hold(c->actions, hold);
	action_event(c->actions, hold ? "address_hold" : "address_release", "%s %s the service addresses",
		     c->config->node[c->config->self], hold ? "takes" : "lets go of");
}

void membership_tell_down(struct core *c, const struct node_down *down)
{
	uint32_t i = core_node_index(c, down->id);
	bool left = i != NODE_NONE &&
		    (i == c->config->self ? c->membership.shutdown : c->peer[i].leaving);

	/* What the log tells a node that comes back is no news. */
	if (!quorum_may_vote(c) && !(left && i == c->config->self))
		return;
	action_event(c->actions, left ? "node_left" : "node_down", "%s %s, heir %s",
		     core_node_name(c, down->id), left ? "has left" : "is down",
		     core_node_name(c, down->heir));
}

static void say_up(struct core *c)
{
	struct membership *m = &c->membership;
	struct command up = { .type = COMMAND_NODE_UP };

	if (m->shutdown || c->now_us < m->node_up_at_us || is_up(c, c->raft_id, c->incarnation))
		return;
	m->node_up_at_us = MUTANT(MUTANT_NODE_UP_ONCE) ? NEVER : c->now_us + NODE_UP_AGAIN_US;
	up.node_up.id = c->raft_id;
	up.node_up.incarnation = c->incarnation;
	up.node_up.config_hash = c->config->hash;
	up.node_up.feature_level = 1;
	snprintf(up.node_up.name, sizeof(up.node_up.name), "%s", c->config->node[c->config->self]);
	proposals_add(c, URGENT_NODE, &up);
}

/* ---- Leaving ---- */

void membership_shutdown(struct core *c)
{
	c->membership.shutdown = true;
	c->membership.shutdown_until_us = c->now_us + SHUTDOWN_US;
	c->membership.node_up_at_us = 0;
	action_event(c->actions, "leaving", "handing over");
	core_broadcast(c, &(struct frame){ .type = FRAME_LEAVING });
}

static void leave(struct core *c)
{
	struct membership *m = &c->membership;
	struct command down = { .type = COMMAND_NODE_DOWN };
	bool leads = c->consensus && consensus_role(c->consensus) == CONSENSUS_LEADER;
	bool up = is_up(c, c->raft_id, c->incarnation);

	if (c->config->n_nodes == 1 || !c->consensus || (!leads && !up) ||
	    c->now_us >= m->shutdown_until_us) {
		action_exit(c->actions, 0, "left");
		c->stopped = true;
		return;
	}
	if (leads || c->now_us < m->node_up_at_us)
		return; /* leave_if_holder() gives leadership away first. */
	m->node_up_at_us = c->now_us + NODE_UP_AGAIN_US;
	down.node_down = (struct node_down){ c->raft_id, c->incarnation, 0, 0 };
	proposals_add(c, URGENT_NODE, &down);
}

void membership_tick(struct core *c)
{
	if (c->membership.shutdown)
		leave(c);
	if (!c->consensus || c->stopped)
		return;
	if (core_leads(c)) {
		watch_nodes(c);
		fitness_relieve(c);
		assign_holder(c);
		leave_if_holder(c);
		advance_time(c);
		bootstrap_admit(c);
	} else {
		replace_leader(c);
	}
	say_up(c);
}

uint64_t membership_deadline_us(const struct core *c)
{
	if (!c->consensus || !leader_suspected(c))
		return NEVER;
	return c->now_us + ELECTION_AGAIN_US;
}

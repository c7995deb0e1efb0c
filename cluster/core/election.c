/* SPDX-License-Identifier: Apache-2.0 */
/* The leader is gone (DESIGN section 9). Every node tells the others that the leader does not
 * answer. Once a majority says so, the survivor with the longest log stands for election at once;
 * should it fail, the others follow in turn, every 50 ms. */
#include "cluster/core/election.h"

#include "cluster/core/rooms.h"

#include <assert.h>
#include <stdlib.h>

#define ELECTION_AGAIN_US (3 * MS)
#define ELECTION_ROTATE_US (50 * MS)
#define SUSPICION_AGAIN_US (20 * MS)
#define SUSPICION_VALID_US (200 * MS)

struct election {
	uint64_t since_us; /* A majority has reported the leader dead since then; 0 = it has not. */
	uint64_t next_us;
	uint64_t sent_us;  /* Tell the others (again) that it is. */
	struct suspicion { /* What each of them says: FRAME_SUSPECT ... */
		uint64_t leader, term, last_index;
		uint64_t at_us; /* ... and when it came. */
	} by[CLUSTER_NODES_MAX];
};

static bool leader_suspected(const struct core *c)
{
	uint32_t leader = core_leader_index(c);

	return leader != NODE_NONE && leader != c->config->self && c->known[leader].suspect &&
	       !c->known[leader].never_heard;
}

static bool suspects_too(const struct core *c, uint32_t node)
{
	const struct suspicion *s = &c->election->by[node];

	return c->known[node].greeted && s->leader == consensus_leader(c->consensus) &&
	       s->term == consensus_term(c->consensus) &&
	       c->now_us - s->at_us < SUSPICION_VALID_US;
}

/* Our place among those that could stand: longest log first, then nodes that do not hold the
 * addresses, then the order of the file. */
static uint32_t election_place(const struct core *c)
{
	uint64_t holder = state_holder(c->state, NULL);
	uint64_t mine = consensus_last_index(c->consensus);
	bool i_hold = holder == c->raft_id;
	uint32_t place = 0;

	for (uint32_t i = 0; i < c->config->n_nodes; i++) {
		const struct known_node *p = &c->known[i];
		uint64_t last = c->election->by[i].last_index;
		bool it_holds = holder == p->raft_id;

		if (i == c->config->self || !suspects_too(c, i))
			continue;
		if (last != mine)
			place += last > mine;
		else if (it_holds != i_hold)
			place += i_hold;
		else
			place += i < c->config->self;
	}
	return place;
}

static void tell_suspicion(struct core *c)
{
	struct election *e = c->election;
	struct frame f = { .type = FRAME_SUSPECT };

	if (c->now_us < e->sent_us)
		return;
	e->sent_us = c->now_us + SUSPICION_AGAIN_US;
	f.suspect.leader = consensus_leader(c->consensus);
	f.suspect.term = consensus_term(c->consensus);
	f.suspect.last_index = consensus_last_index(c->consensus);
	core_broadcast(c, &f);
}

void election_tick(struct core *c)
{
	struct election *e = c->election;
	uint32_t agree = 1, place;

	if (!leader_suspected(c)) {
		e->since_us = 0;
		return;
	}
	tell_suspicion(c);
	for (uint32_t i = 0; i < c->config->n_nodes; i++)
		agree += i != c->config->self && suspects_too(c, i);
	if (agree <= c->config->n_nodes / 2)
		return;
	if (e->since_us == 0)
		e->since_us = e->next_us = c->now_us;
	place = election_place(c);
	if (c->now_us < e->since_us + place * ELECTION_ROTATE_US ||
	    c->now_us < e->next_us)
		return;
	e->next_us = c->now_us + ELECTION_AGAIN_US;
	consensus_timeout_now(c->consensus, core_now_ms(c));
}

/* Our detector has changed its verdict. */
void election_look(struct core *c)
{
	c->election->sent_us = 0;
}

void election_suspicion(struct core *c, uint32_t node, const struct frame *f)
{
	assert(node < c->config->n_nodes);
	c->election->by[node] = (struct suspicion){ .leader = f->suspect.leader,
						    .term = f->suspect.term,
						    .last_index = f->suspect.last_index,
						    .at_us = c->now_us };
}

void election_role(struct core *c)
{
	c->election->since_us = 0;
}

uint64_t election_deadline_us(const struct core *c)
{
	return c->consensus && leader_suspected(c) ? c->now_us + ELECTION_AGAIN_US : NEVER;
}

void election_init(struct core *c)
{
	c->election = core_room(sizeof(*c->election));
}

void election_fini(struct core *c)
{
	free(c->election);
}

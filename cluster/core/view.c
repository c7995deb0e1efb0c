/* SPDX-License-Identifier: Apache-2.0 */
/* What every room of the core may ask and use: the time, who leads, who is who,
 * and a frame to a node. It knows no room. */
#include "cluster/core/rooms.h"
#include "proto/mutant.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

uint64_t core_now_ms(const struct core *c)
{
	return c->now_us / MS;
}

bool core_leads(const struct core *c)
{
	return c->consensus && consensus_role(c->consensus) == CONSENSUS_LEADER &&
	       consensus_is_current(c->consensus) && !consensus_is_leaving(c->consensus);
}

uint32_t core_node_index(const struct core *c, uint64_t raft_id)
{
	if (raft_id == 0)
		return NODE_NONE;
	if (raft_id == c->raft_id)
		return c->config->self;
	for (uint32_t i = 0; i < c->config->n_nodes; i++)
		if (c->known[i].raft_id == raft_id)
			return i;
	return NODE_NONE;
}

uint32_t core_leader_index(const struct core *c)
{
	return c->consensus ? core_node_index(c, consensus_leader(c->consensus)) : NODE_NONE;
}

const char *core_node_name(const struct core *c, uint64_t raft_id)
{
	const struct node_record *n = state_node(c->state, raft_id);
	uint32_t i = core_node_index(c, raft_id);

	if (i != NODE_NONE)
		return c->config->node[i];
	return n ? n->name : "nobody";
}

void core_quorum(const struct core *c, struct detector_quorum *out)
{
	struct consensus_member member[CLUSTER_NODES_MAX];
	size_t n = c->consensus ? consensus_members(c->consensus, member, CLUSTER_NODES_MAX) : 0;

	memset(out, 0, sizeof(*out));
	out->self = c->raft_id;
	for (size_t i = 0; i < n; i++) {
		out->n_voters += member[i].voter;
		for (uint32_t k = 0; member[i].voter && k < c->config->n_nodes; k++)
			if (strcmp(member[i].address, c->config->node[k]) == 0)
				out->voter[k] = member[i].id;
	}
}

bool core_owns(const struct core *c, const struct session *s)
{
	const struct slot *slot = session_slot(c->state, s);

	if (MUTANT(MUTANT_OLD_INCARNATION))
		return slot->node == c->raft_id;
	return slot->node == c->raft_id && slot->incarnation == c->incarnation;
}

bool core_node_linked(const struct core *c, uint32_t node)
{
	const struct known_node *p = &c->known[node];

	assert(node < c->config->n_nodes);
	return node == c->config->self || (p->linked && p->greeted && !p->refused);
}

bool core_node_refused(const struct core *c, uint32_t node)
{
	const struct known_node *p = &c->known[node];

	assert(node < c->config->n_nodes);
	return node != c->config->self && p->linked && p->greeted && p->refused;
}

void core_drop(struct core *c, enum drop d)
{
	assert(d < DROP_COUNT);
	c->drops[d]++;
}

void core_send(struct core *c, uint32_t node, const struct frame *f)
{
	bool greets = f->type == FRAME_HELLO || f->type == FRAME_REFUSED;

	if (node < c->config->n_nodes && node != c->config->self && c->known[node].linked &&
	    (greets || core_node_linked(c, node)))
		action_send_frame(c->actions, node, frame_create(f));
}

void core_broadcast(struct core *c, const struct frame *f)
{
	for (uint32_t i = 0; i < c->config->n_nodes; i++)
		if (i != c->config->self && core_node_linked(c, i))
			core_send(c, i, f);
}

static const struct ike_connection *connection_named(const struct core *c, const char *name)
{
	const struct ike_config *ike = &c->in_force->ike;

	for (size_t i = 0; i < ike->n_connections; i++)
		if (strcmp(ike->connections[i].name, name) == 0)
			return &ike->connections[i];
	return NULL;
}

const struct ike_connection *core_connection(const struct core *c, const struct session *s)
{
	return connection_named(c, s->ike.connection);
}

uint64_t core_first_horizon(const struct core *c, const struct ike_session *ike)
{
	const struct ike_connection *connection = connection_named(c, ike->connection);

	return connection && connection->exact ? c->config->lease + 1 : 0;
}

void core_step_terms(const struct core *c, const struct session *s, struct session_step *p)
{
	p->session = s->id;
	p->serial = s->serial;
	p->lease = c->config->lease;
	p->horizon = core_first_horizon(c, &s->ike);
}

bool core_has_replacement(const struct session *s, uint32_t spi_in)
{
	for (unsigned i = 0; i < s->ike.n_child; i++)
		if (s->ike.child[i].replaces == spi_in)
			return true;
	return false;
}

void *core_room(size_t size)
{
	void *room = calloc(1, size);

	assert(room);
	return room;
}

struct cluster_policy *core_policy(const struct core *c)
{
	return c->in_force;
}

uint64_t core_applied(const struct core *c)
{
	return c->consensus ? consensus_applied(c->consensus) : 0;
}

uint64_t core_last_index(const struct core *c)
{
	if (MUTANT(MUTANT_CONTACT_APPLIED))
		return core_applied(c);
	return c->consensus ? consensus_last_index(c->consensus) : 0;
}

uint64_t core_successors_hash(const struct core *c)
{
	for (uint32_t place = 0; place < STATE_NODES_MAX; place++) {
		const struct node_record *n = state_node_at(c->state, place);

		if (n && n->up && n->config_hash != c->config->hash)
			return c->config->hash;
	}
	return 0;
}

bool core_is_up(const struct core *c, uint64_t id, uint64_t incarnation)
{
	const struct node_record *n = state_node(c->state, id);

	return n && n->up && n->incarnation == incarnation;
}

const struct state *core_state(const struct core *c)
{
	return c->state;
}

uint32_t core_voters(const struct core *c)
{
	struct consensus_member member[CLUSTER_NODES_MAX];
	size_t n = c->consensus ? consensus_members(c->consensus, member, CLUSTER_NODES_MAX) : 0;
	uint32_t voters = 0;

	for (size_t i = 0; i < n; i++)
		voters += member[i].voter;
	return voters;
}

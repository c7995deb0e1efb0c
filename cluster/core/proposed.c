/* SPDX-License-Identifier: Apache-2.0 */
/* Other nodes may propose little: that they are up or leaving, leases and marks of what they own,
 * and what an operator has asked them for. The leader reads each proposal before it passes it on;
 * everything else comes from the leader's own rooms. */
#include "cluster/core/proposed.h"

#include "cluster/core/rooms.h"
#include "cluster/core/successor.h"
#include "cluster/core/proposals.h"
#include "proto/mutant.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct proposed {
	uint64_t false_downs;
};

static bool may_propose(const struct core *c, uint32_t node, const struct command *command)
{
	switch (command->type) {
	case COMMAND_NODE_UP: /* Not while we find it dead: it would go up and down in turn. */
		return !c->known[node].suspect && command->node_up.id == c->known[node].raft_id &&
		       command->node_up.incarnation == c->known[node].incarnation &&
		       strcmp(command->node_up.name, c->config->node[node]) == 0;
	case COMMAND_NODE_DOWN: /* Its own: it is leaving. */
		return command->node_down.id == c->known[node].raft_id;
	case COMMAND_SEQ_BATCH:
	case COMMAND_SESSIONS_END: /* An operator may ask any node. */
	case COMMAND_IDENTITY:
		return true;
	default:
		if (MUTANT(MUTANT_PROPOSALS_OF_ANYONE))
			return true;
		return false;
	}
}

/* Leases and marks come from an SA's owner: anybody else's would use up its numbers, or shut its
 * client out. A mark may also come from the owner in its epoch, as far as the state can say who
 * that was. */
static bool may_say(const struct core *c, uint64_t id, const struct seq_row *row)
{
	const struct session *s = state_session_by_spi(c->state, row->spi_in, NULL);
	uint64_t owner, incarnation;

	if (MUTANT(MUTANT_ROWS_OF_ANYONE))
		return s != NULL;
	if (!s || session_slot(c->state, s)->node == id)
		return s != NULL;
	return row->epoch < session_epoch(c->state, s) &&
	       (!session_owner_in(c->state, s, row->epoch, &owner, &incarnation) || owner == id);
}

static void keep_own_rows(const struct core *c, uint32_t node, struct seq_batch *b)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < b->n; i++)
		if (may_say(c, c->known[node].raft_id, &b->rows[i]))
			b->rows[kept++] = b->rows[i];
	b->n = kept;
}

void proposed_receive(struct core *c, uint32_t node, const uint8_t *data, size_t len)
{
	struct command command;

	assert(node < c->config->n_nodes);
	if (!core_leads(c) || len > COMMAND_BATCH_MAX)
		return;
	while (len > 0) {
		if (command_decode(&command, &data, &len, c->config->level) != OK) {
			core_drop(c, DROP_MALFORMED);
			return;
		}
		if (!may_propose(c, node, &command)) {
			core_drop(c, DROP_POLICY);
			command_fini(&command);
			continue;
		}
		if (command.type == COMMAND_NODE_UP) {
			const struct node_record *n = state_node(c->state, command.node_up.id);

			/* An unfit one is put down to relieve it. */
			if (n && !n->up && n->incarnation == command.node_up.incarnation &&
			    !c->known[node].unfit)
				c->proposed->false_downs++;
		}
		if (command.type == COMMAND_SEQ_BATCH) {
			keep_own_rows(c, node, &command.seq_batch);
			if (command.seq_batch.n == 0) {
				core_drop(c, DROP_POLICY);
				command_fini(&command);
				continue;
			}
		}
		if (command.type == COMMAND_NODE_DOWN) {
			command.node_down.successor = successor_of_slots(c, command.node_down.id);
			command.node_down.config_hash = core_successors_hash(c);
		}
		proposals_add(c,
			      command.type == COMMAND_SEQ_BATCH ? URGENT_SEQUENCE : URGENT_NODE,
			      &command);
	}
}

uint64_t proposed_false_downs(const struct core *c)
{
	return c->proposed->false_downs;
}

void proposed_init(struct core *c)
{
	c->proposed = core_room(sizeof(*c->proposed));
}

void proposed_fini(struct core *c)
{
	free(c->proposed);
}

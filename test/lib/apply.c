/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/level.h"
#include "test/lib/apply.h"

#include "test/lib/sample.h"

#include <assert.h>
#include <stdlib.h>

struct apply_result apply_command(struct state *s, struct command *c)
{
	struct apply_result r;

	state_apply(s, c, &r);
	command_fini(c);
	return r;
}

struct apply_result apply_up(struct state *s, uint64_t id, uint64_t incarnation)
{
	struct command c = {.type = COMMAND_NODE_UP};

	c.node_up.id = id;
	c.node_up.incarnation = incarnation;
	c.node_up.level = LEVEL;
	c.node_up.name[0] = (char)('a' + id % 26);
	return apply_command(s, &c);
}

struct apply_result apply_down(struct state *s, uint64_t id, uint64_t incarnation, uint64_t successor)
{
	struct command c = {.type = COMMAND_NODE_DOWN, .node_down = {id, incarnation, successor, 0}};

	return apply_command(s, &c);
}

struct apply_result apply_hold(struct state *s, uint64_t id, uint64_t incarnation, bool slots)
{
	struct command c = {.type = COMMAND_ADDRESS_HOLD, .address_hold = {id, incarnation, slots}};

	return apply_command(s, &c);
}

void apply_time(struct state *s, uint64_t delta_ms)
{
	struct command c = {.type = COMMAND_CLUSTER_TIME, .cluster_time = {.delta_ms = delta_ms}};

	assert(apply_command(s, &c).status == OK);
}

struct apply_result apply_put_at(struct state *s, uint32_t seed, uint32_t slot)
{
	struct command c = {.type = COMMAND_SESSION_PUT};

	sample_session(&c.session_put.ike, seed);
	c.session_put.slot = slot;
	c.session_put.lease = APPLY_LEASE;
	return apply_command(s, &c);
}

struct apply_result apply_put(struct state *s, uint32_t seed)
{
	return apply_put_at(s, seed, seed % STATE_SLOTS);
}

struct apply_result apply_del(struct state *s, uint64_t id)
{
	const struct session *x = state_session(s, id);
	struct command c = {.type = COMMAND_SESSION_DEL};

	c.session_del.session = id;
	c.session_del.serial = x ? x->serial : 1;
	return apply_command(s, &c);
}

/* A step from the session as it is; the caller changes it. */
struct command apply_step_of(const struct state *s, uint64_t id)
{
	const struct session *x = state_session(s, id);
	struct command c = {.type = COMMAND_SESSION_STEP};

	assert(x);
	c.session_step.session = id;
	c.session_step.serial = x->serial;
	c.session_step.lease = APPLY_LEASE;
	ike_session_copy(&c.session_step.ike, &x->ike);
	return c;
}

struct apply_result apply_row(struct state *s, uint32_t spi_in, int64_t epoch, uint64_t end,
			       uint64_t mark)
{
	struct command c = {.type = COMMAND_SEQ_BATCH};

	c.seq_batch.n = 1;
	c.seq_batch.rows = malloc(sizeof(*c.seq_batch.rows));
	c.seq_batch.rows[0] = (struct seq_row){spi_in, epoch, end, mark, 0, {0}};
	return apply_command(s, &c);
}

struct apply_result apply_move(struct state *s, uint64_t id, int64_t epoch, uint64_t to,
				const struct seq_row *row)
{
	struct command c = {.type = COMMAND_OWNER_MOVE};

	c.owner_move.session = id;
	c.owner_move.epoch = epoch;
	c.owner_move.to = to;
	if (row)
		c.owner_move.rows[c.owner_move.n++] = *row;
	return apply_command(s, &c);
}

int64_t epoch_of(const struct state *s, uint64_t id)
{
	return session_epoch(s, state_session(s, id));
}

uint64_t owner_of(const struct state *s, uint64_t id)
{
	return session_slot(s, state_session(s, id))->node;
}

/* Three nodes 1, 2, 3 in incarnations 11, 12, 13; node 1 holds address and slots. */
struct state *apply_three_nodes(void)
{
	struct state *s = state_new();

	for (uint64_t id = 1; id <= 3; id++)
		assert(apply_up(s, id, 10 + id).status == OK);
	assert(apply_hold(s, 1, 11, true).slots_changed);
	return s;
}

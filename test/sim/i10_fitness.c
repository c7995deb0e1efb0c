/* SPDX-License-Identifier: Apache-2.0 */
/* I10: a node whose host does not let it serve is given no client while another node can serve; and
 * what it owns is taken from it.
 *
 * Fitness is no part of the replicated state. So each entry is judged by what its leader knew when
 * it put it into the log: which nodes had told it (in a frame over the link that it still has) that
 * they are unfit, and which others it could have chosen. */
#include "test/sim/node.h"

#define RELIEVED_US (3 * SECOND) /* Time from when nothing stands in the way. */
#define BEAT_MAX_US (200 * MS)   /* Longer: the node stood still. */

void i10_told(struct i10_fitness *c, unsigned host, unsigned by, bool unfit)
{
	if (unfit)
		c->told[host] |= 1u << by;
	else
		c->told[host] &= ~(1u << by);
}

void i10_started(struct i10_fitness *c, unsigned host)
{
	c->told[host] = 0;
	c->relief[host].since_us = 0;
}

static bool leads(const struct core *core)
{
	struct core_status s;

	core_status(core, &s);
	return s.role == CONSENSUS_LEADER;
}

/* Which nodes could take clients over, as far as this node can know. */
static uint32_t available(const struct node *n)
{
	const struct full *f = n->full;
	uint32_t mask = 0;

	for (unsigned i = 0; i < f->world.n_hosts; i++) {
		const struct node *other = f->world.host[i].process;
		const struct node_record *r = state_node(core_state(n->core), f->raft_id[i]);

		if (!other || !r || !r->up || r->incarnation != other->incarnation ||
		    f->checkers.i10.told[n->host->index] & 1u << i || other->shuts_down)
			continue;
		if (other == n || (core_node_linked(n->core, i) && !n->detector.node[i].suspect))
			mask |= 1u << i;
	}
	return mask;
}

/* ---- What is given ---- */

static unsigned host_of(const struct full *f, uint64_t raft_id)
{
	unsigned i = 0;

	while (i < f->world.n_hosts && f->raft_id[i] != raft_id)
		i++;
	return i;
}

void i10_before(struct i10_fitness *c, const struct node *n)
{
	const struct state *s = core_state(n->core);

	c->leads = c->told[n->host->index] != 0 && leads(n->core);
	if (!c->leads)
		return;
	c->available = available(n);
	c->last = core_last_index(n->core);
	c->applied = core_applied(n->core);
	c->holder = state_holder(s, NULL);
	if (c->slots_of == n->incarnation && c->slots_at == c->applied)
		return;
	c->slots_of = n->incarnation;
	c->slots_at = c->applied;
	for (uint32_t i = 0; i < STATE_SLOTS_ALL; i++)
		c->slot[i] = state_slot_sessions(s, i) ? state_slot(s, i)->node : 0;
}

/* Could each entry of (before, applied] have moved it from `from` to a node other than `to`? */
static bool had_choice(const struct i10_fitness *c, unsigned host, unsigned to, unsigned from,
		       uint64_t before, uint64_t applied)
{
	for (uint64_t i = before + 1; i <= applied; i++) {
		const struct i10_entry *e = &c->entry[host][i % I10_ENTRIES];
		uint32_t others = e->available & ~(1u << to) & ~(1u << from);

		if (e->index != i || !(e->told & 1u << to) || others == 0)
			return false;
	}
	return true;
}

static void check_given(struct i10_fitness *c, const struct node *n, uint64_t to, uint64_t from,
			const char *what)
{
	const struct full *f = c->full;
	unsigned i = host_of(f, to);

	if (to == 0 || to == from || i == f->world.n_hosts || !(c->told[n->host->index] & 1u << i))
		return;
	if (had_choice(c, n->host->index, i, host_of(f, from), c->applied, core_applied(n->core)))
		world_fail(&c->full->world,
			   "I10: %s given to n%u, whose host does not let it serve, as leader n%u knew", what,
			   i + 1, n->host->index + 1);
}

void i10_after(struct i10_fitness *c, const struct node *n)
{
	unsigned host = n->host->index;
	const struct state *s = core_state(n->core);

	if (!c->leads || !leads(n->core))
		return;
	c->available &= available(n);
	for (uint64_t i = c->last + 1; i <= core_last_index(n->core); i++)
		c->entry[host][i % I10_ENTRIES] =
			(struct i10_entry){ i, c->told[host], c->available };
	if (core_applied(n->core) == c->applied)
		return;
	c->n_checked++;
	check_given(c, n, state_holder(s, NULL), c->holder, "the addresses are");
	for (uint32_t i = 0; i < STATE_SLOTS_ALL; i++)
		if (c->slot[i] && state_slot_sessions(s, i) > 0)
			check_given(c, n, state_slot(s, i)->node, c->slot[i], "sessions are");
}

/* ---- What is taken ---- */

/* There is a leader that can commit at once, knows of it, and has another node to choose. */
static bool can_be_relieved(const struct full *f, const struct node *n)
{
	unsigned host = n->host->index;
	struct core_status s;
	const struct node *leader;

	if (!f->unfit.of[host].unfit || !full_led_term((struct full *)f, host))
		return false;
	core_status(n->core, &s);
	leader = f->world.host[s.leader].process;
	return f->checkers.i10.told[s.leader] & 1u << host && available(leader) & ~(1u << host);
}

void i10_beat(struct i10_fitness *c, const struct node *n)
{
	unsigned host = n->host->index;
	struct i10_relief *r = &c->relief[host];
	uint64_t id = c->full->raft_id[host], now = c->full->world.now_us;
	const struct state *s = core_state(n->core);
	bool owns = state_holder(s, NULL) == id || state_sessions_owned(s, id) > 0;

	if (now - r->beat_us > BEAT_MAX_US || !owns || !can_be_relieved(c->full, n))
		r->since_us = 0;
	else if (r->since_us == 0)
		r->since_us = now;
	r->beat_us = now;
	if (r->since_us && now - r->since_us > RELIEVED_US)
		world_fail(&c->full->world,
			   "I10: n%u's host does not let it serve, which its leader knows, and it owns clients since %.6f",
			   host + 1, (double)r->since_us / 1e6);
}

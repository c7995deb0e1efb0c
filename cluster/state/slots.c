/* SPDX-License-Identifier: Apache-2.0 */
/* Who owns what (DESIGN section 5). Every session names a slot; every slot has an
 * owner, (node, incarnation), and an epoch that grows by exactly one with each change
 * of either. One function makes that change, so nothing else can (I7).
 *
 * A process that restarts has forgotten where it stood: its slots start a new epoch under the new
 * incarnation. Slots whose node is lost go to a successor, or are spread by rendezvous hashing:
 * each slot to the node that scores highest for it, so that the loss of one node moves only that
 * node's slots. A node whose facts (config_hash) are not the proposer's is unready: it gets slots
 * only if no other node can.
 *
 * A node has one private slot, for sessions that are handed to it alone. It belongs
 * to the node from its NodeUp on; if it was lost meanwhile and its successor now serves
 * sessions in it, they stay with the successor until the last one is gone. */
#include "cluster/state/state_internal.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* The one place where ownership changes. */
static void slot_give(struct state *s, uint32_t i, uint64_t node, uint64_t incarnation,
		      struct apply_result *r)
{
	struct slot *slot = &s->slot[i];

	assert(i < STATE_SLOTS_ALL && (node == 0) == (incarnation == 0));
	if (slot->node == node && slot->incarnation == incarnation)
		return;
	slot->previous_node = slot->node;
	slot->previous_incarnation = slot->incarnation;
	slot->node = node;
	slot->incarnation = incarnation;
	slot->epoch++;
	r->slots_changed = true;
}

static bool slot_is_private(uint32_t i)
{
	return i >= STATE_SLOTS;
}

/* splitmix64's mixer: every bit of the slot and the id matters. */
static uint64_t rendezvous_score(uint32_t slot, uint64_t id)
{
	uint64_t z = id ^ ((slot + UINT64_C(1)) * UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* Is it up, and has it those facts (0: any)? */
static bool eligible(const struct node_record *n, uint64_t config_hash)
{
	return n->id != 0 && n->up && (config_hash == 0 || n->config_hash == config_hash);
}

/* The facts to look for: any, if no node that is up has these. */
static uint64_t successors_hash(const struct state *s, uint64_t config_hash)
{
	for (uint32_t i = 0; i < STATE_NODES_MAX; i++)
		if (eligible(&s->node[i], config_hash))
			return config_hash;
	return 0;
}

static const struct node_record *rendezvous(const struct state *s, uint32_t slot,
					    uint64_t config_hash)
{
	const struct node_record *best = NULL;

	for (uint32_t i = 0; i < STATE_NODES_MAX; i++) {
		const struct node_record *n = &s->node[i];
		uint64_t score, highest;

		if (!eligible(n, config_hash))
			continue;
		score = rendezvous_score(slot, n->id);
		highest = best ? rendezvous_score(slot, best->id) : 0;
		if (!best || score > highest || (score == highest && n->id > best->id))
			best = n;
	}
	return best;
}

/* Gives everything that `id` owned, and shared slots of nobody, to successor or by rendezvous. With
 * no node up they become nobody's, still in a new epoch. */
static void slots_leave(struct state *s, uint64_t id, const struct node_record *successor,
			uint64_t config_hash, struct apply_result *r)
{
	config_hash = successors_hash(s, config_hash);
	for (uint32_t i = 0; i < STATE_SLOTS_ALL; i++) {
		const struct node_record *to;

		if (s->slot[i].node != id && (s->slot[i].node != 0 || slot_is_private(i)))
			continue;
		to = successor ? successor : rendezvous(s, i, config_hash);
		slot_give(s, i, to ? to->id : 0, to ? to->incarnation : 0, r);
	}
}

static void holder_set(struct state *s, const struct node_record *n, struct apply_result *r)
{
	uint64_t id = n ? n->id : 0, incarnation = n ? n->incarnation : 0;

	if (s->holder == id && s->holder_incarnation == incarnation)
		return;
	assert(!n || n->up);
	s->holder = id;
	s->holder_incarnation = incarnation;
	r->holder_changed = true;
}

uint32_t state_slot_sessions(const struct state *s, uint32_t slot)
{
	assert(slot < STATE_SLOTS_ALL);
	return s->slot_sessions[slot];
}

size_t state_sessions_owned(const struct state *s, uint64_t node)
{
	size_t n = 0;

	for (uint32_t i = 0; i < STATE_SLOTS_ALL; i++)
		if (s->slot[i].node == node)
			n += s->slot_sessions[i];
	return n;
}

/* ---- NodeUp ---- */

void apply_node_up(struct state *s, const struct node_up *c, struct apply_result *r)
{
	struct node_record *n = state_find_node(s, c->id);
	uint32_t private_slot;

	if (c->id == 0 || c->incarnation == 0) {
		r->status = ERR_MALFORMED;
		return;
	}
	if (n && n->up && n->incarnation == c->incarnation) {
		r->nodes_changed = n->policy_hash != c->policy_hash || !prefix_list_equal(&n->routes, &c->routes);
		n->policy_hash = c->policy_hash;
		n->routes = c->routes;
		return;
	}
	if (c->level < s->level) {
		r->status = ERR_UNSUPPORTED;
		return;
	}
	for (uint32_t i = 0; !n && i < STATE_NODES_MAX; i++)
		if (s->node[i].id == 0)
			n = &s->node[i];
	if (!n) {
		r->status = ERR_FULL;
		return;
	}
	n->id = c->id;
	memset(n->name, 0, sizeof(n->name));
	memcpy(n->name, c->name, strnlen(c->name, sizeof(n->name) - 1));
	n->incarnation = c->incarnation;
	n->up = true;
	n->config_hash = c->config_hash;
	n->policy_hash = c->policy_hash;
	n->routes = c->routes;
	n->level = c->level;
	r->nodes_changed = true;

	for (uint32_t i = 0; i < STATE_SLOTS_ALL; i++)
		if (s->slot[i].node == n->id)
			slot_give(s, i, n->id, n->incarnation, r);
	private_slot = STATE_SLOTS + state_node_index(s, n);
	if (s->slot_sessions[private_slot] == 0 || s->slot[private_slot].node == 0)
		slot_give(s, private_slot, n->id, n->incarnation, r);
	if (s->holder == n->id)
		holder_set(s, n, r);
}

/* ---- NodeDown, NodeGone ---- */

static void node_leaves(struct state *s, struct node_record *n, const struct node_record *successor,
			uint64_t config_hash, struct apply_result *r)
{
	bool held = s->holder == n->id;

	assert(successor != n);
	n->up = false;
	r->nodes_changed = true;
	slots_leave(s, n->id, successor, config_hash, r);
	if (held)
		holder_set(s, successor, r);
}

void apply_node_down(struct state *s, const struct node_down *c, struct apply_result *r)
{
	struct node_record *n = state_find_node(s, c->id);
	const struct node_record *successor = c->successor ? state_node_up(s, c->successor, 0) : NULL;

	/* Its incarnation is over, or this command was applied before: it moves nothing again. */
	if (!n || !n->up || n->incarnation != c->incarnation) {
		r->status = ERR_STALE;
		return;
	}
	/* The proposer chose the successor from a state that has passed. */
	if (c->successor && (!successor || successor == n)) {
		r->status = ERR_STALE;
		return;
	}
	node_leaves(s, n, successor, c->config_hash, r);
}

void apply_node_gone(struct state *s, const struct node_gone *c, struct apply_result *r)
{
	struct node_record *n = state_find_node(s, c->id);
	const struct node_record *successor = NULL;
	uint64_t hash;

	if (!n) {
		r->status = ERR_NOT_FOUND;
		return;
	}
	n->up = false;
	/* With a holder all slots live with it; without one they are spread. */
	if (s->holder != 0)
		successor = state_node_up(s, s->holder, 0);
	hash = successors_hash(s, c->config_hash);
	for (uint32_t i = 0; s->holder == n->id && !successor && i < STATE_NODES_MAX; i++)
		if (eligible(&s->node[i], hash))
			successor = &s->node[i];
	node_leaves(s, n, successor, c->config_hash, r);
	memset(n, 0, sizeof(*n));
}

/* ---- AddressHold ---- */

void apply_address_hold(struct state *s, const struct address_hold *c, struct apply_result *r)
{
	const struct node_record *n = state_node_up(s, c->node, 0);
	uint64_t old = s->holder;

	/* Its incarnation is over: the process that runs now knows nothing of it. */
	if (!n || n->incarnation != c->incarnation) {
		r->status = ERR_STALE;
		return;
	}
	for (uint32_t i = 0; c->slots && i < STATE_SLOTS_ALL; i++) {
		uint64_t owner = s->slot[i].node;

		if (owner != 0 && owner != old)
			continue;
		/* An empty private slot is of use to its own node alone. */
		if (!slot_is_private(i) || s->slot_sessions[i] > 0)
			slot_give(s, i, n->id, n->incarnation, r);
	}
	holder_set(s, n, r);
}

/* ---- For OwnerMove ---- */

uint32_t slot_for_session(struct state *s, const struct session *session,
			  const struct node_record *n, struct apply_result *r)
{
	uint32_t private_slot = STATE_SLOTS + state_node_index(s, n);
	uint32_t others = s->slot_sessions[private_slot] - (session->slot == private_slot);

	if (others == 0)
		slot_give(s, private_slot, n->id, n->incarnation, r);
	if (s->slot[private_slot].node == n->id)
		return private_slot;
	for (uint32_t i = 0; i < STATE_SLOTS_ALL; i++)
		if (s->slot[i].node == n->id)
			return i;
	return STATE_SLOTS_ALL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* I8: datagrams from an attacker without keys change nothing but counters and bounded caches.
 * attack.c makes such datagrams and marks them; the mark travels with a packet that is forwarded
 * and a message that is relayed, for the checkers only. Before a node handles a marked one, it does
 * all that is due; so any change after that comes from the marked one.
 *
 * An address that never was a client's gets at most the answers to IKE_SA_INIT that anybody gets,
 * and repeated old responses; never ESP. */
#include "test/sim/node.h"
#include "test/sim/radius.h"

#include "cluster/link/frame.h"
#include "proto/ike/ike_message.h"

#include <string.h>

#define DIGEST_ONE_IN 8u

static uint64_t digest(const struct core *core)
{
	uint8_t octets[32];
	uint64_t head;

	state_digest(core_state(core), octets);
	memcpy(&head, octets, sizeof(head));
	return head;
}

void i8_before(struct i8_attack *c, const struct node *n, const struct event *e, struct i8_before *b)
{
	struct core_status s;

	core_status(n->core, &s);
	b->applied = core_applied(n->core);
	b->last_index = core_last_index(n->core);
	b->pending = s.pending;
	b->fragments = s.fragments;
	b->radius = radius_comes(e);
	b->radius_waiting = s.radius_waiting;
	/* By design only apply changes the state: sometimes this is checked against the state
	 * itself. */
	b->digested = c->n_checked % (DIGEST_ONE_IN * (1 + c->full->n_clients / 8)) == 0;
	b->digest = b->digested ? digest(n->core) : 0;
}

static void check_actions(struct i8_attack *c, const struct node *n)
{
	for (size_t i = 0; i < n->actions.n; i++) {
		const struct action *a = &n->actions.list[i];
		uint8_t frame = a->type == ACTION_SEND_FRAME ? a->frame.data->data[0] : 0;
		bool fine = a->type == ACTION_SEND_DATAGRAM || a->type == ACTION_EVENT || a->type == ACTION_DH ||
			    (a->type == ACTION_SEND_FRAME &&
			     (frame == FRAME_RELAY || frame == FRAME_SEND ||
			      frame == FRAME_HALF_OPEN));

		if (!fine)
			world_fail(&c->full->world,
				   "I8: what nobody authenticated makes n%u act (action %d, frame %u)",
				   n->host->index + 1, a->type, frame);
	}
}

/* Messages that may wait since this step, though for no command: an IKE_SA_INIT for a
 * Diffie-Hellman value (the core grants each address a few), and a repeated IKE_AUTH, at a new
 * leader, for what other nodes know of its half-open SA. */
static size_t waits(const struct node *n)
{
	size_t values = 0, asks = 0;

	for (size_t i = 0; i < n->actions.n; i++) {
		const struct action *a = &n->actions.list[i];

		values += a->type == ACTION_DH;
		asks |= a->type == ACTION_SEND_FRAME && a->frame.data->data[0] == FRAME_HALF_OPEN;
	}
	return values + asks;
}

void i8_after(struct i8_attack *c, const struct node *n, const struct i8_before *b)
{
	struct world *w = &c->full->world;
	unsigned host = n->host->index + 1;
	struct core_status s;

	core_status(n->core, &s);
	c->n_checked++;
	if (s.half_open > c->most_half_open)
		c->most_half_open = s.half_open;
	check_actions(c, n);
	if (core_applied(n->core) != b->applied || core_last_index(n->core) != b->last_index)
		world_fail(w, "I8: what nobody authenticated gets into n%u's log", host);
	if (b->digested && digest(n->core) != b->digest)
		world_fail(w, "I8: what nobody authenticated changes n%u's state", host);
	if (s.pending > b->pending + waits(n))
		world_fail(w, "I8: what nobody authenticated makes n%u wait for a command", host);
	if (s.fragments > b->fragments)
		world_fail(w, "I8: n%u keeps a fragment that nobody authenticated", host);
	if (b->radius && s.radius_waiting != b->radius_waiting)
		world_fail(w, "I8: n%u takes an answer of RADIUS that nobody authenticated", host);
	if (s.half_open > core_policy(n->core)->limits.half_open_max)
		world_fail(w, "I8: n%u has %zu half-open SAs", host, s.half_open);
}

uint64_t i8_entry(const struct sa *s)
{
	const struct sad_entry *e = &s->e;
	uint64_t words[] = {
		(uint64_t)e->epoch, e->next, e->end, e->start, e->marked, e->granted, e->defer,
		e->outbound, s->first_in, seen_hash(&e->window, sizeof(e->window)),
		seen_hash(&e->path.remote.address, sizeof(e->path.remote.address)),
		e->path.remote.port,
	};

	return seen_hash(words, sizeof(words));
}

void i8_sent(struct i8_attack *c, bool ike, const uint8_t *data, size_t len)
{
	struct ike_header h;

	if (!ike)
		world_fail(&c->full->world, "I8: ESP is sent to an address that is no client's");
	if (ike_header_parse(&h, data, len) != DROP_NONE || !(h.flags & IKE_FLAG_RESPONSE))
		world_fail(&c->full->world, "I8: a request is sent to an address that is no client's");
}

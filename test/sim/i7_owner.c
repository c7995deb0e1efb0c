/* SPDX-License-Identifier: Apache-2.0 */
/* I7: nodes that have applied the same have the same state, to the last octet; an SA has one owner
 * in each epoch; a former owner falls silent within `isolation`, and so does a former holder of the
 * service addresses, for its neighbours would go on sending to it. When all is over, each node's
 * workers have exactly what its state says. */
#include "test/sim/full.h"

#include <string.h>

#define HEARD_MS 5u
#define SILENT_SLACK_US (150 * MS) /* For a former owner to fall silent. */
#define DIGEST_EVERY 4u       /* Every this many indexes digests are compared: each costs an ... */
#define DIGEST_SESSIONS 8u    /* ... encoding, the more so the more sessions there are. */

void i7_stepped(struct i7_owner *c, unsigned host, const struct core *core, uint64_t applied_before)
{
	uint64_t index = core_applied(core), *v, head;
	uint64_t every = DIGEST_EVERY * (1 + c->full->n_clients / DIGEST_SESSIONS);
	uint8_t digest[32];
	bool fresh;

	if (index == applied_before || index % every != 0 || c->full->checkers.i1.rolled_back)
		return;
	state_digest(core_state(core), digest);
	memcpy(&head, digest, sizeof(head));
	v = seen_get(&c->digest, index, 0, 0, &fresh);
	if (!fresh && v[0] != head)
		world_fail(&c->full->world, "I7: n%u's state at index %llu is not n%llu's", host + 1,
			   (unsigned long long)index, (unsigned long long)v[1] + 1);
	v[0] = head;
	v[1] = host;
	c->n_digests++;
	i4_state(&c->full->checkers.i4, index, core_state(core));
	i6_state(&c->full->checkers.i6, host, index, core_state(core));
	i9_state(&c->full->checkers.i9, host, core_state(core));
	i11_state(&c->full->checkers.i11, host, core_state(core));
}

void i7_granted(struct i7_owner *c, unsigned host, uint64_t incarnation, uint32_t spi_in,
		int64_t epoch)
{
	bool fresh;
	uint64_t *v = seen_get(&c->owner, spi_in, (uint64_t)epoch, 0, &fresh);

	if (c->full->checkers.i1.rolled_back)
		return; /* Epochs come again; only numbers and salts count (I1). */
	if (!fresh && (v[0] != host || v[1] != incarnation))
		world_fail(&c->full->world,
			   "I7: n%u owns SA %08x in epoch %lld, as n%llu did in another process",
			   host + 1, spi_in, (long long)epoch, (unsigned long long)v[0] + 1);
	v[0] = host;
	v[1] = incarnation;
	v = seen_get(&c->newest, spi_in, 0, 0, &fresh);
	if (fresh || epoch > (int64_t)v[0]) {
		v[0] = (uint64_t)epoch;
		v[1] = c->full->world.now_us;
	}
}

/* A former owner that does not know it yet is without a quorum: it is silent after `isolation` at
 * the latest. */
void i7_used(struct i7_owner *c, unsigned host, uint32_t spi_in, int64_t epoch)
{
	const uint64_t *v = seen_find(&c->newest, spi_in, 0, 0);
	uint64_t allowed = c->full->config.timing.isolation_ms * MS + SILENT_SLACK_US;

	if (v && !c->full->checkers.i1.rolled_back && epoch < (int64_t)v[0] && c->full->world.now_us > v[1] + allowed)
		world_fail(&c->full->world,
			   "I7: n%u still works in epoch %lld of SA %08x; %lld began at %.6f",
			   host + 1, (long long)epoch, spi_in, (long long)v[0], (double)v[1] / 1e6);
}

/* Each index has one holder; only an older state can name another. Perhaps no node acted on that
 * state: the addresses went to a node that learned it late, and back. So the epoch tells since when
 * they are held. */
void i7_holds(struct i7_owner *c, unsigned host, const struct core *core)
{
	struct full *f = c->full;
	uint64_t allowed = f->config.timing.isolation_ms * MS + SILENT_SLACK_US;
	uint64_t index = core_applied(core);
	int64_t epoch = state_slot(core_state(core), 0)->epoch;

	if (f->checkers.i1.rolled_back)
		return;
	if (index >= c->holder.index &&
	    state_holder(core_state(core), NULL) == f->raft_id[host]) {
		if (c->holder.host != host || epoch > c->holder.epoch)
			c->holder.since_us = f->world.now_us;
		c->holder.host = host;
		c->holder.index = index;
		c->holder.epoch = epoch;
	} else if (c->holder.host != host && f->world.now_us > c->holder.since_us + allowed) {
		world_fail(&f->world, "I7: n%u still holds the addresses; n%u does since %.6f",
			   host + 1, c->holder.host + 1, (double)c->holder.since_us / 1e6);
	}
}

static bool some_differ(const struct world *w)
{
	for (unsigned i = 0; i < w->n_hosts; i++)
		if (node_differs(&w->host[i]))
			return true;
	return false;
}

void i7_end(struct i7_owner *c)
{
	struct world *w = &c->full->world;

	/* A worker hears of what was applied a moment later, and the gateway may have rekeyed in this one. */
	for (unsigned i = 0; i < HEARD_MS && some_differ(w); i++)
		world_run(w, w->now_us + MS);
	for (unsigned i = 0; i < w->n_hosts; i++)
		if (node_differs(&w->host[i]))
			world_fail(w, "I7: n%u's workers have %s", i + 1, node_differs(&w->host[i]));
}

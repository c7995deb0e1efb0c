/* SPDX-License-Identifier: Apache-2.0 */
/* I4: what a client was told exists is there when all is over. I6: what it was told
 * is gone never comes back, and no inner address has two sessions. I7: equal
 * applied index, equal digest; one owner for each SA and epoch. */
#include "test/sim/full.h"

#include <string.h>

#define SILENT_SLACK_US (150 * MS) /* For an owner whose time is over to fall silent. */
#define DIGEST_EVERY 4u /* Digests of so many indexes are compared: it costs an encoding. */

void state_checker_init(struct state_checker *c, struct full *f)
{
	memset(c, 0, sizeof(*c));
	c->full = f;
}

void state_checker_fini(struct state_checker *c)
{
	seen_fini(&c->digest);
	seen_fini(&c->owner);
	seen_fini(&c->newest);
	seen_fini(&c->dead);
}

static void check_addresses(struct state_checker *c, unsigned host, const struct state *s)
{
	struct seen taken = { NULL };

	for (const struct session *x = state_next_session(s, 0); x;
	     x = state_next_session(s, x->id)) {
		uint64_t a = address_to_ipv4(&x->ike.virtual_ip), *v;
		bool fresh;

		v = seen_get(&taken, a, 0, 0, &fresh);
		if (!fresh)
			world_fail(&c->full->world,
				   "I6: n%u has address %llx in sessions %llu and %llu", host + 1,
				   (unsigned long long)a, (unsigned long long)v[0],
				   (unsigned long long)x->id);
		v[0] = x->id;
	}
	seen_fini(&taken);
}

void state_checker_stepped(struct state_checker *c, unsigned host, const struct core *core,
			   uint64_t applied_before)
{
	uint64_t index = core_applied(core), *v, head;
	uint8_t digest[32];
	bool fresh;

	if (index == applied_before || index % DIGEST_EVERY != 0)
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
	check_addresses(c, host, core_state(core));
}

void state_checker_granted(struct state_checker *c, unsigned host, uint64_t incarnation,
			   uint32_t spi_in, int64_t epoch)
{
	bool fresh;
	uint64_t *v = seen_get(&c->owner, spi_in, (uint64_t)epoch, 0, &fresh);

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

/* An owner that does not know of its end yet is without a quorum: `isolation` later
 * at the latest it is silent. */
void state_checker_used(struct state_checker *c, unsigned host, uint32_t spi_in, int64_t epoch)
{
	const uint64_t *v = seen_find(&c->newest, spi_in, 0, 0);
	uint64_t allowed = c->full->config.timing.isolation_ms * MS + SILENT_SLACK_US;

	if (v && epoch < (int64_t)v[0] && c->full->world.now_us > v[1] + allowed)
		world_fail(&c->full->world,
			   "I7: n%u still works in epoch %lld of SA %08x; %lld began at %.6f",
			   host + 1, (long long)epoch, spi_in, (long long)v[0], (double)v[1] / 1e6);
}

void state_checker_deleted(struct state_checker *c, uint64_t spi_i, uint64_t spi_r)
{
	bool fresh;

	seen_get(&c->dead, spi_i, spi_r, 0, &fresh);
}

static void check_belief(struct full *f, unsigned client, uint64_t spi_i, uint64_t spi_r,
			 uint32_t spi_in)
{
	for (unsigned i = 0; i < f->world.n_hosts; i++) {
		const struct state *s = core_state(node_core(&f->world.host[i]));

		if (!state_session_by_ike(s, spi_i, spi_r))
			world_fail(&f->world, "I4: n%u knows nothing of client %u's IKE SA", i + 1,
				   client);
		if (spi_in && !state_session_by_spi(s, spi_in, NULL))
			world_fail(&f->world, "I4: n%u knows nothing of client %u's Child SA %08x",
				   i + 1, client, spi_in);
	}
}

void state_checker_end(struct state_checker *c)
{
	struct full *f = c->full;

	clients_believe(f, check_belief);
	for (unsigned i = 0; i < f->world.n_hosts; i++) {
		const struct state *s = core_state(node_core(&f->world.host[i]));

		check_addresses(c, i, s);
		if (node_differs(&f->world.host[i]))
			world_fail(&f->world, "I7: n%u's workers have %s", i + 1,
				   node_differs(&f->world.host[i]));
		for (const struct session *x = state_next_session(s, 0); x;
		     x = state_next_session(s, x->id))
			if (seen_find(&c->dead, x->ike.ike[0].spi_i, x->ike.ike[0].spi_r, 0))
				world_fail(&f->world, "I6: n%u still has session %llu, or again",
					   i + 1, (unsigned long long)x->id);
	}
}

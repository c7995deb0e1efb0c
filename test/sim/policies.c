/* SPDX-License-Identifier: Apache-2.0 */
/* The operator changes the policy while clients come and go: in a quarter of the seeds he hands a
 * new one to one node after another, as `baton reload` does, in any order and at any speed; now and
 * then the next one comes before the last node has this one. A node that does not run finds it at
 * its start. Only users that are no client come and go, and values change that only new SAs use;
 * every policy has every client, so the run must not suffer, and no checker knows of this file. No
 * node may call another different for it (UNREADY_DIFFERS), and when all is over the state names
 * each node's policy in force.
 *
 * It has its own source of random numbers, with a salt that keeps it out of seeds remembered for
 * something else (seeds, mutants.txt). */
#include "test/sim/node.h"

#include "cluster/core/unready.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define POLICIES_SALT UINT64_C(0x72656c6f6165fc)
#define STRANGERS_MAX 3u

struct cluster_policy *policies_start(const struct full *f, unsigned host)
{
	return f->policies.of[host] ? f->policies.of[host] : f->config.policy;
}

static void add_strangers(struct ike_config *ike, uint64_t n)
{
	struct ike_peer_secret *more = malloc((ike->n_secrets + n) * sizeof(*more));

	assert(more);
	memcpy(more, ike->secrets, ike->n_secrets * sizeof(*more));
	for (uint64_t i = 0; i < n; i++) {
		struct ike_peer_secret *s = &more[ike->n_secrets++];

		*s = ike->secrets[0];
		s->id.data[0] ^= 0x40; /* No client's. */
		s->id.data[s->id.len - 1] ^= (uint8_t)i;
	}
	free(ike->secrets);
	ike->secrets = more;
}

static void make_next(struct full *f)
{
	struct random *r = &f->policies.random;
	struct cluster_policy *p = full_policy(f);

	p->hash = 2 + f->policies.n++;
	p->ike.connections->dpd_ms = random_chance(r, 500) ? f->plan.dpd_ms : 2 * f->plan.dpd_ms;
	p->ike.connections->replay_bits = random_chance(r, 500) ? 256 : 512;
	add_strangers(&p->ike, random_below(r, STRANGERS_MAX + 1));
	cluster_policy_unref(f->policies.newest);
	f->policies.newest = p;
}

static void hand_to(struct full *f, struct host *h)
{
	struct event e = { .type = EVENT_POLICY, .policy = f->policies.newest };
	struct cluster_policy *before = f->policies.of[h->index];

	f->policies.of[h->index] = cluster_policy_ref(f->policies.newest);
	if (host_runs(h)) {
		struct node *n = h->process;

		world_say(&f->world, "n%u: policy %llu", h->index + 1,
			  (unsigned long long)f->policies.newest->hash);
		f->faults.count[FAULT_POLICY]++;
		n->config.policy = f->policies.newest;
		n->hostile = n->step_relays = false; /* Left from the last delivery. */
		node_event(n, &e);
	}
	cluster_policy_unref(before);
}

static void check_ready(struct full *f)
{
	for (unsigned i = 0; i < f->world.n_hosts; i++) {
		const struct core *c = node_core(&f->world.host[i]);

		if (c && (core_unready(c) & 1u << UNREADY_DIFFERS))
			world_fail(&f->world, "n%u is unready for another policy", i + 1);
	}
}

static void on_policy(struct world *w, void *ctx, uint64_t a, struct blob *data)
{
	struct full *f = ctx;
	struct random *r = &f->policies.random;
	struct host *h = &w->host[random_below(r, w->n_hosts)];

	(void)a;
	(void)data;
	check_ready(f);
	if (f->calm)
		return;
	if (random_chance(r, 300))
		make_next(f);
	if (f->policies.newest && !h->paused)
		hand_to(f, h);
	world_at(w, random_between(r, 20, 1500) * MS, on_policy, f, 0, NULL);
}

void policies_begin(struct full *f)
{
	random_init(&f->policies.random, f->world.seed ^ POLICIES_SALT);
	if (random_chance(&f->policies.random, 250))
		world_at(&f->world, SECOND, on_policy, f, 0, NULL);
}

void policies_calm(struct full *f)
{
	for (unsigned i = 0; f->policies.newest && i < f->world.n_hosts; i++)
		hand_to(f, &f->world.host[i]);
}

void policies_end(struct full *f)
{
	check_ready(f);
	for (unsigned i = 0; i < f->world.n_hosts; i++) {
		const struct core *c = node_core(&f->world.host[i]);
		const struct node_record *n = c ? state_node(core_state(c), f->raft_id[i]) : NULL;
		struct core_status s;

		if (!n || !n->up)
			continue;
		core_status(c, &s);
		if (n->policy_hash != s.policy_hash)
			world_fail(&f->world, "n%u has policy %llu in force, the state says %llu", i + 1,
				   (unsigned long long)s.policy_hash, (unsigned long long)n->policy_hash);
	}
}

void policies_fini(struct full *f)
{
	cluster_policy_unref(f->policies.newest);
	for (unsigned i = 0; i < HOSTS_MAX; i++)
		cluster_policy_unref(f->policies.of[i]);
}

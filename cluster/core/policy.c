/* SPDX-License-Identifier: Apache-2.0 */
/* The policy in force at this node, and sessions whose identity or connection it no longer
 * contains.
 *
 * Another policy may come at any time between two steps (EVENT_POLICY). No room keeps a pointer
 * into one from step to step: sessions and half-open SAs name their connection and their peer. So
 * an exchange under way is judged by the policy in force when its next message comes, and a client
 * that was removed is not let in, however far it has got. Each node has its own policy, and the
 * leader negotiates by its own; NodeUp carries the hash. If nodes differ, they say so once, and
 * stay ready.
 *
 * An operator who takes a [[secret]] out of cluster.toml wants its client gone. Such sessions end
 * by a committed command of the leader, like those that an operator ends.
 *
 * One node with an old or a truncated file must not do that, so a majority of voters must have the
 * policy. And a file can be wrong everywhere: if more than one session in PART_WITHHELD would end at
 * once, none does until an operator says so (control.c); the leader says once how many there are,
 * and which command ends them. It spares them until none is left: they must not end later only
 * because others came.
 *
 * The identity that a session was authenticated with and its connection's name tell whether it
 * ends. All sessions are looked at, a few in each step: after the leader or the nodes changed, and
 * every AGAIN_US. */
#include "cluster/core/policy.h"

#include "cluster/core/rooms.h"
#include "cluster/core/proposals.h"
#include "proto/auth/method.h"
#include "proto/auth/trust.h"
#include "proto/ike/select.h"
#include "proto/mutant.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct known;

struct policy {
	struct known *known; /* By identity: those with a [[secret]], or that are a [[user]]; ... */
	struct known *by_address; /* ... and those that have a fixed address. */
	enum { POLICY_REST, POLICY_COUNT, POLICY_END } stage;
	struct policy_walk walk;
	uint64_t again_us;
	bool withheld; /* They were too many. */
	bool astray; /* The event was given for these. */
	uint32_t differ; /* Nodes that have another one, of which that was said: 1 << index. */
};

#define LOOK_MAX 512u /* Sessions in one step. */
#define PART_WITHHELD 10u
#define AGAIN_US (60000 * MS)

struct known { /* The identity of a [[secret]] or a [[user]]. */
	struct ike_id id;
	unsigned listed; /* enum ike_auth_listed, of all that are */
	struct address address; /* family 0: it has none. Octets behind it are zero. */
	unsigned own;           /* The address is for who is let in by such an entry. */
	UT_hash_handle hh, by_address;
};

static struct known *know(struct core *c, const struct ike_id *id, enum ike_auth_listed listed)
{
	struct ike_id key = ike_id_key(id);
	struct known *k;

	HASH_FIND(hh, c->policy->known, &key, sizeof(key), k);
	if (!k) {
		k = calloc(1, sizeof(*k));
		assert(k);
		k->id = key;
		HASH_ADD(hh, c->policy->known, id, sizeof(k->id), k);
	}
	k->listed |= listed;
	return k;
}

static struct address key_of(const struct address *a)
{
	struct address key = { .family = a->family };

	memcpy(key.octets, a->octets, address_len(a));
	return key;
}

static void know_all(struct core *c)
{
	const struct ike_config *ike = &c->in_force->ike;

	for (size_t i = 0; i < ike->n_secrets; i++)
		know(c, &ike->secrets[i].id, AUTH_LISTED_SECRET);
	for (size_t i = 0; i < ike->n_users; i++)
		know(c, &ike->users[i].id, AUTH_LISTED_USER);
	for (size_t i = 0; i < ike->n_reserved; i++) {
		struct known *k = know(c, &ike->reserved[i].id, AUTH_LISTED_NOWHERE);

		if (k->address.family != 0)
			continue; /* `baton check` lets nobody have two. */
		k->address = key_of(&ike->reserved[i].address);
		k->own = ike->reserved[i].listed;
		HASH_ADD(by_address, c->policy->by_address, address, sizeof(k->address), k);
	}
}

static void forget(struct core *c)
{
	struct known *k, *next;

	HASH_CLEAR(by_address, c->policy->by_address);
	HASH_ITER(hh, c->policy->known, k, next)
	{
		HASH_DEL(c->policy->known, k);
		free(k);
	}
}

void policy_init(struct core *c)
{
	c->policy = core_room(sizeof(*c->policy));
	know_all(c);
}

void policy_fini(struct core *c)
{
	forget(c);
	free(c->policy);
}

void policy_set(struct core *c, struct cluster_policy *policy)
{
	bool other = policy->hash != c->in_force->hash;

	cluster_policy_ref(policy);
	cluster_policy_unref(c->in_force);
	c->in_force = policy;
	forget(c);
	know_all(c);
	state_pools_look_anew(c->state);
	if (!other)
		return;
	action_event(c->actions, "policy_new", "a new policy is in force");
	c->policy->withheld = false; /* Those that the previous policy lacked. */
	policy_look(c);
}

static const struct known *known(const struct core *c, const struct ike_id *id)
{
	struct ike_id key = ike_id_key(id);
	struct known *k;

	HASH_FIND(hh, c->policy->known, &key, sizeof(key), k);
	return k;
}

static unsigned listed(const struct core *c, const struct ike_id *id)
{
	const struct known *k = known(c, id);

	return k ? k->listed : AUTH_LISTED_NOWHERE;
}

bool policy_address_of(const struct core *c, const struct ike_connection *connection, const struct ike_id *id,
		       struct address *out)
{
	const struct known *k = known(c, id);

	if (!k || k->address.family == 0 || k->own != (unsigned)ike_connection_auth(connection)->listed)
		return false;
	*out = k->address;
	return true;
}

bool policy_is_reserved(const struct core *c, const struct address *a)
{
	struct address key = key_of(a);
	struct known *k;

	HASH_FIND(by_address, c->policy->by_address, &key, sizeof(key), k);
	if (MUTANT(MUTANT_RESERVED_GIVEN))
		return false;
	return k != NULL;
}

bool policy_knows(const struct core *c, const struct ike_id *id)
{
	return known(c, id) != NULL;
}

/* Would it be let in today? Its connection exists, and its identity is where that one looks. */
static bool is_configured(const struct core *c, const struct session *s)
{
	const struct ike_connection *connection = core_connection(c, s);
	unsigned where = connection ? ike_connection_auth(connection)->listed : 0;

	if (connection && connection->clients && !trust_admits(connection->clients, &s->ike.peer_id))
		return false;
	return connection && (where == AUTH_LISTED_NOWHERE || (listed(c, &s->ike.peer_id) & where));
}

/* A pool was made smaller, or taken out, while its client was here. Its route stays (routes.c). */
static bool is_astray(const struct core *c, const struct session *s)
{
	const struct ike_config *ike = &c->in_force->ike;
	const struct ike_connection *own = core_connection(c, s);

	if (s->ike.virtual_ip.family == 0)
		return false;
	if (own && !own->has_pool && address_equal(&s->ike.virtual_ip, &s->ike.remote.address))
		return false; /* It is its outer one. */
	for (size_t i = 0; i < ike->n_connections; i++)
		if (ike->connections[i].has_pool && prefix_contains(&ike->connections[i].pool, &s->ike.virtual_ip))
			return false;
	return true;
}

bool policy_admits(const struct core *c, const struct ike_id *id)
{
	const struct ike_config *ike = &c->in_force->ike;

	for (size_t i = 0; i < ike->n_connections; i++) {
		const struct ike_connection *x = &ike->connections[i];

		if (x->clients ? trust_admits(x->clients, id) : ike_connection_auth(x)->listed == AUTH_LISTED_NOWHERE)
			return true;
	}
	return false;
}

bool policy_is_shown(const struct core *c)
{
	struct consensus_member member[CLUSTER_NODES_MAX];
	size_t n = c->consensus ? consensus_members(c->consensus, member, CLUSTER_NODES_MAX) : 0;
	unsigned voters = 0, shown = 0;

	for (size_t i = 0; i < n; i++) {
		const struct node_record *r = state_node(c->state, member[i].id);

		voters += member[i].voter;
		shown += member[i].voter && r && r->up && r->config_hash == c->config->hash &&
			 r->policy_hash == c->in_force->hash;
	}
	if (MUTANT(MUTANT_POLICY_OF_ONE))
		return true;
	return shown > voters / 2;
}

bool policy_ends_too_many(uint64_t gone, uint64_t seen)
{
	if (MUTANT(MUTANT_PRUNE_UNASKED))
		return false;
	return gone * PART_WITHHELD > seen;
}

void policy_walk(const struct core *c, struct policy_walk *w)
{
	for (unsigned i = 0; i < LOOK_MAX && w->n < SESSIONS_END_MAX; i++) {
		const struct session *s = state_next_session(c->state, w->after);

		if (!s) {
			w->over = true;
			return;
		}
		w->after = s->id;
		if (session_ends(s))
			continue;
		w->seen++;
		w->astray += is_astray(c, s);
		if (is_configured(c, s))
			continue;
		w->gone++;
		w->session[w->n++] = s->id;
	}
}

/* ---- The leader ---- */

void policy_look(struct core *c)
{
	struct policy *p = c->policy;

	p->stage = POLICY_COUNT;
	p->again_us = c->now_us + AGAIN_US;
	memset(&p->walk, 0, sizeof(p->walk));
}

void policy_role(struct core *c)
{
	c->policy->withheld = c->policy->astray = false; /* A new leader tells it anew. */
	policy_look(c);
}

static void tell_astray(struct core *c)
{
	struct policy *p = c->policy;

	if (p->walk.astray > 0 && !p->astray)
		action_event(c->actions, "pool_left",
			     "%llu of %llu sessions have a virtual IP that is no longer in a pool: they go "
			     "on, and its routes stay until they end; end them with `baton end`",
			     (unsigned long long)p->walk.astray, (unsigned long long)p->walk.seen);
	p->astray = p->walk.astray > 0;
}

/* All were looked at: what is to be done? */
static void counted(struct core *c)
{
	struct policy *p = c->policy;
	uint64_t gone = p->walk.gone, seen = p->walk.seen;
	bool said = p->withheld;

	tell_astray(c);
	p->stage = POLICY_REST;
	p->withheld = gone > 0 && (said || policy_ends_too_many(gone, seen));
	if (p->withheld && !said)
		action_event(c->actions, "policy_withheld",
			     "%llu of %llu sessions have an identity or a connection that is not "
			     "configured: `baton prune --yes` ends them",
			     (unsigned long long)gone, (unsigned long long)seen);
	if (gone == 0 || p->withheld)
		return;
	action_event(c->actions, "policy",
		     "%llu of %llu sessions have an identity or a connection that is not configured: "
		     "they end",
		     (unsigned long long)gone, (unsigned long long)seen);
	p->stage = POLICY_END;
	memset(&p->walk, 0, sizeof(p->walk));
}

void policy_propose(struct core *c, struct policy_walk *w, uint64_t ticket)
{
	struct command end = { .type = COMMAND_SESSIONS_END };
	struct sessions_end *p = &end.sessions_end;

	p->ticket = ticket;
	p->reason = END_POLICY;
	p->n = w->n;
	memcpy(p->session, w->session, w->n * sizeof(w->session[0]));
	proposals_add(c, URGENT_REQUEST, &end);
}

/* The log of a node that comes back tells of the past: first it must be up. */
static void tell_differing(struct core *c)
{
	uint32_t differ = 0, before = c->policy->differ;

	if (!core_is_up(c, c->raft_id, c->incarnation))
		return;
	for (uint32_t place = 0; place < STATE_NODES_MAX; place++) {
		const struct node_record *n = state_node_at(c->state, place);
		uint32_t i = n ? core_node_index(c, n->id) : NODE_NONE;

		if (i == NODE_NONE || i == c->config->self || !n->up ||
		    n->policy_hash == c->in_force->hash)
			continue;
		differ |= 1u << i;
		if (!(before & 1u << i))
			action_event(c->actions, "policy_differs",
				     "%s has a different policy in force: run `baton reload` where "
				     "the file is newer",
				     c->config->node[i]);
	}
	c->policy->differ = differ;
	if (before && !differ)
		action_event(c->actions, "policy_equal", "all nodes that are up have the same policy in force");
}

void policy_tick(struct core *c)
{
	struct policy *p = c->policy;

	if (c->now_us < c->housekeeping_us)
		return;
	tell_differing(c);
	if (!core_leads(c))
		return;
	if (p->stage == POLICY_REST && c->now_us >= p->again_us)
		policy_look(c);
	if (p->stage == POLICY_REST || !policy_is_shown(c))
		return;
	policy_walk(c, &p->walk);
	if (p->stage == POLICY_END && p->walk.n > 0)
		policy_propose(c, &p->walk, 0);
	p->walk.n = 0;
	if (!p->walk.over)
		return;
	if (p->stage == POLICY_COUNT)
		counted(c);
	else
		p->stage = POLICY_REST;
}

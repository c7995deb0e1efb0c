/* SPDX-License-Identifier: Apache-2.0 */
/* A packet for a client's inner address must never leave by a default route in clear. So each
 * node lays routes of all pools before anybody has an address of one (DESIGN section 6), and keeps
 * them as long as somebody may. Pools are policy, and come and go while nodes run:
 *
 *   - A node lays the pools of its own policy, and each that another node shows, while somebody
 *     may need it: a session has an address of it, or not all that are up have our policy. Who
 *     reads the file last has thus the routes before he does.
 *   - NodeUp shows what stands. The leader gives out an address only when each node that is up shows
 *     a route that covers its pool.
 *   - When nobody needs one any more, it goes in two steps, each as long as a freed address rests:
 *     an owner that is isolated may still deliver what its client sends, and the answers come
 *     here. First it is shown no longer; then, when the log has that, it is taken away. A leader that has
 *     not applied the first by the second leads no more.
 *
 * At a start the edge has laid the policy's own ones before there was a core. A node that has not yet
 * those of others inherits only if no other can (fitness.c). */
#include "cluster/core/routes.h"

#include "cluster/core/rooms.h"
#include "proto/mutant.h"

#include <assert.h>
#include <stdlib.h>

#define LOOK_US (1000 * MS)
#define SAY_US (1000 * MS) /* So long it lacks somewhere, and nothing is said. */

struct unused { /* It stands, and nobody needs it. */
	struct prefix pool;
	uint64_t since_us;
};

struct routes {
	struct prefix_list laid;   /* They stand here. */
	struct prefix_list wanted; /* They shall. */
	struct prefix_list shown;  /* Both. */
	struct prefix_list asked;  /* The last ACTION_ROUTES. */
	struct unused unused[PREFIX_LIST_MAX];
	unsigned n_unused;
	uint64_t look_us, again_us;
	uint64_t lacks_us;         /* Since when addresses of a pool are not given out; 0: all are. */
	bool said, full;
};

static uint64_t rest_us(const struct core *c)
{
	return 10 * c->config->timing.isolation_ms * MS;
}

/* More than there is room for: never of one's own policy, whose pools are fewer. */
static void add(struct core *c, struct prefix_list *l, const struct prefix *pool)
{
	char text[ADDRESS_TEXT_LEN];

	if (prefix_list_add(l, pool))
		return;
	if (!c->routes->full)
		action_event(c->actions, "pool_waits",
			     "no route for pool %s/%u: there are %u of other pools that sessions or other nodes "
			     "need; remove pools in more than one step",
			     address_format(&pool->address, text), pool->bits, PREFIX_LIST_MAX);
	c->routes->full = true;
}

static void add_own(struct core *c, struct prefix_list *l)
{
	const struct ike_config *ike = &c->in_force->ike;

	for (size_t i = 0; i < ike->n_connections; i++)
		if (ike->connections[i].has_pool)
			add(c, l, &ike->connections[i].pool);
}

void routes_init(struct core *c)
{
	struct routes *r = c->routes = core_room(sizeof(*c->routes));

	add_own(c, &r->laid);
	r->wanted = r->shown = r->asked = r->laid;
}

void routes_fini(struct core *c)
{
	free(c->routes);
}

/* ---- Who needs what ---- */

/* Another policy may give out addresses of pools that ours lacks. */
static bool policies_differ(const struct core *c)
{
	for (uint32_t place = 0; place < STATE_NODES_MAX; place++) {
		const struct node_record *n = state_node_at(c->state, place);

		if (n && n->up && n->policy_hash != c->in_force->hash)
			return true;
	}
	return false;
}

/* Has a session an address of it that no pool of the policy covers? */
static bool is_used(const struct core *c, const struct prefix_list *own, const struct prefix *pool)
{
	uint64_t used = state_pool_use(c->state, pool).used, covered = 0;

	if (MUTANT(MUTANT_ROUTE_GOES))
		return false;
	for (uint32_t i = 0; i < own->n; i++)
		if (own->at[i].bits > pool->bits && prefix_contains(pool, &own->at[i].address))
			covered += state_pool_use(c->state, &own->at[i]).used;
	return used > covered;
}

/* For how long has nobody needed what stands? 0: somebody does. */
static uint64_t unused_us(struct core *c, const struct prefix *pool, bool needed)
{
	struct routes *r = c->routes;
	unsigned i = 0;

	while (i < r->n_unused && !(r->unused[i].pool.bits == pool->bits &&
				    address_equal(&r->unused[i].pool.address, &pool->address)))
		i++;
	if (needed && i < r->n_unused)
		r->unused[i] = r->unused[--r->n_unused];
	if (needed)
		return 0;
	if (i == r->n_unused && i < PREFIX_LIST_MAX)
		r->unused[r->n_unused++] = (struct unused){ *pool, c->now_us };
	return i < PREFIX_LIST_MAX ? c->now_us - r->unused[i].since_us : 0;
}

static bool is_shown(const struct core *c, const struct prefix *pool)
{
	const struct node_record *n = state_node(c->state, c->raft_id);

	return !n || prefix_list_has(&n->routes, pool);
}

/* For a pool that is not in our policy: is it needed, or does it only stay a while longer? */
static void judge(struct core *c, const struct prefix_list *own, const struct prefix *pool, bool differ,
		  struct prefix_list *stay)
{
	struct routes *r = c->routes;
	bool stands = prefix_list_has(&r->laid, pool);
	bool needed = !prefix_list_covers(own, pool) && (differ || is_used(c, own, pool));
	uint64_t unused;

	if (!needed && !stands)
		return;
	unused = unused_us(c, pool, needed);
	if (unused < rest_us(c))
		add(c, &r->wanted, pool);
	if (stands && (unused < 2 * rest_us(c) || is_shown(c, pool)))
		add(c, stay, pool);
}

static void show(struct routes *r)
{
	r->shown.n = 0;
	for (uint32_t i = 0; i < r->laid.n; i++)
		if (prefix_list_has(&r->wanted, &r->laid.at[i]))
			r->shown.at[r->shown.n++] = r->laid.at[i];
}

static void judge_all(struct core *c, const struct prefix_list *list, const struct prefix_list *own,
		      bool differ, struct prefix_list *stay)
{
	for (uint32_t i = 0; i < list->n; i++)
		if (!prefix_list_has(own, &list->at[i]))
			judge(c, own, &list->at[i], differ, stay);
}

/* ---- What the leader says ---- */

static const char *who_lacks(const struct core *c, const struct prefix *pool)
{
	if (!prefix_list_covers(&c->routes->shown, pool))
		return c->config->node[c->config->self];
	for (uint32_t place = 0; place < STATE_NODES_MAX; place++) {
		const struct node_record *n = state_node_at(c->state, place);

		if (n && n->up && n->id != c->raft_id && !prefix_list_covers(&n->routes, pool))
			return n->name;
	}
	return NULL;
}

static void tell_lacking(struct core *c, const struct prefix_list *own)
{
	struct routes *r = c->routes;
	const char *who = NULL;
	char text[ADDRESS_TEXT_LEN];
	uint32_t i = 0;

	while (core_leads(c) && i < own->n && !(who = who_lacks(c, &own->at[i])))
		i++;
	if (!who) {
		r->lacks_us = 0;
		r->said = false;
		return;
	}
	if (r->lacks_us == 0)
		r->lacks_us = c->now_us;
	if (r->said || c->now_us - r->lacks_us < SAY_US)
		return;
	r->said = true;
	action_event(c->actions, "pool_waits", "no address of pool %s/%u is given out: %s has no route for it",
		     address_format(&own->at[i].address, text), own->at[i].bits, who);
}

/* What is in our policy, or stands no more, begins anew when nobody needs it once more. */
static void forget_unused(struct routes *r, const struct prefix_list *own)
{
	for (unsigned i = r->n_unused; i > 0; i--)
		if (prefix_list_has(own, &r->unused[i - 1].pool) || !prefix_list_has(&r->laid, &r->unused[i - 1].pool))
			r->unused[i - 1] = r->unused[--r->n_unused];
}

/* ---- The face ---- */

static void look(struct core *c)
{
	struct prefix_list own = { .n = 0 }, stay = { .n = 0 };
	struct routes *r = c->routes;
	bool differ = policies_differ(c);

	add_own(c, &own);
	forget_unused(r, &own);
	r->wanted = own;
	judge_all(c, &r->laid, &own, differ, &stay);
	for (uint32_t place = 0; place < STATE_NODES_MAX; place++) {
		const struct node_record *n = state_node_at(c->state, place);

		if (n)
			judge_all(c, &n->routes, &own, differ, &stay);
	}
	for (uint32_t i = 0; i < r->wanted.n; i++)
		add(c, &stay, &r->wanted.at[i]);
	show(r);
	tell_lacking(c, &own);
	if (prefix_list_equal(&stay, &r->asked) && (prefix_list_equal(&stay, &r->laid) || c->now_us < r->again_us))
		return;
	r->again_us = c->now_us + LOOK_US;
	r->asked = stay;
	action_routes(c->actions, &stay);
}

void routes_look(struct core *c)
{
	c->routes->look_us = c->now_us + LOOK_US;
	look(c);
}

void routes_laid(struct core *c, const struct prefix_list *laid)
{
	c->routes->laid = *laid;
	show(c->routes);
}

void routes_tick(struct core *c)
{
	if (c->now_us < c->routes->look_us)
		return;
	routes_look(c);
}

const struct prefix_list *routes_shown(const struct core *c)
{
	return &c->routes->shown;
}

bool routes_everywhere(const struct core *c, const struct prefix *pool)
{
	if (MUTANT(MUTANT_ROUTE_UNASKED))
		return true;
	return !who_lacks(c, pool);
}

bool routes_reach(const struct core *c, uint32_t node)
{
	const struct node_record *n = state_node(c->state, c->known[node].raft_id);

	assert(node < c->config->n_nodes);
	for (uint32_t i = 0; n && i < c->routes->wanted.n; i++)
		if (!prefix_list_covers(&n->routes, &c->routes->wanted.at[i]))
			return false;
	return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Stories of pools that come and go while nodes run: no client gets an address before each node
 * that is up has the route of its pool, and the route stays as long as a client has one. */
#include "test/lib/story.h"

#include "cluster/core/unready.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static struct prefix pool_of(const char *text)
{
	struct prefix p;

	assert_int_equal(prefix_parse(&p, text), OK);
	return p;
}

/* The node reads a file in which the first connection has another pool; NULL: none. */
static void reloads(struct story *l, uint32_t node, const char *pool, uint64_t hash)
{
	struct cluster_policy *p = story_policy_copy(l, node, hash);

	p->ike.connections->has_pool = pool != NULL;
	if (pool)
		p->ike.connections->pool = pool_of(pool);
	story_policy(l, node, p);
}

static void all_reload(struct story *l, const char *pool, uint64_t hash)
{
	for (uint32_t i = 0; i < l->n; i++)
		reloads(l, i, pool, hash);
}

static bool stands(const struct story *l, uint32_t node, const char *pool)
{
	struct prefix p = pool_of(pool);

	return prefix_list_has(&l->node[node].routes, &p);
}

static void assert_stands(const struct story *l, const char *pool, bool wanted)
{
	for (uint32_t i = 0; i < l->n; i++)
		if (l->node[i].core)
			assert_int_equal(stands(l, i, pool), wanted);
}

static void connects(struct story *l)
{
	initiator_fini(&l->client);
	story_client_new(l);
	story_client_connect(l);
}

static bool has_address_of(const struct story *l, const char *pool)
{
	struct prefix p = pool_of(pool);

	return l->client.state == INITIATOR_ESTABLISHED && prefix_contains(&p, &l->client.virtual_ip);
}

static unsigned said(const struct story *l, const char *kind)
{
	return story_happened(l, 0, kind) + story_happened(l, 1, kind) + story_happened(l, 2, kind);
}

static void assert_all_ready(const struct story *l)
{
	for (uint32_t i = 0; i < l->n; i++)
		if (l->node[i].core)
			assert_int_equal(core_unready(l->node[i].core), 0);
}

/* The last node to read the file has the route before that. */
static void one_file_lays_the_route_everywhere(void **unused)
{
	struct story l;

	(void)unused;
	story_begin(&l, 3);
	for (uint32_t i = 0; i < 3; i++) {
		reloads(&l, (story_leader(&l) + i) % 3, "10.77.0.0/24", 2);
		story_run(&l, 50);
		assert_stands(&l, "10.77.0.0/24", true);
		connects(&l);
		assert_true(has_address_of(&l, "10.77.0.0/24"));
		assert_all_ready(&l);
	}
	assert_int_equal(said(&l, "pool_waits"), 0);
	story_level(&l);
	story_fini(&l);
}

/* A node cannot add it: no client gets an address of the pool until that node can, or is gone. */
static void no_address_before_all_have_the_route(void **unused)
{
	(void)unused;
	for (unsigned mends = 0; mends < 2; mends++) {
		struct story l;
		uint32_t last;

		story_begin(&l, 3);
		last = story_third(&l);
		l.node[last].lays_none = true;
		all_reload(&l, "10.77.0.0/24", 2);
		story_run(&l, 50);
		connects(&l);
		assert_true(l.client.virtual_ip.family == 0);
		story_run(&l, 2500);
		assert_int_equal(story_happened(&l, story_leader(&l), "pool_waits"), 1);
		assert_all_ready(&l);
		l.node[last].lays_none = false;
		if (!mends)
			story_lose(&l, last);
		story_run(&l, 1500);
		connects(&l);
		assert_true(has_address_of(&l, "10.77.0.0/24"));
		story_level(&l);
		story_fini(&l);
	}
}

/* A client's address stays reachable, wherever its session goes, also at nodes that never read the
 * file with its pool, and after a loss of all power. When the last one is gone the route goes. */
static void a_pool_that_is_taken_out_keeps_its_route_for_who_is_here(void **unused)
{
	char old[64], text[ADDRESS_TEXT_LEN];
	struct prefix pool;
	struct story l;

	(void)unused;
	story_begin(&l, 3);
	pool = l.config[0].policy->ike.connections->pool;
	snprintf(old, sizeof(old), "%s/%u", address_format(&pool.address, text), pool.bits);
	story_client_connect(&l);
	assert_true(has_address_of(&l, old));
	all_reload(&l, "10.77.0.0/24", 2);
	story_run(&l, 60000);
	assert_stands(&l, old, true);
	assert_stands(&l, "10.77.0.0/24", true);
	story_kill_all(&l); /* They find only the new pool in their file. */
	story_start_all(&l);
	story_run(&l, 5000);
	assert_stands(&l, old, true);
	assert_all_ready(&l);
	story_client_send(&l, initiator_create_ike_delete(&l.client, 0));
	story_run(&l, 9000);
	assert_stands(&l, old, true); /* As long as the address rests. */
	story_run(&l, 15000);
	assert_stands(&l, old, false);
	assert_stands(&l, "10.77.0.0/24", true);
	story_level(&l);
	story_fini(&l);
}

static void a_pool_that_shrinks_keeps_its_route_for_who_is_outside(void **unused)
{
	struct story l;

	(void)unused;
	story_begin(&l, 3);
	all_reload(&l, "10.77.0.0/24", 2);
	story_run(&l, 100);
	for (unsigned i = 0; i < 3; i++) /* 10.77.0.1 to 3. */
		connects(&l);
	assert_true(has_address_of(&l, "10.77.0.2/31"));
	all_reload(&l, "10.77.0.0/31", 3);
	story_run(&l, 60000);
	assert_stands(&l, "10.77.0.0/24", true);
	/* It grows again: the larger one covers all. */
	all_reload(&l, "10.77.0.0/23", 4);
	story_run(&l, 100);
	assert_stands(&l, "10.77.0.0/23", true);
	story_run(&l, 30000);
	assert_stands(&l, "10.77.0.0/24", false);
	assert_stands(&l, "10.77.0.0/31", false);
	connects(&l);
	assert_true(has_address_of(&l, "10.77.0.0/23"));
	story_level(&l);
	story_fini(&l);
}

/* As long as one node has the file with the old pool, it may lead and give out its addresses. */
static void a_pool_of_one_file_stays(void **unused)
{
	struct story l;
	uint32_t last;

	(void)unused;
	story_begin(&l, 3);
	last = story_third(&l);
	all_reload(&l, "10.77.0.0/24", 2);
	story_run(&l, 100);
	for (uint32_t i = 0; i < 3; i++)
		if (i != last)
			reloads(&l, i, "10.78.0.0/24", 3);
	story_run(&l, 60000);
	assert_stands(&l, "10.77.0.0/24", true);
	assert_stands(&l, "10.78.0.0/24", true);
	reloads(&l, last, "10.78.0.0/24", 3);
	story_run(&l, 25000);
	assert_stands(&l, "10.77.0.0/24", false);
	/* Named again, it is there at once. */
	all_reload(&l, "10.77.0.0/24", 4);
	story_run(&l, 50);
	assert_stands(&l, "10.77.0.0/24", true);
	connects(&l);
	assert_true(has_address_of(&l, "10.77.0.0/24"));
	story_level(&l);
	story_fini(&l);
}

/* Its kernel refuses the route to a client's address: it inherits only if no other node can. */
static void who_has_no_route_inherits_last(void **unused)
{
	struct story l;
	uint32_t last, holder;

	(void)unused;
	story_begin(&l, 3);
	last = story_third(&l);
	story_client_connect(&l);
	story_lose(&l, last);
	story_run(&l, 100);
	all_reload(&l, "10.77.0.0/24", 2);
	l.node[last].lays_none = true; /* It comes back with the new file, and lacks the old pool. */
	story_start(&l, last);
	story_run(&l, 3000);
	holder = story_holder(&l);
	assert_int_not_equal(holder, last);
	story_lose(&l, holder);
	story_run(&l, 1000);
	assert_int_not_equal(story_holder(&l), last);
	story_fini(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_file_lays_the_route_everywhere),
		cmocka_unit_test(no_address_before_all_have_the_route),
		cmocka_unit_test(a_pool_that_is_taken_out_keeps_its_route_for_who_is_here),
		cmocka_unit_test(a_pool_that_shrinks_keeps_its_route_for_who_is_outside),
		cmocka_unit_test(a_pool_of_one_file_stays),
		cmocka_unit_test(who_has_no_route_inherits_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

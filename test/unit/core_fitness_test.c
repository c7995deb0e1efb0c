/* SPDX-License-Identifier: Apache-2.0 */
/* Stories of hosts that do not let their node serve (cluster/core/fitness.c). */
#include "test/lib/story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void set_fit(struct story *l, uint32_t node, bool fit)
{
	struct event e = { .type = EVENT_FITNESS, .fitness.fit = fit };

	story_event(l, node, &e);
}

static bool is_ready(const struct story *l, uint32_t node)
{
	struct core_status status;

	core_status(l->node[node].core, &status);
	return status.ready;
}

static void assert_serves(struct story *l)
{
	uint64_t before = l->client.counts.responses;

	story_client_send(l, initiator_create_dpd(&l->client));
	assert_int_equal(l->client.counts.responses, before + 1);
}

/* Addresses and session leave it; it stays in the cluster, and is not called lost. */
static void an_unfit_holder_is_relieved(void **unused)
{
	struct core_status status;
	uint32_t holder, third;
	struct story l;

	(void)unused;
	story_begin(&l, 3);
	story_client_connect(&l);
	holder = story_holder(&l);
	third = story_third(&l);
	set_fit(&l, holder, false);
	assert_false(is_ready(&l, holder));
	story_run(&l, 500);
	story_client_listen(&l);
	assert_int_equal(story_holder(&l), third);
	assert_false(l.node[holder].holds);
	assert_int_equal(state_sessions_owned(core_state(l.node[third].core), l.node[holder].raft_id), 0);
	assert_true(story_happened(&l, story_leader(&l), "relieved") == 1);
	assert_int_equal(story_happened(&l, story_leader(&l), "node_lost"), 0);
	core_status(l.node[story_leader(&l)].core, &status);
	assert_int_equal(status.false_node_downs, 0);
	assert_true(state_node(core_state(l.node[third].core), l.node[holder].raft_id)->up);
	assert_serves(&l);
	set_fit(&l, holder, true);
	story_run(&l, 500);
	assert_true(is_ready(&l, holder));
	assert_int_equal(story_holder(&l), third); /* It got nothing back. */
	story_level(&l);
	story_fini(&l);
}

static void who_is_unfit_is_no_heir(void **unused)
{
	uint32_t holder, leader, third;
	struct story l;

	(void)unused;
	story_begin(&l, 3);
	story_client_connect(&l);
	holder = story_holder(&l);
	leader = story_leader(&l);
	third = story_third(&l);
	set_fit(&l, third, false);
	story_run(&l, 100);
	story_lose(&l, holder);
	story_run(&l, 1000);
	assert_int_equal(story_holder(&l), leader);
	story_fini(&l);
}

/* It says so again to who has just come, before that one has to choose. */
static void a_new_leader_knows(void **unused)
{
	uint32_t holder, third;
	struct story l;

	(void)unused;
	story_begin(&l, 3);
	story_client_connect(&l);
	third = story_third(&l);
	set_fit(&l, third, false);
	story_lose_leader(&l);
	story_client_listen(&l);
	holder = story_holder(&l);
	for (uint32_t i = 0; i < 3; i++) /* Back with an empty memory. */
		if (l.node[i].exited != -1 || !l.node[i].core)
			story_start(&l, i);
	story_run(&l, 1000);
	assert_int_not_equal(story_holder(&l), third);
	story_lose(&l, holder);
	story_run(&l, 2000);
	assert_int_not_equal(story_holder(&l), third);
	assert_int_not_equal(story_holder(&l), STORY_NODES);
	story_fini(&l);
}

/* A switch is gone, and nobody is fit: who holds goes on holding. The first that is fit again
 * gets it all. */
static void nobody_is_fit(void **unused)
{
	uint32_t holder, third;
	struct story l;

	(void)unused;
	story_begin(&l, 3);
	story_client_connect(&l);
	holder = story_holder(&l);
	third = story_third(&l);
	set_fit(&l, third, false);
	set_fit(&l, story_leader(&l), false);
	set_fit(&l, holder, false);
	story_run(&l, 1000);
	assert_int_equal(story_holder(&l), holder);
	assert_serves(&l);
	set_fit(&l, third, true);
	story_run(&l, 500);
	story_client_listen(&l);
	assert_int_equal(story_holder(&l), third);
	assert_serves(&l);
	story_fini(&l);
}

/* The leader holds because nobody else could; then it cannot, and another can again. */
static void an_unfit_leader_gives_up_both(void **unused)
{
	uint32_t leader, third, holder;
	struct story l;

	(void)unused;
	story_begin(&l, 3);
	story_client_connect(&l);
	leader = story_leader(&l);
	third = story_third(&l);
	holder = story_holder(&l);
	set_fit(&l, third, false);
	set_fit(&l, holder, false);
	story_run(&l, 1000);
	assert_int_equal(story_holder(&l), leader);
	set_fit(&l, third, true);
	set_fit(&l, leader, false);
	story_run(&l, 3000);
	story_client_listen(&l);
	assert_int_equal(story_holder(&l), third);
	assert_serves(&l);
	story_fini(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_unfit_holder_is_relieved),
		cmocka_unit_test(who_is_unfit_is_no_heir),
		cmocka_unit_test(a_new_leader_knows),
		cmocka_unit_test(nobody_is_fit),
		cmocka_unit_test(an_unfit_leader_gives_up_both),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

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

static size_t owned(const struct story *l, uint32_t node)
{
	const struct state *s = core_state(l->node[story_leader(l)].core);

	return state_sessions_owned(s, l->node[node].raft_id);
}

/* ---- How a story begins ---- */

/* Three nodes, a client, and their roles. */
struct fitness {
	struct story l;
	uint32_t leader, holder, third;
};

static int begin(void **state, enum service_mode mode, bool leader_holds)
{
	static struct fitness f;
	struct story *l = &f.l;

	story_init(l, 3);
	for (uint32_t i = 0; i < 3; i++) {
		l->config[i].mode = mode;
		l->config[i].leader_holds = leader_holds;
	}
	story_start_all(l);
	story_run(l, 3000);
	story_client_connect(l);
	f.leader = story_leader(l);
	f.holder = story_holder(l);
	f.third = 3 - f.leader - f.holder; /* Where these are two. */
	*state = &f;
	return 0;
}

static int three(void **state)
{
	return begin(state, SERVICE_VIP, false);
}

static int leader_holds(void **state)
{
	return begin(state, SERVICE_VIP, true);
}

static int balanced(void **state)
{
	return begin(state, SERVICE_LB, false);
}

static int end(void **state)
{
	story_fini(&((struct fitness *)*state)->l);
	return 0;
}

/* ---- Stories ---- */

/* Addresses and session leave it; it stays in the cluster, and does not count as lost. */
static void an_unfit_holder_is_relieved(void **state)
{
	struct core_status status;
	struct fitness *f = *state;
	struct story *l = &f->l;

	set_fit(l, f->holder, false);
	assert_false(is_ready(l, f->holder));
	story_run(l, 500);
	story_client_listen(l);
	assert_int_equal(story_holder(l), f->third);
	assert_false(l->node[f->holder].holds);
	assert_int_equal(owned(l, f->holder), 0);
	assert_true(story_happened(l, story_leader(l), "relieved") == 1);
	assert_int_equal(story_happened(l, story_leader(l), "node_lost"), 0);
	core_status(l->node[story_leader(l)].core, &status);
	assert_int_equal(status.false_node_downs, 0);
	assert_true(state_node(core_state(l->node[f->third].core), l->node[f->holder].raft_id)->up);
	assert_serves(l);
	set_fit(l, f->holder, true);
	story_run(l, 500);
	assert_true(is_ready(l, f->holder));
	assert_int_equal(story_holder(l), f->third); /* It got nothing back. */
	story_level(l);
}

static void who_is_unfit_is_no_successor(void **state)
{
	struct fitness *f = *state;
	struct story *l = &f->l;

	set_fit(l, f->third, false);
	story_run(l, 100);
	story_lose(l, f->holder);
	story_run(l, 1000);
	assert_int_equal(story_holder(l), f->leader);
	assert_int_equal(story_happened(l, f->third, "address_hold"), 0); /* Not for a moment. */
}

/* It says so again to a node that has just come, before that node has to choose. */
static void a_new_leader_knows(void **state)
{
	uint32_t holder;
	struct fitness *f = *state;
	struct story *l = &f->l;

	set_fit(l, f->third, false);
	story_lose_leader(l);
	story_client_listen(l);
	holder = story_holder(l);
	for (uint32_t i = 0; i < 3; i++) /* Back with an empty memory. */
		if (l->node[i].exited != -1 || !l->node[i].core)
			story_start(l, i);
	story_run(l, 1000);
	assert_int_not_equal(story_holder(l), f->third);
	story_lose(l, holder);
	story_run(l, 2000);
	assert_int_not_equal(story_holder(l), f->third);
	assert_int_not_equal(story_holder(l), STORY_NODES);
	assert_int_equal(story_happened(l, f->third, "address_hold"), 0);
}

/* A switch fails, and no node is fit: the holder goes on holding. The first node that is fit again
 * gets it all. */
static void nobody_is_fit(void **state)
{
	struct fitness *f = *state;
	struct story *l = &f->l;

	set_fit(l, f->third, false);
	set_fit(l, f->leader, false);
	set_fit(l, f->holder, false);
	story_run(l, 1000);
	assert_int_equal(story_holder(l), f->holder);
	assert_serves(l);
	set_fit(l, f->third, true);
	story_run(l, 500);
	story_client_listen(l);
	assert_int_equal(story_holder(l), f->third);
	assert_serves(l);
}

/* The leader holds because no other node could; then it cannot, and another can again. */
static void an_unfit_leader_gives_up_both(void **state)
{
	struct fitness *f = *state;
	struct story *l = &f->l;

	set_fit(l, f->third, false);
	set_fit(l, f->holder, false);
	story_run(l, 1000);
	assert_int_equal(story_holder(l), f->leader);
	set_fit(l, f->third, true);
	set_fit(l, f->leader, false);
	story_run(l, 3000);
	story_client_listen(l);
	assert_int_equal(story_holder(l), f->third);
	assert_serves(l);
}

/* It is to lead and to hold at once; it may go on leading. */
static void a_leader_that_is_to_hold_is_relieved(void **state)
{
	struct core_status status;
	struct fitness *f = *state;
	struct story *l = &f->l;

	assert_int_equal(f->leader, f->holder);
	set_fit(l, f->leader, false);
	story_run(l, 1000);
	story_client_listen(l);
	assert_int_not_equal(story_holder(l), f->leader);
	assert_int_equal(owned(l, f->leader), 0);
	core_status(l->node[story_leader(l)].core, &status);
	assert_int_equal(status.false_node_downs, 0);
	assert_true(state_node(core_state(l->node[story_leader(l)].core), l->node[f->leader].raft_id)->up);
	assert_serves(l);
	story_level(l);
}

/* Behind a load balancer it does not matter whether the leader holds. */
static void a_leader_that_owns_its_share_is_relieved(void **state)
{
	struct fitness *f = *state;
	struct story *l = &f->l;

	for (uint32_t i = 0; i < 3; i++)
		if (i != f->leader)
			set_fit(l, i, false);
	story_run(l, 1000);
	assert_int_equal(story_leader(l), f->leader);
	assert_int_equal(owned(l, f->leader), 1);
	for (uint32_t i = 0; i < 3; i++)
		set_fit(l, i, i != f->leader);
	story_run(l, 1000);
	assert_int_equal(owned(l, f->leader), 0);
	story_level(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_unfit_holder_is_relieved, three, end),
		cmocka_unit_test_setup_teardown(who_is_unfit_is_no_successor, three, end),
		cmocka_unit_test_setup_teardown(a_new_leader_knows, three, end),
		cmocka_unit_test_setup_teardown(nobody_is_fit, three, end),
		cmocka_unit_test_setup_teardown(an_unfit_leader_gives_up_both, three, end),
		cmocka_unit_test_setup_teardown(a_leader_that_is_to_hold_is_relieved, leader_holds, end),
		cmocka_unit_test_setup_teardown(a_leader_that_owns_its_share_is_relieved, balanced, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

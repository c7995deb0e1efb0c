/* SPDX-License-Identifier: Apache-2.0 */
/* Stories of wrong wall clocks: whose is wrong, which node leads then, and what is not judged. */
#include "cluster/core/wall_clock.h"
#include "proto/auth/outside.h"
#include "test/lib/story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define NOW INT64_C(1796000000)

static int64_t off[STORY_NODES]; /* How far each node's clock is ahead. */

/* Seconds go by; every node hears its wall clock once in each. */
static void live(struct story *l, unsigned seconds)
{
	for (unsigned s = 0; s < seconds; s++) {
		for (uint32_t i = 0; i < l->n; i++) {
			struct event e = { .type = EVENT_CLOCK };

			if (!l->node[i].core)
				continue;
			e.clock.unix_s = NOW + (int64_t)(l->now_us / 1000000) + off[i];
			story_event(l, i, &e);
		}
		story_run(l, 1000);
	}
}

static void begin(struct story *l)
{
	memset(off, 0, sizeof(off));
	story_begin(l, 3);
	live(l, 6);
	for (uint32_t i = 0; i < 3; i++)
		assert_false(core_clock_is_wrong(l->node[i].core));
}

static void a_leader_with_a_wrong_clock_hands_on(void **unused)
{
	uint32_t leader;
	struct story l;

	(void)unused;
	begin(&l);
	leader = story_leader(&l);
	off[leader] = -(int64_t)WALL_CLOCK_APART_S - 2;
	live(&l, 6);
	assert_true(core_clock_is_wrong(l.node[leader].core));
	assert_int_not_equal(story_leader(&l), leader);
	assert_int_not_equal(story_leader(&l), STORY_NODES);
	assert_int_equal(story_happened(&l, leader, "clock_wrong"), 1);
	/* It serves all the same; the log says once that it is right again. */
	story_client_connect(&l);
	assert_int_equal(l.client.state, INITIATOR_ESTABLISHED);
	off[leader] = 0;
	live(&l, 6);
	assert_false(core_clock_is_wrong(l.node[leader].core));
	assert_int_equal(story_happened(&l, leader, "clock"), 1);
	story_fini(&l);
}

static void leadership_does_not_come_back_to_it(void **unused)
{
	uint32_t leader, wrong, turns = 0;
	struct story l;

	(void)unused;
	begin(&l);
	wrong = story_third(&l);
	leader = story_leader(&l);
	off[wrong] = 1000;
	for (unsigned i = 0; i < 20; i++) {
		live(&l, 1);
		turns += story_leader(&l) == wrong;
	}
	assert_int_equal(turns, 0);
	assert_int_equal(story_leader(&l), leader);
	story_fini(&l);
}

static void one_other_wrong_clock_is_no_majority(void **unused)
{
	uint32_t leader, dead;
	struct story l;

	(void)unused;
	begin(&l);
	leader = story_leader(&l);
	dead = story_third(&l);
	story_lose(&l, dead);
	off[story_holder(&l)] = 500;
	live(&l, 40); /* The dead node's time is forgotten. */
	assert_int_equal(story_leader(&l), leader);
	for (uint32_t i = 0; i < 3; i++)
		assert_true(!l.node[i].core || !core_clock_is_wrong(l.node[i].core));
	story_fini(&l);
}

static void where_all_differ_nobody_judges(void **unused)
{
	uint32_t leader;
	struct story l;

	(void)unused;
	begin(&l);
	leader = story_leader(&l);
	for (uint32_t i = 0; i < 3; i++)
		off[i] = 100 * i;
	live(&l, 8);
	for (uint32_t i = 0; i < 3; i++)
		assert_true(core_clock_is_wrong(l.node[i].core));
	assert_int_equal(story_leader(&l), leader);
	story_fini(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_leader_with_a_wrong_clock_hands_on),
		cmocka_unit_test(leadership_does_not_come_back_to_it),
		cmocka_unit_test(one_other_wrong_clock_is_no_majority),
		cmocka_unit_test(where_all_differ_nobody_judges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Stories of cold starts: all nodes at once, from stores that may be old (DESIGN
 * section 7). */
#include "test/lib/story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void stop_all(struct story *l)
{
	story_kill_all(l);
	story_run(l, 100);
}

/* Nobody is there who would remember what was deleted since: none of them leads, and each
 * says why it ends. */
static void a_cold_start_from_old_stores_is_refused(void **unused)
{
	struct story l;

	(void)unused;
	story_begin(&l, 3);
	story_client_connect(&l);
	stop_all(&l);
	for (uint32_t i = 0; i < 3; i++) {
		l.node[i].old_s = 5000;
		story_start(&l, i);
	}
	story_run(&l, 9000);
	assert_int_equal(story_leader(&l), STORY_NODES);
	assert_int_equal(story_holder(&l), STORY_NODES);
	story_run(&l, 2000);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(l.node[i].exited, 1);
		assert_non_null(strstr(l.node[i].exit_text, "--accept-old-store"));
	}
	stop_all(&l);
	for (uint32_t i = 0; i < 3; i++) { /* Accepted by a majority: the third hears a leader. */
		l.node[i].old_s = i == 1 ? 5000 : 0;
		story_start(&l, i);
	}
	story_run(&l, 12000);
	assert_int_equal(l.node[1].exited, -1);
	assert_int_equal(story_happened(&l, 1, "old_store"), 1);
	assert_int_not_equal(story_holder(&l), STORY_NODES);
	assert_int_equal(state_sessions(core_state(l.node[1].core)), 1);
	story_fini(&l);
}

/* One that is alone in being young: it stands, and gets no vote. */
static void an_old_store_does_not_vote(void **unused)
{
	struct story l;

	(void)unused;
	story_begin(&l, 3);
	stop_all(&l);
	for (uint32_t i = 0; i < 3; i++) {
		l.node[i].old_s = i == 0 ? 0 : 5000;
		story_start(&l, i);
	}
	story_run(&l, 9000);
	assert_int_equal(story_leader(&l), STORY_NODES);
	story_fini(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cold_start_from_old_stores_is_refused),
		cmocka_unit_test(an_old_store_does_not_vote),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

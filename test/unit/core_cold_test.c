/* SPDX-License-Identifier: Apache-2.0 */
/* Stories of cold starts: all nodes at once, from stores that may be old (DESIGN
 * section 7). */
#include "test/lib/story.h"

#include "cluster/link/frame.h"

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

static struct {
	uint32_t node;        /* Gets nothing of Raft as soon as its next process owns. */
	uint64_t incarnation; /* Of the process before. */
} slow;

/* Who owns the client's session, as a node sees it. */
static const struct slot *owner_at(const struct story *l, uint32_t node)
{
	const struct state *s = core_state(l->node[node].core);
	const struct session *session = state_session_by_spi(s, story_spi(l), NULL);

	return session ? session_slot(s, session) : NULL;
}

static bool is_over(const struct story *l)
{
	for (uint32_t i = 0; i < l->n; i++) {
		const struct slot *slot = i != slow.node && l->node[i].core ? owner_at(l, i) : NULL;

		if (slot && slot->incarnation != slow.incarnation)
			return true;
	}
	return false;
}

static bool loses_raft_to_slow(const struct story *l, uint32_t from, uint32_t to,
			       const struct blob *f)
{
	(void)from;
	return f->data[0] == FRAME_RAFT && to == slow.node && is_over(l);
}

/* Of the process before the lost one nobody heard anything, and the lost one has not come to
 * say so: it did not even learn that it was an owner again. Its successor says it. */
static void an_age_covers_the_process_before_the_lost_one(void **unused)
{
	struct core_status status;
	uint32_t successor = STORY_NODES;
	struct story l;

	(void)unused;
	story_init(&l, 3);
	for (uint32_t i = 0; i < 3; i++)
		l.config[i].mode = SERVICE_LB;
	story_start_all(&l);
	story_run(&l, 2000);
	story_client_connect(&l);
	story_run(&l, 1500);
	for (slow.node = 0; !story_entry(&l, slow.node)->granted; slow.node++)
		;
	slow.incarnation = owner_at(&l, slow.node)->incarnation;
	story_kill_all(&l);
	l.now_us += 100000;
	for (uint32_t i = 0; i < 3; i++)
		l.node[i].stored_age_ms = 100;
	l.loses = loses_raft_to_slow;
	story_start_all(&l);
	for (unsigned ms = 0; ms < 3000 && !is_over(&l); ms++)
		story_run(&l, 1);
	story_run(&l, 20);
	assert_true(is_over(&l));
	assert_int_equal(owner_at(&l, slow.node)->incarnation, slow.incarnation);
	story_suspect(&l, slow.node);
	story_run(&l, 20);
	for (uint32_t i = 0; i < 3; i++)
		if (story_entry(&l, i)->granted)
			successor = i;
	assert_true(successor < STORY_NODES && successor != slow.node);
	core_status(l.node[successor].core, &status);
	assert_true(status.last_mark_age_us >= 1100000);
	story_fini(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cold_start_from_old_stores_is_refused),
		cmocka_unit_test(an_old_store_does_not_vote),
		cmocka_unit_test(an_age_covers_the_process_before_the_lost_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

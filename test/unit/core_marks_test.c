/* SPDX-License-Identifier: Apache-2.0 */
/* Stories of marks of exact SAs (DESIGN section 5) that get lost, come late or find no
 * room: what they say must not get lost with them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "test/unit/exact_story.h"

/* Nobody leads when the owner proposes its mark, and nobody tells the owner so. */
static void a_mark_whose_proposal_was_lost_is_proposed_again(void **unused)
{
	struct story l;
	uint32_t owner, leader;

	(void)unused;
	start_all(&l, 3);
	owner = story_holder(&l);
	leader = story_leader(&l);
	assert_int_not_equal(owner, leader);
	accept(&l, owner, 77);
	story_run(&l, 880);
	story_kill(&l, leader);
	story_run(&l, 50);
	story_suspect(&l, leader);
	story_run(&l, 20);
	assert_int_not_equal(story_leader(&l), STORY_NODES);
	assert_int_equal(story_record(&l, owner)->mark, 0);
	story_run(&l, 150); /* Within 1.1 s of its acceptance. */
	assert_int_equal(story_record(&l, owner)->mark, 77);
	story_fini(&l);
}

/* Marks of SAs that a node does not know take all the room that it has for those. */
static void fill_marks(struct story *l, uint32_t from, uint32_t at)
{
	struct frame_mark row[2 * IKE_CHILD_MAX];

	l->config[at].sessions_max = 1;
	for (uint32_t i = 0; i < 2 * IKE_CHILD_MAX; i++)
		row[i] = (struct frame_mark){ .spi_in = 300 + i, .epoch = 1, .seq = 1 };
	story_frame(l, from, at, frame_create_marks(FRAME_MARKS, 0, row, 2 * IKE_CHILD_MAX));
}

static uint32_t mute; /* Its marks and its word do not reach who is deaf. */
static bool lose_raft_and_words(const struct story *l, uint32_t from, uint32_t to, const struct blob *f)
{
	return lose_raft(l, from, to, f) ||
	       (from == mute && to == deaf &&
		(f->data[0] == FRAME_MARKS || f->data[0] == FRAME_MARKS_DONE));
}

/* The heir learns late of the SA, and of being its heir. What it was told of it meanwhile
 * it had no room for: the word that came with that must not count. */
static void a_word_does_not_count_whose_marks_found_no_room(void **unused)
{
	struct story l;
	uint32_t old, leader, heir;

	(void)unused;
	start_nodes(&l, 3);
	old = mute = story_holder(&l);
	leader = story_leader(&l);
	heir = deaf = story_third(&l);
	l.loses = lose_raft_and_words;
	story_client_connect(&l);
	story_run(&l, 10);
	fill_marks(&l, leader, heir);
	accept(&l, old, 88);
	assert_int_equal(story_entry(&l, old)->delivered, 88);
	story_suspect(&l, old);
	story_run(&l, 50);
	story_kill(&l, old);
	story_run(&l, 50);
	assert_null(state_session_by_spi(core_state(l.node[heir].core), story_spi(&l), NULL));
	l.loses = NULL;
	story_run(&l, 500);
	assert_int_equal(story_holder(&l), heir);
	assert_false(story_entry(&l, heir)->hold);
	assert_int_equal(story_entry(&l, heir)->fallen, 0);
	assert_int_equal(story_record(&l, heir)->mark, 0); /* Not by the log. */
	assert_int_equal(try_accept(&l, heir, 88), DROP_REPLAY);
	story_fini(&l);
}

static struct blob *late; /* The word of `mute`, on a slow link. */
static bool delay_word(const struct story *l, uint32_t from, uint32_t to, const struct blob *f)
{
	if (from == mute && to == deaf && f->data[0] == FRAME_MARKS_DONE) {
		blob_set(&late, blob_new(f->data, f->len));
		return true;
	}
	return lose_raft(l, from, to, f) || f->data[0] == FRAME_PROPOSE;
}

/* The heir knew a mark when it was told it again, and had to forget it before the word. */
static void a_word_does_not_count_whose_marks_are_gone_when_it_comes(void **unused)
{
	struct story l;
	uint32_t old, heir;

	(void)unused;
	start_nodes(&l, 3);
	old = story_holder(&l);
	mute = story_leader(&l);
	heir = deaf = story_third(&l);
	l.loses = delay_word;
	story_client_connect(&l);
	story_run(&l, 10);
	accept(&l, old, 88);
	assert_int_equal(story_entry(&l, old)->delivered, 88);
	story_run(&l, 3500);
	story_suspect(&l, old);
	story_run(&l, 50);
	story_kill(&l, old);
	assert_non_null(late);
	story_run(&l, 100); /* Four times 900 ms. */
	story_frame(&l, mute, heir, late);
	late = NULL;
	l.loses = NULL;
	story_run(&l, 500);
	assert_int_equal(story_holder(&l), heir);
	assert_false(story_entry(&l, heir)->hold);
	assert_int_equal(story_entry(&l, heir)->fallen, 0);
	assert_int_equal(story_record(&l, heir)->mark, 0); /* Not by the log. */
	assert_int_equal(try_accept(&l, heir, 88), DROP_REPLAY);
	story_fini(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_mark_whose_proposal_was_lost_is_proposed_again),
		cmocka_unit_test(a_word_does_not_count_whose_marks_found_no_room),
		cmocka_unit_test(a_word_does_not_count_whose_marks_are_gone_when_it_comes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

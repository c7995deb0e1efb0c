/* SPDX-License-Identifier: Apache-2.0 */
/* Stories of replay = "exact" (DESIGN section 5): accepted packets wait for a majority, a voter
 * that knows a later epoch is silent, a node that has forgotten does not count, and when no node
 * remembers the horizon decides. */
#include "test/lib/story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "test/unit/exact_story.h"

/* ---- Delivery ---- */

static void what_a_majority_holds_is_delivered(void **unused)
{
	struct story l;

	(void)unused;
	start_all(&l, 3);
	assert_true(story_owned(&l)->quorum);
	assert_int_equal(story_owned(&l)->horizon, 1001);
	accept(&l, story_holder(&l), 5);
	assert_int_equal(story_owned(&l)->delivered, 5);
	accept(&l, story_holder(&l), 9);
	assert_false(sad_entry_must_wait(story_owned(&l), 9));
	assert_false(sad_entry_must_wait(story_owned(&l), 7)); /* Late, but covered. */
	assert_true(sad_entry_must_wait(story_owned(&l), 10));
	story_fini(&l);
}

static void what_is_not_acknowledged_is_told_again(void **unused)
{
	struct story l;

	(void)unused;
	start_all(&l, 3);
	l.lost_type = FRAME_MARKS_ACK;
	accept(&l, story_holder(&l), 5);
	story_run(&l, 50);
	assert_int_equal(story_owned(&l)->delivered, 0);
	assert_true(sad_entry_must_wait(story_owned(&l), 5));
	l.lost_type = 0;
	story_run(&l, 10);
	assert_int_equal(story_owned(&l)->delivered, 5);
	story_fini(&l);
}

static void a_node_cut_off_delivers_nothing(void **unused)
{
	struct story l;
	uint32_t old;

	(void)unused;
	start_all(&l, 3);
	old = story_holder(&l);
	for (uint32_t i = 0; i < 3; i++)
		if (i != old)
			story_link(&l, old, i, false);
	accept(&l, old, 5);
	story_run(&l, 100);
	assert_int_equal(story_entry(&l, old)->delivered, 0);
	story_fini(&l);
}

/* The fence. The old owner still has links, and does not know of its loss. */
static void no_voter_acknowledges_an_epoch_that_is_over(void **unused)
{
	struct sad_entry *e;
	struct story l;
	uint32_t old;

	(void)unused;
	start_all(&l, 3);
	old = deaf = story_holder(&l);
	accept(&l, old, 5);
	l.loses = lose_raft;
	story_suspect(&l, old);
	story_run(&l, 500);
	for (uint32_t i = 0; i < 3; i++)
		if (i != old)
			assert_int_not_equal(state_slot(core_state(l.node[i].core), 0)->node,
					     l.node[old].raft_id);
	e = story_entry(&l, old);
	assert_true(e->granted);
	assert_int_equal(try_accept(&l, old, 9), DROP_NONE);
	story_report(&l, old, e, SA_REPORT_MARK, 9);
	story_run(&l, 100);
	assert_int_equal(story_entry(&l, old)->delivered, 5);
	story_fini(&l);
}

/* ---- The successor ---- */

static void a_successor_waits_for_a_majority(void **unused)
{
	struct story l;
	uint32_t old;

	(void)unused;
	start_all(&l, 3);
	old = story_holder(&l);
	accept(&l, old, 88);
	l.lost_type = FRAME_MARKS_DONE;
	story_lose(&l, old);
	story_run(&l, 100); /* Much more than 5 ms. */
	assert_true(story_owned(&l)->defer);
	assert_int_equal(try_accept(&l, story_holder(&l), 100), DROP_DEFERRED_EXPIRED);
	l.lost_type = 0;
	story_run(&l, 50);
	assert_false(story_owned(&l)->defer);
	assert_int_equal(story_owned(&l)->window.floor, 88);
	assert_int_equal(story_owned(&l)->horizon_floor, 0);
	story_fini(&l);
}

/* Before any node missed it: it is its own successor, and has forgotten everything. */
static void an_owner_that_restarts_asks_the_others(void **unused)
{
	struct story l;
	uint32_t old;

	(void)unused;
	start_all(&l, 3);
	old = story_holder(&l);
	accept(&l, old, 77);
	story_kill(&l, old);
	story_start(&l, old);
	story_run(&l, 300);
	assert_int_equal(story_holder(&l), old);
	assert_false(story_owned(&l)->defer);
	assert_int_equal(story_owned(&l)->window.floor, 77);
	assert_int_equal(story_happened(&l, old, "replay_horizon"), 0);
	story_fini(&l);
}

static void restart_voter(struct story *l, bool told)
{
	uint32_t old, voter;

	start_all(l, 3);
	old = story_holder(l);
	voter = story_third(l);
	accept(l, old, 66);
	l->lost_type = told ? 0 : FRAME_MARKS_DONE;
	story_kill(l, voter);
	story_start(l, voter);
	story_run(l, 500);
	l->lost_type = 0;
	story_lose(l, old);
	story_run(l, 500);
	assert_false(story_owned(l)->defer);
}

static void a_voter_that_was_told_everything_counts(void **unused)
{
	struct story l;

	(void)unused;
	restart_voter(&l, true);
	assert_int_equal(story_owned(&l)->window.floor, 66);
	assert_int_equal(story_owned(&l)->horizon_floor, 0);
	story_fini(&l);
}

static void a_voter_that_restarted_does_not(void **unused)
{
	struct story l;

	(void)unused;
	restart_voter(&l, false);
	assert_int_equal(story_owned(&l)->window.floor, 1000);
	assert_int_equal(story_owned(&l)->horizon_floor, 1000);
	story_fini(&l);
}

static uint32_t successor;
static bool lose_successors_marks(const struct story *l, uint32_t from, uint32_t to, const struct blob *f)
{
	(void)l;
	(void)from;
	return to == successor && (f->data[0] == FRAME_MARKS || f->data[0] == FRAME_MARKS_DONE);
}

/* The successor missed a mark that the old owner commits after its NodeDown. The others' words,
 * which come late, leave it out, for it is in the log. */
static void a_mark_that_came_by_the_log_counts(void **unused)
{
	struct story l;
	uint32_t old;

	(void)unused;
	start_all(&l, 3);
	old = story_holder(&l);
	successor = story_third(&l);
	l.loses = lose_successors_marks;
	accept(&l, old, 88);
	assert_int_equal(story_entry(&l, old)->delivered, 88);
	story_run(&l, 700);
	story_suspect(&l, old);
	story_run(&l, 50);
	assert_int_equal(story_holder(&l), successor);
	assert_true(story_entry(&l, successor)->defer);
	assert_int_equal(story_record(&l, successor)->late, 0);
	story_run(&l, 400);
	assert_int_equal(story_record(&l, successor)->late, 88);
	assert_true(story_entry(&l, successor)->defer);
	l.loses = NULL;
	story_run(&l, 50);
	assert_false(story_entry(&l, successor)->defer);
	assert_int_equal(story_entry(&l, successor)->horizon_floor, 0);
	assert_int_equal(try_accept(&l, successor, 88), DROP_REPLAY);
	story_fini(&l);
}

/* The successor learns late of the SA, and that it owns it; it had to forget the marks of that SA
 * that came before. */
static void a_word_does_not_outlive_the_marks_that_came_with_it(void **unused)
{
	struct story l;
	uint32_t old;

	(void)unused;
	start_nodes(&l, 3);
	old = story_holder(&l);
	successor = story_third(&l);
	deaf = successor;
	l.loses = lose_raft;
	story_client_connect(&l);
	story_run(&l, 10);
	accept(&l, old, 88);
	assert_int_equal(story_entry(&l, old)->delivered, 88);
	story_suspect(&l, old);
	story_run(&l, 50);
	story_kill(&l, old);
	story_run(&l, 5000);
	assert_null(state_session_by_spi(core_state(l.node[successor].core), story_spi(&l), NULL));
	l.loses = NULL;
	story_run(&l, 500);
	assert_false(story_entry(&l, successor)->defer);
	assert_int_equal(try_accept(&l, successor, 88), DROP_REPLAY);
	story_fini(&l);
}

/* ---- The horizon ---- */

static void a_horizon_is_raised_in_time(void **unused)
{
	struct story l;

	(void)unused;
	start_all(&l, 3);
	assert_int_equal(try_accept(&l, story_holder(&l), 1001), DROP_HORIZON);
	accept(&l, story_holder(&l), 600);
	assert_true(sad_entry_horizon_low(story_owned(&l)));
	story_report(&l, story_holder(&l), story_owned(&l), SA_REPORT_HORIZON_LOW, 600);
	story_run(&l, 50);
	for (uint32_t i = 0; i < 3; i++)
		assert_true(story_record(&l, i)->horizon >= 1600);
	assert_int_equal(story_owned(&l)->horizon, story_record(&l, 0)->horizon);
	assert_int_equal(try_accept(&l, story_holder(&l), 1001), DROP_NONE);
	/* Its client is far ahead of what came in. */
	story_report(&l, story_holder(&l), story_owned(&l), SA_REPORT_HORIZON_LOW, 5000000);
	story_run(&l, 50);
	assert_int_equal(story_owned(&l)->horizon, 5001000);
	story_fini(&l);
}

static void lose_power(struct story *l)
{
	story_kill_all(l);
	story_start_all(l);
	story_run(l, 2000);
	story_client_listen(l);
	story_run(l, 100);
}

/* The owner is lost before the client sent anything. A majority tells the next one a number, which
 * it must not take for a mark: else a client below it would be refused for good, and its Child SA
 * never replaced. */
static void that_the_horizon_is_the_floor_is_inherited(void **unused)
{
	struct story l;
	uint32_t old;

	(void)unused;
	start_all(&l, 3);
	accept(&l, story_holder(&l), 44);
	lose_power(&l);
	assert_int_equal(story_owned(&l)->horizon_floor, 1000);
	story_run(&l, 1500); /* It is in the log. */
	old = story_holder(&l);
	story_lose(&l, old);
	story_run(&l, 500);
	assert_false(story_owned(&l)->defer);
	assert_int_equal(story_owned(&l)->window.floor, 1000);
	assert_int_equal(story_owned(&l)->horizon_floor, 1000);
	story_fini(&l);
}

static bool lose_words_of_successor(const struct story *l, uint32_t from, uint32_t to, const struct blob *f)
{
	(void)l;
	(void)from;
	return f->data[0] == FRAME_PROPOSE || (to == successor && f->data[0] == FRAME_MARKS_DONE);
}

/* An owner asked for a higher horizon in vain, lost the SA, and got it back after the SA had fallen
 * to its horizon. Nothing above came since: the next owner must see the fall. */
static void what_was_asked_for_before_a_fall_raises_nothing_after_it(void **unused)
{
	struct story l;
	uint32_t first;

	(void)unused;
	start_all(&l, 3);
	first = story_holder(&l);
	successor = story_third(&l);
	accept(&l, first, 600);
	l.loses = lose_words_of_successor;
	story_report(&l, first, story_entry(&l, first), SA_REPORT_HORIZON_LOW, 600);
	story_suspect(&l, first);
	story_run(&l, 1500);
	assert_int_equal(story_holder(&l), successor);
	assert_int_equal(story_owned(&l)->horizon_floor, 1000);
	l.loses = NULL;
	for (uint32_t i = 0; i < 3; i++)
		if (i != first)
			story_link(&l, first, i, true); /* The others hear it again. */
	story_run(&l, 300);
	story_lose(&l, successor);
	story_run(&l, 500);
	assert_int_equal(story_holder(&l), first);
	assert_int_equal(story_owned(&l)->horizon_floor, 1000);
	/* It sends, and asks for numbers. */
	story_report(&l, first, story_owned(&l), SA_REPORT_LEASE_LOW, story_owned(&l)->end);
	story_run(&l, 500);
	assert_int_equal(story_record(&l, first)->horizon, 1001);
	story_fini(&l);
}

/* All power was lost: no node remembers, so nothing below the horizon is let in, and if a client
 * stays below, its Child SA is replaced. */
static void after_a_power_loss_the_horizon_is_the_floor(void **unused)
{
	struct sad_entry *e;
	uint32_t first;
	uint64_t seq;
	struct story l;
	int64_t epoch;

	(void)unused;
	start_all(&l, 3);
	first = story_spi(&l);
	accept(&l, story_holder(&l), 44);
	lose_power(&l);
	e = story_owned(&l);
	assert_false(e->defer);
	assert_int_equal(e->window.floor, 1000);
	assert_int_equal(e->horizon, 1001);
	/* The client goes on at 45: opened once, to see that it is the client. */
	assert_int_equal(sad_entry_check(e, 45, &seq, &epoch), DROP_NONE);
	assert_int_equal(seq, 45);
	assert_int_equal(sad_entry_accept(e, 45, epoch), DROP_REPLAY);
	assert_true(sad_entry_below_horizon(e, 45));
	assert_int_equal(sad_entry_check(e, 46, &seq, &epoch), DROP_REPLAY);
	story_report(&l, story_holder(&l), e, SA_REPORT_BELOW_HORIZON, 0);
	story_run(&l, 200);
	story_client_listen(&l);
	story_run(&l, 1500);
	story_client_listen(&l);
	assert_int_equal(l.client.n_child, 1);
	assert_int_not_equal(story_spi(&l), first);
	assert_int_equal(story_owned(&l)->window.floor, 0);
	assert_false(story_owned(&l)->defer);
	assert_true(story_owned(&l)->quorum);
	story_fini(&l);
}

static void one_node_is_a_majority_and_forgets_alone(void **unused)
{
	struct story l;

	(void)unused;
	start_all(&l, 1);
	assert_false(story_owned(&l)->quorum);
	assert_int_equal(story_owned(&l)->horizon, 1001);
	accept(&l, 0, 5);
	story_kill(&l, 0);
	story_start(&l, 0);
	story_run(&l, 2000);
	assert_int_equal(story_owned(&l)->window.floor, 1000);
	story_fini(&l);
}

static uint64_t mark_age_us(const struct story *l, uint32_t node)
{
	struct core_status s;

	core_status(l->node[node].core, &s);
	return s.last_mark_age_us;
}

/* An owner that was lost and lives: packets that it accepts are not delivered, but its late mark is
 * a floor. As nothing can come twice, no age is published. */
static void no_mark_age_is_published(void **unused)
{
	struct story l;
	uint32_t old, next;

	(void)unused;
	start_all(&l, 3);
	old = deaf = story_holder(&l);
	next = story_third(&l);
	accept(&l, old, 5);
	story_run(&l, 50);
	l.loses = lose_raft;
	story_suspect(&l, old);
	story_run(&l, 100);
	assert_true(story_entry(&l, next)->granted && story_entry(&l, old)->granted);
	assert_int_equal(story_entry(&l, next)->window.floor, 5);
	assert_int_equal(story_happened(&l, next, "owner"), 1);
	accept(&l, old, 9);
	story_run(&l, 50);
	assert_int_equal(story_entry(&l, old)->delivered, 5);
	assert_int_equal(story_entry(&l, next)->window.floor, 9);
	assert_int_equal(mark_age_us(&l, next), 0);
	assert_int_equal(story_happened(&l, next, "late_mark"), 0);
	story_fini(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_majority_holds_is_delivered),
		cmocka_unit_test(what_is_not_acknowledged_is_told_again),
		cmocka_unit_test(a_node_cut_off_delivers_nothing),
		cmocka_unit_test(no_voter_acknowledges_an_epoch_that_is_over),
		cmocka_unit_test(a_successor_waits_for_a_majority),
		cmocka_unit_test(an_owner_that_restarts_asks_the_others),
		cmocka_unit_test(a_voter_that_was_told_everything_counts),
		cmocka_unit_test(a_voter_that_restarted_does_not),
		cmocka_unit_test(a_mark_that_came_by_the_log_counts),
		cmocka_unit_test(a_word_does_not_outlive_the_marks_that_came_with_it),
		cmocka_unit_test(a_horizon_is_raised_in_time),
		cmocka_unit_test(that_the_horizon_is_the_floor_is_inherited),
		cmocka_unit_test(what_was_asked_for_before_a_fall_raises_nothing_after_it),
		cmocka_unit_test(after_a_power_loss_the_horizon_is_the_floor),
		cmocka_unit_test(one_node_is_a_majority_and_forgets_alone),
		cmocka_unit_test(no_mark_age_is_published),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

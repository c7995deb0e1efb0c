/* SPDX-License-Identifier: Apache-2.0 */
/* Stories of an owner that the others lost, but that lives (DESIGN section 5): the numbers that it
 * accepts until it learns of that become known late, and the next owner must refuse them, whatever
 * it has accepted itself. */
#include "test/lib/story.h"

#include "cluster/link/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static uint32_t lost;           /* Gets no Raft messages: it does not know of its loss. */
static uint32_t mute_to;        /* ... and its marks do not reach this one, ... */
static bool hears_marks;        /* ... nor it those of others, unless this says so. */
static bool no_marks;           /* No marks reach any node. */

static bool loses(const struct story *l, uint32_t from, uint32_t to, const struct blob *f)
{
	(void)l;
	if (f->data[0] == FRAME_MARKS)
		return no_marks || (to == lost && !hears_marks) || (from == lost && to == mute_to);
	return f->data[0] == FRAME_RAFT && (from == lost || to == lost);
}

static enum drop try_accept(struct story *l, uint32_t node, uint64_t seq)
{
	struct sad_entry *e = story_entry(l, node);

	return sad_entry_accept(e, seq, e->epoch);
}

/* The worker of a node accepts a number, and reports a mark if one is due. */
static void accept(struct story *l, uint32_t node, uint64_t seq)
{
	struct sad_entry *e = story_entry(l, node);
	uint64_t mark;

	assert_int_equal(try_accept(l, node, seq), DROP_NONE);
	if (sad_entry_mark(e, &mark))
		story_report(l, node, e, SA_REPORT_MARK, mark);
	story_run(l, 3);
}

static uint64_t mark_age_us(const struct story *l, uint32_t node)
{
	struct core_status s;

	core_status(l->node[node].core, &s);
	return s.last_mark_age_us;
}

struct late {
	struct story l;
	uint32_t old, successor, third; /* third leads. */
};

/* The owner has accepted up to 50 and reported that; then it is found dead, and the successor
 * accepts 101 and 103. */
static void begin(struct late *t)
{
	struct story *l = &t->l;

	story_begin(l, 3);
	story_client_connect(l);
	t->old = lost = story_holder(l);
	t->third = story_leader(l);
	t->successor = story_third(l);
	mute_to = STORY_NODES;
	hears_marks = no_marks = false;
	accept(l, t->old, 50);
	l->loses = loses;
	story_suspect(l, t->old);
	story_run(l, 50);
	assert_true(story_entry(l, t->old)->granted && story_entry(l, t->successor)->granted);
	assert_int_equal(story_entry(l, t->successor)->window.floor, 50);
	accept(l, t->successor, 101);
	accept(l, t->successor, 103);
}

/* Which numbers the successor must refuse, and which it must not. */
static void assert_floor(struct late *t, uint64_t floor)
{
	assert_int_equal(story_entry(&t->l, t->successor)->window.floor, floor);
	assert_int_equal(try_accept(&t->l, t->successor, floor), DROP_REPLAY);
	assert_int_equal(try_accept(&t->l, t->successor, 102), DROP_NONE);
}

/* The lost node learns what happened: it is up again. */
static void rejoin(struct late *t)
{
	t->l.loses = NULL;
	for (uint32_t i = 0; i < STORY_NODES; i++)
		if (i != t->old)
			story_link(&t->l, t->old, i, true);
	story_run(&t->l, 300);
	assert_false(story_entry(&t->l, t->old)->granted);
}

static void a_late_mark_is_below_what_the_successor_has_accepted(void **unused)
{
	struct late t;

	(void)unused;
	begin(&t);
	accept(&t.l, t.old, 60);
	assert_floor(&t, 60);
	story_fini(&t.l);
}

/* Its worker has accepted 60, but not reported it when the successor's mark comes. */
static void a_late_mark_is_told_by_who_heard_of_higher_ones(void **unused)
{
	struct sad_entry *e;
	struct late t;
	uint64_t mark;

	(void)unused;
	begin(&t);
	e = story_entry(&t.l, t.old);
	assert_int_equal(try_accept(&t.l, t.old, 60), DROP_NONE);
	hears_marks = true;
	accept(&t.l, t.successor, 104);
	/* From now on it refuses what the successor may have accepted. */
	assert_int_equal(e->window.floor, 104);
	assert_int_equal(try_accept(&t.l, t.old, 70), DROP_REPLAY);
	assert_true(sad_entry_mark(e, &mark));
	assert_int_equal(mark, 60);
	story_report(&t.l, t.old, e, SA_REPORT_MARK, mark);
	story_run(&t.l, 3);
	assert_floor(&t, 60);
	story_fini(&t.l);
}

/* The successor's own mark, as a third node remembers it. */
static void a_mark_of_ones_own_epoch_is_no_floor(void **unused)
{
	struct frame_mark row;
	struct late t;

	(void)unused;
	begin(&t);
	row = (struct frame_mark){ story_spi(&t.l), story_entry(&t.l, t.successor)->epoch, 103 };
	story_frame(&t.l, t.third, t.successor, frame_create_marks(FRAME_MARKS, 0, &row, 1));
	assert_floor(&t, 50);
	story_run(&t.l, 1500); /* And in the log. */
	assert_int_equal(story_record(&t.l, t.successor)->mark, 103);
	assert_int_equal(try_accept(&t.l, t.successor, 100), DROP_NONE);
	story_fini(&t.l);
}

/* The link between the two is gone. */
static void a_late_mark_is_told_on(void **unused)
{
	struct late t;

	(void)unused;
	begin(&t);
	mute_to = t.successor;
	accept(&t.l, t.old, 60);
	assert_floor(&t, 60);
	story_fini(&t.l);
}

/* No marks pass between nodes: only the log has them. */
static void a_late_mark_comes_by_the_log(void **unused)
{
	struct late t;

	(void)unused;
	begin(&t);
	no_marks = true;
	accept(&t.l, t.old, 60);
	assert_int_equal(story_entry(&t.l, t.successor)->window.floor, 50);
	story_link(&t.l, t.old, t.third, true); /* Raft is heard again, marks are not. */
	lost = STORY_NODES;
	story_run(&t.l, 300);
	assert_false(story_entry(&t.l, t.old)->granted);
	assert_int_equal(story_record(&t.l, t.successor)->late, 60);
	assert_floor(&t, 60);
	story_fini(&t.l);
}

/* What its worker still reports then. */
static void a_worker_that_learns_of_the_loss_last_is_heard(void **unused)
{
	struct late t;
	int64_t epoch;

	(void)unused;
	begin(&t);
	accept(&t.l, t.old, 60);
	epoch = story_entry(&t.l, t.old)->epoch;
	rejoin(&t);
	assert_int_equal(story_entry(&t.l, t.old)->epoch, epoch);
	story_report(&t.l, t.old, story_entry(&t.l, t.old), SA_REPORT_MARK, 61);
	story_run(&t.l, 5);
	assert_floor(&t, 61);
	story_run(&t.l, 300);
	assert_int_equal(story_record(&t.l, t.successor)->late, 61);
	story_fini(&t.l);
}

/* The late mark was higher than all that the successor accepted: the owner after both knows it, by
 * the memory of nodes alone. */
static void both_marks_are_remembered_and_told(void **unused)
{
	uint32_t next;
	struct late t;

	(void)unused;
	begin(&t);
	mute_to = t.third; /* The node that did not hear it. */
	accept(&t.l, t.old, 200);
	assert_int_equal(story_entry(&t.l, t.successor)->window.floor, 200);
	story_kill(&t.l, t.old);
	t.l.loses = NULL;
	assert_int_equal(story_record(&t.l, t.successor)->late, 0);
	story_link(&t.l, t.successor, t.third, false);
	story_link(&t.l, t.successor, t.third, true); /* A link that comes up is told all. */
	story_lose(&t.l, t.successor);
	story_start(&t.l, t.old);
	story_run(&t.l, 500);
	next = story_holder(&t.l);
	assert_true(next == t.third || next == t.old);
	assert_int_equal(story_owned(&t.l)->window.floor, 200);
	story_fini(&t.l);
}

/* Two changes of owner later the state no longer says whose epoch it was. */
static void a_mark_of_an_owner_long_before_counts(void **unused)
{
	struct late t;

	(void)unused;
	begin(&t);
	story_suspect(&t.l, t.successor);
	story_run(&t.l, 50);
	assert_int_not_equal(story_holder(&t.l), t.successor);
	t.successor = story_holder(&t.l); /* The third, which led. */
	accept(&t.l, t.successor, 203);
	accept(&t.l, t.old, 160);
	assert_int_equal(story_entry(&t.l, t.successor)->window.floor, 160);
	story_fini(&t.l);
}

/* ---- What is published ---- */

static void the_mark_age_covers_an_owner_that_lives_on(void **unused)
{
	uint64_t age;
	struct late t;

	(void)unused;
	begin(&t);
	age = mark_age_us(&t.l, t.successor);
	assert_true(age > 0 && age < 40000);
	story_run(&t.l, 100);
	accept(&t.l, t.old, 60);
	assert_true(mark_age_us(&t.l, t.successor) >= age + 100000);
	assert_int_equal(story_happened(&t.l, t.successor, "late_mark"), 1);
	age = mark_age_us(&t.l, t.successor);
	story_run(&t.l, 50);
	assert_int_equal(mark_age_us(&t.l, t.successor), age); /* It says nothing more. */
	accept(&t.l, t.old, 61);
	assert_true(mark_age_us(&t.l, t.successor) >= age + 50000);
	story_fini(&t.l);
}

/* The successor itself commits the mark it was handed, and reads it in the log. */
static void what_was_known_before_is_no_late_mark(void **unused)
{
	struct late t;
	uint64_t age;

	(void)unused;
	begin(&t);
	story_kill(&t.l, t.old);
	age = mark_age_us(&t.l, t.successor);
	assert_int_equal(story_record(&t.l, t.successor)->late, 0);
	story_run(&t.l, 1500);
	assert_int_equal(story_record(&t.l, t.successor)->late, 50);
	assert_int_equal(story_happened(&t.l, t.successor, "late_mark"), 0);
	assert_int_equal(mark_age_us(&t.l, t.successor), age);
	story_fini(&t.l);
}

static struct blob *under_way; /* The first of the owner's marks that did not arrive at once. */

static bool delays_marks(const struct story *l, uint32_t from, uint32_t to, const struct blob *f)
{
	(void)l;
	if (f->data[0] != FRAME_MARKS || from != lost || to != mute_to)
		return false;
	if (!under_way)
		under_way = blob_new(f->data, f->len);
	return true;
}

/* Behind other frames on a slow link: it says nothing of numbers accepted since it left. */
static void a_mark_that_was_long_under_way_is_old(void **unused)
{
	struct story l;

	(void)unused;
	story_begin(&l, 3);
	story_client_connect(&l);
	lost = story_holder(&l);
	mute_to = story_third(&l);
	story_run(&l, 20);
	l.loses = delays_marks;
	story_run(&l, 60);
	assert_non_null(under_way);
	l.loses = NULL;
	story_frame(&l, lost, mute_to, under_way);
	under_way = NULL;
	l.loses = loses;
	no_marks = true; /* Nothing else comes. */
	story_lose(&l, lost);
	story_run(&l, 3);
	no_marks = false;
	assert_int_equal(story_holder(&l), mute_to);
	assert_true(mark_age_us(&l, mute_to) >= 45000);
	assert_true(mark_age_us(&l, mute_to) < 100000);
	story_fini(&l);
}

/* What its worker has accepted is not reported yet, while frames of marks go out. */
static void what_is_not_reported_is_not_echoed(void **unused)
{
	struct story l;

	(void)unused;
	story_begin(&l, 3);
	story_client_connect(&l);
	lost = story_holder(&l);
	mute_to = STORY_NODES;
	hears_marks = no_marks = false;
	story_run(&l, 20);
	assert_int_equal(try_accept(&l, lost, 50), DROP_NONE);
	l.node[lost].unreported_us = l.now_us;
	story_run(&l, 60);
	story_lose(&l, lost);
	story_run(&l, 20);
	assert_int_equal(story_entry(&l, story_holder(&l))->window.floor, 0);
	assert_true(mark_age_us(&l, story_holder(&l)) >= 60000);
	story_fini(&l);
}

/* It has always accepted something that it has not reported, but never for long. */
static void a_busy_worker_is_echoed_up_to_its_reports(void **unused)
{
	struct story l;

	(void)unused;
	story_begin(&l, 3);
	story_client_connect(&l);
	lost = story_holder(&l);
	for (unsigned ms = 0; ms < 100; ms++) {
		l.node[lost].unreported_us = l.now_us;
		story_run(&l, 1);
	}
	story_lose(&l, lost);
	story_run(&l, 20);
	assert_true(mark_age_us(&l, story_holder(&l)) > 0);
	assert_true(mark_age_us(&l, story_holder(&l)) < 50000);
	story_fini(&l);
}

/* A second takeover right after the first: only the first successor has said how long the owner
 * before it was not heard, and marks that it alone had heard may not be in the log yet. */
static uint64_t age_of_second_takeover(uint64_t after_ms)
{
	struct late t;
	uint64_t age;

	begin(&t);
	story_kill(&t.l, t.old);
	story_run(&t.l, after_ms);
	story_suspect(&t.l, t.successor);
	story_run(&t.l, 50);
	assert_int_equal(story_holder(&t.l), t.third);
	age = mark_age_us(&t.l, t.third);
	story_fini(&t.l);
	return age;
}

static void the_age_of_a_second_takeover_covers_the_first(void **unused)
{
	(void)unused;
	assert_true(age_of_second_takeover(100) >= 100000);
	assert_true(age_of_second_takeover(900) >= 900000);
	assert_true(age_of_second_takeover(1500) < 100000);
}

/* The successor itself stood still for 50 ms: the mark that it then reads may be that old. */
static void a_mark_that_waited_for_its_hearer_is_old(void **unused)
{
	struct story l;
	uint32_t old, successor;

	(void)unused;
	story_begin(&l, 3);
	story_client_connect(&l);
	old = story_holder(&l);
	successor = story_third(&l);
	story_run(&l, 20);
	l.node[successor].still_us = l.now_us;
	l.now_us += 50000;
	accept(&l, old, 50);
	story_lose(&l, old);
	story_run(&l, 3);
	assert_int_equal(story_holder(&l), successor);
	assert_int_equal(story_entry(&l, successor)->window.floor, 50);
	assert_true(mark_age_us(&l, successor) >= 50000);
	story_fini(&l);
}

/* ---- Marks of the log ---- */

static void lose_power(struct story *l, uint64_t off_ms)
{
	story_kill_all(l);
	l->now_us += off_ms * 1000;
	story_start_all(l);
	story_run(l, 2000);
	story_client_listen(l);
}

/* No node remembers: only committed marks count, and their age is published. */
static void lose_all_power(uint32_t nodes)
{
	struct story l;

	story_begin(&l, nodes);
	story_client_connect(&l);
	accept(&l, story_holder(&l), 77);
	story_run(&l, 1000);
	assert_int_equal(story_record(&l, 0)->mark, 77);
	accept(&l, story_holder(&l), 80);
	lose_power(&l, 5000);
	assert_int_equal(story_owned(&l)->window.floor, 77);
	assert_int_equal(try_accept(&l, story_holder(&l), 77), DROP_REPLAY);
	assert_int_equal(try_accept(&l, story_holder(&l), 78), DROP_NONE);
	assert_true(mark_age_us(&l, story_holder(&l)) >= 6000000);
	assert_true(mark_age_us(&l, story_holder(&l)) <= 8000000);
	story_fini(&l);
}

static void after_a_loss_of_all_power_committed_marks_count(void **unused)
{
	(void)unused;
	lose_all_power(1);
	lose_all_power(3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_late_mark_is_below_what_the_successor_has_accepted),
		cmocka_unit_test(a_late_mark_is_told_by_who_heard_of_higher_ones),
		cmocka_unit_test(a_mark_of_ones_own_epoch_is_no_floor),
		cmocka_unit_test(a_late_mark_is_told_on),
		cmocka_unit_test(a_late_mark_comes_by_the_log),
		cmocka_unit_test(a_worker_that_learns_of_the_loss_last_is_heard),
		cmocka_unit_test(both_marks_are_remembered_and_told),
		cmocka_unit_test(a_mark_of_an_owner_long_before_counts),
		cmocka_unit_test(the_mark_age_covers_an_owner_that_lives_on),
		cmocka_unit_test(what_is_not_reported_is_not_echoed),
		cmocka_unit_test(a_busy_worker_is_echoed_up_to_its_reports),
		cmocka_unit_test(what_was_known_before_is_no_late_mark),
		cmocka_unit_test(the_age_of_a_second_takeover_covers_the_first),
		cmocka_unit_test(a_mark_that_was_long_under_way_is_old),
		cmocka_unit_test(a_mark_that_waited_for_its_hearer_is_old),
		cmocka_unit_test(after_a_loss_of_all_power_committed_marks_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

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

/* No node remembers what was deleted since: none of them leads, and each says why it ends. */
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

/* A start may wait for room on the disk before there are links: that is nobody's silence. */
static void an_old_store_is_not_refused_before_it_asked(void **unused)
{
	struct story l;

	(void)unused;
	story_begin(&l, 3);
	story_client_connect(&l);
	stop_all(&l);
	l.node[1].old_s = 5000;
	l.node[1].start_waits_us = 60000000;
	for (uint32_t i = 0; i < 3; i++)
		story_start(&l, (i + 1) % 3);
	story_run(&l, 12000);
	assert_int_equal(l.node[1].exited, -1);
	assert_int_equal(story_happened(&l, 1, "old_store"), 1);
	story_fini(&l);
}

/* Only one is young: it stands, and gets no vote. */
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
	uint32_t node;        /* Gets no Raft messages once its next process owns. */
	uint64_t incarnation; /* Of the previous process. */
} slow;

/* The owner of the client's session, as a node sees it. */
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

/* No node heard anything from the process before the lost one, and the lost one could not say so:
 * it did not even learn that it was an owner again. Its successor says it. */
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

/* ---- How far back forgotten numbers may lie ---- */

/* The worker accepts a number, and reports the mark. */
static void accept(struct story *l, uint32_t node, uint64_t seq)
{
	struct sad_entry *e = story_entry(l, node);
	uint64_t mark;

	assert_int_equal(sad_entry_accept(e, seq, e->epoch), DROP_NONE);
	assert_true(sad_entry_mark(e, &mark));
	story_report(l, node, e, SA_REPORT_MARK, mark);
	story_run(l, 1);
}

/* A leader has led for seconds, and all accepted numbers are in the log. Returns the owner. */
static uint32_t begin_led(struct story *l)
{
	uint32_t owner;

	story_client_connect(l);
	for (owner = 0; !story_entry(l, owner)->granted; owner++)
		;
	accept(l, owner, 50);
	story_run(l, 3000);
	for (uint32_t i = 0; i < l->n; i++)
		assert_int_equal(story_record(l, i)->mark, 50);
	return owner;
}

/* Power is lost now, for 300 ms. The age that the owner now publishes covers all that was accepted
 * since since_us and after the mark in the log; returns how much larger that age is. */
static int64_t age_covers(struct story *l, uint64_t since_us)
{
	struct core_mark_age age[TAKEOVERS_KEPT];
	uint32_t owner = STORY_NODES;
	uint64_t changes;
	size_t n;

	for (uint32_t i = 0; i < l->n; i++)
		if (l->node[i].core)
			assert_int_equal(story_record(l, i)->mark, 50);
	story_kill_all(l);
	l->now_us += 300000;
	story_start_all(l);
	story_run(l, 2500);
	for (uint32_t i = 0; i < l->n; i++)
		if (story_entry(l, i)->granted)
			owner = i;
	assert_true(owner < l->n);
	assert_int_equal(story_entry(l, owner)->window.floor, 50);
	n = core_mark_ages(l->node[owner].core, age, &changes);
	assert_true(n > 0);
	assert_true((int64_t)age[n - 1].at_us - (int64_t)age[n - 1].age_us <= (int64_t)since_us);
	return (int64_t)since_us - ((int64_t)age[n - 1].at_us - (int64_t)age[n - 1].age_us);
}

/* The ordinary case: it is as old as a mark that is not in the log may be, no older. */
static void an_age_is_what_marks_may_take(void **unused)
{
	struct story l;
	uint64_t since;

	(void)unused;
	story_begin(&l, 3);
	begin_led(&l);
	since = l.now_us;
	accept(&l, story_holder(&l), 77);
	story_run(&l, 500);
	assert_in_range(age_covers(&l, since), 0, 1000000);
	story_fini(&l);
}

static bool loses_raft(const struct story *l, uint32_t from, uint32_t to, const struct blob *f)
{
	(void)l;
	(void)from;
	(void)to;
	return f->data[0] == FRAME_RAFT;
}

/* The new leader has written its first entries, but no mark that waited for it. */
static void an_age_covers_a_time_without_leader(void **unused)
{
	struct story l;
	uint64_t since, term;
	struct core_status s;

	(void)unused;
	story_begin(&l, 3);
	begin_led(&l);
	core_status(l.node[story_leader(&l)].core, &s);
	term = s.term;
	since = l.now_us;
	accept(&l, story_holder(&l), 77);
	story_run(&l, 500);
	l.loses = loses_raft;
	story_run(&l, 800);
	l.loses = NULL;
	for (unsigned ms = 0; ms < 3000 && (story_leader(&l) == STORY_NODES || s.term == term); ms++) {
		story_run(&l, 1);
		if (story_leader(&l) < 3)
			core_status(l.node[story_leader(&l)].core, &s);
	}
	assert_true(s.term != term);
	story_run(&l, 5);
	age_covers(&l, since);
	story_fini(&l);
}

/* The successor has heard what the owner accepted before its loss, but not committed it yet. */
static void an_age_covers_what_a_successor_heard(void **unused)
{
	struct story l;
	uint32_t owner;
	uint64_t since;

	(void)unused;
	story_begin(&l, 3);
	owner = begin_led(&l);
	since = l.now_us;
	accept(&l, owner, 77);
	story_run(&l, 880);
	story_kill(&l, owner);
	story_run(&l, 60);
	story_suspect(&l, owner);
	story_run(&l, 700);
	assert_int_equal(story_owned(&l)->window.floor, 77);
	age_covers(&l, since);
	story_fini(&l);
}

static uint32_t cut_off; /* Neither gets nor sends Raft messages. */
static bool gets;        /* ... but it does get them. */

static bool loses_raft_of_one(const struct story *l, uint32_t from, uint32_t to, const struct blob *f)
{
	(void)l;
	return f->data[0] == FRAME_RAFT && (from == cut_off || (to == cut_off && !gets));
}

/* It writes on until it notices. Then another node leads, and its entries are gone. */
static void an_age_covers_a_leader_that_was_cut_off(void **unused)
{
	struct core_mark_age age[TAKEOVERS_KEPT];
	uint64_t since, changes;
	struct story l;
	uint32_t owner, first, second;
	size_t n;

	(void)unused;
	story_init(&l, 3);
	for (uint32_t i = 0; i < 3; i++)
		l.config[i].mode = SERVICE_LB;
	story_start_all(&l);
	story_run(&l, 2000);
	owner = begin_led(&l);
	first = story_leader(&l);
	story_lose_leader(&l);
	second = story_leader(&l);
	assert_true(first != owner && second != owner);
	story_lose(&l, second);
	story_start(&l, first); /* Its log is shorter. */
	story_run(&l, 2000);
	story_start(&l, second);
	story_run(&l, 3000);
	assert_int_equal(story_leader(&l), owner);
	since = l.now_us;
	accept(&l, owner, 77);
	story_run(&l, 880);
	cut_off = owner;
	gets = false;
	l.loses = loses_raft_of_one;
	story_run(&l, 350);
	story_kill_all(&l);
	gets = true;
	story_start_all(&l);
	story_run(&l, 700);
	l.loses = NULL;
	story_run(&l, 2500);
	assert_int_equal(story_record(&l, owner)->mark, 50);
	assert_true(story_entry(&l, owner)->granted);
	n = core_mark_ages(l.node[owner].core, age, &changes);
	assert_true(n > 0);
	assert_true((int64_t)age[n - 1].at_us - (int64_t)age[n - 1].age_us <= (int64_t)since);
	story_fini(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cold_start_from_old_stores_is_refused),
		cmocka_unit_test(an_old_store_is_not_refused_before_it_asked),
		cmocka_unit_test(an_old_store_does_not_vote),
		cmocka_unit_test(an_age_covers_the_process_before_the_lost_one),
		cmocka_unit_test(an_age_is_what_marks_may_take),
		cmocka_unit_test(an_age_covers_a_time_without_leader),
		cmocka_unit_test(an_age_covers_what_a_successor_heard),
		cmocka_unit_test(an_age_covers_a_leader_that_was_cut_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Stories of marks of exact SAs (DESIGN section 5) that get lost, come late or find no room: their
 * content must not get lost with them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cluster/core/owned_sa.h"
#include "cluster/core/rooms.h"
#include "test/unit/exact_story.h"

/* There is no leader when the owner proposes its mark, and no node tells the owner so. */
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

static struct {
	uint32_t from;
	unsigned n;
} lost_batches;

static bool lose_batches(const struct story *l, uint32_t from, uint32_t to, const struct blob *f)
{
	bool lost = f->data[0] == FRAME_PROPOSE && from == lost_batches.from;

	(void)l;
	(void)to;
	lost_batches.n += lost;
	return lost;
}

/* The leader lives, and never gets the SeqBatch; nor the next one. */
static void a_mark_whose_batch_was_lost_is_proposed_again(void **unused)
{
	struct story l;
	uint32_t owner;

	(void)unused;
	start_all(&l, 3);
	owner = lost_batches.from = story_holder(&l);
	lost_batches.n = 0;
	assert_int_not_equal(owner, story_leader(&l));
	accept(&l, owner, 77);
	story_run(&l, 850);
	l.loses = lose_batches;
	story_run(&l, 180);
	assert_true(lost_batches.n >= 2);
	assert_int_equal(story_record(&l, owner)->mark, 0);
	l.loses = NULL;
	story_run(&l, 150);
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

static uint32_t mute; /* Its marks and its word do not reach the deaf node. */
static bool lose_raft_and_words(const struct story *l, uint32_t from, uint32_t to, const struct blob *f)
{
	return lose_raft(l, from, to, f) || f->data[0] == FRAME_PROPOSE ||
	       (from == mute && to == deaf &&
		(f->data[0] == FRAME_MARKS || f->data[0] == FRAME_MARKS_DONE));
}

/* The successor learns late of the SA, and that it owns it. It had no room for marks that came
 * before: the word that came with them must not count. */
static void a_word_does_not_count_whose_marks_found_no_room(void **unused)
{
	struct story l;
	uint32_t old, leader, successor;

	(void)unused;
	start_nodes(&l, 3);
	old = mute = story_holder(&l);
	leader = story_leader(&l);
	successor = deaf = story_third(&l);
	l.loses = lose_raft_and_words;
	story_client_connect(&l);
	story_run(&l, 10);
	fill_marks(&l, leader, successor);
	accept(&l, old, 88);
	assert_int_equal(story_entry(&l, old)->delivered, 88);
	story_suspect(&l, old);
	story_run(&l, 50);
	story_kill(&l, old);
	story_run(&l, 50);
	assert_null(state_session_by_spi(core_state(l.node[successor].core), story_spi(&l), NULL));
	l.loses = NULL;
	story_run(&l, 500);
	assert_int_equal(story_holder(&l), successor);
	assert_false(story_entry(&l, successor)->defer);
	assert_int_equal(story_entry(&l, successor)->horizon_floor, 0);
	assert_int_equal(story_record(&l, successor)->mark, 0); /* Not by the log. */
	assert_int_equal(story_record(&l, successor)->late, 0);
	assert_int_equal(try_accept(&l, successor, 88), DROP_REPLAY);
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

/* The successor knew a mark when it came again, and had to forget it before the word came. */
static void a_word_does_not_count_whose_marks_are_gone_when_it_comes(void **unused)
{
	struct story l;
	uint32_t old, successor;

	(void)unused;
	start_nodes(&l, 3);
	old = story_holder(&l);
	mute = story_leader(&l);
	successor = deaf = story_third(&l);
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
	story_frame(&l, mute, successor, late);
	late = NULL;
	l.loses = NULL;
	story_run(&l, 500);
	assert_int_equal(story_holder(&l), successor);
	assert_false(story_entry(&l, successor)->defer);
	assert_int_equal(story_entry(&l, successor)->horizon_floor, 0);
	assert_int_equal(story_record(&l, successor)->mark, 0); /* Not by the log. */
	assert_int_equal(story_record(&l, successor)->late, 0);
	assert_int_equal(try_accept(&l, successor, 88), DROP_REPLAY);
	story_fini(&l);
}

/* Late marks of SAs that were just deleted come, many in a second: each is forgotten long after. A
 * successor that is collecting then must not discard word after word. */
static void forgetting_waits_until_the_words_have_come(void **unused)
{
	struct frame_mark row = { .epoch = 1, .seq = 1 };
	struct story l;
	uint32_t old, leader, successor;

	(void)unused;
	start_all(&l, 3);
	old = story_holder(&l);
	leader = story_leader(&l);
	successor = story_third(&l);
	accept(&l, old, 88);
	for (row.spi_in = 300; row.spi_in < 300 + 370; row.spi_in++) {
		story_frame(&l, leader, successor, frame_create_marks(FRAME_MARKS, 0, &row, 1));
		story_run(&l, 10);
	}
	story_lose(&l, old);
	story_run(&l, 1500);
	assert_int_equal(story_holder(&l), successor);
	assert_false(story_owned(&l)->defer);
	assert_int_equal(story_owned(&l)->horizon_floor, 0);
	assert_int_equal(story_owned(&l)->window.floor, 88);
	story_fini(&l);
}

/* ---- Late marks ---- */

/* A successor that has released its packets hears late what its predecessor accepted, in vain, for
 * no node acknowledges that any more. The predecessor does not know yet. */
struct late {
	struct story l;
	uint32_t old;
	struct sad_entry *e; /* The successor's. */
	uint32_t successor;
};

static void begin_late(struct late *t)
{
	struct story *l = &t->l;

	start_all(l, 3);
	t->old = deaf = story_holder(l);
	t->successor = story_third(l);
	accept(l, t->old, 5);
	l->loses = lose_raft;
	story_suspect(l, t->old);
	story_run(l, 300);
	t->e = story_entry(l, t->successor);
	assert_true(t->e->granted);
	assert_false(t->e->defer);
	assert_int_equal(t->e->window.floor, 5);
}

/* The successor reported what it accepted before, but no answer came. Its client is silent. */
static void a_late_mark_does_not_keep_back_what_is_below(void **unused)
{
	struct late t;

	(void)unused;
	begin_late(&t);
	t.l.lost_type = FRAME_MARKS_ACK;
	accept(&t.l, t.successor, 50);
	story_run(&t.l, 20);
	assert_int_equal(t.e->delivered, 0);
	accept(&t.l, t.old, 100);
	assert_int_equal(story_entry(&t.l, t.old)->delivered, 5);
	assert_int_equal(t.e->window.floor, 100);
	t.l.lost_type = 0;
	story_run(&t.l, 10);
	assert_false(sad_entry_must_wait(t.e, 50));
	assert_true(sad_entry_must_wait(t.e, 101));
	story_fini(&t.l);
}

/* The late mark overtakes a report of the successor's own worker. */
static void what_was_accepted_below_a_late_mark_is_delivered(void **unused)
{
	struct late t;

	(void)unused;
	begin_late(&t);
	assert_int_equal(try_accept(&t.l, t.successor, 50), DROP_NONE);
	accept(&t.l, t.old, 100);
	assert_int_equal(t.e->window.floor, 100);
	story_report(&t.l, t.successor, t.e, SA_REPORT_MARK, 50);
	assert_false(sad_entry_must_wait(t.e, 50)); /* At once. */
	/* And the next owner knows it. */
	t.l.loses = NULL;
	for (uint32_t i = 0; i < 3; i++)
		if (i != t.old)
			story_link(&t.l, t.old, i, true); /* The others hear it again. */
	story_run(&t.l, 300);
	story_lose(&t.l, t.successor);
	story_run(&t.l, 500);
	assert_false(story_owned(&t.l)->defer);
	assert_int_equal(story_owned(&t.l)->window.floor, 100);
	story_fini(&t.l);
}

/* Stopped, taken for dead, awake again before it knows: packets that it accepts now wait for good, for no
 * node acknowledges them. Their late mark is told all the same, and its successor refuses them, too. */
static void an_owner_that_wakes_up_delivers_nothing(void **unused)
{
	struct sad_entry *e;
	struct late t;

	(void)unused;
	begin_late(&t);
	e = story_entry(&t.l, t.old);
	assert_int_equal(try_accept(&t.l, t.old, 9), DROP_NONE);
	accept(&t.l, t.successor, 9); /* The same packet, at both. */
	assert_int_equal(t.e->delivered, 9);
	accept(&t.l, t.old, 20);
	story_run(&t.l, 100);
	assert_int_equal(e->delivered, 5);
	assert_true(sad_entry_must_wait(e, 9));
	assert_int_equal(try_accept(&t.l, t.successor, 20), DROP_REPLAY);
	assert_int_equal(try_accept(&t.l, t.old, 9), DROP_REPLAY);
	t.l.loses = NULL;
	for (uint32_t i = 0; i < 3; i++)
		if (i != t.old)
			story_link(&t.l, t.old, i, true);
	story_run(&t.l, 300);
	assert_false(e->granted);
	assert_int_equal(e->delivered, 5);
	story_fini(&t.l);
}

/* ---- Acknowledgements ---- */

/* It was on its way for so long that its SA was deleted, and another SA drew the SPI: the voter had
 * not applied the command that made that one. */
static void an_acknowledgement_older_than_the_sa_does_not_count(void **unused)
{
	struct frame_mark row = { .seq = 5 };
	struct frame_marks_head head;
	struct story l;
	uint64_t before;
	uint32_t owner, voter;

	(void)unused;
	start_nodes(&l, 3);
	before = core_applied(l.node[0].core);
	story_client_connect(&l);
	story_run(&l, 10);
	owner = story_holder(&l);
	voter = story_third(&l);
	assert_true(before < core_applied(l.node[owner].core));
	head = (struct frame_marks_head){
		.incarnation = state_node(core_state(l.node[owner].core), l.node[owner].raft_id)->incarnation,
		.index = before,
	};
	row.spi_in = story_spi(&l);
	row.epoch = story_owned(&l)->epoch;
	l.lost_type = FRAME_MARKS_ACK;
	accept(&l, owner, 5);
	story_frame(&l, voter, owner, frame_create_marks_at(FRAME_MARKS_ACK, &head, &row, 1));
	assert_int_equal(story_owned(&l)->delivered, 0);
	head.index = core_applied(l.node[owner].core);
	story_frame(&l, voter, owner, frame_create_marks_at(FRAME_MARKS_ACK, &head, &row, 1));
	assert_int_equal(story_owned(&l)->delivered, 5);
	story_fini(&l);
}

static struct {
	unsigned n;
	size_t rows[8];
	uint64_t echo_us[8];
} caught;

static bool catch_marks(const struct story *l, uint32_t from, uint32_t to, const struct blob *f)
{
	struct frame x;

	(void)l;
	if (f->data[0] != FRAME_MARKS || from != mute || to != deaf)
		return false;
	assert_int_equal(frame_parse(&x, f->data, f->len), OK);
	if (x.marks.incarnation != 0 && caught.n < 8) {
		caught.rows[caught.n] = x.marks.n;
		caught.echo_us[caught.n++] = x.marks.echo_us;
	}
	return true;
}

/* An owner's mark age is counted from what a frame echoes: one that leaves some marks for the next
 * does not say that all are known. */
static void a_frame_that_leaves_marks_behind_echoes_nothing(void **unused)
{
	struct story l;
	struct core *c;
	unsigned first = 0;

	(void)unused;
	start_all(&l, 3);
	mute = story_holder(&l);
	deaf = story_third(&l);
	c = l.node[mute].core;
	for (uint32_t i = 0; i < FRAME_MARKS_MAX; i++) {
		struct owned_sa *sa = owned_sa_get(c, 1000 + i);

		sa->mark.own = (struct mark){ 1, 1 };
		owned_sa_append(c, sa, SAS_CHANGED);
	}
	caught.n = 0;
	l.loses = catch_marks;
	story_run(&l, 20);
	while (first < caught.n && caught.rows[first] == 0)
		first++;
	assert_true(first + 1 < caught.n);
	assert_int_equal(caught.rows[first], FRAME_MARKS_MAX - 1);
	assert_int_equal(caught.echo_us[first], 0);
	assert_int_equal(caught.rows[first + 1], 1);
	assert_int_not_equal(caught.echo_us[first + 1], 0);
	story_fini(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_mark_whose_proposal_was_lost_is_proposed_again),
		cmocka_unit_test(a_mark_whose_batch_was_lost_is_proposed_again),
		cmocka_unit_test(a_word_does_not_count_whose_marks_found_no_room),
		cmocka_unit_test(a_word_does_not_count_whose_marks_are_gone_when_it_comes),
		cmocka_unit_test(forgetting_waits_until_the_words_have_come),
		cmocka_unit_test(a_late_mark_does_not_keep_back_what_is_below),
		cmocka_unit_test(what_was_accepted_below_a_late_mark_is_delivered),
		cmocka_unit_test(an_owner_that_wakes_up_delivers_nothing),
		cmocka_unit_test(an_acknowledgement_older_than_the_sa_does_not_count),
		cmocka_unit_test(a_frame_that_leaves_marks_behind_echoes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Stories of numbers: leases that are asked for, lost and asked for again; marks in
 * the log and in the nodes' memory (DESIGN section 5). */
#include "test/lib/story.h"

#include "cluster/link/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static uint32_t a_node(const struct story *l)
{
	return l->node[0].core ? 0 : 1;
}

/* Sends packets evenly over the time; the worker asks when its lease runs low, and
 * drops when it is empty. */
static void send(struct story *l, uint64_t packets, uint64_t ms)
{
	struct sad_entry *e = story_owned(l);

	for (uint64_t t = 0; t < ms; t++) {
		for (uint64_t i = 0; i < packets / ms; i++) {
			uint64_t seq;
			enum drop d = sad_entry_draw(e, &seq);

			assert_true(d == DROP_NONE || d == DROP_LEASE);
			if (d == DROP_LEASE || sad_entry_lease_low(e))
				story_report(l, story_holder(l), e, SA_REPORT_LEASE_LOW, e->next);
		}
		story_run(l, 1);
	}
}

static void a_lease_is_for_two_seconds_of_traffic(void **unused)
{
	struct sad_entry *e;
	struct story l;

	(void)unused;
	story_begin(&l, 3);
	for (uint32_t i = 0; i < 3; i++)
		l.config[i].lease = 1000;
	story_client_connect(&l);
	e = story_owned(&l);
	assert_int_equal(e->end - e->next, 1000);
	send(&l, 100, 1000); /* A slow one: L stays. */
	assert_true(e->end - e->next <= 1000);
	send(&l, 100000, 1000); /* A fast one. */
	assert_true(e->end - e->next >= 50000);
	for (unsigned i = 0; i < 10; i++) {
		send(&l, 50000, 500);
		assert_true(e->end - e->next <= 2 * 100000 + 1000);
	}
	send(&l, 20000, 20000); /* A slow one again: no more is asked for than L. */
	send(&l, 200000, 20000);
	assert_true(e->end - e->next <= 2 * 10000 + 1000);
	story_fini(&l);
}

/* A packet worker may repeat a report many times before the answer is there. */
static void asking_often_does_not_make_it_longer(void **unused)
{
	struct sad_entry *e;
	struct story l;

	(void)unused;
	story_begin(&l, 3);
	story_client_connect(&l);
	e = story_owned(&l);
	e->next = e->end;
	story_stall_all(&l, STORY_NODES);
	for (unsigned i = 0; i < 40; i++)
		story_report(&l, story_holder(&l), e, SA_REPORT_LEASE_LOW, e->next);
	story_resume_all(&l);
	story_run(&l, 200);
	assert_true(e->end > e->next);
	assert_true(e->end - e->next <= l.config[0].lease);
	story_fini(&l);
}

/* The worker reports it once. */
static void a_renewal_that_got_lost_is_asked_for_again(void **unused)
{
	struct sad_entry *e;
	struct story l;
	uint64_t end;

	(void)unused;
	story_begin(&l, 3);
	story_client_connect(&l);
	e = story_owned(&l);
	end = e->end;
	l.lost_type = FRAME_PROPOSE;
	e->next = e->end;
	story_report(&l, story_holder(&l), e, SA_REPORT_LEASE_LOW, e->next);
	story_run(&l, 50);
	assert_int_equal(e->end, end);
	l.lost_type = 0;
	story_run(&l, 200);
	assert_true(e->end > end);
	story_fini(&l);
}

static void a_mark_is_committed_within_a_second(void **unused)
{
	struct story l;

	(void)unused;
	story_begin(&l, 3);
	story_client_connect(&l);
	story_report(&l, story_holder(&l), story_owned(&l), SA_REPORT_MARK, 77);
	story_run(&l, 1000); /* It falls silent. */
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(story_record(&l, i)->mark, 77);
	story_fini(&l);
}

/* The marks that the lost owner had told the others are the floor, and go into the log. */
static void a_successor_commits_what_the_lost_owner_had_told(void **unused)
{
	struct story l;
	uint32_t old;

	(void)unused;
	story_begin(&l, 3);
	story_client_connect(&l);
	old = story_holder(&l);
	story_report(&l, old, story_owned(&l), SA_REPORT_MARK, 88);
	story_run(&l, 10);
	assert_int_equal(story_record(&l, old)->mark, 0);
	story_lose(&l, old);
	story_run(&l, 100);
	assert_int_equal(story_owned(&l)->window.top, 88);
	story_client_listen(&l);
	story_run(&l, 1200);
	assert_int_equal(story_record(&l, a_node(&l))->late, 88);
	story_fini(&l);
}

/* ---- The hand-over of marks ---- */

static void suspect(struct story *l, uint32_t node, bool suspect)
{
	struct event e = { .type = EVENT_SUSPECT };

	e.suspect.node = node;
	e.suspect.suspect = suspect;
	for (uint32_t i = 0; i < l->n; i++)
		if (i != node)
			story_event(l, i, &e);
	story_run(l, 500);
	story_client_listen(l);
}

static uint64_t deferred_expired(const struct story *l, uint32_t node)
{
	struct core_status s;

	core_status(l->node[node].core, &s);
	return s.deferred_expired;
}

/* The same node is lost twice in one incarnation: the second hand-over has other marks than the
 * first. */
static void marks_of_an_earlier_loss_are_not_those_of_this_one(void **unused)
{
	struct story l;
	uint32_t a, b;

	(void)unused;
	story_begin(&l, 3);
	story_client_connect(&l);
	a = story_holder(&l);
	suspect(&l, a, true);
	b = story_holder(&l);
	assert_int_not_equal(a, b);
	assert_int_equal(deferred_expired(&l, b), 0);
	suspect(&l, a, false);
	suspect(&l, b, true);
	assert_int_equal(story_holder(&l), a);
	suspect(&l, b, false);
	l.lost_type = FRAME_MARKS_DONE;
	suspect(&l, a, true);
	assert_int_equal(story_holder(&l), b);
	assert_int_equal(deferred_expired(&l, b), 1);
	story_fini(&l);
}

/* A node comes back in the same incarnation, owns nothing any more, and is lost again. */
static void who_owned_nothing_leaves_no_mark_age(void **unused)
{
	struct core_status before, after;
	struct story l;
	uint32_t a, b;

	(void)unused;
	story_begin(&l, 3);
	story_client_connect(&l);
	a = story_holder(&l);
	suspect(&l, a, true);
	b = story_holder(&l);
	core_status(l.node[b].core, &before);
	assert_int_equal(story_happened(&l, b, "owner"), 1);
	assert_true(before.last_mark_age_us < 1000000);
	suspect(&l, a, false);
	story_run(&l, 7000);
	suspect(&l, a, true);
	assert_int_equal(story_holder(&l), b);
	assert_int_equal(story_happened(&l, b, "node_down"), 2);
	core_status(l.node[b].core, &after);
	assert_int_equal(after.last_mark_age_us, before.last_mark_age_us);
	assert_int_equal(story_happened(&l, b, "owner"), 1);
	story_fini(&l);
}

/* ---- Behind a load balancer ---- */

static void a_lost_nodes_slots_are_spread(void **unused)
{
	uint32_t owned_by[2] = {0}, old, leader;
	struct story l;

	(void)unused;
	story_init(&l, 3);
	for (uint32_t i = 0; i < 3; i++)
		l.config[i].mode = SERVICE_LB;
	story_start_all(&l);
	story_run(&l, 2000);
	leader = story_leader(&l);
	old = story_holder(&l);
	story_lose(&l, old);
	story_run(&l, 500);
	for (uint32_t i = 0; i < STATE_SLOTS; i++) {
		const struct slot *s = state_slot(core_state(l.node[leader].core), i);

		assert_int_not_equal(s->node, 0);
		assert_int_not_equal(s->node, l.node[old].raft_id);
		owned_by[s->node == l.node[leader].raft_id]++;
	}
	assert_true(owned_by[0] > STATE_SLOTS / 4 && owned_by[1] > STATE_SLOTS / 4);
	story_fini(&l);
}

/* RFC 4303 3.3.3: at the end of the space the SA must go. Its owner warns at 75 %, once;
 * the successor of a lease that ends near 2^32 has the rest, and not a number more. */
/* The SA's lease ends above 75 % of the numbers. */
static void sequence_is_high(struct story *l)
{
	const uint64_t limit = UINT64_C(1) << 32;

	story_init(l, 1);
	l->config[0].lease = limit - limit / 4 - 2; /* The first ends just below. */
	story_start(l, 0);
	story_run(l, 2000);
	story_client_connect(l);
	story_run(l, 2000);
	assert_int_equal(story_happened(l, 0, "sequence_high"), 0);
	assert_int_equal(story_happened(l, 0, "child_rekey"), 0);
	story_report(l, 0, story_owned(l), SA_REPORT_LEASE_LOW, limit / 2);
	story_run(l, 100);
	assert_int_equal(story_record(l, 0)->end0, limit);
	assert_int_equal(story_happened(l, 0, "sequence_high"), 1);
	assert_int_equal(story_happened(l, 0, "child_rekey"), 1);
}

static void an_sa_with_few_numbers_left_is_replaced(void **unused)
{
	struct story l;
	uint32_t old;

	(void)unused;
	sequence_is_high(&l);
	old = l.client.child[0].spi_in;
	for (unsigned k = 0; k < 10; k++) {
		story_client_listen(&l);
		story_run(&l, 100);
	}
	assert_int_equal(l.client.counts.rekeys, 1);
	assert_int_equal(l.client.n_child, 1);
	assert_int_not_equal(l.client.child[0].spi_in, old);
	assert_int_equal(story_record(&l, 0)->start, 1);
	assert_int_equal(story_happened(&l, 0, "sequence_end"), 0);
	/* It is not asked for again; a new SA may be asked for by name. */
	story_run(&l, 20000);
	assert_int_equal(story_happened(&l, 0, "child_rekey"), 1);
	story_fini(&l);
}

/* A client that refuses is asked again, ever more slowly; a silent one gets repetitions and is then
 * left alone: phones sleep. */
static void a_rekey_that_is_refused_is_tried_again_later(void **unused)
{
	struct story l;
	unsigned tries[4];

	(void)unused;
	sequence_is_high(&l);
	l.client.config.esp[0].encr_key_bits[0] = 256;
	for (unsigned k = 0; k < 4; k++) {
		story_client_listen(&l);
		story_run(&l, 10000);
		tries[k] = story_happened(&l, 0, "child_rekey");
	}
	/* 5, 10, 20 s after each other. */
	assert_int_equal(tries[0], 2);
	assert_int_equal(tries[1], 3);
	assert_int_equal(tries[2], 3);
	assert_int_equal(tries[3], 4);
	assert_int_equal(l.client.counts.rekeys, 0);
	assert_int_equal(l.client.n_child, 1);
	story_run(&l, 600000);
	assert_int_equal(story_happened(&l, 0, "child_rekey"), 4);
	assert_int_equal(state_sessions(core_state(l.node[0].core)), 1);
	story_fini(&l);
}

static void an_sa_without_numbers_is_deleted(void **unused)
{
	const uint64_t rest = 100, limit = UINT64_C(1) << 32;
	struct sad_entry *e;
	struct story l;
	uint64_t seq, last = 0;
	enum drop d;

	(void)unused;
	sequence_is_high(&l);
	e = story_owned(&l);
	e->next = limit - rest;
	while ((d = sad_entry_draw(e, &seq)) == DROP_NONE)
		assert_true(seq > last && (last = seq) < limit);
	assert_int_equal(last, limit - 1);
	assert_int_equal(d, DROP_SEQUENCE_END);
	story_report(&l, 0, e, SA_REPORT_SEQUENCE_END, e->next);
	story_run(&l, 10);
	/* Our rekey is outstanding; when it is refused, the SA is deleted. */
	assert_int_equal(story_happened(&l, 0, "sequence_end"), 0);
	l.client.config.esp[0].encr_key_bits[0] = 256;
	story_client_listen(&l);
	story_run(&l, 100);
	assert_int_equal(story_happened(&l, 0, "sequence_end"), 1);
	story_report(&l, 0, e, SA_REPORT_SEQUENCE_END, e->next); /* While it is on its way. */
	story_run(&l, 10);
	story_client_listen(&l);
	story_run(&l, 10);
	assert_int_equal(story_happened(&l, 0, "sequence_end"), 1);
	assert_int_equal(story_happened(&l, 0, "sequence_high"), 1);
	assert_int_equal(l.client.n_child, 0);
	assert_int_equal(state_child_sas(core_state(l.node[0].core)), 0);
	assert_int_equal(l.client.state, INITIATOR_ESTABLISHED);
	story_fini(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_lease_is_for_two_seconds_of_traffic),
		cmocka_unit_test(asking_often_does_not_make_it_longer),
		cmocka_unit_test(a_renewal_that_got_lost_is_asked_for_again),
		cmocka_unit_test(a_mark_is_committed_within_a_second),
		cmocka_unit_test(a_successor_commits_what_the_lost_owner_had_told),
		cmocka_unit_test(marks_of_an_earlier_loss_are_not_those_of_this_one),
		cmocka_unit_test(who_owned_nothing_leaves_no_mark_age),
		cmocka_unit_test(a_lost_nodes_slots_are_spread),
		cmocka_unit_test(an_sa_with_few_numbers_left_is_replaced),
		cmocka_unit_test(a_rekey_that_is_refused_is_tried_again_later),
		cmocka_unit_test(an_sa_without_numbers_is_deleted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

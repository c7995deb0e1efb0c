/* SPDX-License-Identifier: Apache-2.0 */
/* The failure detector: which nodes are dead, and when we were last in contact with a quorum. Three
 * detectors and a clock moved by hand. */
#include "cluster/link/detector.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define N 3u
#define MS UINT64_C(1000)
#define INTERVAL (10 * MS)

struct lab {
	struct detector d[N];
	uint64_t now, applied[N], last[N];
	bool cut[N][N]; /* From, to. */
	bool asleep[N];
	struct detector_report report[N][N];
	size_t n_reports[N];
};

static void lab_init(struct lab *l, uint32_t n)
{
	struct detector_quorum q = { .n_voters = n };
	struct cluster_config c;

	for (uint32_t i = 0; i < n; i++)
		q.voter[i] = 100 + i;
	memset(l, 0, sizeof(*l));
	l->now = 1000 * MS;
	cluster_config_defaults(&c);
	c.n_nodes = n;
	for (uint32_t i = 0; i < n; i++) {
		c.self = i;
		detector_init(&l->d[i], &c, l->now);
		q.self = q.voter[i];
		detector_set_quorum(&l->d[i], &q);
	}
}

static void beat(struct lab *l, uint32_t from, uint32_t to)
{
	uint8_t frame[HEARTBEAT_LEN];

	if (l->asleep[from] || l->cut[from][to])
		return;
	detector_heartbeat_create(&l->d[from], to, l->now, l->last[from], frame);
	if (!l->asleep[to])
		assert_int_equal(detector_heartbeat_consume(&l->d[to], from, l->now, frame,
							    sizeof(frame)), OK);
}

static void poll(struct lab *l, uint32_t i)
{
	size_t n = detector_poll(&l->d[i], l->now, l->applied[i], l->last[i], l->report[i]);

	if (n)
		l->n_reports[i] = n;
}

/* One interval: everyone beats, then everyone polls. */
static void run(struct lab *l, unsigned intervals)
{
	for (unsigned k = 0; k < intervals; k++) {
		l->now += INTERVAL;
		for (uint32_t i = 0; i < l->d[0].n; i++)
			for (uint32_t j = 0; j < l->d[0].n; j++)
				if (i != j)
					beat(l, i, j);
		for (uint32_t i = 0; i < l->d[0].n; i++)
			if (!l->asleep[i])
				poll(l, i);
	}
}

static bool isolated(struct lab *l, uint32_t i)
{
	bool now;

	detector_isolation(&l->d[i], l->now, &now);
	return now;
}

/* ---- How a test begins ---- */

static int fresh(void **state)
{
	static struct lab l;

	lab_init(&l, N);
	*state = &l;
	return 0;
}

/* All have heard all, and no node has anything to report. */
static int in_contact(void **state)
{
	struct lab *l;

	(void)fresh(state);
	l = *state;
	run(l, 5);
	memset(l->n_reports, 0, sizeof(l->n_reports));
	return 0;
}

/* ---- Tests ---- */

static void all_are_suspect_until_heard(void **state)
{
	struct lab *l = *state;

	assert_true(l->d[0].node[1].suspect && l->d[0].node[2].suspect && !l->d[0].node[0].suspect);
	run(l, 1);
	assert_int_equal(l->n_reports[0], 2);
	assert_false(l->report[0][0].suspect);
	assert_false(l->d[0].node[1].suspect);
}

static void three_missed_heartbeats_are_a_death(void **state)
{
	struct lab *l = *state;

	l->cut[1][0] = true;
	run(l, 3);
	assert_int_equal(l->n_reports[0], 0);
	run(l, 1);
	assert_int_equal(l->n_reports[0], 1);
	assert_int_equal(l->report[0][0].node, 1);
	assert_true(l->report[0][0].suspect);
	assert_int_equal(l->report[0][0].silent_us, 4 * INTERVAL);
	l->n_reports[0] = 0;
	run(l, 5);
	assert_int_equal(l->n_reports[0], 0); /* Said once. */
	l->cut[1][0] = false;
	run(l, 1);
	assert_int_equal(l->n_reports[0], 1);
	assert_false(l->report[0][0].suspect);
}

/* What node 1 sends does not arrive for that long, then goes on. */
static void be_late(struct lab *l, unsigned intervals)
{
	l->cut[1][0] = true;
	run(l, intervals);
	l->cut[1][0] = false;
	run(l, 1);
}

/* Intervals from its last heartbeat until node 1 is found dead. */
static unsigned intervals_to_death(struct lab *l)
{
	l->cut[1][0] = true;
	for (unsigned i = 1; i < 1000; i++) {
		run(l, 1);
		if (l->d[0].node[1].suspect)
			return i;
	}
	return 0;
}

/* A busy machine: each late heartbeat sets how late the next may be. */
static void late_heartbeats_make_it_patient(void **state)
{
	struct lab *l = *state;

	be_late(l, 2); /* 30 ms: 20 too late, so 50 are waited for now. */
	be_late(l, 4);
	be_late(l, 8);
	be_late(l, 15);
	assert_int_equal(l->n_reports[0], 0);
	assert_int_equal(detector_timeout_us(&l->d[0], 2), 3 * INTERVAL); /* Each for itself. */
}

static void patience_has_an_end(void **state)
{
	struct lab *l = *state;

	for (unsigned i = 2; i < 19; i++)
		be_late(l, i);
	assert_int_equal(detector_timeout_us(&l->d[0], 1), 200 * MS);
	assert_int_equal(intervals_to_death(l), 21);
}

/* Once all is quiet again, a loss is found as soon as ever. */
static void patience_fades(void **state)
{
	struct lab *l = *state;

	for (unsigned i = 2; i < 19; i++)
		be_late(l, i);
	run(l, 5000);
	assert_int_equal(detector_timeout_us(&l->d[0], 1), 3 * INTERVAL);
	assert_int_equal(intervals_to_death(l), 4);
}

/* A node that was away, for a restart or with a cable pulled, was not late. */
static void an_absence_teaches_nothing(void **state)
{
	struct lab *l = *state;

	be_late(l, 50);
	run(l, 5);
	assert_int_equal(detector_timeout_us(&l->d[0], 1), 3 * INTERVAL);
	assert_int_equal(intervals_to_death(l), 4);
}

/* Bounds that cross: the least wins. */
static void slow_heartbeats_have_no_ceiling_below_them(void **unused)
{
	struct cluster_config c;
	struct detector d;

	(void)unused;
	cluster_config_defaults(&c);
	c.n_nodes = 2;
	c.timing.heartbeat_ms = 100;
	detector_init(&d, &c, 0);
	assert_int_equal(detector_timeout_us(&d, 1), 300 * MS);
	detector_heard(&d, 1, 1000 * MS);
	detector_heard(&d, 1, 1250 * MS);
	assert_int_equal(detector_timeout_us(&d, 1), 300 * MS);
}

static void a_process_that_is_gone_is_dead_at_once(void **state)
{
	struct lab *l = *state;

	detector_gone(&l->d[0], 2);
	l->n_reports[0] = 0;
	poll(l, 0);
	assert_int_equal(l->n_reports[0], 1);
	assert_int_equal(l->report[0][0].node, 2);
	assert_true(l->report[0][0].suspect);
}

/* Our own pause makes no other node dead; a death during it is found in time after it. */
static void who_slept_buries_nobody(void **state)
{
	struct lab *l = *state;

	l->asleep[0] = true;
	run(l, 20);
	l->asleep[0] = false;
	l->n_reports[0] = 0;
	poll(l, 0); /* Before it has read anything. */
	assert_int_equal(l->n_reports[0], 0);
	assert_true(l->d[1].node[0].suspect);
	l->cut[2][0] = true; /* Node 2 died meanwhile. */
	run(l, 4);
	assert_int_equal(l->n_reports[0], 1);
	assert_int_equal(l->report[0][0].node, 2);
	assert_false(l->d[0].node[1].suspect);
}

/* It looks only every 25 ms, though all heartbeats are in time. */
static void look_late(struct lab *l, unsigned times)
{
	for (unsigned k = 1; k <= 5 * times; k++) {
		l->now += 5 * MS;
		beat(l, 1, 0);
		beat(l, 2, 0);
		if (k % 5 == 0)
			poll(l, 0);
	}
}

/* It becomes patient without a false alarm, and without another node's delay. */
static void who_is_late_itself_is_patient_before_the_first_alarm(void **state)
{
	struct lab *l = *state;

	l->n_reports[0] = 0;
	look_late(l, 3);
	assert_int_equal(detector_timeout_us(&l->d[0], 2), 40 * MS);
	be_late(l, 3); /* Nothing for 40 ms. */
	assert_int_equal(l->n_reports[0], 0);
	run(l, 5000);
	assert_int_equal(intervals_to_death(l), 4); /* It fades. */
}

/* Also a short delay of our own is not theirs: 20 ms late, and nothing heard for 35. */
static void a_late_look_counts_for_nobody(void **state)
{
	static const unsigned ms[] = {10, 5, 20, 5};
	struct lab *l = *state;

	l->n_reports[0] = 0;
	for (unsigned i = 0; i < 4; i++, poll(l, 0))
		l->now += ms[i] * MS;
	assert_int_equal(l->n_reports[0], 0);
}

static void contact_is_the_send_time_of_what_a_quorum_echoed(void **state)
{
	struct lab *l = *state;
	uint64_t sent;

	assert_true(isolated(l, 0));
	run(l, 5);
	assert_false(isolated(l, 0));
	sent = detector_contact_us(&l->d[0], l->now);
	assert_true(sent <= l->now && l->now - sent <= 2 * INTERVAL);
	l->cut[0][1] = l->cut[0][2] = true; /* We hear them; they do not hear us. */
	run(l, 50);
	assert_true(detector_contact_us(&l->d[0], l->now) <= sent + INTERVAL);
	assert_false(isolated(l, 0));
	run(l, 60);
	assert_true(isolated(l, 0));
	l->cut[0][1] = false;
	run(l, 3);
	assert_false(isolated(l, 0));
}

/* A node that slept is back only once it knows what happened meanwhile. */
static void contact_counts_when_what_they_have_is_applied(void **state)
{
	struct lab *l = *state;

	l->asleep[0] = true;
	l->last[1] = l->last[2] = 50;
	run(l, 200);
	l->asleep[0] = false;
	run(l, 5);
	assert_true(isolated(l, 0));
	l->last[0] = l->applied[0] = 49;
	run(l, 5);
	assert_true(isolated(l, 0));
	l->last[0] = l->applied[0] = 50;
	run(l, 2);
	assert_false(isolated(l, 0));
}

/* Under load the others are always a little ahead. */
static void contact_goes_on_under_load(void **state)
{
	struct lab *l = *state;

	for (unsigned i = 0; i < 300; i++) {
		l->last[1] = l->last[2] += 10;
		l->last[0] = l->applied[0] = l->last[1] > 5 ? l->last[1] - 5 : 0;
		run(l, 1);
		assert_false(isolated(l, 0));
	}
}

/* A leader that was alone has a log tail that no leader will ever commit. */
static void a_tail_that_was_cut_off_is_not_waited_for(void **state)
{
	struct lab *l = *state;

	for (uint32_t i = 0; i < N; i++)
		l->last[i] = l->applied[i] = 100;
	run(l, 5);
	l->cut[0][1] = l->cut[1][0] = l->cut[0][2] = l->cut[2][0] = true;
	l->last[0] = 180;
	run(l, 200);
	assert_true(isolated(l, 0));
	memset(l->cut, 0, sizeof(l->cut));
	run(l, 3); /* In contact; its tail is still there. */
	for (uint32_t i = 0; i < N; i++)
		l->last[i] = l->applied[i] = 110;
	run(l, 3);
	for (uint32_t i = 0; i < N; i++)
		assert_false(isolated(l, i));
	run(l, 200);
	for (uint32_t i = 0; i < N; i++)
		assert_false(isolated(l, i));
}

static void alone_we_are_the_quorum(void **unused)
{
	struct lab l;

	(void)unused;
	lab_init(&l, 1);
	assert_int_equal(detector_contact_us(&l.d[0], l.now), l.now);
	assert_false(isolated(&l, 0));
}

static void only_whole_heartbeats_count(void **state)
{
	uint8_t frame[HEARTBEAT_LEN + 1] = {0};
	struct lab *l = *state;

	detector_heartbeat_create(&l->d[1], 0, l->now, 0, frame);
	for (size_t len = 0; len < HEARTBEAT_LEN; len++)
		assert_int_equal(detector_heartbeat_consume(&l->d[0], 1, l->now, frame, len),
				 ERR_MALFORMED);
	assert_int_equal(detector_heartbeat_consume(&l->d[0], 1, l->now, frame, sizeof(frame)),
			 ERR_MALFORMED);
	frame[0]++;
	assert_int_equal(detector_heartbeat_consume(&l->d[0], 1, l->now, frame, HEARTBEAT_LEN),
			 ERR_MALFORMED);
	assert_int_equal(l->d[0].node[1].heard_us, 0);
}

/* An echo from the future is not ours. */
static void an_echo_of_what_was_not_sent_yet_is_no_contact(void **state)
{
	uint8_t frame[HEARTBEAT_LEN];
	struct lab *l = *state;

	l->d[1].node[0].its_send_us = l->now + 5000 * MS;
	detector_heartbeat_create(&l->d[1], 0, l->now, 0, frame);
	assert_int_equal(detector_heartbeat_consume(&l->d[0], 1, l->now, frame, sizeof(frame)), OK);
	poll(l, 0);
	assert_int_equal(l->d[0].node[1].contact_us, 0);
}

/* Its knowledge is gone with its store: its word would make an old owner work on (simulator, seed
 * 1000238). */
static void who_lost_its_store_has_no_say(void **state)
{
	struct lab *l = *state;

	run(l, 100);
	assert_false(isolated(l, 0));
	l->cut[0][1] = l->cut[1][0] = l->cut[0][2] = l->cut[2][0] = true;
	run(l, 1500);
	assert_true(isolated(l, 0));
	l->d[2].quorum.self = 999; /* A new Raft id, not yet a voter. */
	l->cut[0][2] = l->cut[2][0] = false;
	run(l, 1500);
	assert_true(isolated(l, 0));
	l->d[0].quorum.voter[2] = 999; /* It was let in, and we know. */
	run(l, 100);
	assert_false(isolated(l, 0));
}

/* Three of four voters are a majority, though one of them is configured no more. */
static void a_majority_is_one_of_the_voters(void **state)
{
	struct lab *l = *state;

	for (uint32_t i = 0; i < N; i++)
		l->d[i].quorum.n_voters = 4;
	run(l, 100);
	assert_false(isolated(l, 0));
	l->cut[0][1] = l->cut[1][0] = true;
	run(l, 1500);
	assert_true(isolated(l, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(all_are_suspect_until_heard, fresh),
		cmocka_unit_test_setup(who_lost_its_store_has_no_say, fresh),
		cmocka_unit_test_setup(a_majority_is_one_of_the_voters, fresh),
		cmocka_unit_test_setup(three_missed_heartbeats_are_a_death, in_contact),
		cmocka_unit_test_setup(late_heartbeats_make_it_patient, in_contact),
		cmocka_unit_test_setup(patience_has_an_end, in_contact),
		cmocka_unit_test_setup(patience_fades, in_contact),
		cmocka_unit_test_setup(an_absence_teaches_nothing, in_contact),
		cmocka_unit_test(slow_heartbeats_have_no_ceiling_below_them),
		cmocka_unit_test_setup(a_process_that_is_gone_is_dead_at_once, in_contact),
		cmocka_unit_test_setup(who_slept_buries_nobody, in_contact),
		cmocka_unit_test_setup(who_is_late_itself_is_patient_before_the_first_alarm, in_contact),
		cmocka_unit_test_setup(a_late_look_counts_for_nobody, in_contact),
		cmocka_unit_test_setup(contact_is_the_send_time_of_what_a_quorum_echoed, fresh),
		cmocka_unit_test_setup(contact_counts_when_what_they_have_is_applied, in_contact),
		cmocka_unit_test_setup(contact_goes_on_under_load, in_contact),
		cmocka_unit_test_setup(a_tail_that_was_cut_off_is_not_waited_for, fresh),
		cmocka_unit_test(alone_we_are_the_quorum),
		cmocka_unit_test_setup(only_whole_heartbeats_count, fresh),
		cmocka_unit_test_setup(an_echo_of_what_was_not_sent_yet_is_no_contact, fresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

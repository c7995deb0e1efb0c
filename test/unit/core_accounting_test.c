/* SPDX-License-Identifier: Apache-2.0 */
/* Stories of RADIUS accounting: each session is reported once, whoever leads and owns, and no
 * server can harm a session. */
#include "test/unit/radius_story.h"

static const struct volume some = {100, 1, 3000, 3}, more = {500, 5, 1000, 1};

static void carries(struct story *l, const struct volume *v)
{
	struct sad_entry *e = story_owned(l);

	volume_add(&e->volume, v);
	story_report(l, story_holder(l), e, SA_REPORT_VOLUME, 0);
}

static void connects(struct story *l)
{
	assert_goes_on(l, request(l, 2));
}

static void leaves(struct story *l)
{
	story_client_send(l, initiator_create_ike_delete(&l->client, 0));
	assert_int_equal(l->client.state, INITIATOR_CLOSED);
}

/* No node has a report left. */
static void assert_all_told(const struct story *l)
{
	for (uint32_t i = 0; i < 3; i++)
		if (l->node[i].core)
			assert_int_equal(state_reports(core_state(l->node[i].core)), 0);
}

static const struct radius_told *told(unsigned n)
{
	assert_true(accountants[0].n > n);
	return &accountants[0].told[n];
}

static void clock_says(struct story *l, int64_t unix_s)
{
	for (uint32_t i = 0; i < 3; i++) {
		struct event e = {.type = EVENT_CLOCK, .clock.unix_s = unix_s};

		if (l->node[i].core)
			story_event(l, i, &e);
	}
}

static void a_session_is_told_of(void **unused)
{
	static const uint8_t interval[4] = {0, 0, 0, 90};
	const struct session *x;
	struct story l;

	(void)unused;
	begin(&l);
	keep_account(&l, 1, 0);
	clock_says(&l, 1700000000);
	story_run(&l, 1100);
	servers[0].user_name = "alice@example.org";
	servers[0].extra[0].type = servers[0].extra[1].type = RADIUS_CLASS;
	servers[0].extra[0].value = servers[0].extra[1].value = "\0\1what is it to us";
	servers[0].extra[0].len = servers[0].extra[1].len = 18;
	servers[0].extra[2].type = RADIUS_ACCT_INTERIM_INTERVAL;
	servers[0].extra[2].value = interval;
	servers[0].extra[2].len = 4;
	connects(&l);
	x = state_next_session(core_state(l.node[0].core), 0);
	assert_int_equal(x->ike.account.interim_s, 90);
	story_run(&l, 1000);
	assert_int_equal(accountants[0].n, 1);
	assert_int_equal(told(0)->status, RADIUS_STATUS_START);
	assert_int_equal(told(0)->classes, 2);
	assert_string_equal(told(0)->user, "alice@example.org");
	assert_memory_equal(told(0)->framed, l.client.virtual_ip.octets, 4);
	assert_in_range(told(0)->event_s, 1700000000, 1700000002);
	assert_int_equal(told(0)->delay_s, 0);
	carries(&l, &some);
	story_run(&l, 3000);
	leaves(&l);
	story_run(&l, 100);
	assert_int_equal(accountants[0].n, 2);
	assert_int_equal(told(1)->status, RADIUS_STATUS_STOP);
	assert_int_equal(told(1)->cause, RADIUS_CAUSE_USER_REQUEST);
	assert_string_equal(told(1)->session, told(0)->session);
	assert_int_equal(told(1)->octets_in, 100);
	assert_int_equal(told(1)->octets_out, 3000);
	assert_in_range(told(1)->session_s, 3, 4);
	assert_int_equal(accountants[0].repeated, 0);
	assert_all_told(&l);
	end(&l);
}

/* The server has the report, and its answer is lost with the leader: the next leader sends the same octets. */
static void the_next_leader_repeats_a_report(void **unused)
{
	for (unsigned stop = 0; stop < 2; stop++) {
		struct story l;

		(void)unused;
		begin(&l);
		keep_account(&l, 1, 0);
		if (stop) {
			connects(&l);
			story_run(&l, 1000);
			carries(&l, &some);
			story_run(&l, 1000);
			lost = true;
			leaves(&l);
			story_run(&l, 100);
		} else {
			struct blob *d = request(&l, ROUNDS);

			lost = true;
			assert_goes_on(&l, d);
			story_run(&l, 100);
		}
		assert_int_equal(accountants[0].n, stop + 1);
		story_lose_leader(&l);
		lost = false;
		story_run(&l, 1000);
		assert_int_equal(accountants[0].n, stop + 1);
		assert_true(accountants[0].repeated >= 1);
		assert_all_told(&l);
		end(&l);
	}
}

/* Committed, but not yet sent: the leader and the owner are lost, one after the other. */
static void a_stop_outlives_who_made_it(void **unused)
{
	struct story l;

	(void)unused;
	begin(&l);
	keep_account(&l, 1, 0);
	connects(&l);
	story_run(&l, 1000);
	carries(&l, &some);
	story_run(&l, 1000);
	carries(&l, &more); /* Not in the log: it is lost. */
	story_lose(&l, story_holder(&l));
	story_run(&l, 1000);
	accountants[0].silent = true;
	leaves(&l);
	story_run(&l, 50);
	accountants[0].silent = false;
	assert_int_equal(accountants[0].n, 1);
	story_run(&l, 2000);
	assert_int_equal(accountants[0].n, 2);
	assert_int_equal(told(1)->status, RADIUS_STATUS_STOP);
	assert_int_equal(told(1)->octets_in, 100);
	assert_string_equal(told(1)->session, told(0)->session);
	assert_all_told(&l);
	end(&l);
}

static void a_silent_server_harms_nobody(void **unused)
{
	struct story l;

	(void)unused;
	begin(&l);
	keep_account(&l, 1, 0);
	accountants[0].silent = true;
	connects(&l);
	story_run(&l, 6000);
	assert_int_equal(story_happened(&l, story_leader(&l), "accounting_silent"), 1);
	story_client_send(&l, initiator_create_dpd(&l.client));
	assert_int_equal(l.client.counts.ignored, 0);
	leaves(&l);
	story_run(&l, 60000);
	assert_int_equal(story_happened(&l, story_leader(&l), "accounting_silent"), 1);
	accountants[0].silent = false;
	story_run(&l, 40000);
	assert_int_equal(accountants[0].n, 2);
	assert_int_equal(told(0)->status, RADIUS_STATUS_START);
	assert_int_equal(told(1)->status, RADIUS_STATUS_STOP);
	assert_in_range(told(0)->delay_s, 5, 110); /* It was made again, and says how late it is. */
	assert_int_equal(story_happened(&l, story_leader(&l), "accounting"), 1);
	assert_all_told(&l);
	end(&l);
}

static void the_next_server_is_told(void **unused)
{
	struct story l;

	(void)unused;
	begin(&l);
	keep_account(&l, 2, 0);
	accountants[0].silent = true;
	connects(&l);
	story_run(&l, 6000);
	assert_int_equal(accountants[1].n, 1);
	leaves(&l);
	story_run(&l, 100); /* The first one is known to be dead. */
	assert_int_equal(accountants[1].n, 2);
	assert_all_told(&l);
	end(&l);
}

/* Each minute the volume so far; also when its owner is lost. */
static void it_is_told_of_in_between(void **unused)
{
	struct story l;

	(void)unused;
	begin(&l);
	keep_account(&l, 1, 60);
	connects(&l);
	story_run(&l, 1000);
	carries(&l, &some);
	for (unsigned s = 0; s < 62; s++) {
		story_run(&l, 1000);
		story_client_listen(&l);
	}
	assert_int_equal(accountants[0].n, 2);
	assert_int_equal(told(1)->status, RADIUS_STATUS_INTERIM);
	assert_int_equal(told(1)->octets_in, 100);
	assert_in_range(told(1)->session_s, 60, 61);
	story_lose(&l, story_holder(&l));
	story_run(&l, 1000);
	carries(&l, &more);
	for (unsigned s = 0; s < 60; s++) {
		story_run(&l, 1000);
		story_client_listen(&l);
	}
	assert_int_equal(accountants[0].n, 3);
	assert_int_equal(told(2)->octets_in, 600);
	assert_string_equal(told(2)->session, told(0)->session);
	assert_all_told(&l);
	end(&l);
}

/* An operator ends it: reported at once, and not again when the client has answered. */
static void an_end_by_our_own_will_is_told_once(void **unused)
{
	struct story l;

	(void)unused;
	begin(&l);
	keep_account(&l, 1, 0);
	connects(&l);
	story_run(&l, 100);
	story_control(&l, story_leader(&l), CONTROL_END, state_next_session(core_state(l.node[0].core), 0)->id, NULL);
	story_run(&l, 100);
	assert_int_equal(accountants[0].n, 2);
	assert_int_equal(told(1)->cause, RADIUS_CAUSE_ADMIN_RESET);
	story_client_listen(&l);
	story_run(&l, 2000);
	assert_null(state_next_session(core_state(l.node[story_leader(&l)].core), 0));
	assert_int_equal(accountants[0].n, 2);
	assert_all_told(&l);
	end(&l);
}

static struct blob *damaged(struct blob *answer)
{
	if (answer->data[0] == RADIUS_ACCOUNTING_RESPONSE)
		answer->data[7] ^= 1;
	return answer;
}

/* Without the secret an answer removes no report. */
static void strangers_answer_nothing(void **unused)
{
	struct story l;

	(void)unused;
	begin(&l);
	keep_account(&l, 1, 0);
	forge = damaged;
	connects(&l);
	story_run(&l, 500);
	assert_int_equal(accountants[0].n, 1);
	assert_int_equal(state_reports(core_state(l.node[story_leader(&l)].core)), 1);
	forge = NULL;
	story_run(&l, 1000);
	assert_int_equal(accountants[0].n, 1);
	assert_all_told(&l);
	end(&l);
}

/* Another policy: accounting ends, and no report waits for ever. */
static void without_a_server_nothing_waits(void **unused)
{
	struct story l;

	(void)unused;
	begin(&l);
	keep_account(&l, 1, 0);
	accountants[0].silent = true;
	connects(&l);
	keep_account(&l, 0, 0);
	story_run(&l, 2000);
	assert_all_told(&l);
	leaves(&l);
	story_run(&l, 2000);
	assert_all_told(&l);
	end(&l);
}

/* ... but one leader with an old file removes none: reports belong to all nodes. */
static void an_old_file_drops_nothing(void **unused)
{
	struct cluster_policy *old;
	struct story l;

	(void)unused;
	begin(&l);
	keep_account(&l, 1, 0);
	accountants[0].silent = true;
	connects(&l);
	old = story_policy_copy(&l, story_leader(&l), 99);
	old->ike.radius[0].accounting = (struct endpoint){.port = 1813};
	story_policy(&l, story_leader(&l), old);
	story_run(&l, 3000);
	assert_int_equal(state_reports(core_state(l.node[0].core)), 1);
	end(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_session_is_told_of),
		cmocka_unit_test(the_next_leader_repeats_a_report),
		cmocka_unit_test(a_stop_outlives_who_made_it),
		cmocka_unit_test(a_silent_server_harms_nobody),
		cmocka_unit_test(the_next_server_is_told),
		cmocka_unit_test(it_is_told_of_in_between),
		cmocka_unit_test(an_end_by_our_own_will_is_told_once),
		cmocka_unit_test(strangers_answer_nothing),
		cmocka_unit_test(without_a_server_nothing_waits),
		cmocka_unit_test(an_old_file_drops_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Stories of a client that changes its address (RFC 4555) while the leader is lost, at each of the
 * four messages. */
#include "test/lib/story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct endpoint endpoint(const char *text)
{
	struct endpoint e;

	assert_int_equal(endpoint_parse(&e, text), OK);
	return e;
}

/* Where the holder's worker sends the client's packets. */
static void assert_esp_at(struct story *l, const char *text)
{
	struct endpoint expected = endpoint(text);

	assert_true(endpoint_equal(&story_owned(l)->path.remote, &expected));
}

static const struct session *session(const struct story *l)
{
	return state_next_session(core_state(l->node[story_leader(l)].core), 0);
}

#define HOME "10.79.0.50:4500"
#define AWAY "10.79.0.66:4500"

/* Before which message the leader is lost: 1 the request has not come, 2 its answer is lost,
 * 3 our question is lost, 4 the answer to that; 0 it is not. */
static void moves(unsigned lost)
{
	struct endpoint away = endpoint(AWAY);
	struct blob *request;
	struct story l;

	story_init(&l, 3);
	l.client.config.mobike = true;
	story_start_all(&l);
	story_run(&l, 2000);
	story_client_connect(&l);
	assert_esp_at(&l, HOME);
	request = initiator_create_move(&l.client, &away);
	if (lost == 1)
		story_lose_leader(&l);
	story_datagram(&l, story_holder(&l), &l.client, request);
	blob_unref(request);
	if (lost != 2)
		story_run(&l, 5);
	if (lost == 2 || lost == 3) {
		story_swallow(&l);
		story_lose_leader(&l);
		assert_esp_at(&l, HOME);
		story_client_send(&l, initiator_retransmit(&l.client));
	}
	if (lost == 4) {
		for (unsigned k = 0; k < 10 && l.client.counts.checks == 0; k++) {
			struct blob *b = story_say(&l, &l.client, NULL);

			blob_unref(b); /* Never arrives. */
			story_swallow(&l);
			story_run(&l, 20);
		}
		assert_int_equal(l.client.counts.checks, 1);
		assert_esp_at(&l, HOME);
		story_lose_leader(&l);
	}
	assert_true(endpoint_equal(&session(&l)->ike.remote, &away));
	for (unsigned k = 0; k < 50; k++) {
		story_client_listen(&l);
		story_run(&l, 100);
	}
	assert_int_equal(l.client.error, 0);
	assert_true(l.client.counts.checks >= 1);
	assert_esp_at(&l, AWAY);
	assert_false(session(&l)->ike.moving);
	assert_null(session(&l)->ike.ike[0].window.outstanding);
	story_level(&l);
	story_fini(&l);
}

static void a_client_moves(void **unused)
{
	(void)unused;
	moves(0);
}

static void the_leader_is_lost_meanwhile(void **unused)
{
	(void)unused;
	for (unsigned lost = 1; lost <= 4; lost++)
		moves(lost);
}

/* Libreswan 4.10 and later leave out the COOKIE2 of a request that detects no NATs. */
static void who_repeats_a_cookie_only_beside_nat_detection_moves(void **unused)
{
	struct endpoint away = endpoint(AWAY);
	struct story l;

	(void)unused;
	story_init(&l, 3);
	l.client.config.mobike = true;
	l.client.config.cookie2_with_nat = true;
	story_start_all(&l);
	story_run(&l, 2000);
	story_client_connect(&l);
	story_client_send(&l, initiator_create_move(&l.client, &away));
	for (unsigned k = 0; k < 20; k++) {
		story_client_listen(&l);
		story_run(&l, 50);
	}
	assert_int_equal(l.client.error, 0);
	assert_int_equal(l.client.state, INITIATOR_ESTABLISHED);
	assert_esp_at(&l, AWAY);
	story_fini(&l);
}

/* The check's messages are lost: packets still go to the old address, and nothing ends. */
static void an_unanswered_check_moves_nothing(void **unused)
{
	struct endpoint away = endpoint(AWAY);
	struct story l;

	(void)unused;
	story_init(&l, 3);
	l.client.config.mobike = true;
	for (uint32_t i = 0; i < 3; i++)
		l.config[i].timing.retransmit_ms = 20;
	story_start_all(&l);
	story_run(&l, 2000);
	story_client_connect(&l);
	story_client_send(&l, initiator_create_move(&l.client, &away));
	for (unsigned k = 0; k < 100; k++) {
		story_swallow(&l);
		story_run(&l, 50);
	}
	assert_true(session(&l)->ike.moving);
	assert_esp_at(&l, HOME);
	/* A sign of life: it is asked again. */
	story_client_send(&l, initiator_create_dpd(&l.client));
	for (unsigned k = 0; k < 10; k++) {
		story_run(&l, 50);
		story_client_listen(&l);
	}
	assert_esp_at(&l, AWAY);
	story_fini(&l);
}

/* A question to its old address was lost, and is repeated ever more slowly. The next time at once, to the new one: its
 * packets wait for that answer. */
static void who_moves_is_asked_at_once_whatever_is_outstanding(void **unused)
{
	struct endpoint away = endpoint(AWAY);
	struct story l;

	(void)unused;
	story_init(&l, 3);
	l.client.config.mobike = true;
	for (uint32_t i = 0; i < 3; i++) {
		l.config[i].timing.retransmit_ms = 1000;
		l.config[i].policy->ike.connections->dpd_ms = 3000;
	}
	story_start_all(&l);
	story_run(&l, 2000);
	story_client_connect(&l);
	for (unsigned k = 0; k < 250 && !session(&l)->ike.ike[0].window.outstanding; k++)
		story_run(&l, 20);
	for (unsigned k = 0; k < 160; k++) {
		story_swallow(&l);
		story_run(&l, 100);
	}
	story_swallow(&l);
	assert_int_equal(session(&l)->ike.ike[0].purpose, IKE_PURPOSE_DPD);
	story_client_send(&l, initiator_create_move(&l.client, &away));
	assert_esp_at(&l, HOME);
	for (unsigned k = 0; k < 40; k++) {
		story_client_listen(&l);
		story_run(&l, 50);
	}
	assert_esp_at(&l, AWAY);
	story_fini(&l);
}

/* A packet from elsewhere, perhaps a replayed one, has a question repeated there: not the one that
 * must show where the client is. */
static void a_check_goes_nowhere_else(void **unused)
{
	struct endpoint away = endpoint(AWAY);
	struct sa_report r = {.kind = SA_REPORT_BELOW_HORIZON, .remote = endpoint("10.79.0.77:4500")};
	struct event e = {.type = EVENT_SA_REPORTS};
	struct blob *request;
	struct story l;

	(void)unused;
	story_init(&l, 3);
	l.client.config.mobike = true;
	story_start_all(&l);
	story_run(&l, 2000);
	story_client_connect(&l);
	request = initiator_create_move(&l.client, &away);
	story_datagram(&l, story_holder(&l), &l.client, request);
	blob_unref(request);
	story_run(&l, 200);
	story_swallow(&l);
	assert_int_equal(session(&l)->ike.ike[0].purpose, IKE_PURPOSE_CHECK_ADDRESS);
	assert_true(session(&l)->ike.features & IKE_PEER_BEHIND_NAT);
	r.spi_in = story_owned(&l)->child.spi_in;
	r.session = story_owned(&l)->session;
	r.epoch = story_owned(&l)->epoch;
	e.sa_reports.reports = &r;
	e.sa_reports.n = 1;
	story_event(&l, story_holder(&l), &e);
	story_run(&l, 5);
	assert_int_equal(l.n_to_client, 0);
	story_fini(&l);
}

/* The gateway rekeys the IKE SA; the client's answer is lost, and it moves. No node knows its new IKE SA yet,
 * and at its old address our question is lost. Its packets show where it is: it is asked there, too. */
static void who_moves_before_our_rekey_is_answered_is_asked_where_he_is(void **unused)
{
	struct sa_report r = {.kind = SA_REPORT_PEER, .remote = endpoint("10.79.0.66:0")};
	struct event e = {.type = EVENT_SA_REPORTS};
	struct blob *answer;
	struct story l;

	(void)unused;
	story_init(&l, 3);
	for (uint32_t i = 0; i < 3; i++)
		l.config[i].policy->ike.connections->ike_life.rekey_s = 1;
	l.client.config.mobike = true;
	l.client.config.fake_nat = false;
	story_start_all(&l);
	story_run(&l, 2000);
	story_client_connect(&l);
	assert_false(session(&l)->ike.features & IKE_PEER_BEHIND_NAT);
	for (unsigned i = 0; i < 3000 && l.n_to_client == 0; i++)
		story_run(&l, 1);
	answer = story_say(&l, &l.client, NULL);
	assert_int_equal(l.client.counts.ike_rekeys, 1);
	blob_unref(answer); /* It is lost. */
	story_swallow(&l);
	r.spi_in = story_owned(&l)->child.spi_in;
	r.session = story_owned(&l)->session;
	r.epoch = story_owned(&l)->epoch;
	e.sa_reports.reports = &r;
	e.sa_reports.n = 1;
	story_event(&l, story_holder(&l), &e);
	story_run(&l, 5);
	assert_int_equal(l.n_to_client, 1);
	r.remote = endpoint("10.79.0.99:0"); /* No sender makes us send to addresses as fast as he sends. */
	story_event(&l, story_holder(&l), &e);
	story_run(&l, 5);
	assert_int_equal(l.n_to_client, 1);
	l.client.config.local = endpoint(AWAY);
	answer = story_say(&l, &l.client, NULL);
	assert_non_null(answer);
	story_swallow(&l);
	blob_unref(story_say(&l, &l.client, answer));
	story_run(&l, 5);
	assert_int_equal(session(&l)->ike.ike[0].spi_i, l.client.ike[0].spi_i);
	assert_int_equal(session(&l)->ike.ike[0].spi_r, l.client.ike[0].spi_r);
	story_fini(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_client_moves),
		cmocka_unit_test(the_leader_is_lost_meanwhile),
		cmocka_unit_test(who_repeats_a_cookie_only_beside_nat_detection_moves),
		cmocka_unit_test(an_unanswered_check_moves_nothing),
		cmocka_unit_test(who_moves_is_asked_at_once_whatever_is_outstanding),
		cmocka_unit_test(a_check_goes_nowhere_else),
		cmocka_unit_test(who_moves_before_our_rekey_is_answered_is_asked_where_he_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

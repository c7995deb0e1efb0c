/* SPDX-License-Identifier: Apache-2.0 */
/* Stories of IKE_AUTH in three rounds (test/lib/toy_auth.h), with EAP in five, and with certificates, which
 * are judged outside: leaders come and go in between, and the client notices nothing. */
#include "test/lib/outside_answer.h"
#include "test/lib/pki.h"
#include "test/lib/story.h"
#include "test/lib/toy_auth.h"
#include "test/unit/rounds_story.h"
#include "test/unit/same.h"

#include "cluster/core/facts.h"
#include "cluster/link/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct ike_user alice;

/* A user with a password; what the gateway shows is the secret "cl" by another name. */
static void begin_eap(struct story *l)
{
	begin(l);
	assert_int_equal(ike_id_parse(&alice.id, "alice"), OK);
	assert_int_equal(nt_hash_of(&alice.password, "in wonderland", 13), OK);
	for (uint32_t i = 0; i < 3; i++) {
		struct ike_config *c = &l->config[i].policy->ike;

		c->connections->auth = &ike_auth_eap_mschapv2;
		c->secrets->id = c->connections->local_id;
		c->users = malloc(sizeof(alice));
		assert_non_null(c->users);
		*c->users = alice;
		c->n_users = 1;
	}
	l->client.config.auth = &initiator_eap_mschapv2;
	strcpy(l->client.config.user, "alice");
	l->client.config.password = alice.password;
}

static struct pki pki;

static int make_certificates(void **unused)
{
	(void)unused;
	pki_init(&pki, PKI_ED25519);
	return 0;
}

static int drop_certificates(void **unused)
{
	(void)unused;
	pki_fini(&pki);
	return 0;
}

static void show_certificate(struct story *l)
{
	for (uint32_t i = 0; i < 3; i++)
		l->config[i].policy->ike.connections->own = credentials_ref(pki.own);
	l->client.config.trust = pki.trust;
	l->client.config.unix_now = PKI_NOW;
}

/* Both by certificate: in one round, with a question that must be answered first. */
static void begin_pubkey(struct story *l)
{
	begin(l);
	for (uint32_t i = 0; i < 3; i++) {
		struct ike_connection *c = l->config[i].policy->ike.connections;

		c->auth = &ike_auth_pubkey;
		c->clients = trust_ref(pki.trust);
	}
	show_certificate(l);
	l->client.config.auth = &initiator_pubkey;
	l->client.config.own = pki.clients_own;
}

/* EAP, and the gateway by certificate in the first round. */
static void begin_eap_shown(struct story *l)
{
	begin_eap(l);
	show_certificate(l);
}

static const struct way {
	void (*begin)(struct story *l);
	unsigned rounds, asks; /* In which of them something is asked outside; 0: in none. */
} ways[] = {{begin, TOY_ROUNDS, 2}, {begin_eap, 5, 0}, {begin_pubkey, 1, 1}, {begin_eap_shown, 5, 1}};

#define WAYS (sizeof(ways) / sizeof(ways[0]))

static void assert_goes_on(struct story *l, struct blob *d)
{
	while (d) {
		struct blob *b = response(l, d);

		blob_unref(d);
		d = next(l, b);
	}
	assert_int_equal(l->client.state, INITIATOR_ESTABLISHED);
	assert_int_equal(l->client.n_child, 1);
	story_client_send(l, initiator_create_dpd(&l->client));
	assert_int_equal(l->client.counts.responses, 1);
	assert_int_equal(l->client.counts.ignored, 0);
}

static void the_leader_is_lost_before_each_round(void **unused)
{
	(void)unused;
	for (const struct way *w = ways; w < ways + WAYS; w++)
		for (unsigned round = 1; round <= w->rounds; round++) {
			struct blob *d;
			struct story l;

			w->begin(&l);
			d = request(&l, round);
			story_lose_leader(&l);
			assert_goes_on(&l, d);
			story_fini(&l);
		}
}

/* ... and the response did not reach the client. */
static void a_round_again(const struct way *w, unsigned round)
{
	struct blob *d, *first, *again;
	struct story l;

	w->begin(&l);
	d = request(&l, round);
	first = response(&l, d);
	again = response(&l, d);
	assert_same(again, first);
	blob_unref(again);
	story_lose_leader(&l);
	again = response(&l, d);
	assert_same_unref(first, blob_ref(again));
	blob_unref(d);
	d = next(&l, again);
	if (d)
		assert_goes_on(&l, d);
	assert_int_equal(l.client.state, INITIATOR_ESTABLISHED);
	story_fini(&l);
}

static void the_next_leader_repeats_a_round_bit_for_bit(void **unused)
{
	(void)unused;
	for (const struct way *w = ways; w < ways + WAYS; w++)
		for (unsigned round = 1; round <= w->rounds; round++)
			a_round_again(w, round);
}

static void what_was_asked_outside_the_next_leader_asks_again(void **unused)
{
	(void)unused;
	for (const struct way *w = ways; w < ways + WAYS; w++) {
		struct blob *d, *question;
		struct story l;

		if (w->asks == 0)
			continue;
		w->begin(&l);
		l.outside_is_silent = true;
		d = request(&l, w->asks);
		assert_null(response(&l, d));
		assert_null(response(&l, d)); /* It waits; nothing is asked twice. */
		assert_int_equal(l.n_asked, 1);
		question = blob_ref(l.question);
		story_lose_leader(&l);
		l.outside_is_silent = false;
		assert_goes_on(&l, d);
		assert_int_equal(l.n_asked, 2);
		assert_same_unref(question, blob_ref(l.question));
		story_fini(&l);
	}
}

/* A reload between a question and its answer. */
enum taken { OWN, IDS, BOTH, NAME, TAKEN_END };

static void take_out(struct ike_connection *c, enum taken taken)
{
	if (taken == OWN || taken == BOTH) {
		credentials_unref(c->own);
		c->own = NULL;
	}
	if (taken == IDS || taken == BOTH) {
		struct ike_id other;

		trust_unref(c->clients);
		c->clients = pki_trust(&pki.root);
		assert_int_equal(ike_id_parse(&other, "*.example.org"), OK);
		assert_null(trust_add_id(c->clients, &other));
	}
	if (taken == NAME)
		c->name[0] ^= 1;
}

static void answer_late(const struct way *w, enum taken taken)
{
	const struct auth_clock day = {.unix_now = PKI_NOW};
	struct event e = {.type = EVENT_AUTH_ANSWER};
	struct blob *d, *answer;
	struct story l;
	uint32_t leader;

	w->begin(&l);
	l.outside_is_silent = true;
	d = request(&l, w->asks);
	assert_null(response(&l, d));
	leader = story_leader(&l);
	answer = outside_answer(&l.config[leader].policy->ike, l.question, 1, &day);
	for (uint32_t i = 0; i < 3; i++) {
		struct cluster_policy *p = story_policy_copy(&l, i, 2);

		take_out(p->ike.connections, taken);
		story_policy(&l, i, p);
	}
	e.auth_answer.question = (struct auth_question){
		.spi_i = l.client.ike[0].spi_i, .spi_r = l.client.ike[0].spi_r, .step = w->asks};
	e.auth_answer.data = answer->data;
	e.auth_answer.len = answer->len;
	story_event(&l, leader, &e);
	blob_unref(answer);
	l.outside_is_silent = false;
	answer = response(&l, d);
	blob_unref(d);
	blob_unref(answer ? next(&l, answer) : NULL);
	assert_true(l.client.state != INITIATOR_ESTABLISHED);
	assert_int_equal(state_sessions(core_state(l.node[leader].core)), 0);
	story_fini(&l);
}

/* A judgement by certificates that were since removed lets no client in. */
static void what_is_taken_out_meanwhile_does_not_count(void **unused)
{
	(void)unused;
	for (enum taken taken = OWN; taken < TAKEN_END; taken++) {
		answer_late(&ways[2], taken);
		if (taken == OWN || taken == NAME)
			answer_late(&ways[3], taken);
	}
}

/* A late, unasked or repeated answer counts for nothing. */
static void answers_that_nobody_waits_for_change_nothing(void **unused)
{
	static const uint8_t yes[17] = {1};
	struct event e = {.type = EVENT_AUTH_ANSWER, .auth_answer = {.data = yes, .len = sizeof(yes)}};
	struct blob *d;
	struct story l;

	(void)unused;
	begin(&l);
	l.outside_is_silent = true;
	d = request(&l, 2);
	assert_null(response(&l, d));
	e.auth_answer.question.spi_i = l.client.ike[0].spi_i;
	e.auth_answer.question.spi_r = l.client.ike[0].spi_r;
	e.auth_answer.question.step = 1; /* The question is of the second. */
	story_event(&l, story_leader(&l), &e);
	e.auth_answer.question.step = 2;
	story_event(&l, story_third(&l) == story_leader(&l) ? story_holder(&l) : story_third(&l), &e);
	e.auth_answer.question.spi_r++;
	story_event(&l, story_leader(&l), &e);
	assert_null(response(&l, d));
	e.auth_answer.question.spi_r--;
	story_event(&l, story_leader(&l), &e);
	story_event(&l, story_leader(&l), &e);
	assert_int_equal(l.n_to_client, 1);
	assert_goes_on(&l, d);
	story_fini(&l);
}

/* A round's response waits until a majority holds it, for 5 ms. */
static void a_round_is_shared_before_its_response_leaves(void **unused)
{
	struct blob *d;
	struct story l;

	(void)unused;
	begin(&l);
	d = request(&l, 1);
	l.lost_type = FRAME_HALF_OPEN;
	story_datagram(&l, story_holder(&l), &l.client, d);
	story_run(&l, 4);
	assert_int_equal(l.n_to_client, 0);
	story_run(&l, 2);
	assert_int_equal(l.n_to_client, 1);
	l.lost_type = 0;
	story_swallow(&l);
	/* It is shared once more, before it is said again: now without waiting. */
	story_datagram(&l, story_holder(&l), &l.client, d);
	assert_int_equal(l.n_to_client, 1);
	story_lose_leader(&l);
	assert_goes_on(&l, d);
	story_fini(&l);
}

/* The same for a question: the next leader must know it. */
static void a_question_is_shared_before_it_is_asked(void **unused)
{
	struct blob *d;
	struct story l;

	(void)unused;
	begin(&l);
	d = request(&l, 2);
	l.lost_type = FRAME_HALF_OPEN;
	story_datagram(&l, story_holder(&l), &l.client, d);
	story_run(&l, 4);
	assert_int_equal(l.n_asked, 0);
	story_run(&l, 2);
	assert_int_equal(l.n_asked, 1);
	l.lost_type = 0;
	assert_goes_on(&l, d);
	story_fini(&l);
}

static uint32_t deaf;

static bool lose_for_the_deaf(const struct story *l, uint32_t from, uint32_t to, const struct blob *f)
{
	(void)l;
	(void)from;
	return to == deaf && f->data[0] == FRAME_HALF_OPEN;
}

/* The next leader has missed a round; the third node has it. */
static void a_leader_that_missed_a_round_learns_of_it(void **unused)
{
	struct blob *d, *first;
	struct story l;

	(void)unused;
	begin(&l);
	first = request(&l, 1);
	deaf = 3 - story_leader(&l) - story_holder(&l);
	l.loses = lose_for_the_deaf;
	d = next(&l, response(&l, first));
	blob_unref(first);
	l.loses = NULL;
	story_lose_leader(&l);
	assert_int_equal(story_leader(&l), deaf);
	assert_goes_on(&l, d);
	story_fini(&l);
}

static void time_runs_out(void **unused)
{
	static const struct {
		unsigned round, ms;
		bool goes_on;
	} rows[] = {
		{1, 29000, true}, {1, 31000, false}, {2, 115000, true}, {2, 121000, false},
		{3, 115000, true}, {3, 121000, false},
	};

	(void)unused;
	for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
		struct blob *d;
		struct story l;

		begin(&l);
		d = request(&l, rows[k].round);
		story_run(&l, rows[k].ms);
		if (rows[k].goes_on) {
			assert_goes_on(&l, d);
		} else {
			assert_null(response(&l, d));
			blob_unref(d);
		}
		story_fini(&l);
	}
}

/* The client that waited is forgotten, and begins anew. */
static void a_question_dies_with_its_half_open_sa(void **unused)
{
	struct blob *d;
	struct story l;

	(void)unused;
	begin(&l);
	l.outside_is_silent = true;
	d = request(&l, 2);
	assert_null(response(&l, d));
	story_run(&l, 121000);
	assert_null(response(&l, d));
	blob_unref(d);
	l.outside_is_silent = false;
	assert_goes_on(&l, initiator_create_init(&l.client));
	story_fini(&l);
}

/* The time counts from each one's first IKE_AUTH, whichever node took the last step. */
static void later_rounds_win_no_time(void **unused)
{
	struct initiator first;
	struct blob *d, *other, *b;
	struct story l;

	(void)unused;
	begin(&l);
	d = request(&l, 2); /* Its first round was just now. */
	first = l.client;
	story_client_other(&l, &l.client, &first.config);
	story_run(&l, 60000);
	other = request(&l, 2);
	story_datagram(&l, story_holder(&l), &first, d);
	blob_unref(d);
	story_run(&l, 10);
	assert_int_equal(l.n_to_client, 1);
	b = blob_ref(l.to_client[0]);
	d = initiator_consume(&first, b->data, b->len);
	blob_unref(b);
	assert_non_null(d);
	story_run(&l, 61000);
	assert_null(core_half_open(l.node[story_leader(&l)].core, first.ike[0].spi_i, first.ike[0].spi_r));
	assert_null(response(&l, d));
	blob_unref(d);
	assert_goes_on(&l, other);
	initiator_fini(&first);
	story_fini(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_leader_is_lost_before_each_round),
		cmocka_unit_test(the_next_leader_repeats_a_round_bit_for_bit),
		cmocka_unit_test(what_was_asked_outside_the_next_leader_asks_again),
		cmocka_unit_test(what_is_taken_out_meanwhile_does_not_count),
		cmocka_unit_test(answers_that_nobody_waits_for_change_nothing),
		cmocka_unit_test(a_round_is_shared_before_its_response_leaves),
		cmocka_unit_test(a_question_is_shared_before_it_is_asked),
		cmocka_unit_test(a_leader_that_missed_a_round_learns_of_it),
		cmocka_unit_test(time_runs_out),
		cmocka_unit_test(later_rounds_win_no_time),
		cmocka_unit_test(a_question_dies_with_its_half_open_sa),
	};

	return cmocka_run_group_tests(tests, make_certificates, drop_certificates);
}

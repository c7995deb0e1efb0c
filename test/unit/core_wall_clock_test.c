/* SPDX-License-Identifier: Apache-2.0 */
/* Stories of wrong wall clocks: whose is wrong, which node leads then, and who is let in by a
 * certificate meanwhile. */
#include "cluster/core/wall_clock.h"
#include "proto/auth/outside.h"
#include "test/lib/pki.h"
#include "test/lib/story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define NOW INT64_C(1796000000)

static int64_t off[STORY_NODES]; /* How far each node's clock is ahead. */

/* Seconds go by; every node hears its wall clock once in each. */
static void live(struct story *l, unsigned seconds)
{
	for (unsigned s = 0; s < seconds; s++) {
		for (uint32_t i = 0; i < l->n; i++) {
			struct event e = { .type = EVENT_CLOCK };

			if (!l->node[i].core)
				continue;
			e.clock.unix_s = NOW + (int64_t)(l->now_us / 1000000) + off[i];
			story_event(l, i, &e);
		}
		story_run(l, 1000);
	}
}

static void begin(struct story *l)
{
	memset(off, 0, sizeof(off));
	story_begin(l, 3);
	live(l, 6);
	for (uint32_t i = 0; i < 3; i++)
		assert_false(core_clock_is_wrong(l->node[i].core));
}

static void a_leader_with_a_wrong_clock_hands_on(void **unused)
{
	uint32_t leader;
	struct story l;

	(void)unused;
	begin(&l);
	leader = story_leader(&l);
	off[leader] = -(int64_t)WALL_CLOCK_APART_S - 2;
	live(&l, 6);
	assert_true(core_clock_is_wrong(l.node[leader].core));
	assert_int_not_equal(story_leader(&l), leader);
	assert_int_not_equal(story_leader(&l), STORY_NODES);
	assert_int_equal(story_happened(&l, leader, "clock_wrong"), 1);
	/* It serves all the same; the log says once that it is right again. */
	story_client_connect(&l);
	assert_int_equal(l.client.state, INITIATOR_ESTABLISHED);
	off[leader] = 0;
	live(&l, 6);
	assert_false(core_clock_is_wrong(l.node[leader].core));
	assert_int_equal(story_happened(&l, leader, "clock"), 1);
	story_fini(&l);
}

static void leadership_does_not_come_back_to_it(void **unused)
{
	uint32_t leader, wrong, turns = 0;
	struct story l;

	(void)unused;
	begin(&l);
	wrong = story_third(&l);
	leader = story_leader(&l);
	off[wrong] = 1000;
	for (unsigned i = 0; i < 20; i++) {
		live(&l, 1);
		turns += story_leader(&l) == wrong;
	}
	assert_int_equal(turns, 0);
	assert_int_equal(story_leader(&l), leader);
	story_fini(&l);
}

static void one_other_wrong_clock_is_no_majority(void **unused)
{
	uint32_t leader, dead;
	struct story l;

	(void)unused;
	begin(&l);
	leader = story_leader(&l);
	dead = story_third(&l);
	story_lose(&l, dead);
	off[story_holder(&l)] = 500;
	live(&l, 40); /* The dead node's time is forgotten. */
	assert_int_equal(story_leader(&l), leader);
	for (uint32_t i = 0; i < 3; i++)
		assert_true(!l.node[i].core || !core_clock_is_wrong(l.node[i].core));
	story_fini(&l);
}

static void where_all_differ_nobody_judges(void **unused)
{
	uint32_t leader;
	struct story l;

	(void)unused;
	begin(&l);
	leader = story_leader(&l);
	for (uint32_t i = 0; i < 3; i++)
		off[i] = 100 * i;
	live(&l, 8);
	for (uint32_t i = 0; i < 3; i++)
		assert_true(core_clock_is_wrong(l.node[i].core));
	assert_int_equal(story_leader(&l), leader);
	story_fini(&l);
}

/* ---- Who is let in by a certificate ---- */

static struct pki pki; /* Valid at NOW, and for months before and after. */

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

static void by_certificate(struct story *l)
{
	for (uint32_t i = 0; i < 3; i++) {
		struct ike_connection *c = l->config[i].policy->ike.connections;

		c->auth = &ike_auth_pubkey;
		c->own = credentials_ref(pki.own);
		c->clients = trust_ref(pki.trust);
	}
	l->client.config.trust = pki.trust;
	l->client.config.unix_now = PKI_NOW;
	l->client.config.auth = &initiator_pubkey;
	l->client.config.own = pki.clients_own;
	l->has_wall_clocks = true;
}

static void is_let_in(struct story *l)
{
	story_client_new(l);
	by_certificate(l);
	story_client_connect(l);
	assert_int_equal(l->client.state, INITIATOR_ESTABLISHED);
}

static void is_refused(struct story *l, const char *why)
{
	uint32_t leader = story_leader(l);

	story_client_new(l);
	by_certificate(l);
	story_client_connect(l);
	assert_int_equal(l->client.state, INITIATOR_FAILED);
	assert_non_null(strstr(story_told(l, leader, "refused"), why));
}

static void the_time_is_that_of_the_last_event(void **unused)
{
	uint32_t leader;
	struct story l;

	(void)unused;
	begin(&l);
	leader = story_leader(&l);
	is_let_in(&l);
	/* It is set while nothing looks: what was accepted counts, and no other time. */
	for (uint32_t i = 0; i < 3; i++)
		off[i] = 2 * PKI_YEAR;
	is_let_in(&l);
	live(&l, 6);
	assert_int_equal(story_leader(&l), leader);
	is_refused(&l, "expired");
	story_fini(&l);
}

/* Only it: the others have not been asked whether they find it right. */
static void a_clock_that_nobody_has_confirmed_judges_nobody(void **unused)
{
	struct event e = { .type = EVENT_CLOCK, .clock.unix_s = NOW };
	uint32_t leader;
	struct story l;

	(void)unused;
	memset(off, 0, sizeof(off));
	story_begin(&l, 3);
	leader = story_leader(&l);
	is_refused(&l, "clock: ours is not known");
	story_event(&l, leader, &e);
	is_refused(&l, "clock: too few other nodes' clocks confirm ours");
	assert_int_equal(story_leader(&l), leader);
	live(&l, 1);
	is_let_in(&l);
	story_fini(&l);
}

/* One is lost, the other has another time: either may be wrong. */
static void two_clocks_that_differ_are_no_majority(void **unused)
{
	uint32_t leader;
	struct story l;

	(void)unused;
	begin(&l);
	leader = story_leader(&l);
	story_lose(&l, story_third(&l));
	off[story_holder(&l)] = 500;
	live(&l, 20);
	is_let_in(&l); /* What the lost one said is 20 s old, and counts. */
	live(&l, 20);
	assert_int_equal(story_leader(&l), leader);
	is_refused(&l, "clock: too few other nodes' clocks confirm ours");
	story_fini(&l);
}

static void a_node_that_connects_is_told_at_once(void **unused)
{
	uint32_t third, leader;
	struct story l;

	(void)unused;
	begin(&l);
	third = story_third(&l);
	leader = story_leader(&l);
	story_lose(&l, third);
	story_start(&l, third);
	story_run(&l, 1000); /* Nobody looks at its clock meanwhile. */
	for (uint32_t i = 0; i < 3; i++) {
		struct event e = { .type = EVENT_CLOCK, .clock.unix_s = NOW + 1000 };

		if (i == third)
			story_event(&l, i, &e);
	}
	assert_true(core_clock_is_wrong(l.node[third].core));
	assert_int_equal(story_leader(&l), leader);
	story_fini(&l);
}

static void a_leader_before_the_build_date_hands_on(void **unused)
{
	uint32_t leader;
	struct story l;

	(void)unused;
	memset(off, 0, sizeof(off));
	story_init(&l, 3);
	l.unix_least = NOW;
	story_start_all(&l);
	story_run(&l, 2000);
	live(&l, 6);
	leader = story_leader(&l);
	off[leader] = -40; /* Near enough to those of the others ... */
	live(&l, 1);
	assert_true(core_clock_is_wrong(l.node[leader].core));
	assert_int_not_equal(story_leader(&l), leader);
	for (uint32_t i = 0; i < 3; i++)
		off[i] = -100;
	live(&l, 6); /* ... and then all are. */
	is_refused(&l, "clock: ours is before the day on which this program was built");
	story_fini(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_leader_with_a_wrong_clock_hands_on),
		cmocka_unit_test(leadership_does_not_come_back_to_it),
		cmocka_unit_test(one_other_wrong_clock_is_no_majority),
		cmocka_unit_test(where_all_differ_nobody_judges),
		cmocka_unit_test(the_time_is_that_of_the_last_event),
		cmocka_unit_test(a_clock_that_nobody_has_confirmed_judges_nobody),
		cmocka_unit_test(two_clocks_that_differ_are_no_majority),
		cmocka_unit_test(a_node_that_connects_is_told_at_once),
		cmocka_unit_test(a_leader_before_the_build_date_hands_on),
	};

	return cmocka_run_group_tests(tests, make_certificates, drop_certificates);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Stories of a DELETE that ends our rekey and is not answered: the client may have obeyed (RFC 7296
 * 2.8), so nothing ends by time, least of all the session. Only a client that is silent in ESP,
 * too, is taken for dead. */
#include "test/lib/story.h"
#include "test/unit/same.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define LIMIT (UINT64_C(1) << 32)
#define RETRANSMIT_MS 20u
#define GIVEN_UP_MS (70u * RETRANSMIT_MS) /* 1 + 2 + 4 ... + 32 of them, and more. */

static void begin(struct story *l, uint32_t dpd_ms, uint64_t lease)
{
	story_init(l, 3);
	for (uint32_t i = 0; i < 3; i++) {
		l->config[i].policy->ike.connections->dpd_ms = dpd_ms;
		l->config[i].timing.retransmit_ms = RETRANSMIT_MS;
		l->config[i].lease = lease;
	}
	story_start_all(l);
	story_run(l, 2000);
	story_client_connect(l);
	assert_int_equal(l->client.n_child, 1);
}

static const struct session *session(const struct story *l)
{
	const struct state *s = core_state(l->node[story_leader(l)].core);

	return state_next_session(s, 0);
}

/* For so long no IKE message reaches the client; now and then its packets come in by that Child SA
 * (0: none do). */
static void deaf(struct story *l, uint32_t ms, uint32_t flows_by)
{
	static uint64_t seq = 100;

	for (uint32_t k = 0; k < ms / 20; k++) {
		if (flows_by)
			story_report(l, story_holder(l), story_sad(l, story_holder(l), flows_by),
				     SA_REPORT_MARK, ++seq);
		story_run(l, 20);
		story_swallow(l);
	}
}

static struct sad_entry *owned(struct story *l, uint32_t spi_in)
{
	return story_sad(l, story_holder(l), spi_in);
}

/* Our rekey is answered, and the DELETE of the old SA is outstanding. Returns the old SPI. */
static uint32_t is_rekeyed(struct story *l, uint32_t dpd_ms)
{
	uint32_t old;

	begin(l, dpd_ms, LIMIT - LIMIT / 4 - 2);
	old = story_spi(l);
	story_report(l, story_holder(l), story_owned(l), SA_REPORT_LEASE_LOW, LIMIT / 2);
	story_run(l, 200);
	story_client_listen(l);
	assert_int_equal(session(l)->ike.n_child, 2);
	assert_int_equal(session(l)->ike.ike[0].purpose, IKE_PURPOSE_DELETE_CHILD);
	return old;
}

static uint32_t successor_of(const struct story *l, uint32_t old)
{
	for (unsigned i = 0; i < session(l)->ike.n_child; i++)
		if (session(l)->ike.child[i].replaces == old)
			return session(l)->ike.child[i].spi_in;
	return 0;
}

static void an_unanswered_delete_ends_nothing(void **unused)
{
	struct ike_datagrams *asked;
	struct story l;
	uint32_t old, made;

	(void)unused;
	old = is_rekeyed(&l, 0);
	made = successor_of(&l, old);
	asked = ike_datagrams_ref(session(&l)->ike.ike[0].window.outstanding);
	deaf(&l, GIVEN_UP_MS, old);
	assert_non_null(session(&l));
	assert_int_equal(session(&l)->ike.n_child, 2);
	/* It sends on the old SA, and so do we. */
	assert_true(owned(&l, old)->granted && owned(&l, made)->granted);
	assert_true(owned(&l, old)->outbound);
	assert_false(owned(&l, made)->outbound);
	deaf(&l, GIVEN_UP_MS, 0);
	assert_non_null(session(&l));
	/* It has obeyed, and only the answer was lost. */
	story_report(&l, story_holder(&l), owned(&l, made), SA_REPORT_FIRST_IN, 1);
	story_run(&l, 20);
	story_swallow(&l);
	assert_true(owned(&l, made)->outbound);
	deaf(&l, GIVEN_UP_MS, made);
	assert_int_equal(session(&l)->ike.n_child, 2);
	/* A sign of IKE life: the same octets again, and now they are answered. */
	assert_true(ike_datagrams_equal(session(&l)->ike.ike[0].window.outstanding, asked));
	story_client_send(&l, initiator_create_dpd(&l.client));
	for (unsigned k = 0; k < 10; k++) {
		story_run(&l, 20);
		story_client_listen(&l);
	}
	assert_int_equal(session(&l)->ike.n_child, 1);
	assert_int_equal(session(&l)->ike.child[0].spi_in, made);
	assert_int_equal(l.client.n_child, 1);
	ike_datagrams_unref(asked);
	story_fini(&l);
}

/* Even then the node knows which SA the client uses: the mark says so. */
static void the_next_owner_sends_by_what_the_client_used(void **unused)
{
	struct story l;
	uint32_t old, made, holder;

	(void)unused;
	old = is_rekeyed(&l, 0);
	made = successor_of(&l, old);
	story_report(&l, story_holder(&l), owned(&l, made), SA_REPORT_FIRST_IN, 1);
	deaf(&l, 2000, made);
	holder = story_holder(&l);
	story_lose(&l, holder);
	for (unsigned k = 0; k < 50; k++) {
		story_run(&l, 20);
		story_swallow(&l);
	}
	assert_int_not_equal(story_holder(&l), holder);
	assert_int_equal(session(&l)->ike.n_child, 2);
	assert_true(owned(&l, made)->outbound);
	story_fini(&l);
}

/* The DELETE does not ask whether it lives; a silent client is asked that, and so is this one. */
static void who_is_silent_is_asked_and_ends(void **unused)
{
	struct story l;
	uint32_t old;

	(void)unused;
	old = is_rekeyed(&l, 3000);
	deaf(&l, 3 * 3000, old);
	assert_non_null(session(&l));
	deaf(&l, 3000 + 2 * GIVEN_UP_MS, 0);
	assert_null(session(&l));
	story_fini(&l);
}

/* A question is on its way when its packets come again: they are the answer. */
static void a_live_flow_is_life(void **unused)
{
	struct story l;
	uint32_t spi;

	(void)unused;
	begin(&l, 1000, 65536);
	spi = story_spi(&l);
	for (unsigned k = 0; k < 100 && !session(&l)->ike.ike[0].window.outstanding; k++)
		deaf(&l, 20, 0);
	assert_int_equal(session(&l)->ike.ike[0].purpose, IKE_PURPOSE_DPD);
	deaf(&l, 6000, spi);
	assert_non_null(session(&l));
	deaf(&l, 6000, 0);
	assert_null(session(&l));
	story_fini(&l);
}

/* It is asked again, if it fell silent since. */
static void a_flow_that_ends_is_asked_again(void **unused)
{
	struct story l;
	uint32_t spi;

	(void)unused;
	begin(&l, 1000, 65536);
	spi = story_spi(&l);
	for (unsigned k = 0; k < 100 && !session(&l)->ike.ike[0].window.outstanding; k++)
		deaf(&l, 20, 0);
	deaf(&l, 100, spi);
	deaf(&l, 2 * GIVEN_UP_MS, 0);
	assert_non_null(session(&l));
	deaf(&l, 1000 + 2 * GIVEN_UP_MS, 0);
	assert_null(session(&l));
	story_fini(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_unanswered_delete_ends_nothing),
		cmocka_unit_test(the_next_owner_sends_by_what_the_client_used),
		cmocka_unit_test(who_is_silent_is_asked_and_ends),
		cmocka_unit_test(a_live_flow_is_life),
		cmocka_unit_test(a_flow_that_ends_is_asked_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Stories of the volume of SAs: it is in the log within a second, and the next owner goes on from
 * there. In the end up to a second's traffic is missing, and nothing is counted twice. */
#include "test/lib/story.h"

#include "cluster/link/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct session *session(const struct story *l)
{
	return state_next_session(core_state(l->node[story_holder(l)].core), 0);
}

static uint32_t a_node(const struct story *l)
{
	return l->node[0].core ? 0 : 1;
}

/* That much more has passed at the holder, and its worker reports it. */
static void carries(struct story *l, const struct volume *more)
{
	struct sad_entry *e = story_owned(l);

	volume_add(&e->volume, more);
	story_report(l, story_holder(l), e, SA_REPORT_VOLUME, 0);
}

static void assert_volume(const struct volume *v, uint64_t octets_in, uint64_t octets_out)
{
	assert_int_equal(v->octets_in, octets_in);
	assert_int_equal(v->packets_in, octets_in / 100);
	assert_int_equal(v->octets_out, octets_out);
	assert_int_equal(v->packets_out, octets_out / 1000);
}

static const struct volume some = { 100, 1, 3000, 3 }, more = { 500, 5, 1000, 1 };

static void it_is_in_the_log_within_a_second(void **unused)
{
	struct story l;

	(void)unused;
	story_begin(&l, 3);
	story_client_connect(&l);
	carries(&l, &some);
	story_run(&l, 100);
	carries(&l, &more); /* It falls silent. */
	story_run(&l, 900);
	for (uint32_t i = 0; i < 3; i++)
		assert_volume(&story_record(&l, i)->volume, 600, 4000);
	story_run(&l, 1000);
	carries(&l, &more);
	story_run(&l, 1000);
	assert_volume(&story_record(&l, a_node(&l))->volume, 1100, 5000);
	story_level(&l);
	story_fini(&l);
}

/* One row says both. */
static void it_goes_with_the_mark(void **unused)
{
	struct story l;

	(void)unused;
	story_begin(&l, 3);
	story_client_connect(&l);
	volume_add(&story_owned(&l)->volume, &some);
	story_report(&l, story_holder(&l), story_owned(&l), SA_REPORT_MARK, 7);
	story_run(&l, 1000);
	assert_int_equal(story_record(&l, a_node(&l))->mark, 7);
	assert_volume(&story_record(&l, a_node(&l))->volume, 100, 3000);
	story_fini(&l);
}

static void what_got_lost_is_said_again(void **unused)
{
	struct story l;

	(void)unused;
	story_begin(&l, 3);
	story_client_connect(&l);
	l.lost_type = FRAME_PROPOSE;
	carries(&l, &some);
	story_run(&l, 1200);
	assert_true(volume_is_zero(&story_record(&l, a_node(&l))->volume));
	l.lost_type = 0;
	story_run(&l, 200);
	assert_volume(&story_record(&l, a_node(&l))->volume, 100, 3000);
	story_fini(&l);
}

static void the_next_owner_goes_on_from_the_log(void **unused)
{
	struct story l;
	uint32_t old;

	(void)unused;
	story_begin(&l, 3);
	story_client_connect(&l);
	carries(&l, &some);
	story_run(&l, 1000);
	carries(&l, &more); /* Too late: it is lost with its owner. */
	old = story_holder(&l);
	story_lose(&l, old);
	story_run(&l, 100);
	assert_int_not_equal(story_holder(&l), old);
	assert_volume(&story_owned(&l)->volume, 100, 3000);
	carries(&l, &more);
	story_run(&l, 1000);
	assert_volume(&story_record(&l, a_node(&l))->volume, 600, 4000);
	/* And back: it knows no more than the log. */
	story_start(&l, old);
	story_run(&l, 1000);
	story_lose(&l, story_holder(&l));
	story_run(&l, 1000);
	carries(&l, &some);
	story_run(&l, 1000);
	assert_volume(&session(&l)->seq[0].volume, 700, 7000);
	story_level(&l);
	story_fini(&l);
}

/* It was cut off, and counted on until it fell silent. */
static void of_an_epoch_that_is_over_nothing_is_counted(void **unused)
{
	struct sad_entry *e;
	struct story l;
	uint32_t old;

	(void)unused;
	story_begin(&l, 3);
	story_client_connect(&l);
	carries(&l, &some);
	story_run(&l, 1000);
	old = story_holder(&l);
	e = story_entry(&l, old);
	story_cut_off(&l, old);
	story_run(&l, 1000);
	for (unsigned i = 0; i < 100; i++)
		volume_add(&e->volume, &more);
	story_report(&l, old, e, SA_REPORT_VOLUME, 0);
	carries(&l, &more); /* At the next one. */
	story_run(&l, 1000);
	story_rejoin(&l, old);
	story_run(&l, 3000);
	assert_volume(&session(&l)->seq[0].volume, 600, 4000);
	story_level(&l);
	story_fini(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_in_the_log_within_a_second),
		cmocka_unit_test(it_goes_with_the_mark),
		cmocka_unit_test(what_got_lost_is_said_again),
		cmocka_unit_test(the_next_owner_goes_on_from_the_log),
		cmocka_unit_test(of_an_epoch_that_is_over_nothing_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

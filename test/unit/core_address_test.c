/* SPDX-License-Identifier: Apache-2.0 */
/* Stories of addresses that more than one client could have. */
#include "proto/ike/ike_message.h"
#include "test/unit/comers.h"

/* Two devices of one identity, behind one NAT, without a pool, at the same time: whose the address is is on
 * its way into the log, so the second comes once more, and is not refused for good. */
static void two_come_at_once(void **unused)
{
	struct initiator i[2], again;
	struct blob *auth[2];
	struct story l;

	(void)unused;
	begin(&l, IKE_UNIQUE_NO, 0);
	for (uint32_t n = 0; n < 3; n++)
		connection(&l, n)->has_pool = false;
	for (unsigned k = 0; k < 2; k++) {
		struct initiator_config config = l.client.config;

		assert_int_equal(endpoint_parse(&config.local, k ? "10.79.0.50:4501" : "10.79.0.50:4500"), OK);
		story_client_other(&l, &i[k], &config);
		auth[k] = story_say(&l, &i[k], initiator_create_init(&i[k]));
		story_swallow(&l);
	}
	story_stall_all(&l, STORY_NODES); /* Nothing commits. */
	for (unsigned k = 0; k < 2; k++)
		story_datagram(&l, story_holder(&l), &i[k], auth[k]);
	story_run(&l, 20);
	assert_null(story_say(&l, &i[1], NULL));
	story_resume_all(&l);
	story_run(&l, 60);
	assert_int_equal(i[1].error, IKE_NOTIFY_TEMPORARY_FAILURE);
	assert_int_equal(i[1].n_child, 0);
	assert_int_equal(state_sessions(state_of(&l)), 1);
	story_swallow(&l);
	assert_int_equal(comes(&l, &again, &(struct comer){"cl", "10.79.0.50:4502", false, NULL}), 0);
	assert_int_equal(again.n_child, 1);
	story_level(&l);
	for (unsigned k = 0; k < 2; k++) {
		blob_unref(auth[k]);
		initiator_fini(&i[k]);
	}
	initiator_fini(&again);
	story_fini(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_come_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

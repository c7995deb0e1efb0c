/* SPDX-License-Identifier: Apache-2.0 */
/* Stories of two clients of one name, who prove it in different ways: what one may do to its own
 * sessions it cannot do to the other's. Only an operator means both. */
#include "test/unit/namesake.h"

#include <stdio.h>

static const struct comer user = {"other", "10.79.0.60:4500", false, NULL};
static const struct comer user_alone = {"other", "10.79.0.60:4500", true, NULL};
static const struct comer holder = {"other", "10.79.0.52:4500", false, NULL}; /* Of the pre-shared key. */

static bool stands(const struct story *l, const struct initiator *i)
{
	const struct session *s = state_session_by_ike(state_of(l), i->ike[0].spi_i, i->ike[0].spi_r);

	return s && !session_ends(s);
}

/* More of them than one command ends, so that those that the leader ends afterwards are spared, too. */
static void contact_ends_only_its_own(void **unused)
{
	struct initiator key[6], u, alone;
	struct story l;

	(void)unused;
	begin(&l, IKE_UNIQUE_NO, 0);
	users_may_come(&l, IKE_UNIQUE_NO, 0);
	for (unsigned k = 0; k < 6; k++) {
		char from[32];

		snprintf(from, sizeof(from), "10.79.0.%u:4500", 70 + k);
		assert_int_equal(comes(&l, &key[k], &(struct comer){"other", from, false, NULL}), 0);
	}
	assert_int_equal(user_comes(&l, &u, &user), 0);
	assert_int_equal(user_comes(&l, &alone, &user_alone), 0);
	story_run(&l, 3000);
	story_swallow(&l);
	for (unsigned k = 0; k < 6; k++) {
		assert_true(stands(&l, &key[k]));
		initiator_fini(&key[k]);
	}
	assert_false(stands(&l, &u));
	assert_true(stands(&l, &alone));
	story_level(&l);
	initiator_fini(&u);
	initiator_fini(&alone);
	story_fini(&l);
}

static void none_replaces_the_other(void **unused)
{
	struct initiator key, u, newer;
	struct story l;

	(void)unused;
	begin(&l, IKE_UNIQUE_NO, 0);
	users_may_come(&l, IKE_UNIQUE_REPLACE, 0);
	assert_int_equal(comes(&l, &key, &holder), 0);
	assert_int_equal(user_comes(&l, &u, &user), 0);
	assert_int_equal(
		user_comes(&l, &newer,
			   &(struct comer){ "other", "10.79.0.61:4500", false, &key.virtual_ip }),
		0);
	assert_false(address_equal(&newer.virtual_ip, &key.virtual_ip));
	story_run(&l, 3000);
	story_swallow(&l);
	assert_true(stands(&l, &key));
	assert_false(stands(&l, &u));
	assert_true(stands(&l, &newer));
	initiator_fini(&key);
	initiator_fini(&u);
	initiator_fini(&newer);
	story_fini(&l);
}

/* Neither by "keep" nor by a number of sessions. */
static void none_keeps_the_other_out(void **unused)
{
	static const struct { enum ike_unique unique; uint32_t n; } rows[] = {
		{IKE_UNIQUE_KEEP, 0},
		{IKE_UNIQUE_NO, 1},
	};

	(void)unused;
	for (unsigned k = 0; k < 2; k++) {
		struct initiator key, u, second;
		struct story l;

		begin(&l, rows[k].unique, rows[k].n);
		users_may_come(&l, rows[k].unique, rows[k].n);
		assert_int_equal(user_comes(&l, &u, &user), 0);
		assert_int_equal(comes(&l, &key, &holder), 0);
		assert_int_not_equal(comes(&l, &second, &(struct comer){"other", "10.79.0.53:4500", false, NULL}), 0);
		initiator_fini(&second);
		assert_int_not_equal(
			user_comes(&l, &second,
				   &(struct comer){ "other", "10.79.0.61:4500", false, NULL }),
			0);
		assert_int_equal(serve(&l), 2);
		initiator_fini(&key);
		initiator_fini(&u);
		initiator_fini(&second);
		story_fini(&l);
	}
}

/* From one outer address: the same client would get it, as one that re-authenticates does. */
static void none_gets_the_address_of_the_other(void **unused)
{
	struct initiator key, u;
	struct address had;
	struct story l;

	(void)unused;
	begin(&l, IKE_UNIQUE_NO, 0);
	users_may_come(&l, IKE_UNIQUE_NO, 0);
	assert_int_equal(comes(&l, &key, &holder), 0);
	had = key.virtual_ip;
	assert_int_equal(user_comes(&l, &u, &(struct comer){"other", "10.79.0.52:4501", false, &had}), 0);
	assert_false(address_equal(&u.virtual_ip, &had));
	leaves(&l, &u);
	leaves(&l, &key);
	assert_int_equal(user_comes(&l, &u, &(struct comer){"other", "10.79.0.52:4501", false, &had}), 0);
	assert_false(address_equal(&u.virtual_ip, &had)); /* It rests, and is remembered. */
	story_lose_leader(&l);
	assert_int_equal(comes(&l, &key, &holder), 0);
	assert_true(address_equal(&key.virtual_ip, &had));
	story_level(&l);
	initiator_fini(&key);
	initiator_fini(&u);
	story_fini(&l);
}

/* Without a pool, behind one NAT: as if it had another name. */
static void none_takes_the_outer_address_of_the_other(void **unused)
{
	struct initiator key, u;
	struct story l;

	(void)unused;
	begin(&l, IKE_UNIQUE_NO, 0);
	for (uint32_t i = 0; i < 3; i++)
		connection(&l, i)->has_pool = false;
	users_may_come(&l, IKE_UNIQUE_NO, 0);
	assert_int_equal(comes(&l, &key, &holder), 0);
	assert_int_equal(user_comes(&l, &u, &(struct comer){"other", "10.79.0.52:4501", false, NULL}),
			 IKE_NOTIFY_TS_UNACCEPTABLE);
	assert_int_equal(u.n_child, 0);
	assert_true(story_sad(&l, story_holder(&l), key.child[0].spi_out)->outbound);
	initiator_fini(&key);
	initiator_fini(&u);
	story_fini(&l);
}

/* What one leaves behind does not count against the other. */
static void none_uses_up_the_tombstones_of_the_other(void **unused)
{
	struct initiator key, u;
	struct story l;

	(void)unused;
	begin(&l, IKE_UNIQUE_NO, 0);
	for (uint32_t i = 0; i < 3; i++)
		l.config[i].policy->limits.tombstones_per_identity = 2;
	users_may_come(&l, IKE_UNIQUE_NO, 0);
	for (unsigned k = 0; k < 2; k++) {
		assert_int_equal(user_comes(&l, &u, &user), 0);
		leaves(&l, &u);
	}
	assert_int_equal(user_comes(&l, &u, &user), IKE_NOTIFY_TEMPORARY_FAILURE);
	assert_int_equal(comes(&l, &key, &holder), 0);
	initiator_fini(&key);
	initiator_fini(&u);
	story_fini(&l);
}

/* An operator who revokes a name means whoever has it. */
static void a_revoked_name_is_revoked_for_both(void **unused)
{
	struct initiator key, u;
	struct story l;

	(void)unused;
	begin(&l, IKE_UNIQUE_NO, 0);
	users_may_come(&l, IKE_UNIQUE_NO, 0);
	assert_int_equal(comes(&l, &key, &holder), 0);
	assert_int_equal(user_comes(&l, &u, &user), 0);
	story_control(&l, story_third(&l), CONTROL_REVOKE, 0, "other");
	story_run(&l, 1000);
	story_swallow(&l);
	assert_int_equal(l.answer.sessions, 2);
	assert_int_equal(serve(&l), 0);
	initiator_fini(&key);
	initiator_fini(&u);
	assert_int_equal(comes(&l, &key, &holder), IKE_NOTIFY_AUTHENTICATION_FAILED);
	assert_int_equal(user_comes(&l, &u, &user), IKE_NOTIFY_AUTHENTICATION_FAILED);
	story_level(&l);
	initiator_fini(&key);
	initiator_fini(&u);
	story_fini(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(contact_ends_only_its_own),
		cmocka_unit_test(none_replaces_the_other),
		cmocka_unit_test(none_keeps_the_other_out),
		cmocka_unit_test(none_gets_the_address_of_the_other),
		cmocka_unit_test(none_takes_the_outer_address_of_the_other),
		cmocka_unit_test(none_uses_up_the_tombstones_of_the_other),
		cmocka_unit_test(a_revoked_name_is_revoked_for_both),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Stories of addresses that several clients want. */
#include "proto/ike/ike_message.h"
#include "test/unit/namesake.h"

#include <string.h>

/* Two devices of one identity, behind one NAT, without a pool, at the same time: the command that gives the
 * address away is not committed yet, so the second device tries again, and is not refused for good. */
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

/* A [[secret]] with an "address". */
static void reserve(struct story *l, const char *id, struct address *own)
{
	assert_int_equal(address_parse(own, "10.30.0.1"), OK);
	for (uint32_t i = 0; i < 3; i++) {
		struct cluster_policy *next = story_policy_copy(l, i, 7);

		next->ike.reserved = calloc(1, sizeof(*next->ike.reserved));
		next->ike.n_reserved = 1;
		next->ike.reserved->address = *own;
		next->ike.reserved->listed = AUTH_LISTED_SECRET;
		assert_int_equal(ike_id_parse(&next->ike.reserved->id, id), OK);
		story_policy(l, i, next);
	}
	story_run(l, 100);
}

/* No other identity gets it; its own has it once, in its newest session. */
static void an_address_may_be_of_an_identity(void **unused)
{
	struct initiator a, b, c;
	struct address own, other;
	struct story l;

	(void)unused;
	begin(&l, IKE_UNIQUE_NO, 0);
	reserve(&l, "other", &own);
	assert_int_equal(comes(&l, &a, &(struct comer){"cl", "10.79.0.50:4500", false, &own}), 0);
	assert_false(address_equal(&a.virtual_ip, &own));
	other = a.virtual_ip;
	assert_int_equal(comes(&l, &b, &(struct comer){"other", "10.79.0.52:4500", false, &other}), 0);
	assert_true(address_equal(&b.virtual_ip, &own));
	story_lose_leader(&l);
	assert_int_equal(comes(&l, &c, &(struct comer){"other", "10.79.0.53:4500", false, NULL}), 0);
	assert_true(address_equal(&c.virtual_ip, &own));
	story_run(&l, 3000);
	story_swallow(&l);
	assert_int_equal(serve(&l), 2);
	assert_true(story_sad(&l, story_holder(&l), c.child[0].spi_out)->outbound);
	story_level(&l);
	leaves(&l, &c);
	assert_int_equal(comes(&l, &c, &(struct comer){"cl", "10.79.0.54:4500", false, &own}), 0);
	assert_false(address_equal(&c.virtual_ip, &own));
	initiator_fini(&a);
	initiator_fini(&b);
	initiator_fini(&c);
	story_fini(&l);
}

/* It is of who has that [[secret]], not of whoever proves the same name in another way, before or after. */
static void an_address_is_not_of_a_namesake(void **unused)
{
	struct address own;
	struct initiator a, b, c;
	struct story l;

	(void)unused;
	begin(&l, IKE_UNIQUE_NO, 0);
	reserve(&l, "other", &own);
	users_may_come(&l, IKE_UNIQUE_NO, 0);
	assert_int_equal(user_comes(&l, &a, &(struct comer){"other", "10.79.0.60:4500", false, &own}), 0);
	assert_false(address_equal(&a.virtual_ip, &own));
	assert_int_equal(comes(&l, &b, &(struct comer){"other", "10.79.0.52:4500", false, NULL}), 0);
	assert_true(address_equal(&b.virtual_ip, &own));
	assert_int_equal(user_comes(&l, &c, &(struct comer){"other", "10.79.0.60:4500", false, &own}), 0);
	assert_false(address_equal(&c.virtual_ip, &own));
	story_run(&l, 3000);
	story_swallow(&l);
	assert_int_equal(serve(&l), 3);
	assert_true(story_sad(&l, story_holder(&l), b.child[0].spi_out)->outbound);
	story_level(&l);
	initiator_fini(&a);
	initiator_fini(&b);
	initiator_fini(&c);
	story_fini(&l);
}

/* A namesake had it before the file said whose it is: it is given once that one has gone, not to both. */
static void a_namesake_keeps_what_it_had(void **unused)
{
	struct initiator a, b;
	struct address own;
	struct story l;

	(void)unused;
	begin(&l, IKE_UNIQUE_NO, 0);
	users_may_come(&l, IKE_UNIQUE_NO, 0);
	assert_int_equal(address_parse(&own, "10.30.0.1"), OK);
	assert_int_equal(user_comes(&l, &a, &(struct comer){"other", "10.79.0.60:4500", false, &own}), 0);
	assert_true(address_equal(&a.virtual_ip, &own));
	reserve(&l, "other", &own);
	assert_int_equal(comes(&l, &b, &(struct comer){"other", "10.79.0.52:4500", false, NULL}),
			 IKE_NOTIFY_INTERNAL_ADDRESS_FAILURE);
	story_run(&l, 3000);
	story_swallow(&l);
	assert_int_equal(serve(&l), 2);
	assert_true(story_sad(&l, story_holder(&l), a.child[0].spi_out)->outbound);
	leaves(&l, &b);
	leaves(&l, &a);
	/* That was another client: the address rests first. */
	assert_int_equal(comes(&l, &b, &(struct comer){"other", "10.79.0.52:4500", false, NULL}),
			 IKE_NOTIFY_INTERNAL_ADDRESS_FAILURE);
	leaves(&l, &b);
	story_run(&l, 20000);
	assert_int_equal(comes(&l, &b, &(struct comer){"other", "10.79.0.52:4500", false, NULL}), 0);
	assert_true(address_equal(&b.virtual_ip, &own));
	story_level(&l);
	initiator_fini(&b);
	story_fini(&l);
}

/* With "keep" a device elsewhere is refused, and with the reason that is the right one, though it would get an
 * address of its own; the same device, or one that says that it is the only one, is not. */
static void who_has_an_address_is_kept(void **unused)
{
	struct initiator a, b, c;
	struct address own;
	struct story l;

	(void)unused;
	begin(&l, IKE_UNIQUE_KEEP, 0);
	reserve(&l, "cl", &own);
	assert_int_equal(comes(&l, &a, HERE), 0);
	assert_true(address_equal(&a.virtual_ip, &own));
	assert_int_equal(comes(&l, &b, THERE), IKE_NOTIFY_AUTHENTICATION_FAILED);
	assert_int_equal(b.state, INITIATOR_FAILED);
	assert_int_equal(said(&l, "refused"), 1);
	initiator_fini(&b);
	assert_int_equal(comes(&l, &b, &(struct comer){"cl", "10.79.0.51:4500", false, &own}),
			 IKE_NOTIFY_AUTHENTICATION_FAILED);
	story_run(&l, 3000);
	story_swallow(&l);
	assert_int_equal(serve(&l), 1);
	assert_true(story_sad(&l, story_holder(&l), a.child[0].spi_out)->outbound);
	initiator_fini(&b);
	assert_int_equal(comes(&l, &b, HERE), 0);
	assert_true(address_equal(&b.virtual_ip, &own));
	leaves(&l, &a);
	assert_int_equal(comes(&l, &c, &(struct comer){"cl", "10.79.0.51:4500", true, NULL}), 0);
	assert_true(address_equal(&c.virtual_ip, &own));
	assert_int_equal(serve(&l), 1);
	story_level(&l);
	initiator_fini(&b);
	initiator_fini(&c);
	story_fini(&l);
}

/* Two devices of one identity behind one NAT: the newest has the address, and the other one ends. A device that
 * re-authenticates keeps its socket: it ends its old session itself. */
static void one_device_behind_a_nat_has_the_address(void **unused)
{
	struct initiator a, b, again;
	struct address own;
	struct story l;

	(void)unused;
	begin(&l, IKE_UNIQUE_NO, 0);
	reserve(&l, "cl", &own);
	assert_int_equal(comes(&l, &a, HERE), 0);
	assert_int_equal(comes(&l, &again, &(struct comer){"cl", "10.79.0.50:4500", false, &own}), 0);
	story_run(&l, 3000);
	assert_int_equal(serve(&l), 2);
	leaves(&l, &a);
	assert_int_equal(comes(&l, &b, &(struct comer){"cl", "10.79.0.50:4501", false, NULL}), 0);
	assert_true(address_equal(&b.virtual_ip, &own));
	story_run(&l, 3000);
	story_swallow(&l);
	assert_int_equal(serve(&l), 1);
	assert_true(story_sad(&l, story_holder(&l), b.child[0].spi_out)->outbound);
	story_level(&l);
	initiator_fini(&again);
	initiator_fini(&b);
	story_fini(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_come_at_once),
		cmocka_unit_test(an_address_may_be_of_an_identity),
		cmocka_unit_test(an_address_is_not_of_a_namesake),
		cmocka_unit_test(a_namesake_keeps_what_it_had),
		cmocka_unit_test(who_has_an_address_is_kept),
		cmocka_unit_test(one_device_behind_a_nat_has_the_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Stories of several sessions of one identity, and of addresses: how many it may have, which one
 * ends, which session has an address, and that a pool warns before it runs dry. */
#include "proto/auth/credential.h"
#include "proto/auth/trust.h"
#include "proto/ike/ike_message.h"
#include "test/unit/comers.h"

#include <stdio.h>
#include <string.h>

static void the_newest_replaces_the_others(void **unused)
{
	struct initiator a, b, other;
	struct story l;

	(void)unused;
	begin(&l, IKE_UNIQUE_REPLACE, 0);
	assert_int_equal(comes(&l, &other, &(struct comer){"other", "10.79.0.52:4500", false, NULL}), 0);
	assert_int_equal(comes(&l, &a, HERE), 0);
	assert_int_equal(comes(&l, &b, THERE), 0);
	story_run(&l, 2000);
	assert_int_equal(serve(&l), 2);
	assert_true(said(&l, "session_replaced") > 0);
	/* The client is told, and once it has answered nothing is left. */
	for (unsigned i = 0; i < 20 && state_sessions(state_of(&l)) > 2; i++) {
		struct blob *answer = story_say(&l, &a, NULL);

		story_swallow(&l);
		if (answer)
			blob_unref(story_say(&l, &a, answer));
		story_swallow(&l);
		story_run(&l, 500);
	}
	assert_int_equal(a.state, INITIATOR_CLOSED);
	assert_int_equal(state_sessions(state_of(&l)), 2);
	assert_non_null(state_session_by_ike(state_of(&l), b.ike[0].spi_i, b.ike[0].spi_r));
	story_level(&l);
	initiator_fini(&a);
	initiator_fini(&b);
	initiator_fini(&other);
	story_fini(&l);
}

/* The leader is lost before it has ended what was replaced: the next one does. And the address comes
 * along, when the client asks for it. */
static void the_next_leader_replaces_too(void **unused)
{
	struct initiator a, b;
	struct story l;

	(void)unused;
	begin(&l, IKE_UNIQUE_REPLACE, 0);
	assert_int_equal(comes(&l, &a, HERE), 0);
	assert_int_equal(comes(&l, &b, &(struct comer){"cl", "10.79.0.51:4500", false, &a.virtual_ip}), 0);
	assert_true(address_equal(&a.virtual_ip, &b.virtual_ip));
	story_lose_leader(&l);
	story_run(&l, 3000);
	story_swallow(&l);
	assert_int_equal(serve(&l), 1);
	assert_true(story_sad(&l, story_holder(&l), b.child[0].spi_out)->outbound);
	story_level(&l);
	initiator_fini(&a);
	initiator_fini(&b);
	story_fini(&l);
}

/* A client that re-authenticates has two for a moment, and ends the old one itself. */
static void who_reauthenticates_is_left_alone(void **unused)
{
	static const enum ike_unique kinds[] = {IKE_UNIQUE_REPLACE, IKE_UNIQUE_KEEP};

	(void)unused;
	for (unsigned k = 0; k < 2; k++) {
		struct initiator a, b;
		struct story l;

		begin(&l, kinds[k], 0);
		assert_int_equal(comes(&l, &a, HERE), 0);
		assert_int_equal(comes(&l, &b, &(struct comer){"cl", "10.79.0.50:4501", false, &a.virtual_ip}), 0);
		story_run(&l, 2000);
		assert_int_equal(serve(&l), 2);
		leaves(&l, &a);
		assert_int_equal(serve(&l), 1);
		initiator_fini(&b);
		story_fini(&l);
	}
}

static void the_oldest_is_kept(void **unused)
{
	struct initiator a, b, c;
	struct story l;

	(void)unused;
	begin(&l, IKE_UNIQUE_KEEP, 0);
	assert_int_equal(comes(&l, &a, HERE), 0);
	assert_int_equal(comes(&l, &b, THERE), IKE_NOTIFY_AUTHENTICATION_FAILED);
	assert_int_equal(b.state, INITIATOR_FAILED);
	assert_int_equal(said(&l, "refused"), 1);
	assert_int_equal(serve(&l), 1);
	story_lose_leader(&l);
	initiator_fini(&b);
	assert_int_equal(comes(&l, &b, THERE), IKE_NOTIFY_AUTHENTICATION_FAILED);
	/* RFC 7296 2.4: it is the only one, so it says. */
	assert_int_equal(comes(&l, &c, &(struct comer){"cl", "10.79.0.51:4500", true, NULL}), 0);
	assert_int_equal(serve(&l), 1);
	story_level(&l);
	initiator_fini(&a);
	initiator_fini(&b);
	initiator_fini(&c);
	story_fini(&l);
}

static void an_identity_has_so_many(void **unused)
{
	struct initiator a, b, c, other;
	struct story l;

	(void)unused;
	begin(&l, IKE_UNIQUE_NO, 2);
	assert_int_equal(comes(&l, &a, HERE), 0);
	assert_int_equal(comes(&l, &b, THERE), 0);
	assert_int_equal(comes(&l, &c, &(struct comer){"cl", "10.79.0.52:4500", false, NULL}),
			 IKE_NOTIFY_TEMPORARY_FAILURE);
	initiator_fini(&c);
	assert_int_equal(comes(&l, &other, &(struct comer){"other", "10.79.0.52:4500", false, NULL}), 0);
	/* A client that re-authenticates counts once. */
	assert_int_equal(comes(&l, &c, &(struct comer){"cl", "10.79.0.51:4501", false, &b.virtual_ip}), 0);
	leaves(&l, &b);
	leaves(&l, &a);
	assert_int_equal(comes(&l, &a, HERE), 0);
	initiator_fini(&a);
	initiator_fini(&c);
	initiator_fini(&other);
	story_fini(&l);
}

static void contact_may_be_ignored(void **unused)
{
	struct initiator a, b;
	struct story l;

	(void)unused;
	begin(&l, IKE_UNIQUE_NEVER, 0);
	assert_int_equal(comes(&l, &a, HERE), 0);
	assert_int_equal(comes(&l, &b, &(struct comer){"cl", "10.79.0.51:4500", true, NULL}), 0);
	story_run(&l, 2000);
	assert_int_equal(serve(&l), 2);
	initiator_fini(&a);
	initiator_fini(&b);
	story_fini(&l);
}

/* ---- Addresses ---- */

/* In another order, from another leader, after the longest rest, and without asking. */
static void who_comes_back_gets_its_address_back(void **unused)
{
	static const struct comer other = {"other", "10.79.0.52:4500", false, NULL};
	struct address had_a, had_b;
	struct initiator a, b;
	struct story l;

	(void)unused;
	begin(&l, IKE_UNIQUE_NO, 0);
	assert_int_equal(comes(&l, &a, HERE), 0);
	assert_int_equal(comes(&l, &b, &other), 0);
	had_a = a.virtual_ip;
	had_b = b.virtual_ip;
	assert_false(address_equal(&had_a, &had_b));
	leaves(&l, &a);
	leaves(&l, &b);
	story_lose_leader(&l);
	story_run(&l, 20000);
	assert_int_equal(comes(&l, &b, &other), 0);
	assert_int_equal(comes(&l, &a, THERE), 0);
	assert_true(address_equal(&a.virtual_ip, &had_a));
	assert_true(address_equal(&b.virtual_ip, &had_b));
	initiator_fini(&a);
	initiator_fini(&b);
	story_fini(&l);
}

/* Without a pool a client's inner address is its outer one. If two identities are behind one NAT, the second
 * gets no Child SA, so no packets of the first; within one identity the newest session has it. */
static void nobody_takes_the_address_of_another(void **unused)
{
	struct initiator a, b, again;
	struct story l;

	(void)unused;
	begin(&l, IKE_UNIQUE_NO, 0);
	for (uint32_t i = 0; i < 3; i++)
		connection(&l, i)->has_pool = false;
	assert_int_equal(comes(&l, &a, HERE), 0);
	assert_int_equal(a.n_child, 1);
	assert_int_equal(comes(&l, &b, &(struct comer){"other", "10.79.0.50:4501", false, NULL}),
			 IKE_NOTIFY_TS_UNACCEPTABLE);
	assert_int_equal(b.n_child, 0);
	story_swallow(&l);
	assert_null(story_say(&l, &b, initiator_create_child(&b, DH_NONE))); /* Nor by another way. */
	assert_int_equal(b.error, IKE_NOTIFY_TS_UNACCEPTABLE);
	assert_int_equal(b.n_child, 0);
	story_swallow(&l);
	assert_true(story_sad(&l, story_holder(&l), a.child[0].spi_out)->outbound);
	story_lose(&l, story_holder(&l));
	story_run(&l, 500);
	story_swallow(&l);
	initiator_fini(&b);
	assert_int_equal(comes(&l, &b, &(struct comer){"other", "10.79.0.50:4501", false, NULL}),
			 IKE_NOTIFY_TS_UNACCEPTABLE);
	assert_int_equal(comes(&l, &again, &(struct comer){"cl", "10.79.0.50:4502", false, NULL}), 0);
	assert_int_equal(again.n_child, 1);
	assert_true(story_sad(&l, story_holder(&l), again.child[0].spi_out)->outbound);
	assert_false(story_sad(&l, story_holder(&l), a.child[0].spi_out)->outbound);
	story_run(&l, 61000); /* Policies are checked: an outer address is in no pool, and need not be. */
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(story_happened(&l, i, "pool_left"), 0);
	story_level(&l);
	initiator_fini(&a);
	initiator_fini(&b);
	initiator_fini(&again);
	story_fini(&l);
}

/* Each follows the one before it, and ends none. */
static void a_row_of_sessions_passes_no_bound(void **unused)
{
	struct initiator i[3];
	struct story l;

	(void)unused;
	begin(&l, IKE_UNIQUE_NO, 1);
	assert_int_equal(comes(&l, &i[0], HERE), 0);
	assert_int_equal(comes(&l, &i[1], &(struct comer){"cl", "10.79.0.50:4500", false, &i[0].virtual_ip}), 0);
	assert_true(address_equal(&i[0].virtual_ip, &i[1].virtual_ip));
	assert_int_not_equal(comes(&l, &i[2], &(struct comer){"cl", "10.79.0.50:4500", false, &i[1].virtual_ip}), 0);
	story_level(&l);
	for (unsigned k = 0; k < 3; k++)
		initiator_fini(&i[k]);
	story_fini(&l);
}

/* The bound came later: INITIAL_CONTACT ends all that there are, however many. */
static void who_is_the_only_one_is_let_in(void **unused)
{
	struct initiator i[7];
	struct story l;

	(void)unused;
	begin(&l, IKE_UNIQUE_NO, 0);
	for (unsigned k = 0; k < 6; k++) {
		char from[32];

		snprintf(from, sizeof(from), "10.79.0.%u:4500", 60 + k);
		assert_int_equal(comes(&l, &i[k], &(struct comer){"cl", from, false, NULL}), 0);
	}
	for (uint32_t n = 0; n < 3; n++) {
		struct cluster_policy *policy = story_policy_copy(&l, n, 2);

		policy->ike.connections->unique = IKE_UNIQUE_KEEP;
		story_policy(&l, n, policy);
	}
	assert_int_equal(comes(&l, &i[6], &(struct comer){"cl", "10.79.0.70:4500", true, NULL}), 0);
	story_run(&l, 3000);
	assert_int_equal(state_sessions(core_state(l.node[story_leader(&l)].core)), 1);
	story_level(&l);
	for (unsigned k = 0; k < 7; k++)
		initiator_fini(&i[k]);
	story_fini(&l);
}

/* What came by a connection that replaces nothing may be any number: it hides no newer session. */
static void very_many_others_hide_nothing(void **unused)
{
	struct initiator i[22];
	struct story l;

	(void)unused;
	begin(&l, IKE_UNIQUE_NO, 0);
	for (uint32_t n = 0; n < 3; n++) {
		struct cluster_policy *policy = story_policy_copy(&l, n, 2);
		struct ike_config *c = &policy->ike;

		c->connections = realloc(c->connections, 2 * sizeof(*c->connections));
		assert_non_null(c->connections);
		c->connections[1] = c->connections[0];
		credentials_ref(c->connections[1].own);
		trust_ref(c->connections[1].clients);
		strcpy(c->connections[1].name, "one");
		assert_int_equal(ike_id_parse(&c->connections[1].local_id, "one"), OK);
		c->connections[1].unique = IKE_UNIQUE_REPLACE;
		c->n_connections = 2;
		story_policy(&l, n, policy);
	}
	for (unsigned k = 0; k < 22; k++) {
		char from[32];

		snprintf(from, sizeof(from), "10.79.0.%u:4500", 60 + k);
		assert_int_equal(ike_id_parse(&l.client.config.remote_id, k == 0 || k == 21 ? "one" : "gw"), OK);
		assert_int_equal(comes(&l, &i[k], &(struct comer){"cl", from, false, NULL}), 0);
	}
	story_run(&l, 3000);
	assert_int_equal(serve(&l), 1); /* Those of the other connection, too. */
	assert_true(session_ends(state_session_by_ike(state_of(&l), i[0].ike[0].spi_i, i[0].ike[0].spi_r)));
	for (unsigned k = 0; k < 22; k++)
		initiator_fini(&i[k]);
	story_fini(&l);
}

static void a_pool_says_that_it_runs_dry(void **unused)
{
	struct initiator i[10];
	struct story l;

	(void)unused;
	begin(&l, IKE_UNIQUE_NO, 0);
	for (uint32_t n = 0; n < 3; n++) /* 14 addresses: 13 are nine of ten. */
		assert_int_equal(prefix_parse(&connection(&l, n)->pool, "10.30.0.0/28"), OK);
	for (unsigned k = 0; k < 13; k++) {
		char from[32];

		snprintf(from, sizeof(from), "10.79.0.%u:4500", 60 + k);
		story_run(&l, 1000);
		assert_int_equal(said(&l, "pool_low"), 0);
		assert_int_equal(comes(&l, &i[k % 10], &(struct comer){"cl", from, false, NULL}), 0);
		if (k < 12)
			initiator_fini(&i[k % 10]);
	}
	story_run(&l, 3000);
	assert_int_equal(said(&l, "pool_low"), 1);
	leaves(&l, &i[2]); /* Twelve, thirteen ...: once is enough. */
	story_run(&l, 2000);
	assert_int_equal(comes(&l, &i[2], &(struct comer){"cl", "10.79.0.90:4500", false, NULL}), 0);
	story_run(&l, 2000);
	assert_int_equal(said(&l, "pool_low"), 1);
	initiator_fini(&i[2]);
	story_fini(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_newest_replaces_the_others),
		cmocka_unit_test(the_next_leader_replaces_too),
		cmocka_unit_test(who_reauthenticates_is_left_alone),
		cmocka_unit_test(the_oldest_is_kept),
		cmocka_unit_test(an_identity_has_so_many),
		cmocka_unit_test(contact_may_be_ignored),
		cmocka_unit_test(who_comes_back_gets_its_address_back),
		cmocka_unit_test(nobody_takes_the_address_of_another),
		cmocka_unit_test(a_row_of_sessions_passes_no_bound),
		cmocka_unit_test(who_is_the_only_one_is_let_in),
		cmocka_unit_test(very_many_others_hide_nothing),
		cmocka_unit_test(a_pool_says_that_it_runs_dry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Stories of re-authentication, make before break: a client has a new session before it
 * ends the old one, and asks for the address that it has. */
#include "test/lib/story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

/* The same identity connects again, from there, without INITIAL_CONTACT. */
static void join(struct story *l, struct initiator *i, const char *from)
{
	struct initiator_config config = l->client.config;
	struct blob *auth;

	assert_int_equal(endpoint_parse(&config.local, from), OK);
	config.wanted_address = l->client.virtual_ip;
	config.initial_contact = false;
	story_client_other(l, i, &config);
	auth = story_say(l, i, initiator_create_init(i));
	story_swallow(l);
	assert_null(story_say(l, i, auth));
	story_run(l, 60);
	story_swallow(l);
	assert_int_equal(i->state, INITIATOR_ESTABLISHED);
}

static void leave(struct story *l, struct initiator *i)
{
	assert_null(story_say(l, i, initiator_create_ike_delete(i, 0)));
	story_run(l, 60);
	story_swallow(l);
}

/* Which of the two carries outbound packets, at the owner. */
static void carries(struct story *l, const struct initiator *yes, const struct initiator *no)
{
	uint32_t owner = story_holder(l);

	assert_true(story_sad(l, owner, yes->child[0].spi_out)->outbound);
	if (no)
		assert_false(story_sad(l, owner, no->child[0].spi_out)->outbound);
}

static void the_address_passes_to_the_new_session(void **unused)
{
	struct initiator next;
	struct story l;

	(void)unused;
	story_begin(&l, 3);
	story_client_connect(&l);
	carries(&l, &l.client, NULL);
	join(&l, &next, "10.79.0.50:4501");
	assert_true(address_equal(&next.virtual_ip, &l.client.virtual_ip));
	carries(&l, &next, &l.client);
	story_level(&l);
	leave(&l, &l.client);
	assert_int_equal(state_sessions(core_state(l.node[0].core)), 1);
	carries(&l, &next, NULL);
	story_level(&l);
	initiator_fini(&next);
	story_fini(&l);
}

/* The new one goes first: the old one goes on as it was. Also at another owner. */
static void the_address_comes_back(void **unused)
{
	struct initiator next;
	struct story l;

	(void)unused;
	story_begin(&l, 3);
	story_client_connect(&l);
	join(&l, &next, "10.79.0.50:4501");
	story_lose(&l, story_holder(&l));
	story_run(&l, 500);
	story_swallow(&l);
	carries(&l, &next, &l.client);
	leave(&l, &next);
	assert_int_equal(state_sessions(core_state(l.node[story_leader(&l)].core)), 1);
	carries(&l, &l.client, NULL);
	story_level(&l);
	initiator_fini(&next);
	story_fini(&l);
}

/* One identity, several devices: a second one elsewhere gets its own address. */
static void another_device_gets_another_address(void **unused)
{
	struct initiator next;
	struct story l;

	(void)unused;
	story_begin(&l, 3);
	story_client_connect(&l);
	join(&l, &next, "10.79.0.51:4500");
	assert_false(address_equal(&next.virtual_ip, &l.client.virtual_ip));
	carries(&l, &next, NULL);
	carries(&l, &l.client, NULL);
	initiator_fini(&next);
	story_fini(&l);
}

/* Full tables: there is room for a client that re-authenticates, also at the next leader, and for a
 * rekey while both sessions live; for no other. */
static void there_is_room_in_full_tables(void **unused)
{
	struct initiator next, third;
	struct story l;

	(void)unused;
	story_begin(&l, 3);
	for (uint32_t i = 0; i < 3; i++) {
		l.config[i].sessions_max = 1;
		l.config[i].child_sas_max = 2;
	}
	story_client_connect(&l);
	join(&l, &next, "10.79.0.50:4501");
	assert_true(address_equal(&next.virtual_ip, &l.client.virtual_ip));
	assert_int_equal(state_sessions(core_state(l.node[story_leader(&l)].core)), 2);
	assert_null(story_say(&l, &next, initiator_create_child_rekey(&next, next.child[0].spi_in, DH_NONE)));
	assert_int_equal(next.error, 0);
	assert_int_equal(next.n_child, 2);
	story_swallow(&l);
	story_level(&l);
	leave(&l, &l.client);
	story_lose_leader(&l);
	join(&l, &third, "10.79.0.50:4502");
	leave(&l, &next);
	carries(&l, &third, NULL);
	story_level(&l);
	initiator_fini(&third);
	initiator_fini(&next);
	story_fini(&l);
}

/* INITIAL_CONTACT ends more sessions than one command does, and the new one has the address that
 * it asks for. */
static void initial_contact_ends_them_all(void **unused)
{
	struct initiator old[7], next;
	struct initiator_config config;
	struct blob *auth;
	struct story l;

	(void)unused;
	story_begin(&l, 3);
	story_client_connect(&l);
	for (unsigned i = 0; i < 7; i++) {
		char from[32];

		snprintf(from, sizeof(from), "10.79.0.%u:4500", 60 + i);
		join(&l, &old[i], from);
	}
	assert_int_equal(state_sessions(core_state(l.node[0].core)), 8);
	config = l.client.config;
	config.wanted_address = old[5].virtual_ip;
	config.initial_contact = true;
	story_client_other(&l, &next, &config);
	auth = story_say(&l, &next, initiator_create_init(&next));
	story_swallow(&l);
	assert_null(story_say(&l, &next, auth));
	assert_int_equal(next.state, INITIATOR_ESTABLISHED);
	assert_true(address_equal(&next.virtual_ip, &old[5].virtual_ip));
	story_run(&l, 200);
	story_swallow(&l);
	assert_int_equal(state_sessions(core_state(l.node[0].core)), 1);
	carries(&l, &next, NULL);
	story_level(&l);
	for (unsigned i = 0; i < 7; i++)
		initiator_fini(&old[i]);
	initiator_fini(&next);
	story_fini(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_address_passes_to_the_new_session),
		cmocka_unit_test(the_address_comes_back),
		cmocka_unit_test(another_device_gets_another_address),
		cmocka_unit_test(there_is_room_in_full_tables),
		cmocka_unit_test(initial_contact_ends_them_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

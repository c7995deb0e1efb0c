/* SPDX-License-Identifier: Apache-2.0 */
/* Stories of floods of IKE_SA_INIT: which clients are asked for a cookie, and which get in all the
 * same (RFC 7296 2.6). */
#include "proto/ike/ike_message.h"
#include "test/lib/story.h"
#include "test/unit/same.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* One more client begins, from there; returns its next message, which is not sent. */
static struct blob *begins(struct story *l, struct initiator *i, uint8_t address, uint16_t port)
{
	struct initiator_config config = l->client.config;
	struct blob *next;

	config.local.address.octets[3] = address;
	config.local.port = port;
	story_client_other(l, i, &config);
	next = story_say(l, i, initiator_create_init(i));
	story_swallow(l);
	return next;
}

/* A sender with many addresses can fill the table; a client that goes on does not wait for that. */
static void a_full_table_of_half_open_sas_takes_another_client(void **unused)
{
	struct initiator flood[9];
	struct story l;
	struct blob *auth;

	(void)unused;
	story_begin(&l, 3);
	for (uint32_t i = 0; i < 3; i++)
		l.config[i].policy->limits.half_open_max = 4;
	for (unsigned i = 0; i < 9; i++) {
		auth = begins(&l, &flood[i], (uint8_t)(60 + i), 4500);
		assert_non_null(auth);
		blob_unref(auth);
	}
	auth = story_say(&l, &l.client, initiator_create_init(&l.client));
	story_swallow(&l);
	assert_null(story_say(&l, &l.client, auth));
	story_swallow(&l);
	assert_int_equal(l.client.state, INITIATOR_ESTABLISHED);
	for (unsigned i = 0; i < 9; i++)
		initiator_fini(&flood[i]);
	story_fini(&l);
}

/* Cookies prove its address, but it still gets no more than its share of the table. */
static void one_address_has_at_most_256_half_open_sas(void **unused)
{
	enum { MANY = 300, SHARE = 256 };
	struct initiator *flood = calloc(MANY, sizeof(*flood)), other;
	unsigned answered = 0;
	struct story l;

	(void)unused;
	assert_non_null(flood);
	story_begin(&l, 3);
	for (unsigned i = 0; i < MANY; i++) {
		struct blob *next = begins(&l, &flood[i], 50, (uint16_t)(5000 + i));

		if (flood[i].counts.cookies) { /* That was IKE_SA_INIT again, with the cookie. */
			next = story_say(&l, &flood[i], next);
			story_swallow(&l);
		}
		blob_unref(next);
		answered += flood[i].state == INITIATOR_AUTH_SENT;
	}
	assert_int_equal(answered, SHARE);
	blob_unref(begins(&l, &other, 51, 4500));
	assert_int_equal(other.state, INITIATOR_AUTH_SENT);
	initiator_fini(&other);
	for (unsigned i = 0; i < MANY; i++)
		initiator_fini(&flood[i]);
	free(flood);
	story_fini(&l);
}

/* One address opens many IKE SAs and goes on with none. From the 65th on it needs a cookie; another
 * address is served as before. */
static void a_flood_from_one_address_meets_cookies_alone(void **unused)
{
	struct initiator flood[66], other;
	uint32_t cookies = 0;
	struct story l;

	(void)unused;
	story_begin(&l, 3);
	for (unsigned i = 0; i < 66; i++) {
		blob_unref(begins(&l, &flood[i], 50, (uint16_t)(5000 + i)));
		cookies += flood[i].counts.cookies;
	}
	assert_int_equal(cookies, 2);
	blob_unref(begins(&l, &other, 51, 4500));
	assert_int_equal(other.counts.cookies, 0);
	assert_int_equal(other.state, INITIATOR_AUTH_SENT);
	initiator_fini(&other);
	for (unsigned i = 0; i < 66; i++)
		initiator_fini(&flood[i]);
	story_fini(&l);
}

/* An IKE_SA_INIT was answered without a cookie; then cookies are demanded, and it comes again. A
 * COOKIE now would make the client change its request, and sign another than we answered. */
static void a_repeated_init_is_not_asked_for_a_cookie(void **unused)
{
	struct blob *init, *first;
	struct story l;

	(void)unused;
	story_begin(&l, 3);
	init = initiator_create_init(&l.client);
	blob_unref(story_say(&l, &l.client, blob_ref(init)));
	assert_int_equal(l.n_to_client, 1);
	first = blob_ref(l.to_client[0]);
	story_swallow(&l);
	for (uint32_t i = 0; i < 3; i++)
		l.config[i].policy->limits.cookie_above = 0;
	blob_unref(story_say(&l, &l.client, init));
	assert_int_equal(l.n_to_client, 1);
	assert_same(l.to_client[0], first);
	story_swallow(&l);
	blob_unref(first);
	story_fini(&l);
}

/* And the other way round: a client that was asked is asked again, though the flood is over. */
static void who_was_asked_for_a_cookie_is_asked_again(void **unused)
{
	struct blob *init;
	struct story l;

	(void)unused;
	story_begin(&l, 3);
	for (unsigned i = 0; i < 2; i++) {
		for (uint32_t k = 0; k < 3; k++)
			l.config[k].policy->limits.cookie_above = i ? 500 : 0;
		init = initiator_create_init(&l.client);
		blob_unref(story_say(&l, &l.client, init));
		assert_int_equal(l.client.counts.cookies, i + 1);
		story_swallow(&l);
	}
	story_fini(&l);
}

/* One more identity, with the key of the first. */
static void add_secret(struct ike_config *c, const char *id)
{
	struct ike_peer_secret *old = (struct ike_peer_secret *)c->secrets;
	struct ike_peer_secret *two = calloc(2, sizeof(*two));

	assert_int_equal(c->n_secrets, 1);
	two[0] = two[1] = old[0];
	assert_int_equal(ike_id_parse(&two[1].id, id), OK);
	free(old);
	c->secrets = two;
	c->n_secrets = 2;
}

/* An IKE SA made, and deleted; the error that the client was told, if any. */
static uint16_t comes_and_goes(struct story *l, const struct initiator_config *config)
{
	struct initiator i;
	struct blob *next;
	uint16_t error;

	story_client_other(l, &i, config);
	next = story_say(l, &i, initiator_create_init(&i));
	story_swallow(l);
	assert_non_null(next);
	assert_null(story_say(l, &i, next));
	story_swallow(l);
	if (i.state == INITIATOR_ESTABLISHED) {
		assert_null(story_say(l, &i, initiator_create_ike_delete(&i, 0)));
		story_swallow(l);
		assert_int_equal(i.state, INITIATOR_CLOSED);
	} else {
		assert_int_equal(i.state, INITIATOR_FAILED);
	}
	error = i.error;
	initiator_fini(&i);
	return error;
}

static uint64_t core_drops(const struct story *l, enum drop d)
{
	struct core_status st;

	core_status(l->node[story_leader(l)].core, &st);
	return st.drops[d];
}

/* A client with a key makes and deletes IKE SAs without end: at the limit of its identity it must
 * wait; other clients must not, until there are too many in all. */
static void who_deletes_too_much_waits(void **unused)
{
	struct initiator_config mine, others;
	const struct state *s;
	struct story l;

	(void)unused;
	story_begin(&l, 3);
	for (uint32_t i = 0; i < 3; i++) {
		l.config[i].policy->limits.tombstones_per_identity = 5;
		l.config[i].policy->limits.tombstones_max = 8;
		add_secret(&l.config[i].policy->ike, "other");
	}
	mine = others = l.client.config;
	assert_int_equal(ike_id_parse(&others.id, "other"), OK);
	story_client_connect(&l); /* A session that lives, of the same identity. */
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(comes_and_goes(&l, &mine), 0);
	s = core_state(l.node[story_leader(&l)].core);
	assert_int_equal(state_tombstones(s, (struct ike_client){0}), 5);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(comes_and_goes(&l, &mine), IKE_NOTIFY_TEMPORARY_FAILURE);
	story_client_send(&l, initiator_create_ike_rekey(&l.client, DH_CURVE25519));
	assert_int_equal(l.client.error, IKE_NOTIFY_TEMPORARY_FAILURE);
	story_client_send(&l, initiator_create_dpd(&l.client)); /* What lives, lives on. */
	assert_int_equal(l.client.state, INITIATOR_ESTABLISHED);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(comes_and_goes(&l, &others), 0);
	assert_int_equal(comes_and_goes(&l, &others), IKE_NOTIFY_TEMPORARY_FAILURE);
	assert_int_equal(state_tombstones(s, (struct ike_client){0}), 8);
	story_client_listen(&l);
	story_run(&l, 601000);
	assert_int_equal(state_tombstones(core_state(l.node[story_leader(&l)].core), (struct ike_client){0}), 0);
	assert_int_equal(comes_and_goes(&l, &mine), 0);
	story_fini(&l);
}

/* Room for two and a half sessions of one Child SA: the third client is refused; the others go on,
 * rekey, and may start anew. */
static void who_is_there_goes_on_in_full_tables(void **unused)
{
	struct initiator other;
	struct initiator_config mine;
	struct blob *next;
	struct story l;

	(void)unused;
	story_begin(&l, 3);
	for (uint32_t i = 0; i < 3; i++)
		l.config[i].child_sas_max = 5;
	mine = l.client.config;
	story_client_connect(&l);
	story_client_other(&l, &other, &mine);
	next = story_say(&l, &other, initiator_create_init(&other));
	story_swallow(&l);
	assert_null(story_say(&l, &other, next));
	story_swallow(&l);
	assert_int_equal(other.state, INITIATOR_ESTABLISHED);
	assert_int_equal(comes_and_goes(&l, &mine), IKE_NOTIFY_TEMPORARY_FAILURE);
	assert_int_equal(core_drops(&l, DROP_CHILD_SAS_FULL), 1);
	/* One place is left: for a further Child SA, once. */
	story_client_send(&l, initiator_create_child(&l.client, DH_NONE));
	assert_int_equal(l.client.error, 0);
	story_client_send(&l, initiator_create_child(&l.client, DH_NONE));
	assert_int_equal(l.client.error, IKE_NOTIFY_NO_ADDITIONAL_SAS);
	for (unsigned i = 0; i < 3; i++) {
		uint32_t old = l.client.child[0].spi_in;

		story_client_send(&l, initiator_create_child_rekey(&l.client, old, DH_NONE));
		assert_int_equal(l.client.error, 0);
		story_client_send(&l, initiator_create_child_delete(&l.client, old));
		assert_int_equal(l.client.n_child, 2);
	}
	mine.initial_contact = true; /* Both go, it comes. */
	assert_int_equal(comes_and_goes(&l, &mine), 0);
	assert_int_equal(state_places(core_state(l.node[story_leader(&l)].core)), 0);
	story_level(&l);
	initiator_fini(&other);
	story_fini(&l);
}

static void more_sessions_than_there_may_be_are_refused(void **unused)
{
	struct initiator_config mine;
	struct story l;

	(void)unused;
	story_begin(&l, 3);
	for (uint32_t i = 0; i < 3; i++)
		l.config[i].sessions_max = 1;
	mine = l.client.config;
	story_client_connect(&l);
	assert_int_equal(comes_and_goes(&l, &mine), IKE_NOTIFY_TEMPORARY_FAILURE);
	assert_int_equal(core_drops(&l, DROP_SESSIONS_FULL), 1);
	mine.initial_contact = true;
	assert_int_equal(comes_and_goes(&l, &mine), 0);
	story_fini(&l);
}

/* Refused for lack of room, then repeated, perhaps by an attacker, at another leader with room: the
 * client was refused, and may have come in by another exchange since. */
static void a_refused_auth_is_refused_for_good(void **unused)
{
	struct initiator late;
	struct initiator_config mine;
	struct blob *auth;
	struct story l;

	(void)unused;
	story_begin(&l, 3);
	for (uint32_t i = 0; i < 3; i++)
		l.config[i].sessions_max = 1;
	mine = l.client.config;
	story_client_connect(&l);
	story_client_other(&l, &late, &mine);
	auth = story_say(&l, &late, initiator_create_init(&late));
	story_swallow(&l);
	assert_null(story_say(&l, &late, blob_ref(auth)));
	assert_int_equal(late.state, INITIATOR_FAILED);
	story_swallow(&l);
	for (uint32_t i = 0; i < 3; i++)
		l.config[i].sessions_max = 9;
	story_lose_leader(&l);
	story_datagram(&l, story_holder(&l), &late, auth);
	story_run(&l, 60);
	assert_int_equal(state_sessions(core_state(l.node[story_leader(&l)].core)), 1);
	blob_unref(auth);
	initiator_fini(&late);
	story_fini(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_table_of_half_open_sas_takes_another_client),
		cmocka_unit_test(a_flood_from_one_address_meets_cookies_alone),
		cmocka_unit_test(one_address_has_at_most_256_half_open_sas),
		cmocka_unit_test(a_repeated_init_is_not_asked_for_a_cookie),
		cmocka_unit_test(who_was_asked_for_a_cookie_is_asked_again),
		cmocka_unit_test(who_deletes_too_much_waits),
		cmocka_unit_test(who_is_there_goes_on_in_full_tables),
		cmocka_unit_test(a_refused_auth_is_refused_for_good),
		cmocka_unit_test(more_sessions_than_there_may_be_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

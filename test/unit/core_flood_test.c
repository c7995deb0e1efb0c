/* SPDX-License-Identifier: Apache-2.0 */
/* Stories of floods of IKE_SA_INIT: who is asked for a cookie, and who gets in all the
 * same (RFC 7296 2.6). */
#include "test/lib/story.h"

#include "cluster/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void start_all(struct story *l, uint32_t n)
{
	story_init(l, n);
	for (uint32_t i = 0; i < n; i++)
		story_start(l, i);
	story_run(l, 2000);
}

/* Client `i` speaks; whatever comes out is for it. */
static struct blob *say(struct story *l, struct initiator *i, struct blob *data)
{
	struct event e = { .type = EVENT_DATAGRAM };
	struct blob *answer = NULL;

	if (data) {
		e.datagram.local = i->config.remote;
		e.datagram.remote = i->config.local;
		e.datagram.data = data->data;
		e.datagram.len = data->len;
		story_event(l, story_holder(l), &e);
		story_run(l, 10);
		blob_unref(data);
	}
	for (unsigned k = 0; k < l->n_to_client; k++) {
		struct blob *b = initiator_consume(i, l->to_client[k]->data, l->to_client[k]->len);

		if (b)
			blob_set(&answer, b);
	}
	return answer;
}

static void swallow(struct story *l)
{
	for (unsigned k = 0; k < l->n_to_client; k++)
		blob_unref(l->to_client[k]);
	l->n_to_client = 0;
}

/* Who has many addresses can fill the table; who goes on is not kept waiting by it. */
static void a_full_table_of_half_open_sas_takes_another_client(void **unused)
{
	struct initiator flood[9];
	struct story l;
	struct blob *auth;

	(void)unused;
	start_all(&l, 3);
	for (uint32_t i = 0; i < 3; i++)
		l.config[i].half_open_max = 4;
	for (unsigned i = 0; i < 9; i++) {
		struct initiator_config config = l.client.config;
		uint8_t seed[ENTROPY_SEED_LEN] = "flood";

		seed[8] = (uint8_t)i;
		config.local.address.octets[3] = (uint8_t)(60 + i);
		initiator_init(&flood[i], &config, seed);
		auth = say(&l, &flood[i], initiator_create_init(&flood[i]));
		assert_non_null(auth);
		blob_unref(auth);
		swallow(&l);
	}
	auth = say(&l, &l.client, initiator_create_init(&l.client));
	swallow(&l);
	assert_null(say(&l, &l.client, auth));
	swallow(&l);
	assert_int_equal(l.client.state, INITIATOR_ESTABLISHED);
	for (unsigned i = 0; i < 9; i++)
		initiator_fini(&flood[i]);
	story_fini(&l);
}

/* An IKE_SA_INIT went on without a cookie; then cookies are demanded, and it comes again. A
 * COOKIE now would have the client change its request, and sign another than we answered. */
static void a_repeated_init_is_not_asked_for_a_cookie(void **unused)
{
	struct blob *init, *first;
	struct story l;

	(void)unused;
	start_all(&l, 3);
	init = initiator_create_init(&l.client);
	blob_unref(say(&l, &l.client, blob_ref(init)));
	assert_int_equal(l.n_to_client, 1);
	first = blob_ref(l.to_client[0]);
	swallow(&l);
	for (uint32_t i = 0; i < 3; i++)
		l.config[i].cookie_above = 0;
	blob_unref(say(&l, &l.client, init));
	assert_int_equal(l.n_to_client, 1);
	assert_int_equal(l.to_client[0]->len, first->len);
	assert_memory_equal(l.to_client[0]->data, first->data, first->len);
	swallow(&l);
	blob_unref(first);
	story_fini(&l);
}

/* And the other way round: who was asked is asked again, though the flood is over. */
static void who_was_asked_for_a_cookie_is_asked_again(void **unused)
{
	struct blob *init;
	struct story l;

	(void)unused;
	start_all(&l, 3);
	for (unsigned i = 0; i < 2; i++) {
		for (uint32_t k = 0; k < 3; k++)
			l.config[k].cookie_above = i ? 500 : 0;
		init = initiator_create_init(&l.client);
		blob_unref(say(&l, &l.client, init));
		assert_int_equal(l.client.counts.cookies, i + 1);
		swallow(&l);
	}
	story_fini(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_table_of_half_open_sas_takes_another_client),
		cmocka_unit_test(a_repeated_init_is_not_asked_for_a_cookie),
		cmocka_unit_test(who_was_asked_for_a_cookie_is_asked_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

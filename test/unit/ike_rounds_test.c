/* SPDX-License-Identifier: Apache-2.0 */
/* IKE_AUTH in rounds, with the method of test/lib/toy_auth.h. Between all rounds the gateway
 * forgets everything except what it would have sent to another node. */
#include "cluster/level.h"
#include "cluster/state/command.h"
#include "test/lib/gateway.h"
#include "test/lib/toy_auth.h"
#include "test/unit/same.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void begin(struct fixture *f)
{
	fixture_setup(f, IKE_DEFAULT, ESP_DEFAULT);
	f->g.connections[0].auth = &toy_auth;
	f->config.auth = &initiator_toy;
	f->i.config = f->config;
}

/* Now another gateway goes on: it knows only what was shared. */
static void move(struct fixture *f)
{
	struct blob *record = half_open_encode(f->g.half_open, LEVEL);

	ike_half_open_fini(f->g.half_open);
	assert_int_equal(half_open_decode(f->g.half_open, record->data, record->len, LEVEL), OK);
	blob_unref(record);
}

/* Up to the client's nth IKE_AUTH request; the question is answered unless it is the last. */
static struct blob *request(struct fixture *f, unsigned nth)
{
	struct blob *d = fixture_to_client(f, fixture_to_gateway(f, initiator_create_init(&f->i)));

	for (unsigned k = 1; k < nth; k++) {
		struct blob *answer, *reply = fixture_to_gateway(f, d);

		move(f);
		if (f->g.verdict == IKE_VERDICT_ASK) {
			answer = toy_auth_outside(&f->g.config, f->g.half_open->auth.question, k);
			reply = gateway_answer(&f->g, answer);
			blob_unref(answer);
			move(f);
		}
		assert_int_equal(f->g.verdict, IKE_VERDICT_HALF_OPEN);
		d = fixture_to_client(f, reply);
	}
	return d;
}

static void three_rounds_make_a_session(void **unused)
{
	struct fixture f;

	(void)unused;
	begin(&f);
	assert_null(fixture_to_client(&f, fixture_to_gateway(&f, request(&f, 3))));
	assert_int_equal(f.g.verdict, IKE_VERDICT_ESTABLISH);
	assert_int_equal(f.i.state, INITIATOR_ESTABLISHED);
	assert_int_equal(f.i.n_child, 1);
	assert_true(address_equal(&f.i.virtual_ip, &f.g.session->virtual_ip));
	assert_int_equal(f.g.session->ike[0].window.next_in, 4);
	assert_int_equal(f.i.ike[0].window.next_out, 4);
	assert_int_equal(f.g.session->ike[0].keys.pi.len, 0);
	/* What comes next on it is numbered on. */
	assert_int_equal(gateway_exchange(&f.g, &f.i, initiator_create_dpd(&f.i)), 2);
	assert_int_equal(f.i.counts.responses, 1);
	fixture_teardown(&f);
}

/* A round's request again: the same octets. One that was changed on the way, or an old one: none. */
static void a_repeated_round_gets_the_same_response(void **unused)
{
	struct blob *d[2], *reply, *bad;
	struct fixture f;

	(void)unused;
	begin(&f);
	d[0] = request(&f, 1);
	reply = fixture_to_gateway(&f, blob_ref(d[0]));
	move(&f);
	assert_same_unref(fixture_to_gateway(&f, blob_ref(d[0])), blob_ref(reply));
	assert_int_equal(f.g.verdict, IKE_VERDICT_REPLY);
	bad = blob_new(d[0]->data, d[0]->len);
	bad->data[bad->len - 1] ^= 1;
	assert_null(fixture_to_gateway(&f, bad));
	assert_int_equal(f.g.drop, DROP_IKE_EXCHANGE);
	d[1] = fixture_to_client(&f, reply);
	assert_null(fixture_to_gateway(&f, blob_ref(d[1])));
	assert_int_equal(f.g.verdict, IKE_VERDICT_ASK);
	blob_unref(d[0]);
	blob_unref(d[1]);
	fixture_teardown(&f);
}

static void while_it_is_asked_outside_the_client_waits(void **unused)
{
	struct blob *d, *bad, *answer, *reply, *again;
	struct fixture f;

	(void)unused;
	begin(&f);
	d = request(&f, 2);
	assert_null(fixture_to_gateway(&f, blob_ref(d)));
	assert_int_equal(f.g.verdict, IKE_VERDICT_ASK);
	move(&f);
	assert_null(fixture_to_gateway(&f, blob_ref(d)));
	assert_int_equal(f.g.verdict, IKE_VERDICT_WAIT);
	bad = blob_new(d->data, d->len);
	bad->data[bad->len - 1] ^= 1;
	assert_null(fixture_to_gateway(&f, bad));
	assert_int_equal(f.g.drop, DROP_IKE_MESSAGE_ID);
	answer = toy_auth_outside(&f.g.config, f.g.half_open->auth.question, 1);
	reply = gateway_answer(&f.g, answer);
	assert_int_equal(f.g.verdict, IKE_VERDICT_HALF_OPEN);
	assert_null(f.g.half_open->auth.question);
	again = fixture_to_gateway(&f, blob_ref(d)); /* It may not have come through. */
	assert_same(again, reply);
	blob_unref(again);
	blob_unref(reply);
	blob_unref(answer);
	blob_unref(d);
	fixture_teardown(&f);
}

static void assert_refused(struct fixture *f, struct blob *reply, const char *why)
{
	assert_int_equal(f->g.verdict, IKE_VERDICT_REFUSE);
	assert_non_null(strstr(f->g.note, why));
	assert_null(fixture_to_client(f, reply));
	assert_int_equal(f->i.state, INITIATOR_FAILED);
	assert_int_equal(f->i.error, IKE_NOTIFY_AUTHENTICATION_FAILED);
	fixture_teardown(f);
}

static void any_round_can_refuse(void **unused)
{
	struct blob *answer, *d;
	struct fixture f;

	(void)unused;
	/* The server outside refuses. */
	begin(&f);
	secret_set(&f.i.config.psk, "another one", 11);
	assert_null(fixture_to_gateway(&f, request(&f, 2)));
	answer = toy_auth_outside(&f.g.config, f.g.half_open->auth.question, 1);
	assert_refused(&f, gateway_answer(&f.g, answer), "those outside");
	blob_unref(answer);
	/* The third round is wrong. */
	begin(&f);
	d = request(&f, 2);
	assert_null(fixture_to_gateway(&f, d));
	answer = toy_auth_outside(&f.g.config, f.g.half_open->auth.question, 1);
	secret_set(&f.i.config.psk, "another one", 11);
	d = fixture_to_client(&f, gateway_answer(&f.g, answer));
	blob_unref(answer);
	assert_refused(&f, fixture_to_gateway(&f, d), "wrong answer");
	/* Its connection is gone from the file, or is for others now. */
	begin(&f);
	d = request(&f, 3);
	strcpy(f.g.connections[0].name, "rail");
	assert_refused(&f, fixture_to_gateway(&f, d), "no longer configured");
	begin(&f);
	d = request(&f, 3);
	f.g.connections[0].auth = NULL;
	assert_refused(&f, fixture_to_gateway(&f, d), "another method");
}

static bool everybody(void *ctx, const struct ike_id *peer)
{
	(void)ctx;
	(void)peer;
	return true;
}

static void rounds_have_an_end(void **unused)
{
	struct blob *d;
	struct fixture f;

	(void)unused;
	begin(&f);
	d = request(&f, 2);
	f.g.half_open->auth.step = IKE_AUTH_STEPS_MAX;
	assert_refused(&f, fixture_to_gateway(&f, d), "too many rounds");
	begin(&f); /* An identity revoked meanwhile is refused in the last round. */
	d = request(&f, 3);
	f.g.env.revoked = everybody;
	assert_refused(&f, fixture_to_gateway(&f, d), "revoked");
}

/* The same gateway has both: the first request tells which it is. */
static void the_request_chooses_the_method(void **unused)
{
	struct fixture f;

	(void)unused;
	for (int toy = 0; toy < 2; toy++) {
		begin(&f);
		f.g.connections[1] = f.g.connections[0];
		f.g.connections[0].auth = NULL;
		strcpy(f.g.connections[1].name, "second");
		f.g.config.n_connections = 2;
		f.i.config.auth = toy ? &initiator_toy : NULL;
		if (toy)
			assert_null(fixture_to_client(&f, fixture_to_gateway(&f, request(&f, 3))));
		else
			assert_int_equal(gateway_exchange(&f.g, &f.i, initiator_create_init(&f.i)), 4);
		assert_int_equal(f.i.state, INITIATOR_ESTABLISHED);
		assert_string_equal(f.g.session->connection, toy ? "second" : "road");
		fixture_teardown(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(three_rounds_make_a_session),
		cmocka_unit_test(a_repeated_round_gets_the_same_response),
		cmocka_unit_test(while_it_is_asked_outside_the_client_waits),
		cmocka_unit_test(any_round_can_refuse),
		cmocka_unit_test(rounds_have_an_end),
		cmocka_unit_test(the_request_chooses_the_method),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

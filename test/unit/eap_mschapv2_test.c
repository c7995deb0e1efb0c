/* SPDX-License-Identifier: Apache-2.0 */
/* auth = "eap-mschapv2", message by message. Between all rounds the gateway forgets everything
 * except what it would have sent to another node. */
#include "cluster/level.h"
#include "cluster/state/command.h"
#include "proto/auth/eap_mschapv2_packet.h"
#include "test/lib/eap_client.h"
#include "test/lib/pki.h"
#include "test/unit/same.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROUNDS 5u

static void begin(struct fixture *f)
{
	fixture_setup(f, IKE_DEFAULT, ESP_DEFAULT);
	eap_client_setup(f);
}

/* Now another gateway goes on: it knows only what was shared. */
static void move(struct fixture *f)
{
	struct blob *record = half_open_encode(f->g.half_open, LEVEL);

	ike_half_open_fini(f->g.half_open);
	assert_int_equal(half_open_decode(f->g.half_open, record->data, record->len, LEVEL), OK);
	blob_unref(record);
}

/* Up to the client's nth IKE_AUTH request. */
static struct blob *request(struct fixture *f, unsigned nth)
{
	struct blob *d = fixture_to_client(f, fixture_to_gateway(f, initiator_create_init(&f->i)));

	for (unsigned k = 1; k < nth; k++) {
		struct blob *reply = fixture_to_gateway(f, d);

		if (f->g.verdict == IKE_VERDICT_ASK) {
			move(f);
			reply = gateway_outside(&f->g);
		}
		assert_int_equal(f->g.verdict, IKE_VERDICT_HALF_OPEN);
		move(f);
		d = fixture_to_client(f, reply);
		assert_non_null(d);
	}
	return d;
}

/* The client's request d is refused for that reason, and the client learns only that it is refused. */
static void assert_refused(struct fixture *f, struct blob *d, const char *why)
{
	struct blob *reply = fixture_to_gateway(f, d);

	assert_int_equal(f->g.verdict, IKE_VERDICT_REFUSE);
	if (why)
		assert_non_null(strstr(f->g.note, why));
	else
		assert_string_equal(f->g.note, "");
	assert_null(fixture_to_client(f, reply));
	assert_int_equal(f->i.state, INITIATOR_FAILED);
	assert_int_equal(f->i.error, IKE_NOTIFY_AUTHENTICATION_FAILED);
}

static void a_password_makes_a_session(void **unused)
{
	static const char *const names[] = {"alice", "ALICE", "OFFICE\\alice"};
	struct fixture f;
	char text[64];

	(void)unused;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		begin(&f);
		strcpy(f.i.config.user, names[i]);
		assert_null(fixture_to_client(&f, fixture_to_gateway(&f, request(&f, ROUNDS))));
		assert_int_equal(f.g.verdict, IKE_VERDICT_ESTABLISH);
		assert_int_equal(f.i.state, INITIATOR_ESTABLISHED);
		assert_int_equal(f.i.n_child, 1);
		/* The identity is the user, whatever its IDi said. */
		assert_string_equal(ike_id_format(&f.g.session->peer_id, text, sizeof(text)), "alice");
		assert_int_equal(f.g.session->ike[0].window.next_in, 1 + ROUNDS);
		assert_int_equal(f.g.session->ike[0].keys.pi.len, 0);
		assert_int_equal(gateway_exchange(&f.g, &f.i, initiator_create_dpd(&f.i)), 2);
		assert_int_equal(f.i.counts.responses, 1);
		fixture_teardown(&f);
	}
}

/* The gateway authenticates first: with its certificate, if there is one. */
static void the_gateway_shows_a_certificate(void **unused)
{
	struct fixture f;
	struct blob *d;
	struct pki pki;

	(void)unused;
	pki_init(&pki, PKI_P256);
	begin(&f);
	f.g.config.n_secrets = 0;
	f.g.connections[0].own = pki.own;
	f.config.trust = pki.trust;
	f.config.unix_now = PKI_NOW;
	f.i.config = f.config;
	assert_null(fixture_to_client(&f, fixture_to_gateway(&f, request(&f, ROUNDS))));
	assert_int_equal(f.g.verdict, IKE_VERDICT_ESTABLISH);
	assert_int_equal(f.i.state, INITIATOR_ESTABLISHED);
	fixture_teardown(&f);
	/* Taken out of the configuration before it was shown. */
	begin(&f);
	f.g.connections[0].own = pki.own;
	f.config.trust = pki.trust;
	f.i.config = f.config;
	d = request(&f, 1);
	assert_null(fixture_to_gateway(&f, d));
	assert_int_equal(f.g.verdict, IKE_VERDICT_ASK);
	f.g.connections[0].own = NULL;
	assert_null(fixture_to_client(&f, gateway_outside(&f.g)));
	assert_int_equal(f.g.verdict, IKE_VERDICT_REFUSE);
	assert_int_equal(f.i.error, IKE_NOTIFY_AUTHENTICATION_FAILED);
	fixture_teardown(&f);
	pki_fini(&pki);
}

/* A user that is not there is a wrong password: as many messages, of the same lengths. */
static void wrong_passwords_and_unknown_users_look_alike(void **unused)
{
	static const char *const why[] = {"'alice' failed: wrong password", "'mallo' failed: unknown user"};
	uint32_t len[2][5] = {{0}};
	struct fixture f;

	(void)unused;
	for (unsigned i = 0; i < 2; i++) {
		struct blob *d, *reply;

		begin(&f);
		if (i == 0)
			assert_int_equal(nt_hash_of(&f.i.config.password, "wrong", 5), OK);
		else
			strcpy(f.i.config.user, "mallo");
		d = fixture_to_client(&f, fixture_to_gateway(&f, initiator_create_init(&f.i)));
		for (unsigned k = 0; k < 3; k++) {
			reply = fixture_to_gateway(&f, d);
			assert_int_equal(f.g.verdict, IKE_VERDICT_HALF_OPEN);
			len[i][k] = reply->len;
			move(&f);
			d = fixture_to_client(&f, reply);
			assert_non_null(d);
		}
		/* It is told once, and then: whether the client comes for the rest or not. */
		assert_non_null(strstr(f.g.note, why[i]));
		assert_int_equal(eap_client_failure.error, 691);
		assert_int_equal(eap_client_failure.retry, 0);
		reply = fixture_to_gateway(&f, d);
		len[i][3] = reply->len;
		assert_int_equal(f.g.verdict, IKE_VERDICT_REFUSE);
		assert_string_equal(f.g.note, "");
		assert_null(fixture_to_client(&f, reply));
		assert_int_equal(f.i.error, IKE_NOTIFY_AUTHENTICATION_FAILED);
		assert_int_equal(eap_client_failure.code, EAP_FAILURE);
		fixture_teardown(&f);
	}
	assert_memory_equal(len[0], len[1], sizeof(len[0]));
}

/* The EAP-Identity names the user: the client must know that user's password, whatever other name
 * it writes beside it. */
static void the_identity_chooses_the_password(void **unused)
{
	struct blob *reply;
	struct fixture f;
	char text[64];

	(void)unused;
	begin(&f);
	eap_client_identity = "alice";
	strcpy(f.i.config.user, "bob");
	assert_int_equal(nt_hash_of(&f.i.config.password, "bob's own", 9), OK);
	reply = fixture_to_gateway(&f, request(&f, 3));
	assert_non_null(strstr(f.g.note, "'alice' failed: wrong password"));
	assert_refused(&f, fixture_to_client(&f, reply), NULL);
	fixture_teardown(&f);
	begin(&f);
	eap_client_identity = "alice";
	strcpy(f.i.config.user, "bob");
	assert_null(fixture_to_client(&f, fixture_to_gateway(&f, request(&f, ROUNDS))));
	assert_int_equal(f.g.verdict, IKE_VERDICT_ESTABLISH);
	assert_string_equal(ike_id_format(&f.g.session->peer_id, text, sizeof(text)), "alice");
	fixture_teardown(&f);
}

/* Anybody can have EAP succeed elsewhere and pass it on: only AUTH by its key counts. */
static void the_key_of_eap_is_shown(void **unused)
{
	static const uint8_t zeroes[32];
	struct fixture f;

	(void)unused;
	begin(&f);
	eap_client_round = ROUNDS;
	eap_client_auth = zeroes;
	assert_refused(&f, request(&f, ROUNDS), "not made with the key");
	fixture_teardown(&f);
	begin(&f);
	eap_client_round = ROUNDS;
	eap_client_packet = "02000006 0301";
	assert_refused(&f, request(&f, ROUNDS), "not made with the key");
	fixture_teardown(&f);
}

/* id: to be the request's. */
static void what_is_no_answer_is_refused(void **unused)
{
	static const struct {
		unsigned round;
		const char *packet, *why;
	} rows[] = {
		{2, "02id0006 0319", "does not say its EAP identity"},
		{2, "02id0005", "malformed EAP packet"},
		{2, "01id0009 01616c6963", "no response to ours"},
		{2, "03id0004", "no response to ours"},
		{2, "02ff0009 01616c6963", "no response to ours"},
		{3, "02id0006 030d", "wants another EAP method"},
		{3, "02id0006 1a02", "malformed MS-CHAP-V2 packet"},
		{3, "02id0009 01616c6963", "malformed MS-CHAP-V2 packet"},
		{3, "02id0006 1a03", "not the MS-CHAP-V2 packet that comes next"},
		{4, "02id0006 1a04", "does not accept us as its gateway"},
		{4, "02id0009 01616c6963", "malformed MS-CHAP-V2 packet"},
	};
	struct fixture f;

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin(&f);
		eap_client_round = rows[i].round;
		eap_client_packet = rows[i].packet;
		assert_refused(&f, request(&f, rows[i].round), rows[i].why);
		assert_int_equal(eap_client_failure.code, EAP_FAILURE);
		fixture_teardown(&f);
	}
}

static void the_empty_identity_is_nobodys(void **unused)
{
	static const char *const names[] = {"02id0005 01", "02id0006 0100", "02id000a 01616c696300",
					    "02id000a 01616c6963ff"};
	struct blob *reply;
	struct fixture f;

	(void)unused;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		begin(&f);
		eap_client_round = 2;
		eap_client_packet = names[i];
		reply = fixture_to_gateway(&f, request(&f, 3));
		assert_non_null(strstr(f.g.note, "unknown user"));
		assert_refused(&f, fixture_to_client(&f, reply), NULL);
		fixture_teardown(&f);
	}
}

/* A removed user is not let in, however far he has got. */
static void a_user_can_go_between_rounds(void **unused)
{
	struct blob *d, *reply;
	struct fixture f;

	(void)unused;
	begin(&f);
	d = request(&f, 3);
	f.g.config.n_users = 0;
	reply = fixture_to_gateway(&f, d);
	assert_non_null(strstr(f.g.note, "unknown user"));
	assert_refused(&f, fixture_to_client(&f, reply), NULL);
	fixture_teardown(&f);
	begin(&f);
	d = request(&f, ROUNDS);
	f.g.config.n_users = 0;
	assert_refused(&f, d, "no longer configured");
	fixture_teardown(&f);
	/* A password that is changed after the client proved it lets in this once. */
	begin(&f);
	d = request(&f, ROUNDS);
	memset(&f.g.users[0].password, 0, sizeof(f.g.users[0].password));
	assert_null(fixture_to_client(&f, fixture_to_gateway(&f, d)));
	assert_int_equal(f.g.verdict, IKE_VERDICT_ESTABLISH);
	fixture_teardown(&f);
}

static void a_gateway_with_nothing_to_show_says_nothing(void **unused)
{
	struct fixture f;

	(void)unused;
	begin(&f);
	f.g.config.n_secrets = 1;
	assert_refused(&f, request(&f, 1), "no certificate to show");
	fixture_teardown(&f);
}

/* The client: it speaks EAP only to its gateway, and accepts no success from a peer that does not
 * know its password. */
static void the_client_takes_no_other_gateway(void **unused)
{
	struct fixture f;

	(void)unused;
	begin(&f);
	secret_set(&f.g.secrets[1].psk, "another", 7);
	assert_null(fixture_to_client(&f, fixture_to_gateway(&f, request(&f, 1))));
	assert_int_equal(f.i.state, INITIATOR_FAILED);
	fixture_teardown(&f);
	begin(&f);
	eap_client_success = true; /* "S=..." is lost, and success comes at once. */
	assert_null(fixture_to_client(&f, fixture_to_gateway(&f, request(&f, 3))));
	assert_int_equal(f.i.state, INITIATOR_FAILED);
	fixture_teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_password_makes_a_session),
		cmocka_unit_test(the_gateway_shows_a_certificate),
		cmocka_unit_test(wrong_passwords_and_unknown_users_look_alike),
		cmocka_unit_test(the_identity_chooses_the_password),
		cmocka_unit_test(the_key_of_eap_is_shown),
		cmocka_unit_test(what_is_no_answer_is_refused),
		cmocka_unit_test(the_empty_identity_is_nobodys),
		cmocka_unit_test(a_user_can_go_between_rounds),
		cmocka_unit_test(a_gateway_with_nothing_to_show_says_nothing),
		cmocka_unit_test(the_client_takes_no_other_gateway),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

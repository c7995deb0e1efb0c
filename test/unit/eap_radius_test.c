/* SPDX-License-Identifier: Apache-2.0 */
/* auth = "eap-radius", message by message. Between all rounds the gateway forgets everything except
 * what it would have sent to another node. */
#include "cluster/level.h"
#include "cluster/state/command.h"
#include "proto/auth/radius_question.h"
#include "test/lib/gateway.h"
#include "test/lib/pki.h"
#include "test/lib/radius_server.h"
#include "test/unit/same.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROUNDS 5u /* IKE_AUTH requests, the last with AUTH. */

static struct radius_server servers[2];

static void add_server(struct fixture *f, struct radius_server *s, const char *at)
{
	struct ike_radius *r = &f->g.config.radius[f->g.config.n_radius++];

	radius_server_init(s, at, "in wonderland");
	r->address = s->at;
	r->secret = s->secret;
}

static void begin(struct fixture *f)
{
	fixture_setup(f, IKE_DEFAULT, ESP_DEFAULT);
	f->g.connections[0].auth = &ike_auth_eap_radius;
	f->g.secrets[1].id = gateway_id("gw");
	secret_set(&f->g.secrets[1].psk, "the gateway's", 13);
	f->g.config.n_secrets = 2;
	strcpy(f->g.config.nas_identifier, "farm");
	add_server(f, &servers[0], "10.20.0.9:1812");
	add_server(f, &servers[1], "10.20.0.10:1812");
	f->config.auth = &initiator_eap_mschapv2;
	f->config.id = gateway_id("laptop");
	f->config.psk = f->g.secrets[1].psk;
	strcpy(f->config.user, "alice");
	f->config.password = servers[0].password;
	f->i.config = f->config;
}

static void end(struct fixture *f)
{
	radius_server_fini(&servers[0]);
	radius_server_fini(&servers[1]);
	fixture_teardown(f);
}

/* Now another gateway goes on: it knows only what was shared. */
static void move(struct fixture *f)
{
	struct blob *record = half_open_encode(f->g.half_open, LEVEL);

	ike_half_open_fini(f->g.half_open);
	assert_int_equal(half_open_decode(f->g.half_open, record->data, record->len, LEVEL), OK);
	blob_unref(record);
}

/* Which server there answers; -1: none. */
static int which = 0;

static struct blob *ask(struct fixture *f)
{
	struct blob *packet = NULL, *answer, *reply;
	struct radius_question q;

	if (!radius_question_read(&q, f->g.half_open->auth.question))
		return gateway_outside(&f->g);
	for (size_t i = 0; i < q.n && which >= 0; i++)
		if (endpoint_equal(&q.to[i].server, &servers[which].at))
			packet = radius_server_answer(&servers[which], CBS_data(&q.to[i].packet),
						      CBS_len(&q.to[i].packet));
	if (packet) {
		CBS in;

		CBS_init(&in, packet->data, packet->len);
		assert_true(radius_question_accepts(&q, &f->g.config, &servers[which].at, in));
		answer = radius_answer_encode(&servers[which].at, in);
	} else {
		answer = radius_answer_none("no RADIUS server answers");
	}
	reply = gateway_answer(&f->g, answer);
	blob_unref(answer);
	blob_unref(packet);
	return reply;
}

/* The gateway's response to that, after all questions to servers. */
static struct blob *response(struct fixture *f, struct blob *d)
{
	struct blob *reply = fixture_to_gateway(f, d);

	if (f->g.verdict == IKE_VERDICT_ASK) {
		move(f);
		reply = ask(f);
	}
	if (f->g.verdict == IKE_VERDICT_HALF_OPEN)
		move(f);
	return reply;
}

/* Up to the client's nth IKE_AUTH request. */
static struct blob *request(struct fixture *f, unsigned nth)
{
	struct blob *d = fixture_to_client(f, fixture_to_gateway(f, initiator_create_init(&f->i)));

	for (unsigned k = 1; k < nth; k++) {
		struct blob *reply = response(f, d);

		assert_int_equal(f->g.verdict, IKE_VERDICT_HALF_OPEN);
		d = fixture_to_client(f, reply);
		assert_non_null(d);
	}
	return d;
}

/* d is refused for that reason, and the client learns only that it is refused. */
static void assert_refused(struct fixture *f, struct blob *d, const char *why)
{
	struct blob *reply = response(f, d);

	assert_int_equal(f->g.verdict, IKE_VERDICT_REFUSE);
	assert_non_null(strstr(f->g.note, why));
	assert_null(fixture_to_client(f, reply));
	assert_int_equal(f->i.state, INITIATOR_FAILED);
	assert_int_equal(f->i.error, IKE_NOTIFY_AUTHENTICATION_FAILED);
}

static void a_server_lets_in(void **unused)
{
	static const struct {
		const char *user_name, *is;
	} rows[] = {{NULL, "alice"}, {"alice@example.org", "alice@example.org"}};
	struct fixture f;
	char text[64];

	(void)unused;
	for (size_t i = 0; i < 2; i++) {
		begin(&f);
		which = (int)i;
		servers[i].user_name = rows[i].user_name;
		assert_null(fixture_to_client(&f, response(&f, request(&f, ROUNDS))));
		assert_int_equal(f.g.verdict, IKE_VERDICT_ESTABLISH);
		assert_int_equal(f.i.state, INITIATOR_ESTABLISHED);
		assert_int_equal(f.i.n_child, 1);
		assert_string_equal(ike_id_format(&f.g.session->peer_id, text, sizeof(text)), rows[i].is);
		assert_int_equal(f.g.session->ike[0].keys.pi.len, 0);
		assert_int_equal(gateway_exchange(&f.g, &f.i, initiator_create_dpd(&f.i)), 2);
		assert_int_equal(servers[i].requests, 3);
		assert_int_equal(servers[1 - i].requests, 0);
		end(&f);
	}
	which = 0;
}

/* What restricts an account is not read past: RFC 2865 5.6, 5.8, 5.27. */
static void an_account_for_something_else_is_refused(void **unused)
{
	static const struct {
		uint8_t type;
		const char *value;
		uint8_t len;
		const char *why; /* NULL: it gets in. */
	} rows[] = {
		{RADIUS_SERVICE_TYPE, "\0\0\0\2", 4, NULL},
		{RADIUS_SERVICE_TYPE, "\0\0\0\6", 4, "no account for a VPN"},
		{RADIUS_SERVICE_TYPE, "\0\2", 2, "no account for a VPN"},
		{RADIUS_SESSION_TIMEOUT, "\0\0\0\1", 4, NULL},
		{RADIUS_SESSION_TIMEOUT, "\0\0\0\0", 4, "Session-Timeout without a second"},
		{RADIUS_SESSION_TIMEOUT, "\1", 1, "Session-Timeout without a second"},
		{RADIUS_FRAMED_IP_ADDRESS, "\12\36\0", 3, "Framed-IP-Address that is none"},
	};
	struct fixture f;

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin(&f);
		servers[0].extra[0].type = rows[i].type;
		servers[0].extra[0].value = (const uint8_t *)rows[i].value;
		servers[0].extra[0].len = rows[i].len;
		if (rows[i].why) {
			assert_refused(&f, request(&f, ROUNDS - 1), rows[i].why);
		} else {
			assert_null(fixture_to_client(&f, response(&f, request(&f, ROUNDS))));
			assert_int_equal(f.g.verdict, IKE_VERDICT_ESTABLISH);
		}
		end(&f);
	}
}

/* The request names the client, the gateway and the client's address; and it is signed for the
 * server it goes to. */
static void a_request_says_who_asks(void **unused)
{
	static const struct {
		int row;
		uint8_t type;
		const char *is;
	} rows[] = {
		{1, RADIUS_USER_NAME, "alice"},
		{2, RADIUS_NAS_IDENTIFIER, "farm"},
		{2, RADIUS_NAS_PORT_ID, "road"},
		{3, RADIUS_CALLED_STATION_ID, "198.51.100.1"},
		{4, RADIUS_CALLING_STATION_ID, "192.0.2.7"},
	};
	struct radius_question q;
	struct fixture f;
	struct radius r;
	CBS value;

	(void)unused;
	begin(&f);
	assert_null(fixture_to_gateway(&f, request(&f, 2)));
	assert_int_equal(f.g.verdict, IKE_VERDICT_ASK);
	assert_true(radius_question_read(&q, f.g.half_open->auth.question));
	assert_int_equal(q.n, 2);
	for (unsigned k = 0; k < 2; k++) {
		assert_true(endpoint_equal(&q.to[k].server, &servers[k].at));
		assert_int_equal(radius_parse(&r, q.to[k].packet), OK);
		assert_int_equal(r.code, RADIUS_ACCESS_REQUEST);
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			assert_true(radius_find(&r, rows[i].type, &value));
			assert_true(CBS_mem_equal(&value, (const uint8_t *)rows[i].is, strlen(rows[i].is)));
		}
	}
	/* To another one it goes with another authenticator. */
	assert_false(CBS_mem_equal(&q.to[0].packet, CBS_data(&q.to[1].packet), CBS_len(&q.to[1].packet)));
	/* Once one has answered, the others are asked no more. */
	f.g.verdict = IKE_VERDICT_ASK;
	assert_null(fixture_to_gateway(&f, fixture_to_client(&f, ask(&f))));
	assert_true(radius_question_read(&q, f.g.half_open->auth.question));
	assert_int_equal(q.n, 1);
	assert_true(endpoint_equal(&q.to[0].server, &servers[0].at));
	end(&f);
}

static void the_gateway_shows_a_certificate(void **unused)
{
	struct fixture f;
	struct pki pki;

	(void)unused;
	pki_init(&pki, PKI_P256);
	begin(&f);
	f.g.config.n_secrets = 0;
	f.g.connections[0].own = pki.own;
	f.config.trust = pki.trust;
	f.config.unix_now = PKI_NOW;
	f.i.config = f.config;
	assert_null(fixture_to_client(&f, response(&f, request(&f, ROUNDS))));
	assert_int_equal(f.i.state, INITIATOR_ESTABLISHED);
	end(&f);
	pki_fini(&pki);
}

/* EAP-MSCHAPv2 has keys of 16 octets (RFC 3079 3.4), and servers send them so: freeradius. */
static void keys_may_be_short(void **unused)
{
	static const struct {
		uint8_t len;
		bool good;
	} rows[] = {{16, true}, {32, true}, {8, false}, {31, false}};

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct fixture f;

		begin(&f);
		servers[0].key_len = rows[i].len;
		if (rows[i].good) {
			assert_null(fixture_to_client(&f, response(&f, request(&f, ROUNDS))));
			assert_int_equal(f.i.state, INITIATOR_ESTABLISHED);
		} else {
			assert_refused(&f, request(&f, 4), "accepts it by an EAP method that yields no key");
		}
		end(&f);
	}
}

static void who_is_not_accepted_is_refused(void **unused)
{
	static const char rejects[] = "'alice' failed: RADIUS server 10.20.0.9:1812 rejects it";
	struct fixture f;

	(void)unused;
	begin(&f); /* A wrong password: said in EAP's own way, then the server ends it. */
	assert_int_equal(nt_hash_of(&f.i.config.password, "wrong", 5), OK);
	assert_refused(&f, request(&f, 4), rejects);
	end(&f);

	begin(&f);
	which = -1;
	assert_refused(&f, request(&f, 2), "'alice' failed: no RADIUS server answers");
	which = 0;
	end(&f);

	begin(&f);
	servers[0].keyless = true;
	assert_refused(&f, request(&f, 4), "accepts it by an EAP method that yields no key");
	end(&f);

	begin(&f);
	servers[0].user_name = "\1";
	servers[0].extra[0].type = RADIUS_USER_NAME;
	servers[0].extra[0].value = "a\0b";
	servers[0].extra[0].len = 3;
	servers[0].user_name = NULL;
	assert_refused(&f, request(&f, 4), "gives it a User-Name that is not a possible identity");
	end(&f);

	begin(&f); /* The server is no longer there ... */
	{
		struct blob *d = request(&f, 3);

		f.g.config.n_radius = 0;
		assert_refused(&f, d, "is no longer configured, and no other server can go on");
	}
	end(&f);

	begin(&f); /* ... nor any other. */
	{
		struct blob *d = request(&f, 2);

		f.g.config.n_radius = 0;
		assert_refused(&f, d, "no [[radius]] is configured to ask");
	}
	end(&f);
}

/* The holder of the MSK is the client. */
static void auth_is_made_with_the_msk(void **unused)
{
	struct fixture f;
	struct blob *d;

	(void)unused;
	begin(&f);
	servers[0].keyless = false;
	d = request(&f, 4);
	servers[0].msk[3] ^= 1; /* The server has another one. */
	d = fixture_to_client(&f, response(&f, d));
	assert_refused(&f, d, "its AUTH is not made with the key of its EAP method");
	end(&f);
}

/* An answer to another request, from another server, or a malformed one. */
static void only_the_servers_answer_counts(void **unused)
{
	struct radius_question q;
	struct blob *answer;
	struct fixture f;
	CBS in;

	(void)unused;
	begin(&f);
	assert_null(fixture_to_gateway(&f, request(&f, 2)));
	assert_true(radius_question_read(&q, f.g.half_open->auth.question));
	answer = radius_server_answer(&servers[0], CBS_data(&q.to[0].packet), CBS_len(&q.to[0].packet));
	CBS_init(&in, answer->data, answer->len);
	assert_true(radius_question_accepts(&q, &f.g.config, &servers[0].at, in));
	assert_false(radius_question_accepts(&q, &f.g.config, &servers[1].at, in));
	CBS_init(&in, answer->data, answer->len - 1);
	assert_false(radius_question_accepts(&q, &f.g.config, &servers[0].at, in));
	for (size_t i = 0; i < answer->len; i++) {
		CBS_init(&in, answer->data, answer->len);
		answer->data[i] ^= 0x41;
		assert_false(radius_question_accepts(&q, &f.g.config, &servers[0].at, in));
		answer->data[i] ^= 0x41;
	}
	/* Our own request is no answer. */
	assert_false(radius_question_accepts(&q, &f.g.config, &servers[0].at, q.to[0].packet));
	f.g.config.n_radius = 0;
	assert_false(radius_question_accepts(&q, &f.g.config, &servers[0].at, in));
	blob_unref(answer);
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_server_lets_in),
		cmocka_unit_test(an_account_for_something_else_is_refused),
		cmocka_unit_test(a_request_says_who_asks),
		cmocka_unit_test(the_gateway_shows_a_certificate),
		cmocka_unit_test(keys_may_be_short),
		cmocka_unit_test(who_is_not_accepted_is_refused),
		cmocka_unit_test(auth_is_made_with_the_msk),
		cmocka_unit_test(only_the_servers_answer_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

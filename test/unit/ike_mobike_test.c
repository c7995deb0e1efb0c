/* SPDX-License-Identifier: Apache-2.0 */
/* MOBIKE (RFC 4555), the responder: where IKE messages and ESP go, and from when on. */
#include "proto/ike/builder.h"
#include "proto/ike/ike_keys.h"
#include "proto/ike/ike_message.h"
#include "proto/ike/ike_seal.h"
#include "proto/ike/initiator_step.h"
#include "proto/ike/nat.h"
#include "proto/ike/sk.h"
#include "test/lib/gateway.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define HOME "192.0.2.7:500"
#define AWAY "203.0.113.5:4500"
#define FAR "203.0.113.99:4500"

static void setup(struct fixture *f)
{
	fixture_setup(f, IKE_DEFAULT, ESP_DEFAULT);
	f->config.mobike = true;
	fixture_handshake(f);
	assert_true(f->g.session->features & IKE_PEER_MOBIKE);
}

static void assert_at(const struct fixture *f, const char *ike, const char *esp)
{
	struct endpoint i = gateway_endpoint(ike), e = gateway_endpoint(esp);
	struct ike_esp_path path = ike_session_esp_path(f->g.session);

	assert_true(endpoint_equal(&f->g.session->remote, &i));
	assert_true(endpoint_equal(&path.remote, &e));
}

/* UPDATE_SA_ADDRESSES from there; its answer reaches the client. */
static void move(struct fixture *f, const char *to)
{
	struct endpoint there = gateway_endpoint(to);

	assert_null(fixture_to_client(f, gateway_receive(&f->g, &there, initiator_create_move(&f->i, &there))));
	assert_int_equal(f->i.error, 0);
}

static struct blob *outstanding(const struct fixture *f)
{
	assert_int_equal(f->g.session->ike[0].purpose, IKE_PURPOSE_CHECK_ADDRESS);
	return blob_ref(ike_datagrams_only(f->g.session->ike[0].window.outstanding));
}

/* The check is answered from there. */
static void answer(struct fixture *f, const char *from)
{
	struct endpoint there = gateway_endpoint(from);

	assert_null(gateway_receive(&f->g, &there, fixture_to_client(f, outstanding(f))));
}

static void traffic_follows_the_check(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f);
	assert_at(&f, HOME, HOME);
	move(&f, AWAY);
	assert_at(&f, AWAY, HOME);
	answer(&f, AWAY);
	assert_int_equal(f.i.counts.checks, 1);
	assert_at(&f, AWAY, AWAY);
	assert_null(f.g.session->ike[0].window.outstanding);
	/* Nothing to show where it is known to be. */
	move(&f, AWAY);
	assert_null(f.g.session->ike[0].window.outstanding);
	fixture_teardown(&f);
}

/* The answer to a question that went to two addresses says nothing of the second (3.7). */
static void who_moves_on_is_asked_there(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f);
	move(&f, AWAY);
	move(&f, FAR);
	assert_at(&f, FAR, HOME);
	answer(&f, FAR);
	assert_at(&f, FAR, HOME);
	answer(&f, FAR);
	assert_at(&f, FAR, FAR);
	assert_int_equal(f.i.counts.checks, 2);
	fixture_teardown(&f);
}

/* ... nor of the first, once it went to the second: the host there could answer it. */
static void who_goes_to_and_fro_is_asked_anew(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f);
	move(&f, AWAY);
	move(&f, FAR);
	move(&f, AWAY);
	answer(&f, FAR);
	assert_at(&f, AWAY, HOME);
	answer(&f, AWAY);
	assert_at(&f, AWAY, AWAY);
	assert_int_equal(f.i.counts.checks, 2);
	fixture_teardown(&f);
}

static void who_comes_back_is_where_it_was(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f);
	move(&f, AWAY);
	move(&f, HOME);
	assert_at(&f, HOME, HOME);
	answer(&f, HOME);
	assert_at(&f, HOME, HOME);
	assert_null(f.g.session->ike[0].window.outstanding);
	fixture_teardown(&f);
}

/* 3.7: "If the values do not match, the IKE_SA MUST be closed." */
static void another_cookie_closes_it(void **state)
{
	(void)state;
	for (unsigned k = 0; k < 3; k++) {
		struct endpoint away = gateway_endpoint(AWAY);
		struct ike_header h;
		struct ike_builder b;
		struct ike_datagrams *d;
		struct sk_direction ours;
		struct fixture f;
		uint8_t cookie[17] = "something else..";

		setup(&f);
		move(&f, AWAY);
		ours = sk_direction_of(&f.i.ike[0].suite, &f.i.ike[0].keys, true);
		h = (struct ike_header){.spi_i = f.i.ike[0].spi_i, .spi_r = f.i.ike[0].spi_r, .major = 2,
					.exchange = IKE_EXCHANGE_INFORMATIONAL,
					.flags = IKE_FLAG_INITIATOR | IKE_FLAG_RESPONSE};
		ike_builder_init_message(&b, &h);
		if (k > 0) /* 0: none at all. */
			ike_add_notify(&b, IKE_NOTIFY_COOKIE2, cookie, 15 + k);
		assert_int_equal(ike_seal(&(struct ike_sealer){ .ours = ours,
								.iv = &f.i.iv,
								.entropy = &f.i.entropy },
					  &b, &d),
				 OK);
		assert_null(gateway_receive(&f.g, &away, blob_ref(ike_datagrams_only(d))));
		ike_datagrams_unref(d);
		/* It has no Child SA from then on, and is told so. */
		assert_int_equal(f.g.verdict, IKE_VERDICT_STEP);
		assert_true(f.g.session->features & IKE_ENDS);
		assert_int_equal(f.g.session->n_child, 0);
		assert_int_equal(f.g.session->ike[0].purpose, IKE_PURPOSE_DELETE_IKE);
		d = ike_datagrams_ref(f.g.session->ike[0].window.outstanding);
		f.i.ike[0].window.next_in++; /* This answer was not the client's own. */
		assert_null(gateway_receive(&f.g, &away, fixture_to_client(&f, blob_ref(ike_datagrams_only(d)))));
		ike_datagrams_unref(d);
		assert_int_equal(f.g.verdict, IKE_VERDICT_DELETE);
		assert_int_equal(f.i.state, INITIATOR_CLOSED);
		fixture_teardown(&f);
	}
}

/* A request of the client's, with these notifications, from there; and the answer to it, which is for
 * ike_opened_fini(). */
struct question {
	const uint16_t *types; /* Ends with 0. */
	const void *cookie;
	size_t cookie_len;
	const char *sees; /* Where the client takes itself to be. */
};

static void ask(struct fixture *f, const char *from, const struct question *q, struct ike_opened *o)
{
	struct endpoint there = gateway_endpoint(from), here = gateway_endpoint(q->sees);
	const struct ike_path path = {.local = &here, .remote = &f->i.config.remote};
	struct sk_direction theirs = sk_direction_of(&f->i.ike[0].suite, &f->i.ike[0].keys, false);
	struct ike_datagrams *one;
	struct ike_builder b;
	struct blob *reply;

	initiator_begin(&f->i, 0, IKE_EXCHANGE_INFORMATIONAL, &b);
	for (const uint16_t *type = q->types; *type; type++)
		ike_add_notify(&b, *type, *type == IKE_NOTIFY_ADDITIONAL_IP4_ADDRESS ? "\x0a\0\0\1" : NULL,
			       *type == IKE_NOTIFY_ADDITIONAL_IP4_ADDRESS ? 4 : 0);
	ike_nat_add(&b, f->i.ike[0].spi_i, f->i.ike[0].spi_r, &path);
	ike_add_notify(&b, IKE_NOTIFY_COOKIE2, q->cookie, q->cookie_len);
	reply = gateway_receive(&f->g, &there, initiator_send(&f->i, 0, INITIATOR_OTHER, &b));
	assert_non_null(reply);
	one = ike_datagrams_of(blob_ref(reply));
	assert_int_equal(ike_open(o, &theirs, one), DROP_NONE);
	assert_int_equal(o->content, OK);
	ike_datagrams_unref(one);
	assert_null(fixture_to_client(f, reply));
}

static const uint16_t no_types[] = {0};

/* 3.10, 3.8: a path is tested by a request that updates nothing; the answer says what the gateway saw, and
 * has the client's COOKIE2 as it was (3.7), if it is one (4.2.5). */
static void a_path_is_tested(void **state)
{
	static const uint8_t cookie[65] = "any octets will do, also zeros";
	static const struct {
		size_t len;
		bool copied;
	} rows[] = {{8, true}, {64, true}, {16, true}, {7, false}, {65, false}, {0, false}};

	(void)state;
	for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
		struct question q = {no_types, cookie, rows[k].len, AWAY};
		struct endpoint here = gateway_endpoint(AWAY);
		const struct ike_notify *n;
		uint32_t seen = 0;
		struct ike_opened o;
		struct fixture f;

		setup(&f);
		ask(&f, FAR, &q, &o);
		n = ike_message_notify(&o.message, IKE_NOTIFY_COOKIE2);
		assert_int_equal(n != NULL, rows[k].copied);
		if (n)
			assert_true(CBS_mem_equal(&n->data, cookie, rows[k].len));
		ike_nat_detect(&seen, &o.message, &(struct ike_path){.local = &here, .remote = &f.i.config.remote});
		assert_int_equal(seen, IKE_SELF_BEHIND_NAT); /* It was seen at FAR. */
		ike_opened_fini(&o);
		assert_at(&f, HOME, HOME);
		assert_int_equal(f.g.session->features & IKE_PEER_BEHIND_NAT, 0);
		assert_null(f.g.session->ike[0].window.outstanding);
		fixture_teardown(&f);
	}
}

/* 3.6: the client's other addresses change nothing, and are no error. */
static void other_addresses_of_a_client(void **state)
{
	static const uint16_t none[] = {IKE_NOTIFY_NO_ADDITIONAL_ADDRESSES, 0};
	static const uint16_t some[] = {IKE_NOTIFY_ADDITIONAL_IP4_ADDRESS, IKE_NOTIFY_ADDITIONAL_IP4_ADDRESS, 0};
	static const uint16_t moves[] = {IKE_NOTIFY_UPDATE_SA_ADDRESSES, IKE_NOTIFY_ADDITIONAL_IP4_ADDRESS, 0};
	static const struct {
		const uint16_t *types;
		bool moves;
	} rows[] = {{none, false}, {some, false}, {moves, true}};

	(void)state;
	for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
		struct question q = {rows[k].types, "12345678", 8, AWAY};
		struct ike_opened o;
		struct fixture f;

		setup(&f);
		ask(&f, AWAY, &q, &o);
		assert_null(ike_message_error(&o.message));
		ike_opened_fini(&o);
		assert_at(&f, rows[k].moves ? AWAY : HOME, HOME);
		fixture_teardown(&f);
	}
}

/* 3.8: NAT traversal begins and ends with an update: by the address that the client believes it has. */
static void a_nat_is_where_it_moves_to(void **state)
{
	static const uint16_t types[] = {IKE_NOTIFY_UPDATE_SA_ADDRESSES, 0};
	static const struct {
		const char *from, *sees;
		bool nat;
	} rows[] = { { AWAY, "10.0.0.1:4500", true },
		     { FAR, FAR, false },
		     { FAR, "203.0.113.99:4501", true },
		     { AWAY, AWAY, false } };
	struct fixture f;

	(void)state;
	setup(&f);
	for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
		struct question q = {types, "12345678", 8, rows[k].sees};
		struct ike_opened o;

		ask(&f, rows[k].from, &q, &o);
		ike_opened_fini(&o);
		assert_int_equal(!!(f.g.session->features & IKE_PEER_BEHIND_NAT), rows[k].nat);
	}
	fixture_teardown(&f);
}

static void nobody_is_there(void **state)
{
	static const char *const nowhere[] = {"0.0.0.0:4500", "127.0.0.1:4500", "224.0.0.1:4500",
					      "255.255.255.255:4500", "[2001:db8::1]:4500"};

	(void)state;
	for (size_t k = 0; k < sizeof(nowhere) / sizeof(nowhere[0]); k++) {
		struct endpoint there = gateway_endpoint(nowhere[k]);
		struct fixture f;

		setup(&f);
		assert_null(fixture_to_client(&f, gateway_receive(&f.g, &there,
								  initiator_create_move(&f.i, &there))));
		assert_int_equal(f.i.error, IKE_NOTIFY_UNACCEPTABLE_ADDRESSES);
		assert_at(&f, HOME, HOME);
		assert_null(f.g.session->ike[0].window.outstanding);
		fixture_teardown(&f);
	}
}

/* 3.4: our other addresses. */
static void says_where_else_it_is(void **state)
{
	(void)state;
	for (unsigned n = 1; n < 4; n++) {
		struct address at[3];
		struct fixture f;

		for (unsigned k = 0; k < 3; k++)
			at[k] = address_ipv4(0xc6336401 + k); /* 198.51.100.1, the gateway's own, ... */
		fixture_setup(&f, IKE_DEFAULT, ESP_DEFAULT);
		f.config.mobike = true;
		f.g.env.addresses = at;
		f.g.env.n_addresses = n;
		fixture_handshake(&f);
		assert_int_equal(f.i.additional, n - 1);
		assert_int_equal(f.i.features & IKE_PEER_MOBIKE, IKE_PEER_MOBIKE);
		fixture_teardown(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(traffic_follows_the_check),
		cmocka_unit_test(who_moves_on_is_asked_there),
		cmocka_unit_test(who_goes_to_and_fro_is_asked_anew),
		cmocka_unit_test(who_comes_back_is_where_it_was),
		cmocka_unit_test(another_cookie_closes_it),
		cmocka_unit_test(a_path_is_tested),
		cmocka_unit_test(other_addresses_of_a_client),
		cmocka_unit_test(a_nat_is_where_it_moves_to),
		cmocka_unit_test(nobody_is_there),
		cmocka_unit_test(says_where_else_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

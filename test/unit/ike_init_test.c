/* SPDX-License-Identifier: Apache-2.0 */
/* IKE_SA_INIT: cookies, groups, versions, NAT detection. */
#include "proto/ike/cookie.h"
#include "test/lib/gateway.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* The first error or status NOTIFY of a reply in clear. */
static uint16_t notify_of(const struct blob *reply)
{
	struct ike_message m;

	assert_int_equal(ike_message_parse(&m, reply->data, reply->len), OK);
	assert_int_equal(m.header.spi_r, 0);
	assert_int_equal(m.n_notify, 1);
	return m.notify[0].type;
}

static void cookie_is_demanded_and_taken(void **state)
{
	struct fixture f;

	(void)state;
	fixture_setup(&f, IKE_DEFAULT, ESP_DEFAULT);
	f.g.env.demand_cookie = true;
	/* IKE_SA_INIT -->   <-- N(COOKIE)   IKE_SA_INIT with N(COOKIE) -->  ... */
	assert_int_equal(fixture_handshake(&f), 6);
	assert_int_equal(f.i.counts.cookies, 1);
	assert_int_equal(f.g.verdict, IKE_VERDICT_ESTABLISH);
	fixture_teardown(&f);
}

static void cookie_of_another_port_is_replaced(void **state)
{
	struct endpoint other = gateway_endpoint("192.0.2.7:501");
	struct fixture f;
	struct blob *reply;

	(void)state;
	fixture_setup(&f, IKE_DEFAULT, ESP_DEFAULT);
	f.g.env.demand_cookie = true;
	/* IKE_SA_INIT from port 501 --> */
	reply = gateway_receive(&f.g, &other, initiator_create_init(&f.i));
	/* <-- N(COOKIE) */
	assert_int_equal(notify_of(reply), IKE_NOTIFY_COOKIE);
	assert_int_equal(f.g.verdict, IKE_VERDICT_REPLY);
	/* The same cookie from port 500: another one is demanded, then all is well. */
	assert_int_equal(gateway_exchange(&f.g, &f.i, initiator_consume(&f.i, reply->data, reply->len)), 6);
	assert_int_equal(f.i.counts.cookies, 2);
	assert_int_equal(f.g.verdict, IKE_VERDICT_ESTABLISH);
	blob_unref(reply);
	fixture_teardown(&f);
}

static void cookie_depends_on_everything(void **state)
{
	uint8_t key[COOKIE_KEY_LEN] = {1}, nonce[32] = {2}, cookie[COOKIE_LEN];
	struct endpoint e = gateway_endpoint("192.0.2.7:500");
	struct cookie_subject s = {nonce, sizeof(nonce), 3, &e};

	(void)state;
	cookie_create(cookie, key, 7, &s);
	assert_true(cookie_verify(cookie, sizeof(cookie), key, 7, &s));
	assert_false(cookie_verify(cookie, sizeof(cookie) - 1, key, 7, &s));
	for (size_t k = 0; k < sizeof(cookie); k++) {
		cookie[k] ^= 0x80;
		assert_false(cookie_verify(cookie, sizeof(cookie), key, 7, &s));
		cookie[k] ^= 0x80;
	}
	s.spi_i = 4;
	assert_false(cookie_verify(cookie, sizeof(cookie), key, 7, &s));
	s.spi_i = 3;
	s.nonce_len = 31;
	assert_false(cookie_verify(cookie, sizeof(cookie), key, 7, &s));
	s.nonce_len = 32;
	e.address.octets[3] ^= 1;
	assert_false(cookie_verify(cookie, sizeof(cookie), key, 7, &s));
	e.address.octets[3] ^= 1;
	key[0] = 9;
	assert_false(cookie_verify(cookie, sizeof(cookie), key, 7, &s));
}

/* RFC 7296 2.6: the secret changes; a cookie is good for two to four minutes. */
static void cookie_expires(void **state)
{
	static const struct {
		uint64_t made_ms, shown_ms;
		bool good;
	} row[] = {
		/* 0 */ {0, 0, true},
		/* 1 */ {0, 119999, true},
		/* 2 */ {0, 239999, true},
		/* 3 */ {0, 240000, false},
		/* 4 */ {119999, 240000, false},
		/* 5 */ {120000, 119999, true}, /* The other node's time is behind. */
		/* 6 */ {240000, 119999, false},
		/* 7 */ {0, 256 * 120000, false}, /* The low octet of the epoch comes round ... */
		/* 8 */ {120000, 256 * 120000, false},
		/* 9 */ {255 * 120000, 256 * 120000, true},
		/* 10 */ {256 * 120000, 256 * 120000 - 1, true},
	};
	uint8_t key[COOKIE_KEY_LEN] = {1}, nonce[32] = {2}, cookie[COOKIE_LEN];
	struct endpoint e = gateway_endpoint("192.0.2.7:500");
	struct cookie_subject s = {nonce, sizeof(nonce), 3, &e};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		cookie_create(cookie, key, row[i].made_ms, &s);
		assert_int_equal(cookie_verify(cookie, sizeof(cookie), key, row[i].shown_ms, &s),
				 row[i].good);
	}
}

static void wrong_group_is_corrected(void **state)
{
	struct fixture f;

	(void)state;
	fixture_setup(&f, "aes128gcm16-prfsha256-ecp256", ESP_DEFAULT);
	f.g.env.demand_cookie = true;
	f.config = gateway_client_config("aes128gcm16-prfsha256-modp2048-x25519-ecp256", ESP_DEFAULT);
	/* IKE_SA_INIT(14) -->  <-- N(COOKIE)  again -->  <-- N(INVALID_KE_PAYLOAD, 19)
	 * IKE_SA_INIT(19) -->  ... */
	assert_int_equal(fixture_handshake(&f), 8);
	assert_int_equal(f.i.counts.cookies, 1);
	assert_int_equal(f.i.counts.invalid_ke, 1);
	assert_int_equal(f.g.session->ike[0].suite.dh, DH_ECP_256);
	fixture_teardown(&f);
}

static void nothing_in_common(void **state)
{
	struct fixture f;

	(void)state;
	fixture_setup(&f, IKE_DEFAULT, ESP_DEFAULT);
	f.config = gateway_client_config("aes256gcm16-prfsha256-x25519", ESP_DEFAULT);
	assert_int_equal(fixture_handshake(&f), 2);
	assert_int_equal(f.g.verdict, IKE_VERDICT_REPLY);
	/* RFC 7296 2.21.1: anybody can have said so. */
	assert_int_equal(f.i.state, INITIATOR_INIT_SENT);
	assert_int_equal(f.i.error, IKE_NOTIFY_NO_PROPOSAL_CHOSEN);
	fixture_teardown(&f);
}

static void other_versions(void **state)
{
	struct fixture f;
	struct blob *d;

	(void)state;
	fixture_setup(&f, IKE_DEFAULT, ESP_DEFAULT);
	d = initiator_create_init(&f.i);
	d->data[17] = 0x10; /* IKEv1: dropped */
	assert_null(gateway_receive(&f.g, &f.config.local, d));
	d = initiator_create_init(&f.i);
	d->data[17] = 0x30;
	d = gateway_receive(&f.g, &f.config.local, d);
	assert_int_equal(notify_of(d), IKE_NOTIFY_INVALID_MAJOR_VERSION);
	blob_unref(d);
	d = initiator_create_init(&f.i);
	d->data[17] = 0x30;
	d->data[19] = IKE_FLAG_RESPONSE; /* Never answered, or two nodes would answer each other for ever. */
	assert_null(gateway_receive(&f.g, &f.config.local, d));
	d = initiator_create_init(&f.i);
	d->data[17] = 0x30;
	d->data[27] ^= 1; /* Garbage: its length is not the datagram's. */
	assert_null(gateway_receive(&f.g, &f.config.local, d));
	d = initiator_create_init(&f.i);
	d->data[17] = 0x21; /* A higher minor version "MUST be ignored". */
	d = gateway_receive(&f.g, &f.config.local, d);
	assert_int_equal(f.g.verdict, IKE_VERDICT_HALF_OPEN);
	blob_unref(d);
	fixture_teardown(&f);
}

static void critical_payload_is_refused(void **state)
{
	struct ike_header h = {.spi_i = 1, .major = 2, .exchange = IKE_EXCHANGE_SA_INIT,
			       .flags = IKE_FLAG_INITIATOR};
	struct ike_builder b;
	struct fixture f;
	struct blob *d;

	(void)state;
	fixture_setup(&f, IKE_DEFAULT, ESP_DEFAULT);
	ike_builder_init_message(&b, &h);
	ike_add_payload(&b, 200, true, "?", 1);
	assert_int_equal(ike_builder_finish(&b, &d), OK);
	d = gateway_receive(&f.g, &f.config.local, d);
	assert_int_equal(notify_of(d), IKE_NOTIFY_UNSUPPORTED_CRITICAL_PAYLOAD);
	assert_int_equal(d->data[d->len - 1], 200);
	blob_unref(d);
	fixture_teardown(&f);
}

static void nat_detection(void **state)
{
	static const struct {
		const char *sent_from, *gateway;
		bool fake;
		uint32_t features;
	} rows[] = {
		{"192.0.2.7:500", "198.51.100.1:500", false, 0},
		{"203.0.113.9:500", "198.51.100.1:500", false, IKE_PEER_BEHIND_NAT},
		{"192.0.2.7:1024", "198.51.100.1:500", false, IKE_PEER_BEHIND_NAT},
		{"192.0.2.7:500", "198.51.100.1:500", true, IKE_PEER_BEHIND_NAT},
		{"192.0.2.7:500", "10.0.0.1:500", false, IKE_SELF_BEHIND_NAT},
		{"203.0.113.9:7", "10.0.0.1:500", false, IKE_PEER_BEHIND_NAT | IKE_SELF_BEHIND_NAT},
	};

	(void)state;
	for (size_t k = 0; k < sizeof(rows) / sizeof(*rows); k++) {
		struct fixture f;
		struct endpoint from = gateway_endpoint(rows[k].sent_from);

		fixture_setup(&f, IKE_DEFAULT, ESP_DEFAULT);
		f.g.local = gateway_endpoint(rows[k].gateway);
		f.i.config.fake_nat = rows[k].fake;
		blob_unref(gateway_receive(&f.g, &from, initiator_create_init(&f.i)));
		assert_int_equal(f.g.half_open->features & (IKE_PEER_BEHIND_NAT | IKE_SELF_BEHIND_NAT),
				 rows[k].features);
		assert_true(f.g.half_open->features & IKE_PEER_FRAGMENTATION);
		fixture_teardown(&f);
	}
}

/* Curve25519's point of order 1, and a P-256 point off the curve (RFC 6989). */
static void bad_public_value(void **state)
{
	struct fixture f;
	struct ike_message m;
	struct blob *d;

	(void)state;
	fixture_setup(&f, IKE_DEFAULT, ESP_DEFAULT);
	d = initiator_create_init(&f.i);
	assert_int_equal(ike_message_parse(&m, d->data, d->len), OK);
	memset((uint8_t *)CBS_data(&m.ke.data), 0, CBS_len(&m.ke.data));
	assert_null(gateway_receive(&f.g, &f.config.local, d));
	assert_int_equal(f.g.drop, DROP_IKE_PAYLOAD);
	fixture_teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cookie_is_demanded_and_taken),
		cmocka_unit_test(cookie_of_another_port_is_replaced),
		cmocka_unit_test(cookie_depends_on_everything),
		cmocka_unit_test(cookie_expires),
		cmocka_unit_test(wrong_group_is_corrected),
		cmocka_unit_test(nothing_in_common),
		cmocka_unit_test(other_versions),
		cmocka_unit_test(critical_payload_is_refused),
		cmocka_unit_test(nat_detection),
		cmocka_unit_test(bad_public_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

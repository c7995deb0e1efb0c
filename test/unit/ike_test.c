/* SPDX-License-Identifier: Apache-2.0 */
/* IKE_SA_INIT and IKE_AUTH between our responder and the test client. */
#include "proto/cookie.h"
#include "proto/esp.h"
#include "test/lib/gateway.h"

#include <openssl/mem.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t client_seed[ENTROPY_SEED_LEN] = "client";

#define IKE_DEFAULT "aes128gcm16-prfsha256-x25519"
#define ESP_DEFAULT "aes128gcm16"

struct fixture {
	struct gateway g;
	struct initiator_config config;
	struct initiator i;
};

static void setup(struct fixture *f, const char *ike, const char *esp)
{
	gateway_init(&f->g, ike, esp);
	f->config = client_config(ike, esp);
	initiator_init(&f->i, &f->config, client_seed);
}

static void teardown(struct fixture *f)
{
	initiator_fini(&f->i);
	gateway_fini(&f->g);
}

static unsigned handshake(struct fixture *f)
{
	f->i.config = f->config;
	return exchange(&f->g, &f->i, initiator_create_init(&f->i));
}

/* The first error or status NOTIFY of a reply in clear. */
static uint16_t notify_of(const struct blob *reply)
{
	struct ike_message m;

	assert_int_equal(ike_message_parse(&m, reply->data, reply->len), OK);
	assert_int_equal(m.header.spi_r, 0);
	assert_int_equal(m.n_notify, 1);
	return m.notify[0].type;
}

/* ---- Suites ---- */

/* An IPv4 header of an empty packet. */
static const uint8_t packet[20] = {0x45, 0, 0, 20, 0, 1, 0, 0, 64, 17};

/* Sends one packet from a pair's end to the other's. */
static void esp_pass(const struct child_sa *from, const struct child_sa *to, uint64_t seq)
{
	uint8_t buffer[512] = {0}, *out, *inner, next_header;
	struct entropy e;
	struct esp_context seal, open;
	size_t len, inner_len;

	entropy_init(&e, client_seed);
	assert_int_equal(esp_context_init(&seal, &from->suite, &from->out, true), OK);
	assert_int_equal(esp_context_init(&open, &to->suite, &to->in, false), OK);
	memcpy(buffer + 64, packet, sizeof(packet));
	assert_int_equal(esp_seal(&seal, from->spi_out, seq, 7, &e, 4, buffer + 64, sizeof(packet),
				  &out, &len),
			 DROP_NONE);
	assert_int_equal((uint32_t)out[0] << 24 | out[1] << 16 | out[2] << 8 | out[3], to->spi_in);
	assert_int_equal(esp_open(&open, seq, out, len, &inner, &inner_len, &next_header),
			 DROP_NONE);
	assert_int_equal(inner_len, sizeof(packet));
	assert_memory_equal(inner, packet, sizeof(packet));
	esp_context_fini(&seal);
	esp_context_fini(&open);
}

static void assert_pair(const struct child_sa *a, const struct child_sa *b)
{
	assert_int_equal(a->spi_in, b->spi_out);
	assert_int_equal(a->spi_out, b->spi_in);
	assert_memory_equal(&a->suite, &b->suite, sizeof(a->suite));
	assert_true(ts_set_equal(&a->local, &b->remote));
	assert_true(ts_set_equal(&a->remote, &b->local));
	esp_pass(a, b, 1);
	esp_pass(b, a, a->suite.esn == ESN_YES ? UINT64_C(1) << 33 : 2);
}

static void handshake_with(const char *ike, const char *esp)
{
	struct fixture f;

	setup(&f, ike, esp);
	/* IKE_SA_INIT -->   <-- IKE_SA_INIT   IKE_AUTH -->   <-- IKE_AUTH */
	assert_int_equal(handshake(&f), 4);
	assert_int_equal(f.g.verdict, IKE_VERDICT_ESTABLISH);
	assert_int_equal(f.i.state, INITIATOR_ESTABLISHED);
	assert_int_equal(f.i.error, 0);
	assert_int_equal(f.g.session->n_child, 1);
	assert_pair(&f.g.session->child[0], &f.i.child[0]);
	assert_int_equal(address_to_ipv4(&f.i.virtual_ip), 0x0a1e0001);
	assert_true(address_equal(&f.g.session->virtual_ip, &f.i.virtual_ip));
	assert_int_equal(f.g.session->ike[0].next_request_in, 2);
	assert_int_equal(f.g.session->ike[0].next_request_out, 0);
	/* INFORMATIONAL -->   <-- INFORMATIONAL */
	assert_int_equal(exchange(&f.g, &f.i, initiator_create_dpd(&f.i)), 2);
	assert_int_equal(f.i.counts.responses, 1);
	teardown(&f);
}

static void all_suites(void **state)
{
	static const char *const encr[] = {"aes128gcm16", "aes256gcm16", "aes128-sha256",
					   "aes256-sha256"};
	static const char *const prf[] = {"prfsha256", "prfsha384"};
	static const char *const dh[] = {"x25519", "ecp256", "modp2048"};
	static const char *const esn[] = {"noesn", "esn"};
	char ike[80], esp[80];

	(void)state;
	for (size_t e = 0; e < 4; e++)
		for (size_t p = 0; p < 2; p++)
			for (size_t d = 0; d < 3; d++)
				for (size_t n = 0; n < 2; n++) {
					snprintf(ike, sizeof(ike), "%s-%s-%s", encr[e], prf[p], dh[d]);
					snprintf(esp, sizeof(esp), "%s-%s", encr[3 - e], esn[n]);
					handshake_with(ike, esp);
				}
}

static void same_seed_same_bytes(void **state)
{
	struct blob *first = NULL;

	(void)state;
	for (int round = 0; round < 2; round++) {
		struct fixture f;

		setup(&f, IKE_DEFAULT, ESP_DEFAULT);
		handshake(&f);
		if (first) {
			assert_int_equal(first->len, f.g.session->ike[0].last_response->len);
			assert_memory_equal(first->data, f.g.session->ike[0].last_response->data,
					    first->len);
		} else {
			first = blob_ref(f.g.session->ike[0].last_response);
		}
		teardown(&f);
	}
	blob_unref(first);
}

/* ---- IKE_SA_INIT ---- */

static void cookie_is_demanded_and_taken(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f, IKE_DEFAULT, ESP_DEFAULT);
	f.g.env.demand_cookie = true;
	/* IKE_SA_INIT -->   <-- N(COOKIE)   IKE_SA_INIT with N(COOKIE) -->  ... */
	assert_int_equal(handshake(&f), 6);
	assert_int_equal(f.i.counts.cookies, 1);
	assert_int_equal(f.g.verdict, IKE_VERDICT_ESTABLISH);
	teardown(&f);
}

static void cookie_of_another_port_is_replaced(void **state)
{
	struct endpoint other = endpoint_of("192.0.2.7:501");
	struct fixture f;
	struct blob *reply;

	(void)state;
	setup(&f, IKE_DEFAULT, ESP_DEFAULT);
	f.g.env.demand_cookie = true;
	/* IKE_SA_INIT from port 501 --> */
	reply = gateway_receive(&f.g, &other, initiator_create_init(&f.i));
	/* <-- N(COOKIE) */
	assert_int_equal(notify_of(reply), IKE_NOTIFY_COOKIE);
	assert_int_equal(f.g.verdict, IKE_VERDICT_REPLY);
	/* The same cookie from port 500: another one is demanded, then all is well. */
	assert_int_equal(exchange(&f.g, &f.i, initiator_consume(&f.i, reply->data, reply->len)), 6);
	assert_int_equal(f.i.counts.cookies, 2);
	assert_int_equal(f.g.verdict, IKE_VERDICT_ESTABLISH);
	blob_unref(reply);
	teardown(&f);
}

static void cookie_depends_on_everything(void **state)
{
	uint8_t key[COOKIE_KEY_LEN] = {1}, nonce[32] = {2}, cookie[COOKIE_LEN];
	struct endpoint e = endpoint_of("192.0.2.7:500");
	struct cookie_subject s = {nonce, sizeof(nonce), 3, &e};

	(void)state;
	cookie_create(cookie, key, &s);
	assert_true(cookie_verify(cookie, sizeof(cookie), key, &s));
	assert_false(cookie_verify(cookie, sizeof(cookie) - 1, key, &s));
	for (size_t k = 0; k < sizeof(cookie); k++) {
		cookie[k] ^= 0x80;
		assert_false(cookie_verify(cookie, sizeof(cookie), key, &s));
		cookie[k] ^= 0x80;
	}
	s.spi_i = 4;
	assert_false(cookie_verify(cookie, sizeof(cookie), key, &s));
	s.spi_i = 3;
	s.nonce_len = 31;
	assert_false(cookie_verify(cookie, sizeof(cookie), key, &s));
	s.nonce_len = 32;
	e.address.octets[3] ^= 1;
	assert_false(cookie_verify(cookie, sizeof(cookie), key, &s));
	e.address.octets[3] ^= 1;
	key[0] = 9;
	assert_false(cookie_verify(cookie, sizeof(cookie), key, &s));
}

static void wrong_group_is_corrected(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f, "aes128gcm16-prfsha256-ecp256", ESP_DEFAULT);
	f.g.env.demand_cookie = true;
	f.config = client_config("aes128gcm16-prfsha256-modp2048-x25519-ecp256", ESP_DEFAULT);
	/* IKE_SA_INIT(14) -->  <-- N(COOKIE)  again -->  <-- N(INVALID_KE_PAYLOAD, 19)
	 * IKE_SA_INIT(19) -->  ... */
	assert_int_equal(handshake(&f), 8);
	assert_int_equal(f.i.counts.cookies, 1);
	assert_int_equal(f.i.counts.invalid_ke, 1);
	assert_int_equal(f.g.session->ike[0].suite.dh, DH_ECP_256);
	teardown(&f);
}

static void nothing_in_common(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f, IKE_DEFAULT, ESP_DEFAULT);
	f.config = client_config("aes256gcm16-prfsha256-x25519", ESP_DEFAULT);
	assert_int_equal(handshake(&f), 2);
	assert_int_equal(f.g.verdict, IKE_VERDICT_REPLY);
	assert_int_equal(f.i.state, INITIATOR_FAILED);
	assert_int_equal(f.i.error, IKE_NOTIFY_NO_PROPOSAL_CHOSEN);
	teardown(&f);
}

static void other_versions(void **state)
{
	struct fixture f;
	struct blob *d;

	(void)state;
	setup(&f, IKE_DEFAULT, ESP_DEFAULT);
	d = initiator_create_init(&f.i);
	d->data[17] = 0x10; /* IKEv1: dropped */
	assert_null(gateway_receive(&f.g, &f.config.local, d));
	d = initiator_create_init(&f.i);
	d->data[17] = 0x30;
	d = gateway_receive(&f.g, &f.config.local, d);
	assert_int_equal(notify_of(d), IKE_NOTIFY_INVALID_MAJOR_VERSION);
	blob_unref(d);
	d = initiator_create_init(&f.i);
	d->data[17] = 0x21; /* A higher minor version "MUST be ignored". */
	d = gateway_receive(&f.g, &f.config.local, d);
	assert_int_equal(f.g.verdict, IKE_VERDICT_HALF_OPEN);
	blob_unref(d);
	teardown(&f);
}

static void critical_payload_is_refused(void **state)
{
	struct ike_header h = {.spi_i = 1, .major = 2, .exchange = IKE_EXCHANGE_SA_INIT,
			       .flags = IKE_FLAG_INITIATOR};
	struct ike_builder b;
	struct fixture f;
	struct blob *d;

	(void)state;
	setup(&f, IKE_DEFAULT, ESP_DEFAULT);
	ike_builder_init_message(&b, &h);
	ike_add_payload(&b, 200, true, "?", 1);
	assert_int_equal(ike_builder_finish(&b, &d), OK);
	d = gateway_receive(&f.g, &f.config.local, d);
	assert_int_equal(notify_of(d), IKE_NOTIFY_UNSUPPORTED_CRITICAL_PAYLOAD);
	assert_int_equal(d->data[d->len - 1], 200);
	blob_unref(d);
	teardown(&f);
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
		struct endpoint from = endpoint_of(rows[k].sent_from);

		setup(&f, IKE_DEFAULT, ESP_DEFAULT);
		f.g.local = endpoint_of(rows[k].gateway);
		f.i.config.fake_nat = rows[k].fake;
		blob_unref(gateway_receive(&f.g, &from, initiator_create_init(&f.i)));
		assert_int_equal(f.g.half_open->features & (IKE_PEER_BEHIND_NAT | IKE_SELF_BEHIND_NAT),
				 rows[k].features);
		assert_true(f.g.half_open->features & IKE_PEER_FRAGMENTATION);
		teardown(&f);
	}
}

/* Curve25519's point of order 1, and a P-256 point off the curve (RFC 6989). */
static void bad_public_value(void **state)
{
	struct fixture f;
	struct ike_message m;
	struct blob *d;

	(void)state;
	setup(&f, IKE_DEFAULT, ESP_DEFAULT);
	d = initiator_create_init(&f.i);
	assert_int_equal(ike_message_parse(&m, d->data, d->len), OK);
	memset((uint8_t *)CBS_data(&m.ke.data), 0, CBS_len(&m.ke.data));
	assert_null(gateway_receive(&f.g, &f.config.local, d));
	assert_int_equal(f.g.drop, DROP_IKE_PAYLOAD);
	teardown(&f);
}

/* ---- IKE_AUTH ---- */

/* The refusal of a handshake, for comparison. */
static struct blob *refusal(struct fixture *f)
{
	struct blob *d, *auth;

	f->i.config = f->config;
	d = gateway_receive(&f->g, &f->config.local, initiator_create_init(&f->i));
	auth = initiator_consume(&f->i, d->data, d->len);
	blob_unref(d);
	d = gateway_receive(&f->g, &f->config.local, auth);
	assert_int_equal(f->g.verdict, IKE_VERDICT_REFUSE);
	assert_null(initiator_consume(&f->i, d->data, d->len));
	assert_int_equal(f->i.state, INITIATOR_FAILED);
	assert_int_equal(f->i.error, IKE_NOTIFY_AUTHENTICATION_FAILED);
	assert_null(f->g.session);
	return d;
}

static void failed_authentication_tells_nothing(void **state)
{
	static const struct {
		const char *id, *remote_id, *psk, *note;
	} rows[] = {
		{"cl", "gw", "wrong horse..", "wrong pre-shared key"},
		{"xx", "gw", "correct horse", "unknown identity"},
		{"cl", "xx", "correct horse", "no connection"},
	};
	size_t len = 0;

	(void)state;
	for (size_t k = 0; k < sizeof(rows) / sizeof(*rows); k++) {
		struct fixture f;
		struct blob *d;

		setup(&f, IKE_DEFAULT, ESP_DEFAULT);
		f.config.id = id_of(rows[k].id);
		f.config.remote_id = id_of(rows[k].remote_id);
		secret_set(&f.config.psk, rows[k].psk, strlen(rows[k].psk));
		d = refusal(&f);
		if (len)
			assert_int_equal(d->len, len);
		len = d->len;
		assert_non_null(strstr(f.g.note, rows[k].note));
		assert_non_null(strstr(f.g.note, rows[k].id));
		assert_null(strstr(f.g.note, "horse"));
		blob_unref(d);
		teardown(&f);
	}
}

static void eap_is_refused(void **state)
{
	struct fixture f;
	struct ike_builder b;
	struct blob *d, *auth;

	(void)state;
	setup(&f, IKE_DEFAULT, ESP_DEFAULT);
	d = gateway_receive(&f.g, &f.config.local, initiator_create_init(&f.i));
	auth = initiator_consume(&f.i, d->data, d->len);
	blob_unref(auth);
	blob_unref(d);
	blob_set(&f.i.ike[0].outstanding, NULL);
	/* HDR, SK {IDi, SA, TSi, TSr}: no AUTH --> */
	initiator_begin(&f.i, 0, IKE_EXCHANGE_AUTH, &b);
	ike_add_id(&b, IKE_PAYLOAD_IDi, &f.config.id);
	ike_add_sa_offer(&b, &(struct sa_offer){.protocol = IKE_PROTOCOL_ESP, .spi_len = 4,
						.spi = 1000, .proposals = f.config.esp, .n = 1});
	ike_add_ts(&b, IKE_PAYLOAD_TSi, &f.config.tsi);
	ike_add_ts(&b, IKE_PAYLOAD_TSr, &f.config.tsr);
	d = gateway_receive(&f.g, &f.config.local, initiator_send(&f.i, 0, INITIATOR_OTHER, &b));
	assert_int_equal(f.g.verdict, IKE_VERDICT_REFUSE);
	assert_non_null(strstr(f.g.note, "EAP"));
	blob_unref(d);
	teardown(&f);
}

static void child_may_fail_alone(void **state)
{
	static const struct {
		bool pool, pool_empty, request;
		const char *esp, *tsr;
		uint16_t error;
		bool address;
	} rows[] = {
		{true, false, true, ESP_DEFAULT, "10.20.0.0/16", 0, true},
		{true, true, true, ESP_DEFAULT, "10.20.0.0/16", IKE_NOTIFY_INTERNAL_ADDRESS_FAILURE, false},
		{true, false, false, ESP_DEFAULT, "10.20.0.0/16", IKE_NOTIFY_FAILED_CP_REQUIRED, false},
		{false, false, true, ESP_DEFAULT, "10.20.0.0/16", 0, false},
		{true, false, true, "aes256-sha256", "10.20.0.0/16", IKE_NOTIFY_NO_PROPOSAL_CHOSEN, true},
		{true, false, true, ESP_DEFAULT, "10.21.0.0/16", IKE_NOTIFY_TS_UNACCEPTABLE, true},
	};

	(void)state;
	for (size_t k = 0; k < sizeof(rows) / sizeof(*rows); k++) {
		struct fixture f;
		struct prefix p;

		setup(&f, IKE_DEFAULT, ESP_DEFAULT);
		f.g.connections[0].has_pool = rows[k].pool;
		f.g.pool_empty = rows[k].pool_empty;
		f.config = client_config(IKE_DEFAULT, rows[k].esp);
		f.config.request_address = rows[k].request;
		assert_int_equal(prefix_parse(&p, rows[k].tsr), OK);
		f.config.tsr.ts[0] = ts_from_prefix(&p);
		assert_int_equal(handshake(&f), 4);
		assert_int_equal(f.g.verdict, IKE_VERDICT_ESTABLISH);
		assert_int_equal(f.i.state, INITIATOR_ESTABLISHED);
		assert_int_equal(f.i.error, rows[k].error);
		assert_int_equal(f.g.session->n_child, rows[k].error ? 0 : 1);
		assert_int_equal(f.i.virtual_ip.family, rows[k].address ? 4 : 0);
		assert_int_equal(f.g.session->virtual_ip.family, rows[k].address ? 4 : 0);
		/* The IKE SA stands. */
		assert_int_equal(exchange(&f.g, &f.i, initiator_create_dpd(&f.i)), 2);
		teardown(&f);
	}
}

static void selectors_are_narrowed(void **state)
{
	struct fixture f;
	struct address a;

	(void)state;
	setup(&f, IKE_DEFAULT, ESP_DEFAULT);
	handshake(&f);
	/* The client offered 0.0.0.0/0 on both sides. */
	assert_int_equal(f.i.child[0].local.n, 1);
	a = address_ipv4(0x0a1e0001);
	assert_true(address_equal(&f.i.child[0].local.ts[0].start, &a));
	assert_true(address_equal(&f.i.child[0].local.ts[0].end, &a));
	assert_true(ts_set_equal(&f.i.child[0].remote, &f.g.connections[0].local_ts));
	assert_true(address_equal(&f.i.dns, &f.g.connections[0].dns[0]));
	teardown(&f);

	/* Without a pool its side is its outer address. */
	setup(&f, IKE_DEFAULT, ESP_DEFAULT);
	f.g.connections[0].has_pool = false;
	handshake(&f);
	assert_true(address_equal(&f.i.child[0].local.ts[0].start, &f.config.local.address));
	assert_true(address_equal(&f.i.child[0].local.ts[0].end, &f.config.local.address));
	teardown(&f);
}

static void connection_is_chosen_by_idr(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f, IKE_DEFAULT, ESP_DEFAULT);
	f.g.connections[1] = f.g.connections[0];
	strcpy(f.g.connections[1].name, "branch");
	f.g.connections[1].local_id = id_of("gw2");
	f.g.config.n_connections = 2;
	f.config.remote_id = id_of("gw2");
	handshake(&f);
	assert_string_equal(f.g.session->connection, "branch");
	teardown(&f);
}

static void features_are_recorded(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f, IKE_DEFAULT, ESP_DEFAULT);
	f.config.mobike = true;
	f.config.initial_contact = true;
	f.config.fake_nat = true;
	handshake(&f);
	assert_true(f.i.gateway_mobike);
	assert_int_equal(f.g.session->features, IKE_PEER_BEHIND_NAT | IKE_PEER_MOBIKE |
							IKE_PEER_FRAGMENTATION | IKE_INITIAL_CONTACT);
	assert_int_equal(f.g.session->ike[0].keys.pi.len, 0);
	assert_int_equal(f.g.session->ike[0].keys.pr.len, 0);
	teardown(&f);
}

static void damaged_auth_changes_nothing(void **state)
{
	struct fixture f;
	struct blob *d, *auth, *bad;

	(void)state;
	setup(&f, IKE_DEFAULT, ESP_DEFAULT);
	d = gateway_receive(&f.g, &f.config.local, initiator_create_init(&f.i));
	auth = initiator_consume(&f.i, d->data, d->len);
	blob_unref(d);
	for (size_t k = 0; k < auth->len; k++) {
		bad = blob_new(auth->data, auth->len);
		bad->data[k] ^= 1;
		bad = gateway_receive(&f.g, &f.config.local, bad);
		assert_null(bad);
		assert_non_null(f.g.half_open);
	}
	d = gateway_receive(&f.g, &f.config.local, blob_ref(auth));
	assert_int_equal(f.g.verdict, IKE_VERDICT_ESTABLISH);
	blob_unref(d);
	blob_unref(auth);
	teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_suites),
		cmocka_unit_test(same_seed_same_bytes),
		cmocka_unit_test(cookie_is_demanded_and_taken),
		cmocka_unit_test(cookie_of_another_port_is_replaced),
		cmocka_unit_test(cookie_depends_on_everything),
		cmocka_unit_test(wrong_group_is_corrected),
		cmocka_unit_test(nothing_in_common),
		cmocka_unit_test(other_versions),
		cmocka_unit_test(critical_payload_is_refused),
		cmocka_unit_test(nat_detection),
		cmocka_unit_test(bad_public_value),
		cmocka_unit_test(failed_authentication_tells_nothing),
		cmocka_unit_test(eap_is_refused),
		cmocka_unit_test(child_may_fail_alone),
		cmocka_unit_test(selectors_are_narrowed),
		cmocka_unit_test(connection_is_chosen_by_idr),
		cmocka_unit_test(features_are_recorded),
		cmocka_unit_test(damaged_auth_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

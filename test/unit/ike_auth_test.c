/* SPDX-License-Identifier: Apache-2.0 */
/* The whole handshake over all suites, and IKE_AUTH with its refusals. */
#include "proto/esp/esp.h"
#include "test/lib/gateway.h"
#include "test/unit/same.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* ---- Suites ---- */

/* An IPv4 header of an empty packet. */
static const uint8_t packet[20] = {0x45, 0, 0, 20, 0, 1, 0, 0, 64, 17};

/* Sends one packet from a pair's end to the other's. */
static void esp_pass(const struct child_sa *from, const struct child_sa *to, uint64_t seq)
{
	uint8_t buffer[512] = {0}, *out, *inner, next_header;
	static const uint8_t seed[ENTROPY_SEED_LEN] = "esp";
	struct entropy e;
	struct esp_context seal, open;
	size_t len, inner_len;

	entropy_init(&e, seed);
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

	fixture_setup(&f, ike, esp);
	/* IKE_SA_INIT -->   <-- IKE_SA_INIT   IKE_AUTH -->   <-- IKE_AUTH */
	assert_int_equal(fixture_handshake(&f), 4);
	assert_int_equal(f.g.verdict, IKE_VERDICT_ESTABLISH);
	assert_int_equal(f.i.state, INITIATOR_ESTABLISHED);
	assert_int_equal(f.i.error, 0);
	assert_int_equal(f.g.session->n_child, 1);
	assert_pair(&f.g.session->child[0], &f.i.child[0]);
	assert_int_equal(address_to_ipv4(&f.i.virtual_ip), 0x0a1e0001);
	assert_true(address_equal(&f.g.session->virtual_ip, &f.i.virtual_ip));
	assert_int_equal(f.g.session->ike[0].window.next_in, 2);
	assert_int_equal(f.g.session->ike[0].window.next_out, 0);
	/* INFORMATIONAL -->   <-- INFORMATIONAL */
	assert_int_equal(gateway_exchange(&f.g, &f.i, initiator_create_dpd(&f.i)), 2);
	assert_int_equal(f.i.counts.responses, 1);
	fixture_teardown(&f);
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

		fixture_setup(&f, IKE_DEFAULT, ESP_DEFAULT);
		fixture_handshake(&f);
		if (first)
			assert_same(first, ike_datagrams_only(f.g.session->ike[0].window.response));
		else
			first = blob_ref(ike_datagrams_only(f.g.session->ike[0].window.response));
		fixture_teardown(&f);
	}
	blob_unref(first);
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

static bool everybody(void *ctx, const struct ike_id *peer)
{
	(void)ctx;
	(void)peer;
	return true;
}

static void failed_authentication_tells_nothing(void **state)
{
	static const struct {
		const char *id, *remote_id, *psk, *note;
		bool (*revoked)(void *ctx, const struct ike_id *peer);
	} rows[] = {
		{"cl", "gw", "wrong horse..", "wrong pre-shared key", NULL},
		{"xx", "gw", "correct horse", "unknown identity", NULL},
		{"cl", "xx", "correct horse", "no connection", NULL},
		{"cl", "gw", "correct horse", "it is revoked", everybody},
		{"cl", "gw", "wrong horse..", "wrong pre-shared key", everybody},
	};
	size_t len = 0;

	(void)state;
	for (size_t k = 0; k < sizeof(rows) / sizeof(*rows); k++) {
		struct fixture f;
		struct blob *d;

		fixture_setup(&f, IKE_DEFAULT, ESP_DEFAULT);
		f.config.id = gateway_id(rows[k].id);
		f.config.remote_id = gateway_id(rows[k].remote_id);
		secret_set(&f.config.psk, rows[k].psk, strlen(rows[k].psk));
		f.g.env.revoked = rows[k].revoked;
		d = refusal(&f);
		if (len)
			assert_int_equal(d->len, len);
		len = d->len;
		assert_non_null(strstr(f.g.note, rows[k].note));
		assert_non_null(strstr(f.g.note, rows[k].id));
		assert_null(strstr(f.g.note, "horse"));
		blob_unref(d);
		fixture_teardown(&f);
	}
}

/* A key changes at the gateway first, and at the client later: until then either lets the client
 * in, and the gateway authenticates with the one that the client has. */
static void either_of_two_keys_lets_in(void **state)
{
	static const struct {
		const char *psk, *note;
		bool good;
	} rows[] = {
		{"correct horse", "virtual IP 10.30.0.1", true},
		{"battery staple", "by its second key", true},
		{"wrong horse..", "wrong pre-shared key", false},
		{"", "wrong pre-shared key", false},
	};

	(void)state;
	for (size_t k = 0; k < sizeof(rows) / sizeof(*rows); k++) {
		struct fixture f;

		fixture_setup(&f, IKE_DEFAULT, ESP_DEFAULT);
		secret_set(&f.g.secrets[0].other, "battery staple", 14);
		secret_set(&f.config.psk, rows[k].psk, strlen(rows[k].psk));
		fixture_handshake(&f);
		assert_int_equal(f.i.state, rows[k].good ? INITIATOR_ESTABLISHED : INITIATOR_FAILED);
		assert_non_null(strstr(f.g.note, rows[k].note));
		assert_int_equal(strstr(f.g.note, "second") != NULL, k == 1);
		fixture_teardown(&f);
	}
}

/* Where there is one key there is no second, empty one. */
static void no_second_key_lets_nobody_in(void **state)
{
	struct fixture f;

	(void)state;
	fixture_setup(&f, IKE_DEFAULT, ESP_DEFAULT);
	secret_set(&f.config.psk, "", 0);
	fixture_handshake(&f);
	assert_int_equal(f.i.state, INITIATOR_FAILED);
	fixture_teardown(&f);
}

static void eap_is_refused(void **state)
{
	struct fixture f;
	struct ike_builder b;
	struct blob *d, *auth;

	(void)state;
	fixture_setup(&f, IKE_DEFAULT, ESP_DEFAULT);
	d = gateway_receive(&f.g, &f.config.local, initiator_create_init(&f.i));
	auth = initiator_consume(&f.i, d->data, d->len);
	blob_unref(auth);
	blob_unref(d);
	ike_datagrams_set(&f.i.ike[0].window.outstanding, NULL);
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
	fixture_teardown(&f);
}

/* Its number is 1, whatever its keys prove (RFC 7296 2.2). */
static void only_message_one_authenticates(void **state)
{
	static const uint32_t ids[] = {2, 3, 7, UINT32_MAX};

	(void)state;
	for (size_t k = 0; k < sizeof(ids) / sizeof(*ids); k++) {
		struct fixture f;
		struct ike_builder b;
		struct blob *d;

		fixture_setup(&f, IKE_DEFAULT, ESP_DEFAULT);
		d = gateway_receive(&f.g, &f.config.local, initiator_create_init(&f.i));
		blob_unref(initiator_consume(&f.i, d->data, d->len));
		blob_unref(d);
		ike_datagrams_set(&f.i.ike[0].window.outstanding, NULL);
		f.i.ike[0].window.next_out = ids[k];
		initiator_begin(&f.i, 0, IKE_EXCHANGE_AUTH, &b);
		ike_add_id(&b, IKE_PAYLOAD_IDi, &f.config.id);
		assert_null(gateway_receive(&f.g, &f.config.local,
					    initiator_send(&f.i, 0, INITIATOR_OTHER, &b)));
		assert_int_equal(f.g.verdict, IKE_VERDICT_DROP);
		assert_int_equal(f.g.drop, DROP_IKE_EXCHANGE);
		assert_null(f.g.session);
		fixture_teardown(&f);
	}
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

		fixture_setup(&f, IKE_DEFAULT, ESP_DEFAULT);
		f.g.connections[0].has_pool = rows[k].pool;
		f.g.pool_empty = rows[k].pool_empty;
		f.config = gateway_client_config(IKE_DEFAULT, rows[k].esp);
		f.config.request_address = rows[k].request;
		assert_int_equal(prefix_parse(&p, rows[k].tsr), OK);
		f.config.tsr.ts[0] = ts_from_prefix(&p);
		assert_int_equal(fixture_handshake(&f), 4);
		assert_int_equal(f.g.verdict, IKE_VERDICT_ESTABLISH);
		assert_int_equal(f.i.state, INITIATOR_ESTABLISHED);
		assert_int_equal(f.i.error, rows[k].error);
		assert_int_equal(f.g.session->n_child, rows[k].error ? 0 : 1);
		assert_int_equal(f.i.virtual_ip.family, rows[k].address ? 4 : 0);
		assert_int_equal(f.g.session->virtual_ip.family, rows[k].address ? 4 : 0);
		/* The IKE SA stands. */
		assert_int_equal(gateway_exchange(&f.g, &f.i, initiator_create_dpd(&f.i)), 2);
		fixture_teardown(&f);
	}
}

/* RFC 7296 3.15.4: a client that asks for the other family gets no address. */
static void pool_of_the_other_family(void **state)
{
	struct fixture f;

	(void)state;
	fixture_setup(&f, IKE_DEFAULT, ESP_DEFAULT);
	assert_int_equal(prefix_parse(&f.g.connections[0].pool, "fd00::/64"), OK);
	fixture_handshake(&f);
	assert_int_equal(f.i.error, IKE_NOTIFY_INTERNAL_ADDRESS_FAILURE);
	assert_int_equal(f.g.session->virtual_ip.family, 0);
	fixture_teardown(&f);
}

/* RFC 8598, and the networks behind us; each only for a client that asks. */
static void domains_and_subnets_are_told(void **state)
{
	static const uint8_t told[] = {
		0, 1, 0, 4, 10, 30, 0, 1, 0, 3, 0, 4, 10, 20, 0, 53, 0, 25, 0, 11, 'e', 'x', 'a', 'm',
		'p', 'l', 'e', '.', 'o', 'r', 'g', 0, 25, 0, 3, 'l', 'a', 'b', 0, 13, 0, 8, 10, 20, 0, 0,
		255, 255, 0, 0};
	struct fixture f;

	(void)state;
	for (unsigned dns = 0; dns < 2; dns++) {
		struct ike_connection *c = &f.g.connections[0];

		fixture_setup(&f, IKE_DEFAULT, ESP_DEFAULT);
		strcpy(c->domain[0], "example.org");
		strcpy(c->domain[1], "lab");
		c->n_domains = 2;
		f.config.request_split = true;
		f.config.request_dns = dns;
		fixture_handshake(&f);
		assert_int_equal(f.i.state, INITIATOR_ESTABLISHED);
		if (dns) { /* 3.2: no domain without a server to ask. */
			assert_int_equal(f.i.cp_len, sizeof(told));
			assert_memory_equal(f.i.cp, told, sizeof(told));
		} else {
			assert_int_equal(f.i.cp_len, 20);
			assert_memory_equal(f.i.cp + 8, told + sizeof(told) - 12, 12);
		}
		fixture_teardown(&f);
	}
}

static void selectors_are_narrowed(void **state)
{
	struct fixture f;
	struct address a;

	(void)state;
	fixture_setup(&f, IKE_DEFAULT, ESP_DEFAULT);
	fixture_handshake(&f);
	/* The client offered 0.0.0.0/0 on both sides. */
	assert_int_equal(f.i.child[0].local.n, 1);
	a = address_ipv4(0x0a1e0001);
	assert_true(address_equal(&f.i.child[0].local.ts[0].start, &a));
	assert_true(address_equal(&f.i.child[0].local.ts[0].end, &a));
	assert_true(ts_set_equal(&f.i.child[0].remote, &f.g.connections[0].local_ts));
	assert_true(address_equal(&f.i.dns, &f.g.connections[0].dns[0]));
	fixture_teardown(&f);

	/* Without a pool its side is its outer address. */
	fixture_setup(&f, IKE_DEFAULT, ESP_DEFAULT);
	f.g.connections[0].has_pool = false;
	fixture_handshake(&f);
	assert_true(address_equal(&f.i.child[0].local.ts[0].start, &f.config.local.address));
	assert_true(address_equal(&f.i.child[0].local.ts[0].end, &f.config.local.address));
	fixture_teardown(&f);
}

static void connection_is_chosen_by_idr(void **state)
{
	struct fixture f;

	(void)state;
	fixture_setup(&f, IKE_DEFAULT, ESP_DEFAULT);
	f.g.connections[1] = f.g.connections[0];
	strcpy(f.g.connections[1].name, "branch");
	f.g.connections[1].local_id = gateway_id("gw2");
	f.g.config.n_connections = 2;
	f.config.remote_id = gateway_id("gw2");
	fixture_handshake(&f);
	assert_string_equal(f.g.session->connection, "branch");
	fixture_teardown(&f);
}

static void features_are_recorded(void **state)
{
	struct fixture f;

	(void)state;
	fixture_setup(&f, IKE_DEFAULT, ESP_DEFAULT);
	f.config.mobike = true;
	f.config.initial_contact = true;
	f.config.fake_nat = true;
	fixture_handshake(&f);
	assert_int_equal(f.i.features, IKE_PEER_MOBIKE | IKE_SELF_BEHIND_NAT | IKE_PEER_FRAGMENTATION);
	assert_int_equal(f.g.session->features, IKE_PEER_BEHIND_NAT | IKE_PEER_MOBIKE |
							IKE_PEER_FRAGMENTATION | IKE_INITIAL_CONTACT);
	assert_int_equal(f.g.session->ike[0].keys.pi.len, 0);
	assert_int_equal(f.g.session->ike[0].keys.pr.len, 0);
	fixture_teardown(&f);
}

static void damaged_auth_changes_nothing(void **state)
{
	struct fixture f;
	struct blob *d, *auth, *bad;

	(void)state;
	fixture_setup(&f, IKE_DEFAULT, ESP_DEFAULT);
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
	fixture_teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_suites),
		cmocka_unit_test(same_seed_same_bytes),
		cmocka_unit_test(failed_authentication_tells_nothing),
		cmocka_unit_test(either_of_two_keys_lets_in),
		cmocka_unit_test(no_second_key_lets_nobody_in),
		cmocka_unit_test(eap_is_refused),
		cmocka_unit_test(only_message_one_authenticates),
		cmocka_unit_test(child_may_fail_alone),
		cmocka_unit_test(pool_of_the_other_family),
		cmocka_unit_test(domains_and_subnets_are_told),
		cmocka_unit_test(selectors_are_narrowed),
		cmocka_unit_test(connection_is_chosen_by_idr),
		cmocka_unit_test(features_are_recorded),
		cmocka_unit_test(damaged_auth_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

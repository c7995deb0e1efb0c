/* SPDX-License-Identifier: Apache-2.0 */
/* IKE_AUTH by certificate, of both sides and of each alone: what lets a client in, and which of our
 * certificates it sees. Refusals: pubkey_refuse_test.c. */
#include "test/unit/pubkey_bench.h"

static void both_sides_show_a_certificate(void **unused)
{
	(void)unused;
	for (enum pki_key kind = PKI_ED25519; kind <= PKI_RSA2048; kind++)
		for (int pss = 0; pss < 2; pss++)
			for (int older = 0; older < (kind == PKI_ED25519 ? 1 : 2); older++) {
				struct bench b;

				setup(&b, kind);
				b.f.config.pss = pss;
				b.f.config.no_hashes = older;
				assert_in(&b);
				teardown(&b);
			}
}

static void a_client_with_a_key_is_shown_our_certificate(void **unused)
{
	struct bench b;

	(void)unused;
	setup(&b, PKI_P256);
	b.f.g.connections[0].auth = NULL;
	b.f.g.connections[0].clients = NULL;
	b.f.config.auth = NULL;
	assert_in(&b);
	teardown(&b);

	setup(&b, PKI_P256); /* Its own secret does not serve the gateway then. */
	b.f.g.connections[0].auth = NULL;
	b.f.config.auth = NULL;
	b.f.config.trust = NULL;
	fixture_handshake(&b.f);
	assert_int_equal(b.f.i.state, INITIATOR_FAILED);
	teardown(&b);

	setup(&b, PKI_P256); /* And no signature is asked for a client with the wrong one. */
	b.f.g.connections[0].auth = NULL;
	b.f.config.auth = NULL;
	secret_set(&b.f.config.psk, "wrong", 5);
	fixture_handshake(&b.f);
	assert_int_equal(b.f.g.verdict, IKE_VERDICT_REFUSE);
	assert_string_equal(b.f.g.note, "authentication of 'cl' failed: wrong pre-shared key");
	teardown(&b);
}

/* The gateway, too, must be who it says, or no client accepts it. */
static void a_client_believes_no_other_gateway(void **unused)
{
	struct pki_cert other = pki_issue(&(struct pki_wish){.subject = "CN=other root", .ca = true, .number = 9});
	struct trust *trust = pki_trust(&other);
	struct bench b;

	(void)unused;
	setup(&b, PKI_ED25519);
	b.f.config.trust = trust;
	fixture_handshake(&b.f);
	assert_int_equal(b.f.i.state, INITIATOR_FAILED);
	teardown(&b);

	setup(&b, PKI_ED25519); /* A certificate of the same CA, for another name. */
	b.f.g.connections[0].own = b.pki.clients_own;
	fixture_handshake(&b.f);
	assert_int_equal(b.f.i.state, INITIATOR_FAILED);
	teardown(&b);
	trust_unref(trust);
	pki_cert_free(&other);
}

/* ---- Which identity ---- */

static void an_identity_is_what_the_certificate_names(void **unused)
{
	static const struct {
		const char *id;
		bool good;
	} rows[] = {
		{"cl", true}, {"CL", true}, {"cl@example.org", true}, {"O=test, CN=cl", true},
		{"o=TEST, cn=CL", true}, {"gw2", false}, {"cl@example.com", false}, {"O=test, CN=ca", false},
		{"CN=cl", false}, {"keyid:cl", false}, {"@@cl", false}, {"192.0.2.7", false},
	};

	(void)unused;
	for (size_t k = 0; k < COUNT(rows); k++) {
		struct bench b;

		setup(&b, PKI_ED25519);
		b.f.config.id = gateway_id(rows[k].id);
		if (rows[k].good)
			assert_in(&b);
		else
			assert_refused(&b, "its certificate is for another identity");
		teardown(&b);
	}
}

static const char *revoked_name;

static bool is_that_one(void *ctx, const struct ike_id *id)
{
	struct ike_id revoked = gateway_id(revoked_name);

	(void)ctx;
	return ike_id_equal(id, &revoked);
}

/* Its certificate is for "cl", "cl@example.org" and "O=test, CN=cl". */
static void who_is_revoked_under_one_name_is_under_all(void **unused)
{
	static const char *const names[] = {"cl", "cl@example.org", "O=test, CN=cl"};
	struct bench b;

	(void)unused;
	for (size_t i = 0; i < COUNT(names); i++)
		for (size_t k = 0; k < COUNT(names); k++) {
			setup(&b, PKI_ED25519);
			b.f.config.id = gateway_id(names[i]);
			revoked_name = names[k];
			b.f.g.env.revoked = is_that_one;
			assert_refused(&b, "its certificate has a name that is revoked");
			teardown(&b);
		}
	setup(&b, PKI_ED25519);
	revoked_name = "other";
	b.f.g.env.revoked = is_that_one;
	assert_in(&b);
	teardown(&b);
}

/* RFC 4301 4.4.2.1. It is good for a year. */
static void a_session_ends_with_its_certificate(void **unused)
{
	struct bench b;

	(void)unused;
	setup(&b, PKI_ED25519);
	b.f.g.env.now_ms = 5000;
	b.f.g.env.unix_now = PKI_NOW + PKI_YEAR - 100;
	assert_in(&b);
	assert_int_equal(b.f.g.session->ends_ms, 105000);
	teardown(&b);
	setup(&b, PKI_ED25519);
	assert_in(&b);
	assert_int_equal(b.f.g.session->ends_ms, 0); /* What day it is nobody knows. */
	teardown(&b);
}

static void only_configured_identities_come(void **unused)
{
	static const struct {
		const char *pattern, *id;
		bool good;
	} rows[] = {
		{"cl", "cl", true}, {"*", "cl", true}, {"*@example.org", "cl@example.org", true},
		{"*.example.org", "cl", false}, {"O=test, CN=*", "O=test, CN=cl", true},
		{"O=other, CN=*", "O=test, CN=cl", false}, {"O=test, CN=*", "cl", false},
		{"*", "O=test, CN=cl", true}, {"gw", "cl", false},
	};

	(void)unused;
	for (size_t k = 0; k < COUNT(rows); k++) {
		struct ike_id pattern = gateway_id(rows[k].pattern);
		struct bench b;

		setup(&b, PKI_ED25519);
		assert_null(trust_add_id(b.pki.trust, &pattern));
		b.f.config.id = gateway_id(rows[k].id);
		b.f.config.trust = NULL; /* The gateway is not in the list. */
		if (rows[k].good) {
			fixture_handshake(&b.f);
			assert_int_equal(b.f.g.verdict, IKE_VERDICT_ESTABLISH);
		} else {
			assert_refused(&b, "client_ids has no such identity");
		}
		teardown(&b);
	}
}

/* ---- Which of ours ---- */

static void the_certificate_is_one_that_the_client_can_verify(void **unused)
{
	struct pki other;
	struct bench b;

	(void)unused;
	setup(&b, PKI_RSA2048);
	pki_init(&other, PKI_ED25519);
	/* Ed25519 first: a client that does not announce Identity gets RSA. */
	b.f.g.connections[0].own = credentials_new();
	assert_null(credentials_add(b.f.g.connections[0].own, (X509 *[]){other.gateway.x, other.ca.x}, 2,
				    other.gateway.key));
	assert_null(credentials_add(b.f.g.connections[0].own, (X509 *[]){b.pki.gateway.x, b.pki.ca.x}, 2,
				    b.pki.gateway.key));
	b.f.config.no_hashes = true;
	assert_in(&b);
	credentials_unref(b.f.g.connections[0].own);
	/* Ed25519 alone. */
	b.f.g.connections[0].own = other.own;
	fixture_teardown(&b.f);
	fixture_setup(&b.f, IKE, ESP);
	b.f.g.connections[0].own = other.own;
	b.f.g.connections[0].auth = &ike_auth_pubkey;
	b.f.g.connections[0].clients = b.pki.trust;
	b.f.config.auth = &initiator_pubkey;
	b.f.config.own = b.pki.clients_own;
	b.f.config.no_hashes = true;
	assert_refused(&b, "it can verify none of our certificates: it announces no hash that their keys take");
	pki_fini(&other);
	teardown(&b);
}

static void certreq_chooses(void **unused)
{
	struct pki_cert root2 = pki_issue(&(struct pki_wish){.subject = "CN=2", .ca = true, .number = 50});
	struct pki_cert gw2 = pki_issue(&(struct pki_wish){.subject = "CN=gw2", .issuer = &root2, .dns = "gw",
							   .number = 51});
	struct credentials *both = credentials_new();
	struct trust *trust2 = pki_trust(&root2);
	struct bench b;

	(void)unused;
	for (int second = 0; second < 2; second++) {
		setup(&b, PKI_ED25519);
		if (second == 0) {
			assert_null(credentials_add(both, (X509 *[]){b.pki.gateway.x, b.pki.ca.x, b.pki.root.x}, 3,
						    b.pki.gateway.key));
			assert_null(credentials_add(both, (X509 *[]){gw2.x, root2.x}, 2, gw2.key));
			/* The root is for recognising only. */
			assert_int_equal(both->list[0].n_certs, 2);
			assert_int_equal(both->list[1].n_certs, 1);
		}
		b.f.g.connections[0].own = both;
		if (second)
			b.f.config.trust = trust2;
		assert_in(&b);
		teardown(&b);
	}
	credentials_unref(both);
	trust_unref(trust2);
	pki_cert_free(&root2);
	pki_cert_free(&gw2);
}

/* ---- Questions ---- */

/* The next leader finds a waiting question: its own keys, the same octets. A node without such a
 * certificate says so. */
static void another_node_works_it_through(void **unused)
{
	struct blob *reply, *d;
	struct bench b;

	(void)unused;
	setup(&b, PKI_ED25519);
	b.f.i.config = b.f.config;
	reply = fixture_to_gateway(&b.f, initiator_create_init(&b.f.i));
	d = fixture_to_client(&b.f, reply);
	assert_null(fixture_to_gateway(&b.f, d));
	assert_int_equal(b.f.g.verdict, IKE_VERDICT_ASK);
	b.f.g.connections[0].own = b.pki.clients_own;
	reply = gateway_outside(&b.f.g);
	assert_int_equal(b.f.g.verdict, IKE_VERDICT_REFUSE);
	assert_string_equal(b.f.g.note, "authentication of 'cl' failed: our certificate is no longer configured");
	blob_unref(reply);
	teardown(&b);
}

static void a_cut_question_is_none(void **unused)
{
	const struct blob *q;
	struct blob *d;
	struct bench b;

	(void)unused;
	setup(&b, PKI_ED25519);
	b.f.i.config = b.f.config;
	d = fixture_to_client(&b.f, fixture_to_gateway(&b.f, initiator_create_init(&b.f.i)));
	assert_null(fixture_to_gateway(&b.f, d));
	q = b.f.g.half_open->auth.question;
	for (size_t len = 1; len < q->len; len += len < 40 ? 1 : 17) {
		struct blob *cut = blob_new(q->data, len);

		assert_null(auth_job_new(&b.f.g.config, cut));
		blob_unref(cut);
	}
	teardown(&b);
}

/* Two connections with one local_id, for the staff and for the others: each client gets the first
 * that names it, and a client that none names is refused. */
static void who_may_come_by_a_connection_gets_it(void **unused)
{
	static const struct {
		const char *first, *second;
		const char *gets; /* NULL: none. */
	} rows[] = {
		{"cl", "other", "road"},
		{"other", "cl", "staff"},
		{"other", "*", "staff"},
		{"*", "cl", "road"},
		{"other", "another", NULL},
	};

	(void)unused;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct trust *first, *second;
		struct ike_connection *c;
		struct ike_id pattern;
		struct bench b;

		setup(&b, PKI_ED25519);
		c = b.f.g.connections;
		first = trust_copy(b.pki.trust);
		second = trust_copy(b.pki.trust);
		assert_int_equal(ike_id_parse(&pattern, rows[i].first), OK);
		assert_null(trust_add_id(first, &pattern));
		assert_int_equal(ike_id_parse(&pattern, rows[i].second), OK);
		assert_null(trust_add_id(second, &pattern));
		c[1] = c[0];
		strcpy(c[1].name, "staff");
		c[0].clients = first;
		c[1].clients = second;
		b.f.g.config.n_connections = 2;
		if (rows[i].gets) {
			assert_in(&b);
			assert_string_equal(b.f.g.session->connection, rows[i].gets);
		} else {
			fixture_handshake(&b.f);
			assert_int_equal(b.f.g.verdict, IKE_VERDICT_REFUSE);
			assert_non_null(strstr(b.f.g.note, "client_ids"));
		}
		trust_unref(first);
		trust_unref(second);
		teardown(&b);
	}
}

/* Between the question and its answer the connection is given another method: our signature was asked for
 * EAP, whose client has proved nothing yet. */
static void a_method_does_not_take_anothers_answer(void **unused)
{
	static const struct ike_auth_method *const next[] = {&ike_auth_psk, &ike_auth_pubkey};

	(void)unused;
	for (size_t i = 0; i < COUNT(next); i++) {
		struct bench b;
		struct blob *d;

		setup(&b, PKI_ED25519);
		b.f.g.connections[0].auth = &ike_auth_eap_mschapv2;
		b.f.g.connections[0].clients = NULL;
		b.f.config.auth = &initiator_eap_mschapv2;
		b.f.config.own = NULL;
		b.f.config.id = gateway_id("cl");
		b.f.i.config = b.f.config;
		d = fixture_to_client(&b.f, fixture_to_gateway(&b.f, initiator_create_init(&b.f.i)));
		assert_null(fixture_to_gateway(&b.f, d));
		assert_int_equal(b.f.g.verdict, IKE_VERDICT_ASK);
		b.f.g.connections[0].auth = next[i];
		b.f.g.connections[0].clients = b.pki.trust;
		assert_null(fixture_to_client(&b.f, gateway_outside(&b.f.g)));
		assert_int_equal(b.f.g.verdict, IKE_VERDICT_REFUSE);
		assert_non_null(strstr(b.f.g.note, "its connection has another method"));
		assert_null(b.f.g.session);
		teardown(&b);
	}
}

/* The secret is taken out while the gateway's signature is made. */
static void a_secret_that_is_gone_lets_nobody_in(void **unused)
{
	struct bench b;
	struct blob *d;

	(void)unused;
	setup(&b, PKI_ED25519);
	b.f.g.connections[0].auth = &ike_auth_psk;
	b.f.g.connections[0].clients = NULL;
	b.f.config.auth = NULL;
	b.f.config.own = NULL;
	b.f.config.id = gateway_id("cl");
	b.f.i.config = b.f.config;
	d = fixture_to_client(&b.f, fixture_to_gateway(&b.f, initiator_create_init(&b.f.i)));
	assert_null(fixture_to_gateway(&b.f, d));
	assert_int_equal(b.f.g.verdict, IKE_VERDICT_ASK);
	b.f.g.config.n_secrets = 0;
	assert_null(fixture_to_client(&b.f, gateway_outside(&b.f.g)));
	assert_int_equal(b.f.g.verdict, IKE_VERDICT_REFUSE);
	assert_non_null(strstr(b.f.g.note, "it is no longer configured"));
	teardown(&b);
}

/* client_ids keep connections apart whatever the method: a key for guests does not open that for staff. */
static void client_ids_are_for_all_methods(void **unused)
{
	static const struct {
		const char *first, *second, *gets; /* NULL: refused */
	} rows[] = {
		{"cl", "*", "road"},
		{"other", "cl", "staff"},
		{"other", "another", NULL},
	};

	(void)unused;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct trust *trust[2] = {trust_new(), trust_new()};
		struct ike_connection *c;
		struct ike_id pattern;
		struct fixture f;

		fixture_setup(&f, IKE, ESP);
		c = f.g.connections;
		c[1] = c[0];
		strcpy(c[1].name, "staff");
		for (unsigned k = 0; k < 2; k++) {
			assert_int_equal(ike_id_parse(&pattern, k ? rows[i].second : rows[i].first), OK);
			assert_null(trust_add_id(trust[k], &pattern));
			c[k].clients = trust[k];
		}
		f.g.config.n_connections = 2;
		fixture_handshake(&f);
		assert_int_equal(f.g.verdict, rows[i].gets ? IKE_VERDICT_ESTABLISH : IKE_VERDICT_REFUSE);
		if (rows[i].gets)
			assert_string_equal(f.g.session->connection, rows[i].gets);
		else
			assert_non_null(strstr(f.g.note, "client_ids has no such identity"));
		fixture_teardown(&f);
		trust_unref(trust[0]);
		trust_unref(trust[1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_sides_show_a_certificate),
		cmocka_unit_test(a_method_does_not_take_anothers_answer),
		cmocka_unit_test(a_secret_that_is_gone_lets_nobody_in),
		cmocka_unit_test(client_ids_are_for_all_methods),
		cmocka_unit_test(a_client_with_a_key_is_shown_our_certificate),
		cmocka_unit_test(a_client_believes_no_other_gateway),
		cmocka_unit_test(an_identity_is_what_the_certificate_names),
		cmocka_unit_test(who_is_revoked_under_one_name_is_under_all),
		cmocka_unit_test(a_session_ends_with_its_certificate),
		cmocka_unit_test(only_configured_identities_come),
		cmocka_unit_test(the_certificate_is_one_that_the_client_can_verify),
		cmocka_unit_test(certreq_chooses),
		cmocka_unit_test(another_node_works_it_through),
		cmocka_unit_test(a_cut_question_is_none),
		cmocka_unit_test(who_may_come_by_a_connection_gets_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

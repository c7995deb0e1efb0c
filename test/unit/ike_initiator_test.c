/* SPDX-License-Identifier: Apache-2.0 */
/* The initiator against gateways that lie, forge and downgrade. The responder's tests have the
 * honest ones. */
#include "proto/ike/ike_keys.h"
#include "proto/ike/payload.h"
#include "proto/crypto/prf.h"
#include "test/unit/hostile.h"

/* ---- IKE_SA_INIT ---- */

static struct blob *init_answer(struct fixture *f, uint8_t number, const char *suite,
				uint16_t ke_group, size_t nonce_len, uint64_t spi_r)
{
	static const uint8_t nonce[IKE_NONCE_MAX] = "hostile";
	struct sa_choice c = {.number = number, .protocol = IKE_PROTOCOL_IKE,
			      .suite = suite_of(suite, true)};
	struct ike_header h = header_of(f, IKE_EXCHANGE_SA_INIT, true, 0);
	uint8_t public_value[DH_PUBLIC_MAX];
	struct dh_keypair pair;
	struct ike_builder b;
	struct blob *out;
	size_t len;

	h.spi_r = spi_r;
	assert_int_equal(dh_generate(ke_group, &f->g.entropy, &pair, public_value, &len), OK);
	ike_builder_init_message(&b, &h);
	ike_add_sa_answer(&b, &c, 0);
	ike_add_ke(&b, ke_group, public_value, len);
	ike_add_nonce(&b, nonce, nonce_len);
	assert_int_equal(ike_builder_finish(&b, &out), OK);
	return out;
}

static void init_takes_only_what_was_offered(void **state)
{
	static const struct {
		uint8_t number;
		const char *suite;
		uint16_t group;
		size_t nonce_len;
		uint64_t spi_r;
	} rows[] = {
		{1, "aes256gcm16-prfsha384-x25519", DH_CURVE25519, 32, 1}, /* 0: key length */
		{1, "aes128gcm16-prfsha256-x25519", DH_CURVE25519, 32, 1}, /* 1: PRF */
		{1, "aes128-sha256-prfsha384-x25519", DH_CURVE25519, 32, 1}, /* 2: cipher */
		{1, "aes128gcm16-prfsha384-ecp256", DH_ECP_256, 32, 1}, /* 3: group without our KE */
		{1, "aes128gcm16-prfsha384-ecp256", DH_CURVE25519, 32, 1}, /* 4: SA and KE differ */
		{1, "aes128gcm16-prfsha384-modp2048", DH_MODP_2048, 32, 1}, /* 5: group not offered */
		{2, "aes128gcm16-prfsha384-x25519", DH_CURVE25519, 32, 1}, /* 6: no such proposal */
		{1, "aes128gcm16-prfsha384-x25519", DH_CURVE25519, 16, 1}, /* 7: nonce for the PRF */
		{1, "aes128gcm16-prfsha384-x25519", DH_CURVE25519, 32, 0}, /* 8: no SPI */
	};
	struct fixture f;
	struct blob *request, *d;

	(void)state;
	fixture_setup(&f, OFFER, ESP_DEFAULT);
	request = initiator_create_init(&f.i);
	for (size_t k = 0; k < sizeof(rows) / sizeof(*rows); k++) {
		assert_null(to_client(&f, init_answer(&f, rows[k].number, rows[k].suite, rows[k].group,
						      rows[k].nonce_len, rows[k].spi_r)));
		assert_int_equal(f.i.state, INITIATOR_INIT_SENT);
		assert_int_equal(f.i.error, IKE_NOTIFY_NO_PROPOSAL_CHOSEN);
		assert_int_equal(f.i.counts.ignored, k + 1);
		assert_int_equal(f.i.ike[0].spi_r, 0);
	}
	/* The true one still counts. */
	d = fixture_to_gateway(&f, request);
	d = fixture_to_client(&f, d);
	assert_int_equal(gateway_exchange(&f.g, &f.i, d), 2);
	assert_int_equal(f.i.state, INITIATOR_ESTABLISHED);
	fixture_teardown(&f);
}

static struct blob *notify_in_clear(struct fixture *f, uint16_t type, const void *data, size_t len)
{
	struct ike_header h = header_of(f, IKE_EXCHANGE_SA_INIT, true, 0);
	struct ike_builder b;
	struct blob *out;

	ike_builder_init_message(&b, &h);
	ike_add_notify(&b, type, data, len);
	assert_int_equal(ike_builder_finish(&b, &out), OK);
	return out;
}

static void corrections_are_bounded(void **state)
{
	uint8_t cookie[65] = "cookie", group[2] = {0, DH_MODP_2048};
	struct fixture f;
	struct blob *d;
	unsigned n = 0;

	(void)state;
	fixture_setup(&f, OFFER, ESP_DEFAULT);
	blob_unref(initiator_create_init(&f.i));
	/* <-- N(COOKIE) of 65 octets: none (2.6) */
	assert_null(to_client(&f, notify_in_clear(&f, IKE_NOTIFY_COOKIE, cookie, 65)));
	/* <-- N(INVALID_KE_PAYLOAD) with a group that was not offered, or the one that was sent */
	assert_null(to_client(&f, notify_in_clear(&f, IKE_NOTIFY_INVALID_KE_PAYLOAD, group, 2)));
	group[1] = DH_CURVE25519;
	assert_null(to_client(&f, notify_in_clear(&f, IKE_NOTIFY_INVALID_KE_PAYLOAD, group, 2)));
	/* Anybody's errors are a hint, no more. */
	assert_null(to_client(&f, notify_in_clear(&f, IKE_NOTIFY_AUTHENTICATION_FAILED, NULL, 0)));
	assert_int_equal(f.i.error, IKE_NOTIFY_AUTHENTICATION_FAILED);
	assert_int_equal(f.i.state, INITIATOR_INIT_SENT);
	/* To and fro between two groups that it offered. */
	for (int k = 0; k < 100; k++) {
		group[1] = f.i.dh.group == DH_ECP_256 ? DH_CURVE25519 : DH_ECP_256;
		d = to_client(&f, notify_in_clear(&f, IKE_NOTIFY_INVALID_KE_PAYLOAD, group, 2));
		n += d != NULL;
		blob_unref(d);
	}
	assert_int_equal(n, 8);
	fixture_teardown(&f);
}

/* ---- IKE_AUTH ---- */

struct auth_answer {
	const char *idr, *psk;  /* NULL: without IDr, without AUTH */
	uint8_t method;
	uint8_t number;
	const char *esp, *tsi, *tsr; /* esp NULL: without SA and TS */
	uint32_t spi;
	bool esn_other;
};

static const struct auth_answer honest = {
	"gw", "correct horse", IKE_AUTH_SHARED_KEY, 1, ESP_DEFAULT, "10.30.0.1/32", "10.20.0.0/16", 0x1000, false};

/* The right AUTH of the gateway for that identity and key. */
static void add_auth(struct fixture *f, struct ike_builder *b, const struct auth_answer *a)
{
	const struct ike_half_open *h = f->g.half_open;
	struct ike_id id = gateway_id(a->idr ? a->idr : "gw");
	uint8_t body[4 + IKE_ID_MAX] = {id.type}, auth[PRF_LEN_MAX];
	struct auth_octets o = {.sk_p = &h->keys.pr};
	struct secret psk;
	size_t len;

	memcpy(body + 4, id.data, id.len);
	CBS_init(&o.id, body, 4u + id.len);
	CBS_init(&o.message, h->response->data, h->response->len);
	CBS_init(&o.nonce, h->nonce_i, h->nonce_i_len);
	if (a->idr)
		ike_add_id(b, IKE_PAYLOAD_IDr, &id);
	if (!a->psk)
		return;
	secret_set(&psk, a->psk, strlen(a->psk));
	len = auth_psk_compute(h->suite.prf, &psk, &o, auth);
	ike_add_auth(b, a->method, auth, len);
}

static void add_child(struct ike_builder *b, const struct auth_answer *a)
{
	struct sa_choice c = {.number = a->number, .protocol = IKE_PROTOCOL_ESP, .spi_len = 4};
	struct ts_set tsi = ts(a->tsi), tsr = ts(a->tsr);

	c.suite = suite_of(a->esp, false);
	if (a->esn_other)
		c.suite.esn ^= 1;
	ike_add_sa_answer(b, &c, a->spi);
	ike_add_ts(b, IKE_PAYLOAD_TSi, &tsi);
	ike_add_ts(b, IKE_PAYLOAD_TSr, &tsr);
}

/* Everything up to the answer to IKE_AUTH, which is a's. Returns the client's next message. */
static struct blob *auth_with(struct fixture *f, const struct auth_answer *a)
{
	struct ike_header h;
	struct ike_builder b;
	struct blob *d;

	f->config.tsi = ts("10.30.0.0/24");
	f->config.tsr = ts("10.20.0.0/16");
	f->i.config = f->config;
	d = fixture_to_gateway(f, initiator_create_init(&f->i));
	blob_unref(fixture_to_client(f, d));
	assert_int_equal(f->i.state, INITIATOR_AUTH_SENT);
	h = header_of(f, IKE_EXCHANGE_AUTH, true, 1);
	ike_builder_init_message(&b, &h);
	add_auth(f, &b, a);
	if (a->esp)
		add_child(&b, a);
	return to_client(f, seal(f, &b));
}

static void gateway_must_be_who_it_is(void **state)
{
	static const struct {
		const char *idr, *psk;
		uint8_t method;
	} rows[] = {
		{"gw", "wrong horse..", IKE_AUTH_SHARED_KEY}, /* 0: AUTH */
		{"gw", NULL, 0},                               /* 1: no AUTH */
		{NULL, "correct horse", IKE_AUTH_SHARED_KEY},  /* 2: no IDr */
		{"gx", "correct horse", IKE_AUTH_SHARED_KEY},  /* 3: another one with the same key */
		{"gw", "correct horse", IKE_AUTH_RSA},         /* 4: method */
	};

	(void)state;
	for (size_t k = 0; k < sizeof(rows) / sizeof(*rows); k++) {
		struct auth_answer a = honest;
		struct fixture f;

		fixture_setup(&f, IKE_DEFAULT, ESP_DEFAULT);
		a.idr = rows[k].idr;
		a.psk = rows[k].psk;
		a.method = rows[k].method;
		assert_null(auth_with(&f, &a));
		assert_int_equal(f.i.state, INITIATOR_FAILED);
		assert_int_not_equal(f.i.error, 0);
		assert_int_equal(f.i.n_child, 0);
		assert_int_equal(f.i.ike[0].keys.d.len, 0);
		assert_null(initiator_create_dpd(&f.i));
		fixture_teardown(&f);
	}
}

static void child_is_what_was_offered(void **state)
{
	static const struct {
		uint8_t number;
		const char *esp, *tsi, *tsr;
		uint32_t spi;
		bool esn_other;
		uint16_t error;
	} rows[] = {
		{1, ESP_DEFAULT, "10.30.0.1/32", "10.20.0.0/16", 0x1000, false, 0},
		{1, ESP_DEFAULT, "10.30.0.0/23", "10.20.0.0/16", 0x1000, false, IKE_NOTIFY_TS_UNACCEPTABLE},
		{1, ESP_DEFAULT, "10.30.0.1/32", "0.0.0.0/0", 0x1000, false, IKE_NOTIFY_TS_UNACCEPTABLE},
		{1, ESP_DEFAULT, "10.30.0.1/32", "10.21.0.0/16", 0x1000, false, IKE_NOTIFY_TS_UNACCEPTABLE},
		{1, "aes256gcm16", "10.30.0.1/32", "10.20.0.0/16", 0x1000, false, IKE_NOTIFY_NO_PROPOSAL_CHOSEN},
		{1, "aes128-sha256", "10.30.0.1/32", "10.20.0.0/16", 0x1000, false, IKE_NOTIFY_NO_PROPOSAL_CHOSEN},
		{1, "aes128gcm16-x25519", "10.30.0.1/32", "10.20.0.0/16", 0x1000, false, IKE_NOTIFY_NO_PROPOSAL_CHOSEN},
		{1, ESP_DEFAULT, "10.30.0.1/32", "10.20.0.0/16", 0x1000, true, IKE_NOTIFY_NO_PROPOSAL_CHOSEN},
		{2, ESP_DEFAULT, "10.30.0.1/32", "10.20.0.0/16", 0x1000, false, IKE_NOTIFY_NO_PROPOSAL_CHOSEN},
		{1, ESP_DEFAULT, "10.30.0.1/32", "10.20.0.0/16", 0xff, false, IKE_NOTIFY_NO_PROPOSAL_CHOSEN},
		{1, NULL, NULL, NULL, 0, false, IKE_NOTIFY_INVALID_SYNTAX},
	};

	(void)state;
	for (size_t k = 0; k < sizeof(rows) / sizeof(*rows); k++) {
		struct auth_answer a = honest;
		struct fixture f;
		struct blob *d;
		uint8_t first;

		fixture_setup(&f, IKE_DEFAULT, ESP_DEFAULT);
		a.number = rows[k].number;
		a.esp = rows[k].esp;
		a.tsi = rows[k].tsi;
		a.tsr = rows[k].tsr;
		a.spi = rows[k].spi;
		a.esn_other = rows[k].esn_other;
		d = auth_with(&f, &a);
		assert_int_equal(f.i.state, INITIATOR_ESTABLISHED);
		assert_int_equal(f.i.error, rows[k].error);
		assert_int_equal(f.i.n_child, rows[k].error ? 0 : 1);
		if (rows[k].error) { /* DELETE --> */
			says(&f, d, &first);
			assert_int_equal(first, IKE_PAYLOAD_D);
		} else {
			assert_null(d);
		}
		fixture_teardown(&f);
	}
}

/* ---- CREATE_CHILD_SA ---- */

static void rekey_is_not_downgraded(void **state)
{
	static const struct {
		const char *suite;
		uint16_t ke_group; /* DH_NONE: without KE */
		size_t nonce_len;
		const char *tsr;
		uint16_t error;
	} rows[] = {
		{"aes128gcm16-x25519", DH_CURVE25519, 32, "10.20.0.0/16", 0},
		{"aes128gcm16", DH_CURVE25519, 32, "10.20.0.0/16", IKE_NOTIFY_NO_PROPOSAL_CHOSEN},
		{"aes128gcm16", DH_NONE, 32, "10.20.0.0/16", IKE_NOTIFY_NO_PROPOSAL_CHOSEN},
		{"aes128gcm16-x25519", DH_NONE, 32, "10.20.0.0/16", IKE_NOTIFY_INVALID_SYNTAX},
		{"aes128gcm16-ecp256", DH_ECP_256, 32, "10.20.0.0/16", IKE_NOTIFY_NO_PROPOSAL_CHOSEN},
		{"aes128gcm16-x25519", DH_ECP_256, 32, "10.20.0.0/16", IKE_NOTIFY_INVALID_SYNTAX},
		{"aes128gcm16-x25519", DH_CURVE25519, 16, "10.20.0.0/16", IKE_NOTIFY_INVALID_SYNTAX},
		{"aes128gcm16-modp2048", DH_MODP_2048, 32, "10.20.0.0/16", IKE_NOTIFY_NO_PROPOSAL_CHOSEN},
		{"aes128gcm16-x25519", DH_CURVE25519, 32, "0.0.0.0/0", IKE_NOTIFY_TS_UNACCEPTABLE},
	};

	(void)state;
	for (size_t k = 0; k < sizeof(rows) / sizeof(*rows); k++) {
		static const uint8_t nonce[32] = "hostile";
		struct auth_answer a = honest;
		uint8_t public_value[DH_PUBLIC_MAX], first;
		struct ike_builder b;
		struct dh_keypair pair;
		struct ike_header h;
		struct fixture f;
		struct blob *d;
		size_t len;

		fixture_setup(&f, OFFER, "aes128gcm16-x25519-ecp256");
		f.config.tsr = ts("10.20.0.0/16");
		fixture_handshake(&f);
		blob_unref(initiator_create_child_rekey(&f.i, f.i.child[0].spi_in, DH_CURVE25519));
		h = header_of(&f, IKE_EXCHANGE_CREATE_CHILD_SA, true, 2);
		ike_builder_init_message(&b, &h);
		a.esp = rows[k].suite;
		a.tsi = "10.30.0.1/32";
		a.tsr = rows[k].tsr;
		add_child(&b, &a);
		ike_add_nonce(&b, nonce, rows[k].nonce_len);
		if (rows[k].ke_group) {
			assert_int_equal(dh_generate(rows[k].ke_group, &f.g.entropy, &pair, public_value,
						     &len), OK);
			ike_add_ke(&b, rows[k].ke_group, public_value, len);
		}
		d = to_client(&f, seal(&f, &b));
		assert_int_equal(f.i.error, rows[k].error);
		assert_int_equal(f.i.n_child, rows[k].error ? 1 : 2);
		if (rows[k].error) {
			says(&f, d, &first);
			assert_int_equal(first, IKE_PAYLOAD_D);
		} else {
			assert_null(d);
		}
		assert_int_equal(f.i.dh.private_value.len, 0);
		fixture_teardown(&f);
	}
}

/* The gateway has left the IKE SA that we know for one that we refuse. */
static void ike_rekey_is_not_downgraded(void **state)
{
	static const char *const suites[] = {"aes256gcm16-prfsha384-x25519", "aes128gcm16-prfsha384-ecp256"};

	(void)state;
	for (size_t k = 0; k < 2; k++) {
		struct sa_choice c = {.number = 1, .protocol = IKE_PROTOCOL_IKE, .spi_len = 8,
				      .suite = suite_of(suites[k], true)};
		uint8_t public_value[DH_PUBLIC_MAX];
		struct ike_builder b;
		struct dh_keypair pair;
		struct ike_header h;
		struct fixture f;
		size_t len;

		establish(&f, ESP_DEFAULT);
		blob_unref(initiator_create_ike_rekey(&f.i, DH_CURVE25519));
		h = header_of(&f, IKE_EXCHANGE_CREATE_CHILD_SA, true, 2);
		ike_builder_init_message(&b, &h);
		ike_add_sa_answer(&b, &c, 77);
		ike_add_nonce(&b, (const uint8_t *)"0123456789abcdef0123456789abcdef", 32);
		assert_int_equal(dh_generate(c.suite.dh, &f.g.entropy, &pair, public_value, &len), OK);
		ike_add_ke(&b, c.suite.dh, public_value, len);
		assert_null(to_client(&f, seal(&f, &b)));
		assert_int_equal(f.i.state, INITIATOR_FAILED);
		assert_int_equal(f.i.error, IKE_NOTIFY_NO_PROPOSAL_CHOSEN);
		assert_int_equal(f.i.ike[0].keys.d.len, 0);
		fixture_teardown(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(init_takes_only_what_was_offered),
		cmocka_unit_test(corrections_are_bounded),
		cmocka_unit_test(gateway_must_be_who_it_is),
		cmocka_unit_test(child_is_what_was_offered),
		cmocka_unit_test(rekey_is_not_downgraded),
		cmocka_unit_test(ike_rekey_is_not_downgraded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

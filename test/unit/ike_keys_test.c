/* SPDX-License-Identifier: Apache-2.0 */
/* Key derivation against rows that an independent implementation computed
 * (test/vectors/crypto.py). */
#include "proto/ike/ike_keys.h"
#include "test/unit/hex.h"
#include "test/vectors/ike_rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

enum { ROWS = sizeof(ike_rows) / sizeof(*ike_rows) };

/* A row in octets. */
struct fixture {
	struct suite suite, old_suite;
	uint8_t *shared_octets, *ni, *nr, *old_d_octets, *derived, *rekeyed, *child, *child_pfs;
	uint8_t *message, *id, *psk_octets, *auth;
	size_t n_derived, n_child, n_auth;
	struct dh_secret shared;
	struct secret old_d, psk;
	struct ike_key_input in;
	CBS message_piece, id_piece;
};

static void fixture_init(struct fixture *f, size_t i)
{
	size_t n, m;

	memset(f, 0, sizeof(*f));
	f->suite = (struct suite){.encr = ike_rows[i].encr, .encr_key_bits = ike_rows[i].bits,
				  .integ = ike_rows[i].integ, .prf = ike_rows[i].prf};
	f->old_suite = (struct suite){.encr = ENCR_AES_GCM_16, .encr_key_bits = 128,
				      .prf = ike_rows[i].old_prf};
	f->shared_octets = hex_bytes(ike_rows[i].shared, &n);
	f->shared.len = (uint16_t)n;
	memcpy(f->shared.bytes, f->shared_octets, n);
	f->ni = hex_bytes(ike_rows[i].ni, &n);
	f->nr = hex_bytes(ike_rows[i].nr, &m);
	f->in = (struct ike_key_input){&f->shared, prf_piece(f->ni, n), prf_piece(f->nr, m),
				       ike_rows[i].spi_i, ike_rows[i].spi_r};
	f->old_d_octets = hex_bytes(ike_rows[i].old_d, &n);
	secret_set(&f->old_d, f->old_d_octets, n);
	f->derived = hex_bytes(ike_rows[i].derived, &f->n_derived);
	f->rekeyed = hex_bytes(ike_rows[i].rekeyed, &n);
	assert_int_equal(n, f->n_derived);
	f->child = hex_bytes(ike_rows[i].child, &f->n_child);
	f->child_pfs = hex_bytes(ike_rows[i].child_pfs, &n);
	assert_int_equal(n, f->n_child);
	f->message = hex_bytes(ike_rows[i].message, &n);
	f->message_piece = prf_piece(f->message, n);
	f->id = hex_bytes(ike_rows[i].id, &n);
	f->id_piece = prf_piece(f->id, n);
	f->psk_octets = hex_bytes(ike_rows[i].psk, &n);
	secret_set(&f->psk, f->psk_octets, n);
	f->auth = hex_bytes(ike_rows[i].auth, &f->n_auth);
}

static void fixture_fini(struct fixture *f)
{
	uint8_t *all[] = {f->shared_octets, f->ni, f->nr, f->old_d_octets, f->derived, f->rekeyed,
			  f->child, f->child_pfs, f->message, f->id, f->psk_octets, f->auth};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		free(all[i]);
}

/* The keys one after the other, in the order of RFC 7296 2.14, are the row. */
static void assert_keys(const struct ike_keys *k, const struct suite *s, const uint8_t *expected,
			size_t n_expected)
{
	const struct secret *order[] = {&k->d, &k->ai, &k->ar, &k->ei, &k->er, &k->pi, &k->pr};
	const size_t len[] = {prf_key_len(s->prf), suite_integ_key_len(s), suite_integ_key_len(s),
			      suite_encr_key_len(s), suite_encr_key_len(s), prf_key_len(s->prf),
			      prf_key_len(s->prf)};
	size_t at = 0;

	for (size_t i = 0; i < 7; i++) {
		assert_int_equal(order[i]->len, len[i]);
		if (len[i] > 0)
			assert_memory_equal(order[i]->bytes, expected + at, len[i]);
		at += len[i];
	}
	assert_int_equal(at, n_expected);
}

static void test_derive(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		struct ike_keys k;
		struct fixture f;

		fixture_init(&f, i);
		ike_keys_derive(&k, &f.suite, &f.in);
		assert_keys(&k, &f.suite, f.derived, f.n_derived);
		ike_keys_cleanse(&k);
		assert_int_equal(k.d.len + k.pr.len, 0);
		fixture_fini(&f);
	}
}

static void test_rekey(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		struct ike_keys k, old = {0};
		struct fixture f;

		fixture_init(&f, i);
		old.d = f.old_d;
		ike_keys_rekey(&k, &f.suite, &old, &f.old_suite, &f.in);
		assert_keys(&k, &f.suite, f.rekeyed, f.n_derived);
		fixture_fini(&f);
	}
}

static void assert_child(const struct child_sa *c, bool we_initiated, const uint8_t *keymat)
{
	const struct esp_keys *first = we_initiated ? &c->out : &c->in;
	const struct esp_keys *second = we_initiated ? &c->in : &c->out;
	size_t e = suite_encr_key_len(&c->suite), a = suite_integ_key_len(&c->suite);

	assert_memory_equal(first->encr, keymat, e);
	assert_memory_equal(second->encr, keymat + e + a, e);
	if (a > 0) {
		assert_memory_equal(first->integ, keymat + e, a);
		assert_memory_equal(second->integ, keymat + e + a + e, a);
	}
}

static void test_child(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS * 2; i++) {
		bool we_initiated = i & 1;
		struct child_sa c = {0};
		struct ike_keys k;
		struct fixture f;

		fixture_init(&f, i / 2);
		c.suite = f.suite;
		ike_keys_derive(&k, &f.suite, &f.in);
		child_keys_derive(&c, f.suite.prf, &k.d, &f.in, we_initiated); /* With PFS */
		assert_child(&c, we_initiated, f.child_pfs);
		f.in.shared = NULL;
		child_keys_derive(&c, f.suite.prf, &k.d, &f.in, we_initiated);
		assert_child(&c, we_initiated, f.child);
		fixture_fini(&f);
	}
}

static void test_auth_psk(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		uint8_t out[PRF_LEN_MAX];
		struct auth_octets o;
		struct secret wrong;
		struct ike_keys k;
		struct fixture f;
		uint16_t prf = ike_rows[i].prf;

		fixture_init(&f, i);
		ike_keys_derive(&k, &f.suite, &f.in);
		o = (struct auth_octets){f.message_piece, f.in.nonce_r, f.id_piece, &k.pi};
		assert_int_equal(auth_psk_compute(prf, &f.psk, &o, out), f.n_auth);
		assert_memory_equal(out, f.auth, f.n_auth);
		assert_true(auth_psk_verify(prf, &f.psk, &o, prf_piece(out, f.n_auth)));

		/* Whatever is wrong, it does not verify. */
		assert_false(auth_psk_verify(prf, &f.psk, &o, prf_piece(out, f.n_auth - 1)));
		assert_false(auth_psk_verify(prf, &f.psk, &o, prf_piece(out, 0)));
		out[f.n_auth - 1] ^= 1;
		assert_false(auth_psk_verify(prf, &f.psk, &o, prf_piece(out, f.n_auth)));
		out[f.n_auth - 1] ^= 1;
		wrong = f.psk;
		wrong.bytes[0] ^= 1;
		assert_false(auth_psk_verify(prf, &wrong, &o, prf_piece(out, f.n_auth)));
		o.sk_p = &k.pr;
		assert_false(auth_psk_verify(prf, &f.psk, &o, prf_piece(out, f.n_auth)));
		o.sk_p = &k.pi;
		o.nonce = f.in.nonce_i;
		assert_false(auth_psk_verify(prf, &f.psk, &o, prf_piece(out, f.n_auth)));
		o.nonce = f.in.nonce_r;
		f.message[7] ^= 1;
		assert_false(auth_psk_verify(prf, &f.psk, &o, prf_piece(out, f.n_auth)));
		f.message[7] ^= 1;
		f.id[4] ^= 1;
		assert_false(auth_psk_verify(prf, &f.psk, &o, prf_piece(out, f.n_auth)));
		fixture_fini(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_derive),
		cmocka_unit_test(test_rekey),
		cmocka_unit_test(test_child),
		cmocka_unit_test(test_auth_psk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Published vectors (test/vectors/published_rows.h) run through the code for clients' packets and handshakes.
 * AES-192 is missing, for there is no such suite. Elsewhere: RFC 3602's packets (esp_test), RFC 4868's PRF
 * (prf_test), RFC 5903 and RFC 7748 (dh_test), RFC 4303's window (replay_test). */
#include "proto/esp/esp.h"
#include "proto/ike/ike_keys.h"
#include "proto/ike/sk.h"
#include "test/unit/hex.h"
#include "test/vectors/published_rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define COUNT(rows) (sizeof(rows) / sizeof(*(rows)))

/* Octets of text at `to`; returns how many. */
static size_t put_hex(uint8_t *to, const char *text)
{
	size_t n;
	uint8_t *octets = hex_bytes(text, &n);

	memcpy(to, octets, n);
	free(octets);
	return n;
}

static uint64_t number(const char *text)
{
	return strtoull(text, NULL, 16);
}

static void test_aes_cbc(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(aes_cbc_rows); i++) {
		uint8_t key[16], iv[16], plain[64], cipher[64], out[64];
		size_t n = put_hex(plain, aes_cbc_rows[i].plain);
		AES_KEY k;

		put_hex(key, aes_cbc_rows[i].key);
		put_hex(iv, aes_cbc_rows[i].iv);
		assert_int_equal(put_hex(cipher, aes_cbc_rows[i].cipher), n);
		AES_set_encrypt_key(key, 128, &k);
		AES_cbc_encrypt(plain, out, n, &k, iv, AES_ENCRYPT);
		if (memcmp(out, cipher, n) != 0)
			fail_msg("row %d", aes_cbc_rows[i].row);
		put_hex(iv, aes_cbc_rows[i].iv);
		AES_set_decrypt_key(key, 128, &k);
		AES_cbc_encrypt(cipher, out, n, &k, iv, AES_DECRYPT);
		if (memcmp(out, plain, n) != 0)
			fail_msg("row %d, back", aes_cbc_rows[i].row);
	}
}

/* Their Next Header is 1: decrypted, then refused, for we know tunnel mode only. */
static void test_gcm_esp(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(gcm_esp_rows); i++) {
		bool esn = strlen(gcm_esp_rows[i].seq) == 16;
		struct suite s = {.encr = ENCR_AES_GCM_16, .esn = esn ? ESN_YES : ESN_NO};
		uint8_t packet[160], plain[160], *inner, next_header = 0;
		uint64_t seq = number(gcm_esp_rows[i].seq);
		size_t text, len, inner_len;
		enum drop d;
		struct esp_keys keys = {0};
		struct esp_context c;

		s.encr_key_bits = (uint16_t)((put_hex(keys.encr, gcm_esp_rows[i].key) - 4) * 8);
		assert_int_equal(esp_context_init(&c, &s, &keys, false), OK);
		put_hex(packet, gcm_esp_rows[i].spi);
		for (int k = 0; k < 4; k++)
			packet[4 + k] = (uint8_t)(seq >> (24 - 8 * k));
		put_hex(packet + 8, gcm_esp_rows[i].iv);
		text = put_hex(packet + 16, gcm_esp_rows[i].cipher);
		len = 16 + text + put_hex(packet + 16 + text, gcm_esp_rows[i].icv);
		assert_int_equal(put_hex(plain, gcm_esp_rows[i].plain), text);

		packet[len - 1] ^= 1;
		assert_int_equal(esp_open(&c, seq, packet, len, &inner, &inner_len, &next_header),
				 DROP_ICV);
		put_hex(packet + 16, gcm_esp_rows[i].cipher); /* It has been wiped. */
		put_hex(packet + 16 + text, gcm_esp_rows[i].icv);
		d = esp_open(&c, seq, packet, len, &inner, &inner_len, &next_header);
		if (d != DROP_MALFORMED || memcmp(packet + 16, plain, text) != 0 || next_header != 1)
			fail_msg("row %d: %s", gcm_esp_rows[i].row, drop_text(d));
		esp_context_fini(&c);
	}
}

/* RFC 7634, appendix A: its IV is not of our shape, so it is sealed as a text with that IV. */
static void test_chacha_esp(void **state)
{
	const struct suite s = {.encr = ENCR_CHACHA20_POLY1305};
	uint8_t packet[160], again[160], plain[160], *inner, next_header = 0;
	struct cipher_packet at = {.iv = 8, .text = 16};
	struct esp_keys keys = {0};
	struct esp_context in, out;
	size_t len, inner_len = 0;

	(void)state;
	put_hex(keys.encr, chacha_key);
	assert_int_equal(esp_context_init(&in, &s, &keys, false), OK);
	assert_int_equal(esp_context_init(&out, &s, &keys, true), OK);
	len = put_hex(packet, chacha_esp_packet);
	at.icv = 16 + put_hex(plain, chacha_esp_plain);
	at.end = at.icv + 16;
	assert_int_equal(at.end, len);

	memcpy(again, packet, 16);
	memcpy(again + 16, plain, at.icv - 16);
	at.data = again;
	CBS_init(&at.ad, again, 8);
	assert_int_equal(cipher_seal(&out.cipher, &at), OK);
	assert_memory_equal(again, packet, len);

	again[len - 1] ^= 1;
	assert_int_equal(esp_open(&in, 5, again, len, &inner, &inner_len, &next_header), DROP_ICV);
	assert_int_equal(esp_open(&in, 5, packet, len, &inner, &inner_len, &next_header), DROP_NONE);
	assert_int_equal(inner_len, 84);
	assert_int_equal(next_header, 4);
	assert_memory_equal(inner, plain, inner_len);
	esp_context_fini(&in);
	esp_context_fini(&out);
}

/* RFC 7634, appendix B: a whole message, sealed and opened. */
static void test_chacha_ike(void **state)
{
	const struct suite s = {.encr = ENCR_CHACHA20_POLY1305};
	struct secret encr = {.len = 36}, integ = {0};
	const struct sk_direction d = {&s, &encr, &integ};
	struct iv_source iv = {0x10111213, 0x51617, 0x141};
	uint8_t clear[64], sealed[96], first;
	size_t clear_len, len;
	struct blob *b;
	CBS chain;

	(void)state;
	put_hex(encr.bytes, chacha_key);
	clear_len = put_hex(clear, chacha_ike_clear);
	len = put_hex(sealed, chacha_ike_sealed);
	assert_int_equal(sk_seal(&d, &iv, NULL, clear, clear_len, &b), OK);
	assert_int_equal(b->len, len);
	assert_memory_equal(b->data, sealed, len);
	blob_unref(b);
	assert_int_equal(sk_open(&d, sealed, len, sealed, &chain, &first), DROP_NONE);
	assert_int_equal(first, 41);
	assert_int_equal(CBS_len(&chain), clear_len - IKE_HEADER_LEN);
	assert_memory_equal(CBS_data(&chain), clear + IKE_HEADER_LEN, CBS_len(&chain));
}

static void test_hmac(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(hmac_rows); i++) {
		const struct suite s = {.encr = ENCR_AES_CBC, .encr_key_bits = 128, .integ = hmac_rows[i].integ};
		uint8_t key[64], data[64], expected[64], out[HMAC_LEN_MAX];
		size_t key_len = put_hex(key, hmac_rows[i].key);
		CBS piece = prf_piece(data, put_hex(data, hmac_rows[i].data));
		size_t len = put_hex(expected, hmac_rows[i].hmac);
		struct hmac h;

		assert_int_equal(suite_integ_key_len(&s), key_len);
		assert_int_equal(suite_icv_len(&s), hmac_rows[i].icv_len);
		hmac_init(&h, s.integ, key, key_len);
		assert_int_equal(hmac_compute(&h, &piece, 1, out), len);
		if (memcmp(out, expected, len) != 0)
			fail_msg("row %d", hmac_rows[i].row);
		hmac_cleanse(&h);
	}
}

/* The texts have no ICV there; ours, after them, is not compared. */
static void test_aes_ctr(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(aes_ctr_rows); i++) {
		uint8_t data[128], plain[64], cipher[64], encr[36], integ[32] = {1};
		struct cipher_packet at = {.data = data, .iv = 0, .text = 8};
		struct suite s = {.encr = ENCR_AES_CTR, .integ = AUTH_HMAC_SHA2_256_128};
		size_t n = put_hex(plain, aes_ctr_rows[i].plain);
		struct cipher c;

		s.encr_key_bits = (uint16_t)((put_hex(encr, aes_ctr_rows[i].key) - 4) * 8);
		assert_int_equal(put_hex(cipher, aes_ctr_rows[i].cipher), n);
		put_hex(data, aes_ctr_rows[i].iv);
		memcpy(data + 8, plain, n);
		at.icv = 8 + n;
		at.end = at.icv + 16;
		CBS_init(&at.tail, data, 0);
		assert_int_equal(cipher_init(&c, &s, encr, integ, true), OK);
		assert_int_equal(cipher_seal(&c, &at), OK);
		if (memcmp(data + 8, cipher, n) != 0)
			fail_msg("row %d", aes_ctr_rows[i].row);
		assert_int_equal(cipher_open(&c, &at), OK);
		if (memcmp(data + 8, plain, n) != 0)
			fail_msg("row %d, back", aes_ctr_rows[i].row);
		cipher_fini(&c);
	}
}

/* ---- IKEv2 ---- */

struct kdf {
	uint8_t ni[256], nr[256], shared[256], shared_new[256];
	uint8_t skeyseed[32], dkm[256], child[256], child_dh[256], rekey[32];
	size_t n_dkm, n_child;
	struct dh_secret g, g_new;
	struct ike_key_input in;
};

static void kdf_init(struct kdf *k, size_t i)
{
	memset(k, 0, sizeof(*k));
	k->in.nonce_i = prf_piece(k->ni, put_hex(k->ni, ikev2_kdf_rows[i].ni));
	k->in.nonce_r = prf_piece(k->nr, put_hex(k->nr, ikev2_kdf_rows[i].nr));
	k->in.spi_i = ikev2_kdf_rows[i].spi_i;
	k->in.spi_r = ikev2_kdf_rows[i].spi_r;
	k->g.len = (uint16_t)put_hex(k->g.bytes, ikev2_kdf_rows[i].shared);
	k->g_new.len = (uint16_t)put_hex(k->g_new.bytes, ikev2_kdf_rows[i].shared_new);
	memcpy(k->shared, k->g.bytes, k->g.len);
	memcpy(k->shared_new, k->g_new.bytes, k->g_new.len);
	put_hex(k->skeyseed, ikev2_kdf_rows[i].skeyseed);
	k->n_dkm = put_hex(k->dkm, ikev2_kdf_rows[i].dkm);
	k->n_child = put_hex(k->child, ikev2_kdf_rows[i].child);
	put_hex(k->child_dh, ikev2_kdf_rows[i].child_dh);
	put_hex(k->rekey, ikev2_kdf_rows[i].rekey);
}

static size_t match(const struct secret *s, const uint8_t *dkm, size_t at, int row)
{
	if (memcmp(s->bytes, dkm + at, s->len) != 0)
		fail_msg("row %d, octet %zu of the keys", row, at);
	return at + s->len;
}

/* RFC 7296 2.14, by prf and prf+, and as an IKE SA takes its keys from it. */
static void test_ikev2_ike(void **state)
{
	static const struct suite suites[] = {
		{.encr = ENCR_AES_GCM_16, .encr_key_bits = 256, .prf = PRF_HMAC_SHA2_256},
		{.encr = ENCR_AES_CBC, .encr_key_bits = 256, .integ = AUTH_HMAC_SHA2_256_128,
		 .prf = PRF_HMAC_SHA2_256},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(ikev2_kdf_rows) * COUNT(suites); i++) {
		size_t row = i / COUNT(suites), at = 0;
		uint8_t nonces[512], out[256], spis[16];
		CBS shared, pieces[3];
		struct ike_keys keys;
		struct kdf k;

		kdf_init(&k, row);
		memcpy(nonces, k.ni, CBS_len(&k.in.nonce_i));
		memcpy(nonces + CBS_len(&k.in.nonce_i), k.nr, CBS_len(&k.in.nonce_r));
		shared = prf_piece(k.shared, k.g.len);
		prf_compute(PRF_HMAC_SHA2_256,
			    prf_piece(nonces, CBS_len(&k.in.nonce_i) + CBS_len(&k.in.nonce_r)),
			    &shared, 1, out);
		assert_memory_equal(out, k.skeyseed, 32);
		for (int n = 0; n < 8; n++) {
			spis[n] = (uint8_t)(k.in.spi_i >> (56 - 8 * n));
			spis[8 + n] = (uint8_t)(k.in.spi_r >> (56 - 8 * n));
		}
		pieces[0] = k.in.nonce_i;
		pieces[1] = k.in.nonce_r;
		pieces[2] = prf_piece(spis, 16);
		prf_plus(PRF_HMAC_SHA2_256, prf_piece(k.skeyseed, 32), pieces, 3, out, k.n_dkm);
		assert_memory_equal(out, k.dkm, k.n_dkm);

		k.in.shared = &k.g;
		ike_keys_derive(&keys, &suites[i % COUNT(suites)], &k.in);
		for (int n = 0; n < 7; n++) {
			const struct secret *order[] = {&keys.d, &keys.ai, &keys.ar, &keys.ei,
							&keys.er, &keys.pi, &keys.pr};

			at = match(order[n], k.dkm, at, ikev2_kdf_rows[row].row);
		}
		assert_true(at >= 168 && at <= k.n_dkm);
		ike_keys_cleanse(&keys);
	}
}

/* RFC 7296 2.17 without and with a new g^ir, and 2.18. */
static void test_ikev2_child_and_rekey(void **state)
{
	const struct suite s = {.encr = ENCR_AES_GCM_16, .encr_key_bits = 256,
				.prf = PRF_HMAC_SHA2_256};

	(void)state;
	for (size_t i = 0; i < COUNT(ikev2_kdf_rows); i++) {
		struct child_sa child = {.suite = s};
		uint8_t skeyseed[PRF_LEN_MAX], expected[16];
		struct ike_keys old, keys;
		CBS pieces[3];
		struct kdf k;

		kdf_init(&k, i);
		k.in.shared = &k.g;
		ike_keys_derive(&old, &s, &k.in);
		for (int with_dh = 0; with_dh < 2; with_dh++) {
			const uint8_t *keymat = with_dh ? k.child_dh : k.child;

			k.in.shared = with_dh ? &k.g_new : NULL;
			child_keys_derive(&child, s.prf, &old.d, &k.in, true);
			assert_memory_equal(child.out.encr, keymat, 36);
			assert_memory_equal(child.in.encr, keymat + 36, 36);
		}
		pieces[0] = prf_piece(k.shared_new, k.g_new.len);
		pieces[1] = k.in.nonce_i;
		pieces[2] = k.in.nonce_r;
		prf_compute(s.prf, prf_piece(old.d.bytes, old.d.len), pieces, 3, skeyseed);
		assert_memory_equal(skeyseed, k.rekey, 32);
		ike_keys_rekey(&keys, &s, &old, &s, &k.in);
		pieces[0] = k.in.nonce_i;
		pieces[1] = k.in.nonce_r;
		for (int n = 0; n < 8; n++) {
			expected[n] = (uint8_t)(k.in.spi_i >> (56 - 8 * n));
			expected[8 + n] = (uint8_t)(k.in.spi_r >> (56 - 8 * n));
		}
		pieces[2] = prf_piece(expected, 16);
		prf_plus(s.prf, prf_piece(k.rekey, 32), pieces, 3, skeyseed, 32);
		assert_memory_equal(keys.d.bytes, skeyseed, 32);
		ike_keys_cleanse(&old);
		ike_keys_cleanse(&keys);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_aes_cbc),
		cmocka_unit_test(test_gcm_esp),
		cmocka_unit_test(test_chacha_esp),
		cmocka_unit_test(test_chacha_ike),
		cmocka_unit_test(test_hmac),
		cmocka_unit_test(test_aes_ctr),
		cmocka_unit_test(test_ikev2_ike),
		cmocka_unit_test(test_ikev2_child_and_rekey),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Where the keys come from. RFC 7296:
 *
 *   2.14  SKEYSEED = prf(Ni | Nr, g^ir)
 *         {SK_d | SK_ai | SK_ar | SK_ei | SK_er | SK_pi | SK_pr}
 *             = prf+(SKEYSEED, Ni | Nr | SPIi | SPIr)
 *   2.18  SKEYSEED = prf(SK_d (old), g^ir (new) | Ni | Nr)
 *   2.17  KEYMAT = prf+(SK_d, Ni | Nr)   or with PFS
 *         KEYMAT = prf+(SK_d, g^ir (new) | Ni | Nr)
 *   2.15  AUTH = prf(prf(Shared Secret, "Key Pad for IKEv2"), <SignedOctets>)
 *
 * "The keys are taken from the output string without regard to boundaries": all material is made at
 * once and then cut up. Secrets on the stack are cleansed before the return. */
#include "proto/ike/ike_keys.h"

#include <openssl/mem.h>

#include <assert.h>
#include <string.h>

enum {
	SPI_LEN = 8,
	/* SK_d, SK_pi, SK_pr, two integrity and two encryption keys */
	IKE_MATERIAL_MAX = 3 * PRF_LEN_MAX + 2 * ESP_INTEG_MAX + 2 * ESP_KEY_MAX,
	CHILD_MATERIAL_MAX = 2 * ESP_INTEG_MAX + 2 * ESP_KEY_MAX,
};

static void put_u64(uint8_t *out, uint64_t v)
{
	for (int i = 7; i >= 0; i--, v >>= 8)
		out[i] = (uint8_t)v;
}

static void take(struct secret *key, const uint8_t **p, size_t len)
{
	secret_set(key, *p, len);
	*p += len;
}

static void expand(struct ike_keys *k, const struct suite *suite, CBS skeyseed,
		   const struct ike_key_input *in)
{
	uint8_t material[IKE_MATERIAL_MAX], spis[2 * SPI_LEN];
	const uint8_t *p = material;
	size_t prf_len = prf_key_len(suite->prf);
	size_t integ_len = suite_integ_key_len(suite);
	size_t encr_len = suite_encr_key_len(suite);
	size_t len = 3 * prf_len + 2 * integ_len + 2 * encr_len;
	const CBS seed[] = { in->nonce_i, in->nonce_r, prf_piece(spis, sizeof(spis)) };

	assert(len <= sizeof(material));
	put_u64(spis, in->spi_i);
	put_u64(spis + SPI_LEN, in->spi_r);
	prf_plus(suite->prf, skeyseed, seed, 3, material, len);
	memset(k, 0, sizeof(*k));
	take(&k->d, &p, prf_len);
	take(&k->ai, &p, integ_len);
	take(&k->ar, &p, integ_len);
	take(&k->ei, &p, encr_len);
	take(&k->er, &p, encr_len);
	take(&k->pi, &p, prf_len);
	take(&k->pr, &p, prf_len);
	OPENSSL_cleanse(material, sizeof(material));
}

void ike_keys_derive(struct ike_keys *k, const struct suite *suite, const struct ike_key_input *in)
{
	uint8_t nonces[2 * IKE_NONCE_MAX], skeyseed[PRF_LEN_MAX];
	size_t len_i = CBS_len(&in->nonce_i), len_r = CBS_len(&in->nonce_r), len;
	CBS shared = prf_piece(in->shared->bytes, in->shared->len);

	assert(len_i <= IKE_NONCE_MAX && len_r <= IKE_NONCE_MAX);
	if (len_i > 0)
		memcpy(nonces, CBS_data(&in->nonce_i), len_i);
	if (len_r > 0)
		memcpy(nonces + len_i, CBS_data(&in->nonce_r), len_r);
	len = prf_compute(suite->prf, prf_piece(nonces, len_i + len_r), &shared, 1, skeyseed);
	expand(k, suite, prf_piece(skeyseed, len), in);
	OPENSSL_cleanse(skeyseed, sizeof(skeyseed));
}

/* "The old and new IKE SA may have selected a different PRF. Because the rekeying exchange
 * belongs to the old IKE SA, it is the old IKE SA's PRF that is used to generate SKEYSEED." */
void ike_keys_rekey(struct ike_keys *k, const struct suite *suite, const struct ike_keys *old,
		    const struct suite *old_suite, const struct ike_key_input *in)
{
	const CBS pieces[] = { prf_piece(in->shared->bytes, in->shared->len), in->nonce_i, in->nonce_r };
	uint8_t skeyseed[PRF_LEN_MAX];
	size_t len;

	assert(k != old);
	len = prf_compute(old_suite->prf, prf_secret_piece(&old->d), pieces, 3, skeyseed);
	expand(k, suite, prf_piece(skeyseed, len), in);
	OPENSSL_cleanse(skeyseed, sizeof(skeyseed));
}

/* "All keys for SAs carrying data from the initiator to the responder are taken before SAs going
 * from the responder to the initiator." and "the encryption key (if any) MUST be taken from the
 * first bits and the integrity key (if any) MUST be taken from the remaining bits." */
void child_keys_derive(struct child_sa *child, uint16_t prf, const struct secret *sk_d,
		       const struct ike_key_input *in, bool we_initiated)
{
	uint8_t material[CHILD_MATERIAL_MAX];
	size_t encr_len = suite_encr_key_len(&child->suite);
	size_t integ_len = suite_integ_key_len(&child->suite);
	struct esp_keys *i_to_r = we_initiated ? &child->out : &child->in;
	struct esp_keys *r_to_i = we_initiated ? &child->in : &child->out;
	const uint8_t *p = material;
	CBS seed[3];
	size_t n = 0;

	assert(encr_len <= ESP_KEY_MAX && integ_len <= ESP_INTEG_MAX);
	if (in->shared)
		seed[n++] = prf_piece(in->shared->bytes, in->shared->len);
	seed[n++] = in->nonce_i;
	seed[n++] = in->nonce_r;
	prf_plus(prf, prf_secret_piece(sk_d), seed, n, material, 2 * (encr_len + integ_len));
	memset(i_to_r, 0, sizeof(*i_to_r));
	memset(r_to_i, 0, sizeof(*r_to_i));
	memcpy(i_to_r->encr, p, encr_len);
	memcpy(i_to_r->integ, p += encr_len, integ_len);
	memcpy(r_to_i->encr, p += integ_len, encr_len);
	memcpy(r_to_i->integ, p += encr_len, integ_len);
	OPENSSL_cleanse(material, sizeof(material));
}

void ike_keys_cleanse(struct ike_keys *k)
{
	OPENSSL_cleanse(k, sizeof(*k));
}

/* ---- AUTH ---- */

struct blob *auth_octets_join(uint16_t prf, const struct auth_octets *octets)
{
	size_t message = CBS_len(&octets->message), nonce = CBS_len(&octets->nonce);
	struct blob *b = blob_new(NULL, message + nonce + prf_key_len(prf));

	memcpy(b->data, CBS_data(&octets->message), message);
	memcpy(b->data + message, CBS_data(&octets->nonce), nonce);
	prf_compute(prf, prf_secret_piece(octets->sk_p), &octets->id, 1, b->data + message + nonce);
	return b;
}

size_t auth_psk_compute(uint16_t prf, const struct secret *psk, const struct auth_octets *octets,
			uint8_t out[PRF_LEN_MAX])
{
	/* "17 ASCII characters without null termination" */
	const CBS pad = prf_piece("Key Pad for IKEv2", 17);
	uint8_t key[PRF_LEN_MAX], maced_id[PRF_LEN_MAX];
	CBS pieces[3] = { octets->message, octets->nonce };
	size_t len;

	len = prf_compute(prf, prf_secret_piece(octets->sk_p), &octets->id, 1, maced_id);
	pieces[2] = prf_piece(maced_id, len);
	len = prf_compute(prf, prf_secret_piece(psk), &pad, 1, key);
	len = prf_compute(prf, prf_piece(key, len), pieces, 3, out);
	OPENSSL_cleanse(key, sizeof(key));
	OPENSSL_cleanse(maced_id, sizeof(maced_id));
	return len;
}

bool auth_psk_verify(uint16_t prf, const struct secret *psk, const struct auth_octets *octets,
		     CBS auth)
{
	uint8_t expected[PRF_LEN_MAX];
	size_t len = auth_psk_compute(prf, psk, octets, expected);
	bool ok = CBS_len(&auth) == len && CRYPTO_memcmp(expected, CBS_data(&auth), len) == 0;

	OPENSSL_cleanse(expected, sizeof(expected));
	return ok;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The library's primitives, combined as the RFCs of IPsec require:
 *
 *   AES-GCM            RFC 4106 (ESP), RFC 5282 (IKE): nonce = salt | IV
 *   ChaCha20-Poly1305  RFC 7634: the same
 *   AES-CTR            RFC 3686 (ESP), RFC 5930 (IKE): counter block = salt | IV | 1, 2, ...
 *   AES-CBC            RFC 3602
 *
 * The last two with HMAC over the encrypted octets. In every counter mode the salt is the end of
 * the key material, and the IV a number that never repeats (DESIGN section 5); the caller has drawn
 * it. Nothing here allocates after cipher_init(). */
#include "proto/crypto/cipher.h"

#include <openssl/mem.h>

#include <assert.h>
#include <string.h>

enum { SALT_LEN = 4, COUNTER_IV_LEN = 8, NONCE_LEN = SALT_LEN + COUNTER_IV_LEN };

/* NULL: no AEAD of ours. */
static const EVP_AEAD *aead_of(const struct suite *s)
{
	switch (s->encr) {
	case ENCR_AES_GCM_16:
		return s->encr_key_bits == 128 ? EVP_aead_aes_128_gcm() : EVP_aead_aes_256_gcm();
	case ENCR_CHACHA20_POLY1305:
		return EVP_aead_chacha20_poly1305();
	default:
		return NULL;
	}
}

enum status cipher_init(struct cipher *c, const struct suite *suite, const uint8_t *encr,
			const uint8_t *integ, bool seal)
{
	bool decrypt = suite->encr == ENCR_AES_CBC && !seal;
	const EVP_AEAD *aead = aead_of(suite);
	size_t len;

	memset(c, 0, sizeof(*c));
	c->suite = *suite;
	if (!suite_encr_supported(suite))
		return ERR_UNSUPPORTED;
	len = suite_encr_key_len(suite);
	if (suite_counts_iv(suite)) {
		len -= SALT_LEN;
		memcpy(c->salt, encr + len, SALT_LEN);
	}
	if (aead ? !EVP_AEAD_CTX_init(&c->aead, aead, encr, len, suite_icv_len(suite), NULL)
		 : (decrypt ? AES_set_decrypt_key : AES_set_encrypt_key)(encr, (unsigned)len * 8,
									   &c->aes) != 0) {
		cipher_fini(c);
		return ERR_CRYPTO;
	}
	if (!aead)
		hmac_init(&c->hmac, suite->integ, integ, suite_integ_key_len(suite));
	return OK;
}

void cipher_fini(struct cipher *c)
{
	EVP_AEAD_CTX_cleanup(&c->aead);
	OPENSSL_cleanse(c, sizeof(*c));
}

static void nonce_of(const struct cipher *c, const struct cipher_packet *p, uint8_t *nonce)
{
	memcpy(nonce, c->salt, SALT_LEN);
	memcpy(nonce + SALT_LEN, p->data + p->iv, COUNTER_IV_LEN);
}

/* "the block counter ... begins with the value of one" (RFC 3686 4): a packet is too short to
 * exhaust it. Encryption and decryption are the same. */
static void ctr_crypt(const struct cipher *c, const struct cipher_packet *p)
{
	uint8_t counter[AES_BLOCK_SIZE] = { 0 }, stream[AES_BLOCK_SIZE] = { 0 };
	unsigned used = 0;

	nonce_of(c, p, counter);
	counter[AES_BLOCK_SIZE - 1] = 1;
	AES_ctr128_encrypt(p->data + p->text, p->data + p->text, p->icv - p->text, &c->aes, counter,
			   stream, &used);
	OPENSSL_cleanse(stream, sizeof(stream));
}

static void cbc_crypt(const struct cipher *c, const struct cipher_packet *p, int enc)
{
	uint8_t iv[AES_BLOCK_SIZE];

	memcpy(iv, p->data + p->iv, sizeof(iv));
	AES_cbc_encrypt(p->data + p->text, p->data + p->text, p->icv - p->text, &c->aes, iv, enc);
}

static void icv_of(const struct cipher *c, const struct cipher_packet *p, uint8_t icv[HMAC_LEN_MAX])
{
	CBS pieces[2];

	CBS_init(&pieces[0], p->data, p->icv);
	pieces[1] = p->tail;
	hmac_compute(&c->hmac, pieces, 2, icv);
}

enum status cipher_seal(const struct cipher *c, const struct cipher_packet *p)
{
	uint8_t *text = p->data + p->text, nonce[NONCE_LEN], icv[HMAC_LEN_MAX];
	size_t room = p->end - p->text, sealed;

	assert(p->end - p->icv == suite_icv_len(&c->suite));
	if (suite_is_aead(&c->suite)) {
		nonce_of(c, p, nonce);
		return EVP_AEAD_CTX_seal(&c->aead, text, &sealed, room, nonce, sizeof(nonce), text,
					 p->icv - p->text, CBS_data(&p->ad), CBS_len(&p->ad))
			       ? OK
			       : ERR_CRYPTO;
	}
	if (suite_counts_iv(&c->suite)) {
		ctr_crypt(c, p);
	} else {
		assert((p->icv - p->text) % AES_BLOCK_SIZE == 0);
		cbc_crypt(c, p, AES_ENCRYPT);
	}
	icv_of(c, p, icv);
	memcpy(p->data + p->icv, icv, p->end - p->icv);
	return OK;
}

enum status cipher_open(const struct cipher *c, const struct cipher_packet *p)
{
	uint8_t *text = p->data + p->text, nonce[NONCE_LEN], icv[HMAC_LEN_MAX];
	size_t room = p->end - p->text, opened;

	assert(p->end - p->icv == suite_icv_len(&c->suite));
	if (suite_is_aead(&c->suite)) {
		nonce_of(c, p, nonce);
		return EVP_AEAD_CTX_open(&c->aead, text, &opened, room, nonce, sizeof(nonce), text,
					 room, CBS_data(&p->ad), CBS_len(&p->ad))
			       ? OK
			       : ERR_AUTH;
	}
	icv_of(c, p, icv);
	if (CRYPTO_memcmp(icv, p->data + p->icv, p->end - p->icv) != 0)
		return ERR_AUTH;
	if (suite_counts_iv(&c->suite)) {
		ctr_crypt(c, p);
		return OK;
	}
	if ((p->icv - p->text) % AES_BLOCK_SIZE != 0)
		return ERR_MALFORMED;
	cbc_crypt(c, p, AES_DECRYPT);
	return OK;
}

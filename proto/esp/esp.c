/* SPDX-License-Identifier: Apache-2.0 */
/* ESP in tunnel mode, RFC 4303:
 *
 *   | SPI | Seq | IV | inner packet | (TFC) | padding | Pad Length | Next Header | ICV |
 *   |           |    |<------------- encrypted ---------------------------->|
 *
 *   AES-GCM, RFC 4106: nonce = salt | IV. Associated data: SPI | Seq, with ESN
 *            SPI | Seq-high | Seq-low (section 5).
 *   AES-CBC, RFC 3602, with HMAC-SHA2-256-128, RFC 4868: the ICV covers everything
 *            before it and, with ESN, then Seq-high, which "is not transmitted"
 *            (RFC 4303 2.2.1).
 *
 * Authenticate, decrypt, look at the padding, look at the inner packet's length:
 * in this order. What is told apart after authentication is no oracle, the peer
 * itself wrote it. Nothing here allocates: a context's keys are expanded once.
 * The sequence number's meaning (window, lease) is sad.c's. */
#include "proto/esp/esp.h"
#include "proto/mutant.h"

#include <openssl/bytestring.h>
#include <openssl/mem.h>

#include <assert.h>
#include <string.h>

enum {
	GCM_SALT_LEN = 4,
	GCM_IV_LEN = 8,
	TRAILER_LEN = 2,      /* Pad Length, Next Header */
	NEXT_HEADER_IPV4 = 4,
	NEXT_HEADER_IPV6 = 41,
	NEXT_HEADER_DUMMY = 59,
};

enum status esp_context_init(struct esp_context *c, const struct suite *suite,
			     const struct esp_keys *keys, bool seal)
{
	unsigned bits = suite->encr_key_bits;
	const EVP_AEAD *aead;

	memset(c, 0, sizeof(*c));
	c->suite = *suite;
	if (bits != 128 && bits != 256)
		return ERR_UNSUPPORTED;
	switch (suite->encr) {
	case ENCR_AES_GCM_16:
		if (suite->integ != AUTH_NONE)
			return ERR_UNSUPPORTED;
		aead = bits == 128 ? EVP_aead_aes_128_gcm() : EVP_aead_aes_256_gcm();
		memcpy(c->salt, keys->encr + bits / 8, GCM_SALT_LEN);
		if (!EVP_AEAD_CTX_init(&c->aead, aead, keys->encr, bits / 8, suite_icv_len(suite),
				       NULL))
			goto fail;
		return OK;
	case ENCR_AES_CBC:
		if (suite->integ != AUTH_HMAC_SHA2_256_128)
			return ERR_UNSUPPORTED;
		if ((seal ? AES_set_encrypt_key : AES_set_decrypt_key)(keys->encr, bits, &c->cbc))
			goto fail;
		hmac_sha256_init(&c->hmac, keys->integ, suite_integ_key_len(suite));
		return OK;
	default:
		return ERR_UNSUPPORTED;
	}
fail:
	esp_context_fini(c);
	return ERR_CRYPTO;
}

void esp_context_fini(struct esp_context *c)
{
	EVP_AEAD_CTX_cleanup(&c->aead);
	OPENSSL_cleanse(c, sizeof(*c));
}

static uint32_t get_u32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put_u32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

enum drop esp_parse(struct esp_packet *p, const uint8_t *data, size_t len)
{
	CBS in;

	CBS_init(&in, data, len);
	if (!CBS_get_u32(&in, &p->spi) || !CBS_get_u32(&in, &p->seq_low))
		return DROP_SHORT;
	return p->spi == 0 ? DROP_MALFORMED : DROP_NONE;
}

/* Associated data of AES-GCM; returns its length. */
static size_t gcm_ad(const struct esp_context *c, const uint8_t *header, uint64_t seq,
		     uint8_t ad[12])
{
	memcpy(ad, header, 4);
	if (c->suite.esn != ESN_YES) {
		memcpy(ad + 4, header + 4, 4);
		return 8;
	}
	put_u32(ad + 4, (uint32_t)(seq >> 32));
	memcpy(ad + 8, header + 4, 4);
	return 12;
}

static void cbc_icv(const struct esp_context *c, uint64_t seq, const uint8_t *data, size_t len,
		    uint8_t icv[SHA256_DIGEST_LENGTH])
{
	uint8_t high[4];
	const CBS pieces[] = { prf_piece(data, len), prf_piece(high, sizeof(high)) };

	put_u32(high, (uint32_t)(seq >> 32));
	hmac_sha256_compute(&c->hmac, pieces, c->suite.esn == ESN_YES ? 2 : 1, icv);
}

/* ---- Open ---- */

/* Decrypts data[head..end) in place after checking the ICV at data[end..]. */
static enum drop gcm_open(const struct esp_context *c, uint64_t seq, uint8_t *data, size_t head,
			  size_t end)
{
	uint8_t nonce[GCM_SALT_LEN + GCM_IV_LEN], ad[12];
	size_t ad_len = gcm_ad(c, data, seq, ad), opened, sealed = end - head + 16;

	memcpy(nonce, c->salt, GCM_SALT_LEN);
	memcpy(nonce + GCM_SALT_LEN, data + ESP_HEADER_LEN, GCM_IV_LEN);
	return EVP_AEAD_CTX_open(&c->aead, data + head, &opened, sealed, nonce, sizeof(nonce),
				 data + head, sealed, ad, ad_len) ? DROP_NONE : DROP_ICV;
}

static enum drop cbc_open(const struct esp_context *c, uint64_t seq, uint8_t *data, size_t head,
			  size_t end)
{
	uint8_t iv[AES_BLOCK_SIZE], icv[SHA256_DIGEST_LENGTH];

	if ((end - head) % AES_BLOCK_SIZE != 0)
		return DROP_MALFORMED;
	cbc_icv(c, seq, data, end, icv);
	if (CRYPTO_memcmp(icv, data + end, suite_icv_len(&c->suite)) != 0)
		return DROP_ICV;
	memcpy(iv, data + ESP_HEADER_LEN, sizeof(iv));
	AES_cbc_encrypt(data + head, data + head, end - head, &c->cbc, iv, AES_DECRYPT);
	return DROP_NONE;
}

/* "the receiver SHOULD inspect the Padding field", which is 1, 2, 3, ... (RFC 4303 2.4). */
static bool padding_ok(const uint8_t *pad, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (pad[i] != i + 1)
			return false;
	return true;
}

/* The length the inner IP packet gives itself; 0 if it is none of this version
 * or longer than the len octets there are. */
static size_t inner_length(const uint8_t *p, size_t len, uint8_t next_header)
{
	size_t total;

	if (MUTANT(MUTANT_NEXT_HEADER_UNCHECKED) && len > 0)
		next_header = p[0] >> 4 == 6 ? NEXT_HEADER_IPV6 : NEXT_HEADER_IPV4;
	if (next_header == NEXT_HEADER_IPV4) {
		if (len < 20 || p[0] >> 4 != 4 || (p[0] & 15) < 5)
			return 0;
		total = (size_t)p[2] << 8 | p[3];
		return total >= (p[0] & 15u) * 4u && total <= len ? total : 0;
	}
	if (next_header == NEXT_HEADER_IPV6) {
		if (len < 40 || p[0] >> 4 != 6)
			return 0;
		total = 40 + ((size_t)p[4] << 8 | p[5]);
		return total <= len ? total : 0;
	}
	return 0;
}

enum drop esp_open(const struct esp_context *c, uint64_t seq, uint8_t *data, size_t len,
		   uint8_t **inner, size_t *inner_len, uint8_t *next_header)
{
	size_t head = esp_head_room(&c->suite), icv_len = suite_icv_len(&c->suite), end, pad_len;
	enum drop drop;

	if (len < head + TRAILER_LEN + icv_len)
		return DROP_SHORT;
	assert(get_u32(data + 4) == (uint32_t)seq);
	end = len - icv_len;
	drop = suite_is_aead(&c->suite) ? gcm_open(c, seq, data, head, end)
					: cbc_open(c, seq, data, head, end);
	if (drop != DROP_NONE)
		return drop;
	end -= TRAILER_LEN;
	pad_len = data[end];
	*next_header = data[end + 1];
	if (pad_len > end - head || !padding_ok(data + end - pad_len, pad_len))
		return DROP_PADDING;
	/* "a receiver MUST be prepared to discard such packets, without indicating an error"
	 * (RFC 4303 2.6) */
	if (*next_header == NEXT_HEADER_DUMMY)
		return DROP_DUMMY;
	*inner = data + head;
	*inner_len = inner_length(*inner, end - pad_len - head, *next_header);
	return *inner_len > 0 ? DROP_NONE : DROP_MALFORMED;
}

/* ---- Seal ---- */

size_t esp_head_room(const struct suite *s)
{
	return ESP_HEADER_LEN + suite_iv_len(s);
}

size_t esp_tail_room(const struct suite *s)
{
	return suite_block_len(s) - 1 + TRAILER_LEN + suite_icv_len(s);
}

size_t esp_inner_max(size_t len)
{
	static const struct suite suites[] = {
		{ .encr = ENCR_AES_GCM_16, .encr_key_bits = 128, .integ = AUTH_NONE },
		{ .encr = ENCR_AES_CBC, .encr_key_bits = 128, .integ = AUTH_HMAC_SHA2_256_128 },
	};
	size_t least = SIZE_MAX;

	for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++) {
		const struct suite *s = &suites[i];
		size_t fixed = esp_head_room(s) + suite_icv_len(s), block = suite_block_len(s);
		size_t room = len > fixed ? (len - fixed) / block * block : 0;

		room = room > TRAILER_LEN ? room - TRAILER_LEN : 0;
		least = room < least ? room : least;
	}
	return least;
}

uint64_t esp_iv(uint32_t salt, uint64_t seq, bool esn)
{
	/* Beyond these an IV would repeat: whoever drew the number is broken. */
	assert(seq > 0);
	if (!esn) {
		assert(seq <= UINT32_MAX);
		return (uint64_t)salt << 32 | seq;
	}
	assert(seq < ESP_ESN_SEQ_END);
	return (uint64_t)(salt & 0xffffff) << 40 | seq;
}

static enum drop gcm_seal(const struct esp_context *c, uint64_t seq, uint32_t salt, uint8_t *data,
			  size_t end)
{
	size_t head = ESP_HEADER_LEN + GCM_IV_LEN, sealed, room = end - head + 16;
	uint64_t iv = esp_iv(salt, seq, c->suite.esn == ESN_YES);
	uint8_t nonce[GCM_SALT_LEN + GCM_IV_LEN], ad[12];
	size_t ad_len = gcm_ad(c, data, seq, ad);

	put_u32(data + ESP_HEADER_LEN, (uint32_t)(iv >> 32));
	put_u32(data + ESP_HEADER_LEN + 4, (uint32_t)iv);
	memcpy(nonce, c->salt, GCM_SALT_LEN);
	memcpy(nonce + GCM_SALT_LEN, data + ESP_HEADER_LEN, GCM_IV_LEN);
	return EVP_AEAD_CTX_seal(&c->aead, data + head, &sealed, room, nonce, sizeof(nonce),
				 data + head, end - head, ad, ad_len) ? DROP_NONE : DROP_CRYPTO;
}

static enum drop cbc_seal(const struct esp_context *c, uint64_t seq, struct entropy *e,
			  uint8_t *data, size_t end)
{
	size_t head = ESP_HEADER_LEN + AES_BLOCK_SIZE;
	uint8_t iv[AES_BLOCK_SIZE], icv[SHA256_DIGEST_LENGTH];

	/* The number is not in the IV, but it must not repeat on the wire either. */
	assert(seq > 0 && (c->suite.esn == ESN_YES || seq <= UINT32_MAX));
	entropy_draw(e, iv, sizeof(iv));
	if (MUTANT(MUTANT_CBC_IV_COUNTER))
		memcpy(memset(iv, 0, sizeof(iv)), &seq, sizeof(seq));
	memcpy(data + ESP_HEADER_LEN, iv, sizeof(iv));
	AES_cbc_encrypt(data + head, data + head, end - head, &c->cbc, iv, AES_ENCRYPT);
	cbc_icv(c, seq, data, end, icv);
	memcpy(data + end, icv, suite_icv_len(&c->suite));
	return DROP_NONE;
}

enum drop esp_seal(const struct esp_context *c, uint32_t spi, uint64_t seq, uint32_t salt,
		   struct entropy *e, uint8_t next_header, uint8_t *inner, size_t len,
		   uint8_t **out, size_t *out_len)
{
	size_t head = esp_head_room(&c->suite), block = suite_block_len(&c->suite);
	size_t pad_len = (block - (len + TRAILER_LEN) % block) % block;
	size_t end = head + len + pad_len + TRAILER_LEN;
	uint8_t *data = inner - head, *pad = inner + len;
	enum drop drop;

	put_u32(data, spi);
	put_u32(data + 4, (uint32_t)seq);
	for (size_t i = 0; i < pad_len; i++)
		pad[i] = (uint8_t)(i + 1);
	pad[pad_len] = (uint8_t)pad_len;
	pad[pad_len + 1] = next_header;
	drop = suite_is_aead(&c->suite) ? gcm_seal(c, seq, salt, data, end)
					: cbc_seal(c, seq, e, data, end);
	if (drop != DROP_NONE)
		return drop;
	*out = data;
	*out_len = end + suite_icv_len(&c->suite);
	return DROP_NONE;
}

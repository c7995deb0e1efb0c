/* SPDX-License-Identifier: Apache-2.0 */
/* ESP in tunnel mode, RFC 4303:
 *
 *   | SPI | Seq | IV | inner packet | (TFC) | padding | Pad Length | Next Header | ICV |
 *   |           |    |<------------- encrypted ---------------------------->|
 *
 *   AEADs, RFC 4106 and RFC 7634: associated data is SPI | Seq, with ESN SPI | Seq-high |
 *            Seq-low (section 5; 2.1).
 *   HMAC:    the ICV covers everything before it and, with ESN, then Seq-high, which "is
 *            not transmitted" (RFC 4303 2.2.1).
 *
 * Authenticate, decrypt, check the padding, check the inner packet's length: in this order.
 * Different errors after authentication are no oracle, because the peer itself wrote the packet.
 * Nothing here allocates: a context's keys are expanded once. The meaning of the sequence number
 * (window, lease) is the business of sad.c. */
#include "proto/esp/esp.h"
#include "proto/mutant.h"

#include <openssl/bytestring.h>
#include <openssl/mem.h>

#include <assert.h>
#include <string.h>

enum {
	TRAILER_LEN = 2,      /* Pad Length, Next Header */
	NEXT_HEADER_IPV4 = 4,
	NEXT_HEADER_IPV6 = 41,
	NEXT_HEADER_DUMMY = 59,
};

enum status esp_context_init(struct esp_context *c, const struct suite *suite,
			     const struct esp_keys *keys, bool seal)
{
	return cipher_init(&c->cipher, suite, keys->encr, keys->integ, seal);
}

void esp_context_fini(struct esp_context *c)
{
	cipher_fini(&c->cipher);
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

/* Where the parts lie, and what is authenticated besides. */
struct layout {
	struct cipher_packet packet;
	uint8_t ad[12], high[4];
};

/* data: a packet with its header, text in [esp_head_room(), end). */
static void lay_out(struct layout *l, const struct suite *s, uint64_t seq, uint8_t *data, size_t end)
{
	bool esn = s->esn == ESN_YES;

	l->packet = (struct cipher_packet){.data = data,
					   .iv = ESP_HEADER_LEN,
					   .text = esp_head_room(s),
					   .icv = end,
					   .end = end + suite_icv_len(s)};
	put_u32(l->high, (uint32_t)(seq >> 32));
	memcpy(l->ad, data, 4);
	memcpy(l->ad + 4, l->high, 4);
	memcpy(l->ad + (esn ? 8 : 4), data + 4, 4);
	CBS_init(&l->packet.ad, l->ad, esn ? 12 : 8);
	CBS_init(&l->packet.tail, l->high, esn ? 4 : 0);
}

/* ---- Open ---- */

/* Decrypts in place after checking the ICV. */
static enum drop open_text(const struct esp_context *c, uint64_t seq, uint8_t *data, size_t end)
{
	const struct suite *s = &c->cipher.suite;
	struct layout l;

	lay_out(&l, s, seq, data, end);
	/* No ICV can be right there, and it would cost a hash to find out. */
	if (!suite_counts_iv(s) && (end - l.packet.text) % AES_BLOCK_SIZE != 0)
		return DROP_MALFORMED;
	return cipher_open(&c->cipher, &l.packet) == OK ? DROP_NONE : DROP_ICV;
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
	const struct suite *s = &c->cipher.suite;
	size_t head = esp_head_room(s), icv_len = suite_icv_len(s), end, pad_len;
	enum drop drop;

	if (len < head + TRAILER_LEN + icv_len)
		return DROP_SHORT;
	assert(get_u32(data + 4) == (uint32_t)seq);
	end = len - icv_len;
	drop = open_text(c, seq, data, end);
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

/* CBC with the longest ICV leaves the least. */
size_t esp_inner_max(size_t len)
{
	static const struct suite s = {
		.encr = ENCR_AES_CBC, .encr_key_bits = 128, .integ = AUTH_HMAC_SHA2_512_256
	};
	size_t fixed = esp_head_room(&s) + suite_icv_len(&s), block = suite_block_len(&s);
	size_t room = len > fixed ? (len - fixed) / block * block : 0;

	return room > TRAILER_LEN ? room - TRAILER_LEN : 0;
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

/* In a counter mode the IV comes from the number, which must not repeat; CBC's IV is random, but
 * the number must not repeat on the wire either. */
static void put_iv(const struct suite *s, uint64_t seq, uint32_t salt, struct entropy *e, uint8_t *out)
{
	uint64_t iv;

	if (suite_counts_iv(s)) {
		iv = esp_iv(salt, seq, s->esn == ESN_YES);
		if (MUTANT(MUTANT_CTR_IV_TWICE) && s->encr == ENCR_AES_CTR)
			iv &= ~UINT64_C(1);
		put_u32(out, (uint32_t)(iv >> 32));
		put_u32(out + 4, (uint32_t)iv);
		return;
	}
	assert(seq > 0 && (s->esn == ESN_YES || seq <= UINT32_MAX));
	entropy_draw(e, out, AES_BLOCK_SIZE);
	if (MUTANT(MUTANT_CBC_IV_COUNTER))
		memcpy(memset(out, 0, AES_BLOCK_SIZE), &seq, sizeof(seq));
}

enum drop esp_seal(const struct esp_context *c, uint32_t spi, uint64_t seq, uint32_t salt,
		   struct entropy *e, uint8_t next_header, uint8_t *inner, size_t len,
		   uint8_t **out, size_t *out_len)
{
	const struct suite *s = &c->cipher.suite;
	size_t head = esp_head_room(s), block = suite_block_len(s);
	size_t pad_len = (block - (len + TRAILER_LEN) % block) % block;
	size_t end = head + len + pad_len + TRAILER_LEN;
	uint8_t *data = inner - head, *pad = inner + len;
	struct layout l;

	put_u32(data, spi);
	put_u32(data + 4, (uint32_t)seq);
	for (size_t i = 0; i < pad_len; i++)
		pad[i] = (uint8_t)(i + 1);
	pad[pad_len] = (uint8_t)pad_len;
	pad[pad_len + 1] = next_header;
	put_iv(s, seq, salt, e, data + ESP_HEADER_LEN);
	lay_out(&l, s, seq, data, end);
	if (cipher_seal(&c->cipher, &l.packet) != OK)
		return DROP_CRYPTO;
	*out = data;
	*out_len = l.packet.end;
	return DROP_NONE;
}

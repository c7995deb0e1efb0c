/* SPDX-License-Identifier: Apache-2.0 */
/* The Encrypted payload, RFC 7296 3.14 and RFC 5282:
 *
 *   | IKE header | (payloads in clear) | SK header | IV | payloads, padding, Pad Length | ICV |
 *   |<------- AEAD: associated data -------------->|    |<----- encrypted ------------->|
 *   |<------- HMAC: "the entire message starting with the Fixed IKE header" ----------->|
 *
 * The message in clear that sk_seal() takes has the same IKE header and the same
 * chain, without the SK header between: the SK header's Next Payload is "the type
 * of the first embedded payload", the one the header in clear names.
 *
 * SKF (RFC 7383 2.5) is the same with two more numbers in its header, which are authenticated too,
 * and with a piece of the chain instead of all of it.
 *
 * Nothing in a message is believed before it authenticates, except where its SK payload lies; that
 * must span the rest of the datagram, so there is only one reading. */
#include "proto/ike/sk.h"

#include <openssl/bytestring.h>

#include "proto/crypto/cipher.h"
#include "proto/wire/wire.h"

#include <assert.h>
#include <string.h>

enum {
	PAYLOAD_CRITICAL = 0x80,
	HEADER_NEXT_PAYLOAD = 16, /* Offsets in the IKE header */
	HEADER_LENGTH = 24,
	MESSAGE_MAX = 65535,
};

struct sk_direction sk_direction_of(const struct suite *suite, const struct ike_keys *keys,
				    bool from_initiator)
{
	return (struct sk_direction){
		.suite = suite,
		.encr = from_initiator ? &keys->ei : &keys->er,
		.integ = from_initiator ? &keys->ai : &keys->ar,
	};
}

uint64_t iv_source_draw(struct iv_source *iv, struct entropy *e)
{
	assert(iv->next <= IV_COUNTER_MAX);
	if (iv->next == IV_COUNTER_MAX) {
		uint32_t old = iv->salt;

		do {
			iv->salt = entropy_u32(e);
		} while (iv->salt == old);
		iv->next = 0;
	}
	return (uint64_t)iv->salt << 32 | (uint32_t)iv->term << IV_COUNTER_BITS | iv->next++;
}

static bool keys_fit(const struct sk_direction *d)
{
	return suite_encr_supported(d->suite) && d->encr->len == suite_encr_key_len(d->suite) &&
	       d->integ->len == suite_integ_key_len(d->suite);
}

/* Seals or opens m, whose parts lie as `at` says, in place. */
static enum status run(const struct sk_direction *d, uint8_t *m, struct cipher_packet *at, bool seal)
{
	struct cipher c;
	enum status s = cipher_init(&c, d->suite, d->encr->bytes, d->integ->bytes, seal);

	if (s != OK)
		return s;
	at->data = m;
	CBS_init(&at->ad, m, at->iv);
	CBS_init(&at->tail, m, 0);
	s = seal ? cipher_seal(&c, at) : cipher_open(&c, at);
	cipher_fini(&c);
	return s;
}

/* ---- Seal ---- */

static void put_u16(uint8_t *p, size_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put_u32(uint8_t *p, size_t v)
{
	put_u16(p, v >> 16 & 0xffff);
	put_u16(p + 2, v & 0xffff);
}

static void write_iv(const struct sk_direction *d, struct iv_source *source, struct entropy *e,
		     uint8_t *iv)
{
	if (suite_counts_iv(d->suite)) {
		uint64_t v = iv_source_draw(source, e);

		put_u32(iv, v >> 32);
		put_u32(iv + 4, v & UINT32_MAX);
	} else {
		/* "Senders MUST select a new unpredictable IV for every message" */
		entropy_draw(e, iv, AES_BLOCK_SIZE);
	}
}

/* "There are no alignment requirements" with an AEAD (RFC 5282 3), nor with AES-CTR, where
 * "no padding is required" (RFC 5930 2). */
static size_t alignment(const struct suite *s)
{
	return suite_counts_iv(s) ? 1 : AES_BLOCK_SIZE;
}

/* Up to the IV. Total Fragments is never 0 (RFC 7383 2.5): so 0 stands for SK. */
static size_t iv_offset(bool fragment)
{
	return IKE_HEADER_LEN + WIRE_HEAD_LEN + (fragment ? SKF_NUMBERS_LEN : 0);
}

size_t sk_content_room(const struct suite *s, size_t max, bool fragment)
{
	size_t around = iv_offset(fragment) + suite_iv_len(s) + suite_icv_len(s);
	size_t text = max > around ? max - around : 0;

	text -= text % alignment(s);
	return text > 0 ? text - 1 : 0; /* 1: Pad Length */
}

static void write_heads(uint8_t *m, const struct sk_piece *piece, size_t len)
{
	memcpy(m, piece->message, IKE_HEADER_LEN);
	m[HEADER_NEXT_PAYLOAD] = piece->total ? SKF_PAYLOAD_TYPE : SK_PAYLOAD_TYPE;
	put_u32(m + HEADER_LENGTH, len);
	m[IKE_HEADER_LEN] = piece->message[HEADER_NEXT_PAYLOAD];
	m[IKE_HEADER_LEN + 1] = 0;
	put_u16(m + IKE_HEADER_LEN + 2, len - IKE_HEADER_LEN);
	if (piece->total) {
		put_u16(m + IKE_HEADER_LEN + WIRE_HEAD_LEN, piece->number);
		put_u16(m + IKE_HEADER_LEN + WIRE_HEAD_LEN + 2, piece->total);
	}
}

enum status sk_seal_fragment(const struct sk_direction *d, struct iv_source *iv, struct entropy *e,
			     const struct sk_piece *piece, struct blob **out)
{
	size_t block = alignment(d->suite), chain_len, pad_len;
	struct cipher_packet at = {0};
	struct blob *b;
	uint8_t *m;

	*out = NULL;
	if (piece->len < IKE_HEADER_LEN)
		return ERR_MALFORMED;
	if (piece->len > MESSAGE_MAX)
		return ERR_TOO_LONG;
	if (!keys_fit(d))
		return ERR_CRYPTO;
	chain_len = piece->len - IKE_HEADER_LEN;
	pad_len = (block - (chain_len + 1) % block) % block;
	at.iv = iv_offset(piece->total != 0);
	at.text = at.iv + suite_iv_len(d->suite);
	at.icv = at.text + chain_len + pad_len + 1;
	at.end = at.icv + suite_icv_len(d->suite);
	if (at.end > MESSAGE_MAX)
		return ERR_TOO_LONG;

	b = blob_new(NULL, at.end);
	m = b->data;
	write_heads(m, piece, at.end);
	write_iv(d, iv, e, m + at.iv);
	memcpy(m + at.text, piece->message + IKE_HEADER_LEN, chain_len);
	memset(m + at.text + chain_len, 0, pad_len);
	m[at.icv - 1] = (uint8_t)pad_len;
	if (run(d, m, &at, true) != OK) {
		blob_unref(b);
		return ERR_CRYPTO;
	}
	*out = b;
	return OK;
}

enum status sk_seal(const struct sk_direction *d, struct iv_source *iv, struct entropy *e,
		    const uint8_t *message, size_t len, struct blob **out)
{
	const struct sk_piece whole = {.message = message, .len = len};

	return sk_seal_fragment(d, iv, e, &whole, out);
}

/* ---- Open ---- */

/* Finds the SK or SKF payload. Payloads before it are not interpreted: once there are keys, nothing
 * that matters is sent in clear. "If the critical flag is set and the payload type is unrecognized,
 * the message MUST be rejected" (RFC 7296 2.5). */
static enum drop locate(const struct sk_direction *d, const uint8_t *data, size_t len,
			struct cipher_packet *at, uint8_t *first)
{
	struct wire_head head; /* Next Payload, flags */
	CBS rest, body;
	uint8_t type;

	CBS_init(&rest, data, len);
	if (!CBS_skip(&rest, IKE_HEADER_LEN))
		return DROP_IKE_PAYLOAD;
	for (type = data[HEADER_NEXT_PAYLOAD];; type = head.first) {
		if (type == 0 || !wire_take(&rest, &head, &body))
			return DROP_IKE_PAYLOAD;
		if (type == SK_PAYLOAD_TYPE)
			break;
		if (type == SKF_PAYLOAD_TYPE) {
			if (!CBS_skip(&body, SKF_NUMBERS_LEN))
				return DROP_IKE_PAYLOAD;
			break;
		}
		if (head.second & PAYLOAD_CRITICAL)
			return DROP_IKE_PAYLOAD;
	}
	/* "The Encrypted payload, if present in a message, MUST be the last payload" */
	if (CBS_len(&rest) != 0)
		return DROP_IKE_PAYLOAD;
	at->iv = len - CBS_len(&body);
	at->text = at->iv + suite_iv_len(d->suite);
	at->end = len;
	if (at->end < at->text + 1 + suite_icv_len(d->suite)) /* 1: Pad Length */
		return DROP_IKE_PAYLOAD;
	at->icv = at->end - suite_icv_len(d->suite);
	*first = head.first;
	return DROP_NONE;
}

enum drop sk_open(const struct sk_direction *d, const uint8_t *data, size_t len, uint8_t *plain,
		  CBS *chain, uint8_t *first)
{
	struct cipher_packet at = {0};
	enum drop drop;
	size_t text_len, pad_len;

	if (!keys_fit(d))
		return DROP_CRYPTO;
	drop = locate(d, data, len, &at, first);
	if (drop != DROP_NONE)
		return drop;
	if (plain != data)
		memcpy(plain, data, len);
	switch (run(d, plain, &at, false)) {
	case OK:
		break;
	case ERR_AUTH:
		return DROP_IKE_INTEGRITY;
	case ERR_MALFORMED: /* A sender that has the key and sends half a block is broken, not a forger. */
		return DROP_IKE_PAYLOAD;
	default:
		return DROP_CRYPTO;
	}
	/* "the recipient MUST accept any length that results in proper alignment" */
	text_len = at.icv - at.text;
	pad_len = plain[at.icv - 1];
	if (pad_len + 1 > text_len)
		return DROP_IKE_PAYLOAD;
	CBS_init(chain, plain + at.text, text_len - 1 - pad_len);
	return DROP_NONE;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The Encrypted payload, RFC 7296 3.14 and RFC 5282:
 *
 *   | IKE header | (payloads in clear) | SK header | IV | payloads, padding, Pad Length | ICV |
 *   |<------- AES-GCM: associated data ----------->|    |<----- encrypted ------------->|
 *   |<------- HMAC: "the entire message starting with the Fixed IKE header" ----------->|
 *
 * The message in clear that sk_seal() takes has the same IKE header and the same
 * chain, without the SK header between: the SK header's Next Payload is "the type
 * of the first embedded payload", the one the header in clear names.
 *
 * Nothing of a message is believed before it authenticates, except where its SK
 * payload lies; that must span the rest of the datagram, so there is one reading. */
#include "proto/ike/sk.h"

#include <openssl/aead.h>
#include <openssl/aes.h>
#include <openssl/bytestring.h>
#include <openssl/mem.h>

#include "proto/crypto/prf.h"
#include "proto/wire/wire.h"

#include <assert.h>
#include <string.h>

enum {
	PAYLOAD_CRITICAL = 0x80,
	HEADER_NEXT_PAYLOAD = 16, /* Offsets in the IKE header */
	HEADER_LENGTH = 24,
	GCM_SALT_LEN = 4,
	GCM_IV_LEN = 8,
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
	if (iv->next == UINT32_MAX) {
		uint32_t old = iv->salt;

		do {
			iv->salt = entropy_u32(e);
		} while (iv->salt == old);
		iv->next = 0;
	}
	return (uint64_t)iv->salt << 32 | iv->next++;
}

static bool keys_fit(const struct sk_direction *d)
{
	const struct suite *s = d->suite;

	if (s->encr_key_bits != 128 && s->encr_key_bits != 256)
		return false;
	if (!suite_is_aead(s) && (s->encr != ENCR_AES_CBC || s->integ != AUTH_HMAC_SHA2_256_128))
		return false;
	return d->encr->len == suite_encr_key_len(s) &&
	       d->integ->len == (suite_is_aead(s) ? 0 : suite_integ_key_len(s));
}

/* Where the parts of one message lie; offsets from its first octet. */
struct layout {
	size_t iv, text, icv; /* text: encrypted, up to icv */
	size_t end;
};

/* ---- AES-GCM ---- */

static bool gcm_init(EVP_AEAD_CTX *ctx, const struct sk_direction *d)
{
	const EVP_AEAD *aead = d->suite->encr_key_bits == 256 ? EVP_aead_aes_256_gcm()
							      : EVP_aead_aes_128_gcm();

	EVP_AEAD_CTX_zero(ctx);
	return EVP_AEAD_CTX_init(ctx, aead, d->encr->bytes, EVP_AEAD_key_length(aead),
				 suite_icv_len(d->suite), NULL) == 1;
}

/* RFC 5282 4: the nonce is "the salt with the IV, in that order"; 7.1: the salt is
 * the last four octets of the key material. */
static void gcm_nonce(uint8_t nonce[GCM_SALT_LEN + GCM_IV_LEN], const struct sk_direction *d,
		      const uint8_t *iv)
{
	memcpy(nonce, d->encr->bytes + d->encr->len - GCM_SALT_LEN, GCM_SALT_LEN);
	memcpy(nonce + GCM_SALT_LEN, iv, GCM_IV_LEN);
}

static bool gcm_seal(const struct sk_direction *d, uint8_t *m, const struct layout *at)
{
	uint8_t nonce[GCM_SALT_LEN + GCM_IV_LEN];
	size_t sealed = 0;
	EVP_AEAD_CTX ctx;
	bool ok;

	if (!gcm_init(&ctx, d))
		return false;
	gcm_nonce(nonce, d, m + at->iv);
	ok = EVP_AEAD_CTX_seal(&ctx, m + at->text, &sealed, at->end - at->text, nonce,
			       sizeof(nonce), m + at->text, at->icv - at->text, m, at->iv) == 1;
	EVP_AEAD_CTX_cleanup(&ctx);
	assert(!ok || sealed == at->end - at->text);
	return ok;
}

static enum drop gcm_open(const struct sk_direction *d, const uint8_t *m, uint8_t *plain,
			  const struct layout *at)
{
	uint8_t nonce[GCM_SALT_LEN + GCM_IV_LEN];
	size_t opened = 0;
	EVP_AEAD_CTX ctx;
	bool ok;

	if (!gcm_init(&ctx, d))
		return DROP_CRYPTO;
	gcm_nonce(nonce, d, m + at->iv);
	ok = EVP_AEAD_CTX_open(&ctx, plain + at->text, &opened, at->end - at->text, nonce,
			       sizeof(nonce), m + at->text, at->end - at->text, m, at->iv) == 1;
	EVP_AEAD_CTX_cleanup(&ctx);
	return ok ? DROP_NONE : DROP_IKE_INTEGRITY;
}

/* ---- AES-CBC with HMAC-SHA2-256-128 ---- */

static void cbc_icv(const struct sk_direction *d, const uint8_t *m, const struct layout *at,
		    uint8_t icv[SHA256_DIGEST_LENGTH])
{
	const CBS covered = prf_piece(m, at->icv);
	struct hmac_sha256 h;

	hmac_sha256_init(&h, d->integ->bytes, d->integ->len);
	hmac_sha256_compute(&h, &covered, 1, icv);
	hmac_sha256_cleanse(&h);
}

static bool cbc_seal(const struct sk_direction *d, uint8_t *m, const struct layout *at)
{
	uint8_t iv[AES_BLOCK_SIZE], icv[SHA256_DIGEST_LENGTH];
	AES_KEY key;

	if (AES_set_encrypt_key(d->encr->bytes, d->suite->encr_key_bits, &key) != 0)
		return false;
	memcpy(iv, m + at->iv, sizeof(iv));
	AES_cbc_encrypt(m + at->text, m + at->text, at->icv - at->text, &key, iv, AES_ENCRYPT);
	OPENSSL_cleanse(&key, sizeof(key));
	cbc_icv(d, m, at, icv);
	memcpy(m + at->icv, icv, at->end - at->icv);
	return true;
}

static enum drop cbc_open(const struct sk_direction *d, const uint8_t *m, uint8_t *plain,
			  const struct layout *at)
{
	uint8_t iv[AES_BLOCK_SIZE], icv[SHA256_DIGEST_LENGTH];
	AES_KEY key;

	cbc_icv(d, m, at, icv);
	if (CRYPTO_memcmp(icv, m + at->icv, at->end - at->icv) != 0)
		return DROP_IKE_INTEGRITY;
	/* A sender that holds the key and sends half a block is broken, not forged. */
	if ((at->icv - at->text) % AES_BLOCK_SIZE != 0)
		return DROP_IKE_PAYLOAD;
	if (AES_set_decrypt_key(d->encr->bytes, d->suite->encr_key_bits, &key) != 0)
		return DROP_CRYPTO;
	memcpy(iv, m + at->iv, sizeof(iv));
	AES_cbc_encrypt(m + at->text, plain + at->text, at->icv - at->text, &key, iv, AES_DECRYPT);
	OPENSSL_cleanse(&key, sizeof(key));
	return DROP_NONE;
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
	if (suite_is_aead(d->suite)) {
		uint64_t v = iv_source_draw(source, e);

		put_u32(iv, v >> 32);
		put_u32(iv + 4, v & UINT32_MAX);
	} else {
		/* "Senders MUST select a new unpredictable IV for every message" */
		entropy_draw(e, iv, AES_BLOCK_SIZE);
	}
}

enum status sk_seal(const struct sk_direction *d, struct iv_source *iv, struct entropy *e,
		    const uint8_t *message, size_t len, struct blob **out)
{
	/* "There are no alignment requirements" with an AEAD (RFC 5282 3). */
	size_t block = suite_is_aead(d->suite) ? 1 : AES_BLOCK_SIZE;
	size_t chain_len, pad_len;
	struct layout at;
	struct blob *b;
	uint8_t *m;

	*out = NULL;
	if (len < IKE_HEADER_LEN)
		return ERR_MALFORMED;
	if (len > MESSAGE_MAX)
		return ERR_TOO_LONG;
	if (!keys_fit(d))
		return ERR_CRYPTO;
	chain_len = len - IKE_HEADER_LEN;
	pad_len = (block - (chain_len + 1) % block) % block;
	at.iv = IKE_HEADER_LEN + WIRE_HEAD_LEN;
	at.text = at.iv + suite_iv_len(d->suite);
	at.icv = at.text + chain_len + pad_len + 1;
	at.end = at.icv + suite_icv_len(d->suite);
	if (at.end > MESSAGE_MAX)
		return ERR_TOO_LONG;

	b = blob_new(NULL, at.end);
	m = b->data;
	memcpy(m, message, IKE_HEADER_LEN);
	m[HEADER_NEXT_PAYLOAD] = SK_PAYLOAD_TYPE;
	put_u32(m + HEADER_LENGTH, at.end);
	m[IKE_HEADER_LEN] = message[HEADER_NEXT_PAYLOAD];
	m[IKE_HEADER_LEN + 1] = 0;
	put_u16(m + IKE_HEADER_LEN + 2, at.end - IKE_HEADER_LEN);
	write_iv(d, iv, e, m + at.iv);
	memcpy(m + at.text, message + IKE_HEADER_LEN, chain_len);
	memset(m + at.text + chain_len, 0, pad_len);
	m[at.icv - 1] = (uint8_t)pad_len;
	if (!(suite_is_aead(d->suite) ? gcm_seal(d, m, &at) : cbc_seal(d, m, &at))) {
		blob_unref(b);
		return ERR_CRYPTO;
	}
	*out = b;
	return OK;
}

/* ---- Open ---- */

/* Finds the SK payload. Those before it are not interpreted: nothing that matters
 * is ever sent in clear once there are keys. "If the critical flag is set and the
 * payload type is unrecognized, the message MUST be rejected" (RFC 7296 2.5). */
static enum drop locate(const struct sk_direction *d, const uint8_t *data, size_t len,
			struct layout *at, uint8_t *first)
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
	struct layout at;
	enum drop drop;
	size_t text_len, pad_len;

	if (!keys_fit(d))
		return DROP_CRYPTO;
	drop = locate(d, data, len, &at, first);
	if (drop != DROP_NONE)
		return drop;
	drop = suite_is_aead(d->suite) ? gcm_open(d, data, plain, &at)
				       : cbc_open(d, data, plain, &at);
	if (drop != DROP_NONE)
		return drop;
	/* "the recipient MUST accept any length that results in proper alignment" */
	text_len = at.icv - at.text;
	pad_len = plain[at.icv - 1];
	if (pad_len + 1 > text_len)
		return DROP_IKE_PAYLOAD;
	CBS_init(chain, plain + at.text, text_len - 1 - pad_len);
	return DROP_NONE;
}

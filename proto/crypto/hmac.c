/* SPDX-License-Identifier: Apache-2.0 */
/* HMAC = H(K ^ opad | H(K ^ ipad | text)). The states after the two key blocks are kept instead of
 * the key. The library's own HMAC allocates for each copy of its state, so we call the hashes
 * directly. They do not fail (sha.h: "returns one"). */
#include "proto/crypto/hmac.h"

#include "proto/crypto/suite.h"

#include <openssl/mem.h>

#include <assert.h>
#include <string.h>

static void state_init(uint16_t integ, union hmac_state *s)
{
	switch (integ) {
	case AUTH_HMAC_SHA1_96:
		SHA1_Init(&s->sha1);
		break;
	case AUTH_HMAC_SHA2_256_128:
		SHA256_Init(&s->sha256);
		break;
	case AUTH_HMAC_SHA2_384_192:
		SHA384_Init(&s->sha512);
		break;
	default:
		assert(integ == AUTH_HMAC_SHA2_512_256);
		SHA512_Init(&s->sha512);
		break;
	}
}

static void state_update(uint16_t integ, union hmac_state *s, const void *data, size_t len)
{
	switch (integ) {
	case AUTH_HMAC_SHA1_96:
		SHA1_Update(&s->sha1, data, len);
		break;
	case AUTH_HMAC_SHA2_256_128:
		SHA256_Update(&s->sha256, data, len);
		break;
	case AUTH_HMAC_SHA2_384_192:
		SHA384_Update(&s->sha512, data, len);
		break;
	default:
		SHA512_Update(&s->sha512, data, len);
		break;
	}
}

/* Writes the hash, returns its length. */
static size_t state_final(uint16_t integ, union hmac_state *s, uint8_t *out)
{
	switch (integ) {
	case AUTH_HMAC_SHA1_96:
		SHA1_Final(out, &s->sha1);
		return SHA_DIGEST_LENGTH;
	case AUTH_HMAC_SHA2_256_128:
		SHA256_Final(out, &s->sha256);
		return SHA256_DIGEST_LENGTH;
	case AUTH_HMAC_SHA2_384_192:
		SHA384_Final(out, &s->sha512);
		return SHA384_DIGEST_LENGTH;
	default:
		SHA512_Final(out, &s->sha512);
		return SHA512_DIGEST_LENGTH;
	}
}

static size_t block_len(uint16_t integ)
{
	return integ == AUTH_HMAC_SHA2_384_192 || integ == AUTH_HMAC_SHA2_512_256 ? SHA512_CBLOCK
										  : SHA256_CBLOCK;
}

void hmac_init(struct hmac *h, uint16_t integ, const uint8_t *key, size_t len)
{
	uint8_t block[SHA512_CBLOCK] = { 0 };
	size_t n = block_len(integ);

	assert(len <= n);
	memset(h, 0, sizeof(*h));
	h->integ = integ;
	memcpy(block, key, len);
	for (size_t i = 0; i < n; i++)
		block[i] ^= 0x36;
	state_init(integ, &h->inner);
	state_update(integ, &h->inner, block, n);
	for (size_t i = 0; i < n; i++)
		block[i] ^= 0x36 ^ 0x5c;
	state_init(integ, &h->outer);
	state_update(integ, &h->outer, block, n);
	OPENSSL_cleanse(block, sizeof(block));
}

size_t hmac_compute(const struct hmac *h, const CBS *pieces, size_t n_pieces,
		    uint8_t out[HMAC_LEN_MAX])
{
	union hmac_state s = h->inner;
	size_t len;

	for (size_t i = 0; i < n_pieces; i++)
		state_update(h->integ, &s, CBS_data(&pieces[i]), CBS_len(&pieces[i]));
	len = state_final(h->integ, &s, out);
	s = h->outer;
	state_update(h->integ, &s, out, len);
	len = state_final(h->integ, &s, out);
	OPENSSL_cleanse(&s, sizeof(s));
	return len;
}

void hmac_cleanse(struct hmac *h)
{
	OPENSSL_cleanse(h, sizeof(*h));
}

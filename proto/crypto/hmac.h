/* SPDX-License-Identifier: Apache-2.0 */
/* HMAC (RFC 2104) as the integrity algorithm of an SA, truncated to suite_icv_len(): SHA-1 RFC
 * 2404, SHA-2 RFC 4868. The two key blocks are hashed beforehand, which saves an allocation and two
 * compressions for each packet. Holds key material: cleanse it. */
#ifndef PROTO_CRYPTO_HMAC_H
#define PROTO_CRYPTO_HMAC_H

#include <openssl/bytestring.h>
#include <openssl/sha.h>

#define HMAC_LEN_MAX SHA512_DIGEST_LENGTH

union hmac_state {
	SHA_CTX sha1;
	SHA256_CTX sha256;
	SHA512_CTX sha512; /* SHA-384 too. */
};

struct hmac {
	uint16_t integ;
	union hmac_state inner, outer;
};

/* integ: one that suite_integ_key_len() knows; len: at most the block of its hash. */
void hmac_init(struct hmac *h, uint16_t integ, const uint8_t *key, size_t len);
/* HMAC(key, pieces[0] | pieces[1] | ...), not cut off. Returns its length. */
size_t hmac_compute(const struct hmac *h, const CBS *pieces, size_t n_pieces,
		    uint8_t out[HMAC_LEN_MAX]);
void hmac_cleanse(struct hmac *h);

#endif

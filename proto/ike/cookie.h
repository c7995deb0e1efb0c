/* SPDX-License-Identifier: Apache-2.0 */
/* The stateless cookie of RFC 7296 2.6: proof that an initiator receives at the
 * address it claims to send from, made and checked without keeping anything.
 * The key is the cluster's, so a cookie that one node handed out is good on
 * every other. */
#ifndef PROTO_IKE_COOKIE_H
#define PROTO_IKE_COOKIE_H

#include "proto/wire/address.h"

#define COOKIE_LEN 33u /* Version and HMAC-SHA-256; RFC 7296 2.6: 1..64 octets. */
#define COOKIE_KEY_LEN 32u

/* What a cookie vouches for: the parts of one IKE_SA_INIT request. Borrowed. */
struct cookie_subject {
	const uint8_t *nonce; /* Ni */
	size_t nonce_len;
	uint64_t spi_i;
	const struct endpoint *remote; /* Where the request came from. */
};

/* The key changes with each such span of now_ms, which is cluster time. */
#define COOKIE_EPOCH_MS UINT64_C(120000)

void cookie_create(uint8_t cookie[COOKIE_LEN], const uint8_t key[COOKIE_KEY_LEN], uint64_t now_ms,
		   const struct cookie_subject *subject);

/* Good for the span that it was made in, the next one, and the one before. Constant time
 * in the cookie's octets but the first. */
bool cookie_verify(const uint8_t *cookie, size_t len, const uint8_t key[COOKIE_KEY_LEN],
		   uint64_t now_ms, const struct cookie_subject *subject);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Expands the 32 octets that an event brings into as many as it needs: the key stream of ChaCha20
 * (RFC 8439 2.4) under that seed, nonce zero, counter from zero. A seed serves one event, so a
 * nonce is never reused; octets that were given out are wiped from the pool. The 2^32 blocks of one
 * seed are 256 GiB: the assert catches loops that do not end. */
#include "proto/crypto/entropy.h"

#include <openssl/chacha.h>
#include <openssl/mem.h>

#include <assert.h>
#include <string.h>

void entropy_init(struct entropy *e, const uint8_t seed[ENTROPY_SEED_LEN])
{
	memset(e, 0, sizeof(*e));
	memcpy(e->key, seed, ENTROPY_SEED_LEN);
	e->used = sizeof(e->pool);
}

static void refill(struct entropy *e)
{
	static const uint8_t nonce[12];

	assert(e->block < UINT32_MAX);
	memset(e->pool, 0, sizeof(e->pool));
	CRYPTO_chacha_20(e->pool, e->pool, sizeof(e->pool), e->key, nonce, e->block++);
	e->used = 0;
}

void entropy_draw(struct entropy *e, void *out, size_t len)
{
	uint8_t *p = out;

	while (len > 0) {
		size_t left, n;

		if (e->used == sizeof(e->pool))
			refill(e);
		left = sizeof(e->pool) - e->used;
		n = len < left ? len : left;
		memcpy(p, e->pool + e->used, n);
		OPENSSL_cleanse(e->pool + e->used, n);
		e->used = (uint8_t)(e->used + n);
		p += n;
		len -= n;
	}
}

uint32_t entropy_u32(struct entropy *e)
{
	return (uint32_t)entropy_u64(e);
}

/* Composed by hand, so that a seed gives the same numbers on every machine. */
uint64_t entropy_u64(struct entropy *e)
{
	uint8_t b[8];
	uint64_t v = 0;

	entropy_draw(e, b, sizeof(b));
	for (size_t i = 0; i < sizeof(b); i++)
		v = v << 8 | b[i];
	OPENSSL_cleanse(b, sizeof(b));
	return v;
}

void entropy_fini(struct entropy *e)
{
	OPENSSL_cleanse(e, sizeof(*e));
}

/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 7296 2.6 recommends
 *
 *     Cookie = <VersionIDofSecret> | Hash(Ni | IPi | SPIi | <secret>)
 *
 * and that the "responder should change the value of <secret> frequently, especially if under attack". Ours is <low
 * octet of epoch> | HMAC-SHA-256(key of that epoch, Ni | IPi | SPIi | port). An epoch lasts two minutes of cluster
 * time, and its key is derived from the cluster's, so all nodes change together without a message. The epoch before is
 * accepted too, or a client that asked at its end would be asked again; so is the one after, for a node whose clock
 * lags behind that of the node that made the cookie.
 *
 * Everything after the nonce has a fixed length, so two different requests never give the same
 * octets to the HMAC. The port is included because several initiators share an address behind a
 * NAT; one initiator's cookie does not serve another. A cookie that does not verify is no error:
 * the initiator gets a new one. */
#include "proto/ike/cookie.h"

#include "proto/wire/wire.h"

#include <openssl/digest.h>
#include <openssl/hmac.h>
#include <openssl/mem.h>

#include <assert.h>
#include <string.h>

static void epoch_key(uint8_t out[COOKIE_KEY_LEN], const uint8_t key[COOKIE_KEY_LEN], uint64_t epoch)
{
	uint8_t info[6 + 8] = "cookie";
	unsigned len = 0;
	const void *ok;

	wire_put_u64(info + 6, epoch);
	ok = HMAC(EVP_sha256(), key, COOKIE_KEY_LEN, info, sizeof(info), out, &len);
	assert(ok && len == COOKIE_KEY_LEN);
}

static void create(uint8_t cookie[COOKIE_LEN], const uint8_t cluster_key[COOKIE_KEY_LEN],
		   uint64_t epoch, const struct cookie_subject *subject)
{
	uint8_t tail[1 + 16 + 8 + 2], key[COOKIE_KEY_LEN];
	unsigned len = 0;
	HMAC_CTX hmac;
	int ok;

	tail[0] = subject->remote->address.family;
	memcpy(tail + 1, subject->remote->address.octets, 16);
	wire_put_u64(tail + 17, subject->spi_i);
	tail[25] = (uint8_t)(subject->remote->port >> 8);
	tail[26] = (uint8_t)subject->remote->port;

	cookie[0] = (uint8_t)epoch;
	epoch_key(key, cluster_key, epoch);
	HMAC_CTX_init(&hmac);
	ok = HMAC_Init_ex(&hmac, key, COOKIE_KEY_LEN, EVP_sha256(), NULL) &&
	     HMAC_Update(&hmac, subject->nonce, subject->nonce_len) &&
	     HMAC_Update(&hmac, tail, sizeof(tail)) && HMAC_Final(&hmac, cookie + 1, &len);
	HMAC_CTX_cleanup(&hmac);
	OPENSSL_cleanse(key, sizeof(key));
	assert(ok); /* Out of memory only. */
	assert(len == COOKIE_LEN - 1);
}

void cookie_create(uint8_t cookie[COOKIE_LEN], const uint8_t key[COOKIE_KEY_LEN], uint64_t now_ms,
		   const struct cookie_subject *subject)
{
	create(cookie, key, now_ms / COOKIE_EPOCH_MS, subject);
}

bool cookie_verify(const uint8_t *cookie, size_t len, const uint8_t key[COOKIE_KEY_LEN],
		   uint64_t now_ms, const struct cookie_subject *subject)
{
	uint64_t now = now_ms / COOKIE_EPOCH_MS, epoch = now > 0 ? now - 1 : 0;
	uint8_t expected[COOKIE_LEN];

	if (len != COOKIE_LEN)
		return false;
	while ((uint8_t)epoch != cookie[0])
		if (epoch++ > now)
			return false;
	create(expected, key, epoch, subject);
	return CRYPTO_memcmp(cookie, expected, COOKIE_LEN) == 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 7296 2.6 recommends
 *
 *     Cookie = <VersionIDofSecret> | Hash(Ni | IPi | SPIi | <secret>)
 *
 * Ours is <version> | HMAC-SHA-256(key, Ni | IPi | SPIi | port). Everything
 * behind the nonce has a fixed length, so two different requests never give the
 * same octets to the HMAC. The port is included because several initiators
 * share an address behind a NAT; a cookie taken by one does not serve another.
 *
 * The version names this layout. A cookie made under another key, or in another
 * layout, simply does not verify, and the initiator is given a new one. */
#include "proto/cookie.h"

#include "proto/wire.h"

#include <openssl/digest.h>
#include <openssl/hmac.h>
#include <openssl/mem.h>

#include <assert.h>
#include <string.h>

enum { COOKIE_VERSION = 1 };

void cookie_create(uint8_t cookie[COOKIE_LEN], const uint8_t key[COOKIE_KEY_LEN],
		   const struct cookie_subject *subject)
{
	uint8_t tail[1 + 16 + 8 + 2];
	unsigned len = 0;
	HMAC_CTX hmac;
	int ok;

	tail[0] = subject->remote->address.family;
	memcpy(tail + 1, subject->remote->address.octets, 16);
	wire_put_u64(tail + 17, subject->spi_i);
	tail[25] = (uint8_t)(subject->remote->port >> 8);
	tail[26] = (uint8_t)subject->remote->port;

	cookie[0] = COOKIE_VERSION;
	HMAC_CTX_init(&hmac);
	ok = HMAC_Init_ex(&hmac, key, COOKIE_KEY_LEN, EVP_sha256(), NULL) &&
	     HMAC_Update(&hmac, subject->nonce, subject->nonce_len) &&
	     HMAC_Update(&hmac, tail, sizeof(tail)) && HMAC_Final(&hmac, cookie + 1, &len);
	HMAC_CTX_cleanup(&hmac);
	assert(ok); /* Out of memory only. */
	assert(len == COOKIE_LEN - 1);
}

bool cookie_verify(const uint8_t *cookie, size_t len, const uint8_t key[COOKIE_KEY_LEN],
		   const struct cookie_subject *subject)
{
	uint8_t expected[COOKIE_LEN];

	if (len != COOKIE_LEN)
		return false;
	cookie_create(expected, key, subject);
	return CRYPTO_memcmp(cookie, expected, COOKIE_LEN) == 0;
}

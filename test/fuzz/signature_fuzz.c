/* SPDX-License-Identifier: Apache-2.0 */
/* AUTH data of anybody, with its AlgorithmIdentifier, against keys of each kind. The first octet
 * chooses the key, the second is the AUTH method.
 *
 * Only openssl's signatures are accepted (test/vectors/signature_rows.h), every refusal says why,
 * and an accepted one is accepted again. */
#include "proto/crypto/signature.h"
#include "test/vectors/signature_rows.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* runs: 4000 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static size_t unhex(const char *text, uint8_t *out)
{
	size_t n = strlen(text) / 2;

	for (size_t i = 0; i < n; i++) {
		const char two[3] = {text[2 * i], text[2 * i + 1], '\0'};

		out[i] = (uint8_t)strtoul(two, NULL, 16);
	}
	return n;
}

static EVP_PKEY *key_of(size_t which)
{
	static EVP_PKEY *keys[sizeof(signature_keys) / sizeof(signature_keys[0])];
	uint8_t der[4096];
	CBS in;

	if (!keys[which]) {
		CBS_init(&in, der, unhex(signature_keys[which].der, der));
		keys[which] = EVP_parse_private_key(&in);
		assert(keys[which]);
	}
	return keys[which];
}

/* An algorithm with other octets may mean the same (NULL or nothing), so values are compared. */
static bool is_known(const uint8_t *auth, size_t len)
{
	for (size_t i = 0; i < sizeof(signature_rows) / sizeof(signature_rows[0]); i++) {
		uint8_t row[1024];
		size_t n = unhex(signature_rows[i].auth, row);

		for (size_t tail = 48; tail <= n && tail <= len; tail++)
			if (memcmp(row + n - tail, auth + len - tail, tail) == 0)
				return true;
	}
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const char *why = NULL;
	CBS auth, octets;
	EVP_PKEY *key;

	if (len < 2)
		return 0;
	key = key_of(data[0] % (sizeof(signature_keys) / sizeof(signature_keys[0])));
	CBS_init(&octets, (const uint8_t *)signature_octets, strlen(signature_octets));
	CBS_init(&auth, data + 2, len - 2);
	(void)signature_is_pss(data[1], auth);
	if (signature_verify(key, data[1], auth, octets, &why))
		assert(is_known(data + 2, len - 2) && signature_verify(key, data[1], auth, octets, &why));
	else
		assert(why);
	(void)signature_hashes_read(auth);
	return 0;
}

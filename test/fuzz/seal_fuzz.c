/* SPDX-License-Identifier: Apache-2.0 */
/* Only sealed octets open: the input is taken as sealed octets (the key id is made ours, so that
 * the tag decides), and as a plaintext that must come back. */
#include "cluster/core/seal.h"

#include <assert.h>
#include <string.h>

/* runs: 50000 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const uint8_t key[32] = {7}, seed[ENTROPY_SEED_LEN] = {1};
	static struct seal_key *k;
	struct entropy e;
	struct blob *sealed, *plain, *forged;

	if (!k)
		k = seal_key_new(key, "fuzz");
	entropy_init(&e, seed);
	sealed = seal_create(k, SEAL_COMMAND, &e, data, len);
	assert(seal_open(k, SEAL_COMMAND, sealed->data, sealed->len, &plain) == OK);
	assert(len == 0 ? !plain : plain->len == len && memcmp(plain->data, data, len) == 0);
	blob_unref(plain);

	assert(seal_open(k, SEAL_COMMAND, data, len, &plain) != OK && !plain);
	if (len >= 5) {
		forged = blob_new(data, len);
		memcpy(forged->data, sealed->data, 5);
		assert(seal_open(k, SEAL_COMMAND, forged->data, forged->len, &plain) != OK);
		blob_unref(forged);
	}
	blob_unref(sealed);
	entropy_fini(&e);
	return 0;
}

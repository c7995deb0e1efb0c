/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots: what decodes is canonical, has the digest of its octets, and is a state on which
 * any command can be applied. */
#include "cluster/state.h"
#include "test/lib/sample.c"

#include <openssl/sha.h>

#include <assert.h>
#include <string.h>

/* runs: 20000 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct state *s = state_decode(data, len);
	struct blob *again;
	uint64_t random = len;
	uint8_t digest[32], own[32];

	if (!s)
		return 0;
	again = state_encode(s);
	/* What is of an older version comes back in today's. */
	if (again->len == len && again->data[0] == data[0])
		assert(memcmp(again->data, data, len) == 0);
	else
		assert(data[0] < again->data[0]);
	blob_unref(again);
	state_digest(s, digest);
	assert(memcmp(SHA256(data, len, own), digest, sizeof(own)) == 0);
	for (unsigned i = 0; i < 8; i++) {
		struct command c;
		struct apply_result r;

		sample_command(&c, &random);
		state_apply(s, &c, &r);
		command_fini(&c);
	}
	state_free(s);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Commands and half-open SAs: input that decodes is canonical, so it encodes to the same octets.
 * The first octet chooses; the rest is the input. */
#include "cluster/level.h"
#include "cluster/state/command.h"

#include <assert.h>
#include <string.h>

/* runs: 20000 */

static void fuzz_commands(const uint8_t *data, size_t len)
{
	while (len > 0) {
		const uint8_t *begin = data;
		struct command c;
		struct blob *again;

		if (command_decode(&c, &data, &len, LEVEL) != OK)
			return;
		again = command_encode(&c, LEVEL);
		assert(again->len == (size_t)(data - begin));
		assert(memcmp(again->data, begin, again->len) == 0);
		blob_unref(again);
		command_fini(&c);
	}
}

static void fuzz_half_open(const uint8_t *data, size_t len)
{
	struct ike_half_open h;
	struct blob *again;

	if (half_open_decode(&h, data, len, LEVEL) != OK)
		return;
	again = half_open_encode(&h, LEVEL);
	assert(again->len == len && memcmp(again->data, data, len) == 0);
	blob_unref(again);
	ike_half_open_fini(&h);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (len == 0)
		return 0;
	if (data[0] & 1)
		fuzz_half_open(data + 1, len - 1);
	else
		fuzz_commands(data + 1, len - 1);
	return 0;
}

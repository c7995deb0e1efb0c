/* SPDX-License-Identifier: Apache-2.0 */
/* Commands and half-open SAs: input that decodes is canonical, so it encodes to the same octets.
 * The first octet chooses; the rest is the input. command_fuzz --record DIR writes commands of each type. */
#include "cluster/level.h"
#include "cluster/state/command.h"
#include "test/fuzz/record.h"
#include "test/lib/sample.c"

#include <assert.h>
#include <stdlib.h>
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
int LLVMFuzzerInitialize(int *argc, char ***argv);

#define TYPES 64u   /* More than there are. */
#define OF_A_TYPE 2u
#define SAMPLES 4000u

static unsigned record_commands(const char *dir)
{
	unsigned have[TYPES] = {0}, n = 0;
	uint64_t stream = 1;

	for (unsigned i = 0; i < SAMPLES; i++) {
		struct command c;
		struct blob *b;

		sample_command(&c, &stream);
		if (have[(unsigned)c.type % TYPES]++ < OF_A_TYPE) {
			b = command_encode(&c, LEVEL);
			record_seed(dir, n++, 0, b->data, b->len);
			blob_unref(b);
		}
		command_fini(&c);
	}
	return n;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *dir = record_dir(*argc, *argv);
	unsigned n;

	if (!dir)
		return 0;
	n = record_commands(dir);
	for (uint32_t seed = 1; seed <= 4; seed++) {
		struct ike_half_open h;
		struct blob *b;

		sample_half_open(&h, seed);
		b = half_open_encode(&h, LEVEL);
		record_seed(dir, n++, 1, b->data, b->len);
		blob_unref(b);
		ike_half_open_fini(&h);
	}
	exit(0);
}

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

/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots: one that decodes is canonical, has the digest of these octets, and gives a state on
 * which any command can be applied. snapshot_fuzz --record DIR writes states after more and more commands. */
#include "cluster/state/state.h"
#include "test/fuzz/record.h"
#include "test/lib/sample.c"

#include <openssl/sha.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* runs: 5000 */

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
static void change(struct state *s, unsigned n, uint64_t *random)
{
	for (; n > 0; n--) {
		struct command c;
		struct apply_result r;

		sample_command(&c, random);
		state_apply(s, &c, &r);
		command_fini(&c);
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *dir = record_dir(*argc, *argv);
	uint64_t random = 1;

	for (unsigned i = 0; dir && i < 13; i++) {
		struct state *s = state_new();
		struct blob *b;

		change(s, i * i, &random);
		b = state_encode(s);
		record_seed(dir, i, -1, b->data, b->len);
		blob_unref(b);
		state_free(s);
	}
	if (dir)
		exit(0);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct state *s = state_decode(data, len, UINT8_MAX);
	struct blob *again;
	uint64_t random = len;
	uint8_t digest[32], own[32];

	if (!s)
		return 0;
	again = state_encode(s);
	assert(again->len == len && memcmp(again->data, data, len) == 0);
	state_digest(s, digest);
	assert(memcmp(SHA256(again->data, again->len, own), digest, sizeof(own)) == 0);
	blob_unref(again);
	change(s, 8, &random);
	state_free(s);
	return 0;
}

/* Sometimes a few commands later; octets alone seldom make another state that decodes. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	struct state *s = seed % 3 == 0 ? state_decode(data, size, UINT8_MAX) : NULL;
	uint64_t random = seed;
	struct blob *b;

	if (!s)
		return LLVMFuzzerMutate(data, size, max_size);
	change(s, 1 + seed / 3 % 8, &random);
	b = state_encode(s);
	state_free(s);
	if (b->len <= max_size) {
		size = b->len;
		memcpy(data, b->data, size);
	}
	blob_unref(b);
	return size ? size : 1;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The first octets of a node link, as a thief with a stolen certificate may choose them. The
 * input's first one says how many storage keys we have (bit 0) and whether the rest is XORed to a
 * good proof (bit 1) or is the frame itself.
 *
 * An accepted proof holds a MAC that we would make for that incarnation, and has exactly the length
 * of its count; an untouched proof is accepted. */
#include "cluster/link/proof.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* runs: 20000 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define HEAD_LEN 12u

static void keys_of(struct proof_keys *k, unsigned n)
{
	k->n = 0;
	for (unsigned i = 0; i < n; i++) {
		const uint8_t storage[32] = {(uint8_t)(i + 1)};
		uint8_t a[PROOF_SECRET_LEN], b[PROOF_SECRET_LEN];

		proof_secret_derive(storage, "n1", a);
		proof_secret_derive(storage, "n2", b);
		proof_keys_add(k, a, b);
	}
}

static bool has_mac(const uint8_t *frame, size_t len, const uint8_t *good, size_t good_len)
{
	for (size_t i = HEAD_LEN; i + 32 <= len; i += 32)
		for (size_t k = HEAD_LEN; k + 32 <= good_len; k += 32)
			if (memcmp(frame + i, good + k, 32) == 0)
				return true;
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const uint8_t exporter[PROOF_EXPORTER_LEN] = {7};
	struct proof_claim claim = {exporter, "n1", "n2", PROOF_DIALS, 77};
	uint8_t good[PROOF_LEN_MAX], *frame;
	uint64_t incarnation = 5;
	struct proof_keys keys;
	bool changed = true;
	size_t n;

	if (len == 0)
		return 0;
	keys_of(&keys, 1 + (data[0] & 1));
	n = len - 1;
	frame = malloc(n ? n : 1);
	assert(frame);
	if (n > 0)
		memcpy(frame, data + 1, n);
	if (data[0] & 2) {
		size_t good_len = proof_create(&keys, &claim, good);

		changed = false;
		for (size_t i = 0; i < n && i < good_len; i++) {
			changed |= frame[i] != 0;
			frame[i] ^= good[i];
		}
		changed |= n != good_len;
	}
	if (proof_verify(&keys, &claim, frame, n, &incarnation) == OK) {
		claim.incarnation = incarnation;
		assert(n == HEAD_LEN + frame[11] * 32u);
		assert(has_mac(frame, n, good, proof_create(&keys, &claim, good)));
	} else {
		assert(changed && incarnation == 0);
	}
	free(frame);
	return 0;
}

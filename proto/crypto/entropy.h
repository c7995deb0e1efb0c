/* SPDX-License-Identifier: Apache-2.0 */
/* Randomness as an argument. The edge draws 32 octets from the system for each event; ChaCha20
 * expands them into all that the pure code needs for that event. The same seed gives the same
 * octets, so a simulated run repeats. */
#ifndef PROTO_CRYPTO_ENTROPY_H
#define PROTO_CRYPTO_ENTROPY_H

#include <stddef.h>
#include <stdint.h>

#define ENTROPY_SEED_LEN 32u

struct entropy {
	uint8_t key[ENTROPY_SEED_LEN];
	uint32_t block;  /* Next ChaCha20 block. */
	uint8_t pool[64];
	uint8_t used;    /* Octets of pool already given out. */
};

void entropy_init(struct entropy *e, const uint8_t seed[ENTROPY_SEED_LEN]);
void entropy_draw(struct entropy *e, void *out, size_t len);
uint32_t entropy_u32(struct entropy *e);
uint64_t entropy_u64(struct entropy *e);
void entropy_fini(struct entropy *e); /* Cleanses. */

#endif

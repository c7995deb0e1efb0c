/* SPDX-License-Identifier: Apache-2.0 */
/* The only source of chance in a simulation: xoshiro256**, seeded once. */
#ifndef TEST_SIM_RANDOM_H
#define TEST_SIM_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct random {
	uint64_t s[4];
};

void random_init(struct random *r, uint64_t seed);
uint64_t random_u64(struct random *r);
uint64_t random_below(struct random *r, uint64_t n);               /* [0, n), n > 0 */
uint64_t random_between(struct random *r, uint64_t a, uint64_t b); /* [a, b] */
bool random_chance(struct random *r, unsigned per_mille);
void random_fill(struct random *r, uint8_t *out, size_t len);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "test/sim/random.h"

#include <string.h>

static uint64_t rotate(uint64_t x, unsigned k)
{
	return (x << k) | (x >> (64 - k));
}

/* splitmix64 spreads a small seed over the whole state. */
void random_init(struct random *r, uint64_t seed)
{
	for (unsigned i = 0; i < 4; i++) {
		uint64_t z = (seed += UINT64_C(0x9e3779b97f4a7c15));

		z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
		z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
		r->s[i] = z ^ (z >> 31);
	}
}

uint64_t random_u64(struct random *r)
{
	uint64_t result = rotate(r->s[1] * 5, 7) * 9, t = r->s[1] << 17;

	r->s[2] ^= r->s[0];
	r->s[3] ^= r->s[1];
	r->s[1] ^= r->s[2];
	r->s[0] ^= r->s[3];
	r->s[2] ^= t;
	r->s[3] = rotate(r->s[3], 45);
	return result;
}

uint64_t random_below(struct random *r, uint64_t n)
{
	return random_u64(r) % n; /* The bias does not matter here. */
}

uint64_t random_between(struct random *r, uint64_t a, uint64_t b)
{
	return a + random_below(r, b - a + 1);
}

bool random_chance(struct random *r, unsigned per_mille)
{
	return random_below(r, 1000) < per_mille;
}

void random_fill(struct random *r, uint8_t *out, size_t len)
{
	for (size_t i = 0; i < len; i += sizeof(uint64_t)) {
		uint64_t x = random_u64(r);

		memcpy(out + i, &x, len - i < sizeof(x) ? len - i : sizeof(x));
	}
}

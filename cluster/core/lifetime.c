/* SPDX-License-Identifier: Apache-2.0 */
/* Limits of the age of SAs and of what they carry. The state says when each was made; the limits come from the
 * configuration, so a changed limit applies to existing SAs. */
#include "cluster/core/lifetime.h"

/* The SPI is random in all its bits. */
static uint64_t soft(uint64_t limit, uint32_t spi)
{
	return limit - limit / 10 * (spi & 0xff) / 255;
}

bool lifetime_is_due(const struct lifetime *l, uint64_t made_ms, uint32_t spi, uint64_t now_ms)
{
	return l->rekey_s != 0 && now_ms >= made_ms + soft((uint64_t)l->rekey_s * 1000, spi);
}

bool lifetime_is_over(const struct lifetime *l, uint64_t made_ms, uint64_t now_ms)
{
	return l->hard_s != 0 && now_ms >= made_ms + (uint64_t)l->hard_s * 1000;
}

static uint64_t left_of(uint64_t at_ms, uint64_t now_ms)
{
	return at_ms > now_ms ? at_ms - now_ms : 0;
}

uint64_t lifetime_left_ms(const struct lifetime *l, uint64_t made_ms, uint32_t spi, uint64_t now_ms)
{
	uint64_t left = UINT64_MAX;

	if (l->hard_s)
		left = left_of(made_ms + (uint64_t)l->hard_s * 1000, now_ms);
	if (l->rekey_s && left_of(made_ms + soft((uint64_t)l->rekey_s * 1000, spi), now_ms) < left)
		left = left_of(made_ms + soft((uint64_t)l->rekey_s * 1000, spi), now_ms);
	return left;
}

static bool reaches(uint64_t in, uint64_t out, uint64_t limit)
{
	return limit != 0 && (in >= limit || out >= limit);
}

bool lifetime_is_used(const struct lifetime *l, const struct volume *v, uint32_t spi)
{
	return reaches(v->octets_in, v->octets_out, soft(l->rekey.octets, spi)) ||
	       reaches(v->packets_in, v->packets_out, soft(l->rekey.packets, spi));
}

bool lifetime_is_used_up(const struct lifetime *l, const struct volume *v)
{
	return reaches(v->octets_in, v->octets_out, l->hard.octets) ||
	       reaches(v->packets_in, v->packets_out, l->hard.packets);
}

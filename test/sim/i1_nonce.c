/* SPDX-License-Identifier: Apache-2.0 */
/* I1: no (key, IV) is ever used for two different packets, by any node. The IV is read from the
 * packet: behind the ESP header, or at the start of IKE's SK payload. The check uses only the first
 * 8 of a CBC IV's 16 octets.
 *
 * Leases alone make ESP's numbers unique, so this asks for more than I1: no number twice under one
 * SA. Numbers come again only if every disk was put back to an older copy, which nothing can
 * notice; then the salt in the IV must differ. An IKE IV may repeat only with the same bytes.
 *
 * It also checks each lease: no two epochs may send the same number, and no lease shrinks within
 * its epoch, for its numbers may have been used. */
#include "test/sim/full.h"

#include "proto/ike/ike_message.h"

#include <string.h>

/* The salt of IVs is the upper half of an incarnation. It is for what leases and terms cannot see:
 * all disks rolled back, and a single voter, which restarts in its old term. Otherwise all draw the
 * same here, so that I1 rests on leases and terms alone. */
uint64_t i1_incarnation(struct i1_nonce *c)
{
	uint64_t drawn = random_u64(&c->full->world.random) | 1;

	if (c->rolled_back || c->full->plan.hosts == 1)
		return drawn;
	return UINT64_C(0x5a175a17) << 32 | (uint32_t)drawn;
}

void i1_sealed(struct i1_nonce *c, unsigned host, uint32_t spi_in, uint64_t seq,
	       const uint8_t *packet, size_t len)
{
	uint64_t *v, iv;
	bool fresh;

	v = seen_get(&c->numbers, spi_in, seq, 0, &fresh);
	if (!fresh && !c->rolled_back)
		world_fail(&c->full->world,
			   "I1: n%u seals number %llu of SA %08x, which n%llu sealed before",
			   host + 1, (unsigned long long)seq, spi_in,
			   (unsigned long long)v[0] + 1);
	v[0] = host;
	c->n_sealed++;
	if (len < ESP_HEADER_LEN + sizeof(iv))
		world_fail(&c->full->world, "n%u seals a packet of %zu octets", host + 1, len);
	memcpy(&iv, packet + ESP_HEADER_LEN, sizeof(iv));
	v = seen_get(&c->esp, spi_in, iv, 0, &fresh);
	if (!fresh)
		world_fail(&c->full->world,
			   "I1: n%u seals number %llu of SA %08x with an IV that n%llu used before",
			   host + 1, (unsigned long long)seq, spi_in,
			   (unsigned long long)v[0] + 1);
	v[0] = host;
}

static bool within(const uint64_t *v, int64_t epoch, uint64_t start, uint64_t end)
{
	if (epoch == (int64_t)v[0])
		return start == v[1] && end >= v[2];
	return epoch > (int64_t)v[0] ? start >= v[2] : end <= v[1];
}

void i1_granted(struct i1_nonce *c, unsigned host, uint32_t spi_in, int64_t epoch, uint64_t start,
		uint64_t end)
{
	bool fresh;
	uint64_t *v = seen_get(&c->lease, spi_in, 0, 0, &fresh);

	if (c->rolled_back)
		return;
	if (!fresh && !within(v, epoch, start, end))
		world_fail(&c->full->world,
			   "I1: n%u may send %llu to %llu of SA %08x in epoch %lld; "
			   "epoch %lld had %llu to %llu",
			   host + 1, (unsigned long long)start, (unsigned long long)end, spi_in,
			   (long long)epoch, (long long)v[0], (unsigned long long)v[1],
			   (unsigned long long)v[2]);
	if (!fresh && epoch < (int64_t)v[0])
		return;
	v[0] = (uint64_t)epoch;
	v[1] = start;
	v[2] = end;
}

void i1_ike(struct i1_nonce *c, unsigned host, const uint8_t *message, size_t len)
{
	uint64_t iv, hash = seen_hash(message, len), *v;
	size_t at = IKE_HEADER_LEN + 4;
	struct ike_header h;
	bool fresh;

	if (ike_header_parse(&h, message, len) != DROP_NONE)
		return;
	if (h.next_payload == IKE_PAYLOAD_SKF)
		at += 4;
	else if (h.next_payload != IKE_PAYLOAD_SK)
		return;
	if (len < at + 8)
		return;
	memcpy(&iv, message + at, 8);
	v = seen_get(&c->ike, h.spi_i, h.spi_r, iv, &fresh);
	if (!fresh && v[0] != hash)
		world_fail(&c->full->world, "I1: n%u uses an IV of an IKE SA for another message",
			   host + 1);
	v[0] = hash;
}

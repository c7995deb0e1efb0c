/* SPDX-License-Identifier: Apache-2.0 */
/* I1: no (key, IV) is ever used for two different packets, by whomever.
 *
 * ESP: the IV of AES-GCM is the incarnation's salt and the sequence number
 * (esp_seal()). Leases alone make numbers unique, so this asks for more than I1: no
 * number twice under one SA, whatever the salt. Only when every disk was put back to an
 * older copy, which nothing can notice, do numbers come again, and the salt has to do.
 *
 * IKE: the IV stands at the start of the SK payload; the same one may carry the same
 * bytes again, nothing else. */
#include "test/sim/full.h"

#include "proto/ike_message.h"

#include <string.h>

void i1_sealed(struct i1_nonce *c, unsigned host, uint32_t spi_in, uint32_t salt, uint64_t seq)
{
	bool fresh;
	uint64_t *v = seen_get(&c->numbers, spi_in, seq, 0, &fresh);

	if (!fresh && (!c->rolled_back || v[1] == salt))
		world_fail(&c->full->world,
			   "I1: n%u seals number %llu of SA %08x, which n%llu sealed before",
			   host + 1, (unsigned long long)seq, spi_in,
			   (unsigned long long)v[0] + 1);
	v[0] = host;
	v[1] = salt;
	c->n_sealed++;
	if (!c->rolled_back)
		return;
	seen_get(&c->salted, spi_in, seq, salt, &fresh);
	if (!fresh)
		world_fail(&c->full->world,
			   "I1: n%u seals number %llu of SA %08x again, with the same salt", host + 1,
			   (unsigned long long)seq, spi_in);
}

void i1_ike(struct i1_nonce *c, unsigned host, const uint8_t *message, size_t len)
{
	uint64_t iv, hash = seen_hash(message, len), *v;
	struct ike_header h;
	bool fresh;

	if (ike_header_parse(&h, message, len) != DROP_NONE ||
	    h.next_payload != IKE_PAYLOAD_SK || len < IKE_HEADER_LEN + 4 + 8)
		return;
	memcpy(&iv, message + IKE_HEADER_LEN + 4, 8);
	v = seen_get(&c->ike, h.spi_i, h.spi_r, iv, &fresh);
	if (!fresh && v[0] != hash)
		world_fail(&c->full->world, "I1: n%u uses an IV of an IKE SA for another message",
			   host + 1);
	v[0] = hash;
}

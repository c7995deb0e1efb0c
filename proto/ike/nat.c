/* SPDX-License-Identifier: Apache-2.0 */
/* NAT detection (RFC 7296 2.23): each side sends SHA-1(SPIs | address | port) of the ends of the
 * path as it knows them, and compares what it gets with what it sees. A client may lie about its
 * source on purpose to get UDP encapsulation (strongSwan does with a userland IPsec); the hash then
 * matches nothing, and the client counts as being behind a NAT, which is all it wanted. */
#include "proto/ike/nat.h"
#include "proto/ike/builder.h"
#include "proto/ike/ike_message.h"
#include "proto/wire/wire.h"

#include <openssl/mem.h>
#include <openssl/sha.h>

static void nat_hash(uint64_t spi_i, uint64_t spi_r, const struct endpoint *e,
		     uint8_t out[SHA_DIGEST_LENGTH])
{
	uint8_t spis[16];
	uint8_t port[2] = {(uint8_t)(e->port >> 8), (uint8_t)e->port};
	SHA_CTX sha;

	wire_put_u64(spis, spi_i);
	wire_put_u64(spis + 8, spi_r);
	SHA1_Init(&sha);
	SHA1_Update(&sha, spis, sizeof(spis));
	SHA1_Update(&sha, e->address.octets, address_len(&e->address));
	SHA1_Update(&sha, port, sizeof(port));
	SHA1_Final(out, &sha);
}

/* Sets or clears flag by the notifications of that type: there "MAY be multiple
 * NAT_DETECTION_SOURCE_IP payloads", one match is enough. */
static void detect_one(uint32_t *features, uint32_t flag, const struct ike_message *m,
		       uint16_t type, const struct endpoint *seen)
{
	uint8_t expected[SHA_DIGEST_LENGTH];
	bool any = false, match = false;

	nat_hash(m->header.spi_i, m->header.spi_r, seen, expected);
	for (size_t i = 0; i < m->n_notify; i++) {
		if (m->notify[i].type != type)
			continue;
		any = true;
		match |= CBS_mem_equal(&m->notify[i].data, expected, sizeof(expected));
	}
	if (any)
		*features = match ? *features & ~flag : *features | flag;
}

void ike_nat_detect(uint32_t *features, const struct ike_message *m, const struct ike_path *path)
{
	detect_one(features, IKE_PEER_BEHIND_NAT, m, IKE_NOTIFY_NAT_DETECTION_SOURCE_IP,
		   path->remote);
	detect_one(features, IKE_SELF_BEHIND_NAT, m, IKE_NOTIFY_NAT_DETECTION_DESTINATION_IP,
		   path->local);
}

void ike_nat_add(struct ike_builder *b, uint64_t spi_i, uint64_t spi_r,
		 const struct ike_path *path)
{
	uint8_t hash[SHA_DIGEST_LENGTH];

	nat_hash(spi_i, spi_r, path->local, hash);
	ike_add_notify(b, IKE_NOTIFY_NAT_DETECTION_SOURCE_IP, hash, sizeof(hash));
	nat_hash(spi_i, spi_r, path->remote, hash);
	ike_add_notify(b, IKE_NOTIFY_NAT_DETECTION_DESTINATION_IP, hash, sizeof(hash));
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The id is compared first, so a stranger's datagram costs no MAC. It need not be secret: somebody
 * who sees datagrams can only repeat them. */
#include "cluster/link/heartbeat_datagram.h"
#include "proto/mutant.h"

#include <openssl/bytestring.h>
#include <openssl/digest.h>
#include <openssl/hmac.h>
#include <openssl/mem.h>

#include <assert.h>
#include <string.h>

bool heartbeat_is_new(uint64_t *newest_us, const uint8_t frame[HEARTBEAT_LEN])
{
	uint64_t us = 0;
	bool is_new;
	CBS in;

	CBS_init(&in, frame + 1, HEARTBEAT_LEN - 1);
	is_new = CBS_get_u64(&in, &us) && us > *newest_us;
	if (MUTANT(MUTANT_HEARTBEAT_REPEATED))
		is_new = true;
	if (is_new)
		*newest_us = us;
	return is_new;
}

void heartbeat_keys_split(struct heartbeat_keys *k, const uint8_t *exported, bool dials)
{
	struct heartbeat_key *both[2] = { dials ? &k->ours : &k->its, dials ? &k->its : &k->ours };
	bool ok = true;
	CBS in;

	CBS_init(&in, exported, HEARTBEAT_EXPORT_LEN);
	for (unsigned i = 0; i < 2; i++)
		ok = ok && CBS_copy_bytes(&in, both[i]->id, HEARTBEAT_ID_LEN) &&
		     CBS_copy_bytes(&in, both[i]->key, HEARTBEAT_KEY_LEN);
	assert(ok && CBS_len(&in) == 0);
}

static void mac_compute(const struct heartbeat_key *k, const uint8_t *signed_octets,
			uint8_t mac[EVP_MAX_MD_SIZE])
{
	unsigned n = 0;
	const uint8_t *done = HMAC(EVP_sha256(), k->key, HEARTBEAT_KEY_LEN, signed_octets,
				   HEARTBEAT_ID_LEN + HEARTBEAT_LEN, mac, &n);

	assert(done && n >= HEARTBEAT_MAC_LEN);
}

void heartbeat_datagram_create(const struct heartbeat_key *k, const uint8_t frame[HEARTBEAT_LEN],
			       uint8_t out[HEARTBEAT_DATAGRAM_LEN])
{
	uint8_t mac[EVP_MAX_MD_SIZE];

	memcpy(out, k->id, HEARTBEAT_ID_LEN);
	memcpy(out + HEARTBEAT_ID_LEN, frame, HEARTBEAT_LEN);
	mac_compute(k, out, mac);
	memcpy(out + HEARTBEAT_ID_LEN + HEARTBEAT_LEN, mac, HEARTBEAT_MAC_LEN);
}

enum status heartbeat_datagram_open(const struct heartbeat_key *k, const uint8_t *data, size_t len,
				    uint8_t frame[HEARTBEAT_LEN])
{
	uint8_t mac[EVP_MAX_MD_SIZE], id[HEARTBEAT_ID_LEN], its[HEARTBEAT_MAC_LEN];
	CBS in;

	CBS_init(&in, data, len);
	if (!CBS_copy_bytes(&in, id, sizeof(id)) || !CBS_copy_bytes(&in, frame, HEARTBEAT_LEN) ||
	    !CBS_copy_bytes(&in, its, sizeof(its)) || CBS_len(&in) != 0)
		return ERR_MALFORMED;
	if (memcmp(id, k->id, sizeof(id)) != 0)
		return ERR_NOT_FOUND;
	mac_compute(k, data, mac);
	return CRYPTO_memcmp(mac, its, sizeof(its)) == 0 ? OK : ERR_AUTH;
}

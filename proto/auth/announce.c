/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 7427 4: hashes are announced where signatures may be made or verified. RFC 7296 3.7: CERTREQ
 * may be in the IKE_SA_INIT response; it names CAs by hashes of their keys, and a peer that has
 * several certificates chooses by it. Nobody is refused because of it. */
#include "proto/auth/announce.h"

#include "proto/auth/trust.h"
#include "proto/ike/select.h"

#include <string.h>

#define HASHES_MAX 32u /* CAs that are named, of all connections. */

struct ca_hashes {
	uint8_t octets[HASHES_MAX * CERT_CA_HASH_LEN];
	size_t n;
};

static bool takes_suite(const struct ike_connection *c, const struct suite *suite)
{
	for (size_t i = 0; i < c->n_ike; i++)
		if (ike_proposal_allows(&c->ike[i], suite))
			return true;
	return false;
}

static void add(struct ca_hashes *h, const uint8_t hash[CERT_CA_HASH_LEN])
{
	for (size_t i = 0; i < h->n; i++)
		if (memcmp(h->octets + i * CERT_CA_HASH_LEN, hash, CERT_CA_HASH_LEN) == 0)
			return;
	if (h->n < HASHES_MAX)
		memcpy(h->octets + h->n++ * CERT_CA_HASH_LEN, hash, CERT_CA_HASH_LEN);
}

void auth_announce(struct ike_builder *b, const struct ike_config *config, const struct suite *suite,
		   const struct ike_message *request)
{
	uint8_t hashes[SIGNATURE_HASHES_LEN];
	struct ca_hashes cas = {.n = 0};
	bool signs = false;

	for (size_t i = 0; i < config->n_connections; i++) {
		const struct ike_connection *c = &config->connections[i];

		if (!takes_suite(c, suite))
			continue;
		signs |= c->own || (c->clients && c->clients->n_cas > 0);
		for (size_t k = 0; c->clients && k < c->clients->n_cas; k++)
			add(&cas, c->clients->ca[k]);
	}
	signature_hashes_write(hashes);
	if (signs && ike_message_notify(request, IKE_NOTIFY_SIGNATURE_HASH_ALGORITHMS))
		ike_add_notify(b, IKE_NOTIFY_SIGNATURE_HASH_ALGORITHMS, hashes, sizeof(hashes));
	if (cas.n > 0)
		ike_add_cert(b, IKE_PAYLOAD_CERTREQ, cas.octets, cas.n * CERT_CA_HASH_LEN);
}

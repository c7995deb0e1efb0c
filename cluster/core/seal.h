/* SPDX-License-Identifier: Apache-2.0 */
/* Every command and snapshot is sealed under the cluster's storage key before
 * it reaches the log (DESIGN section 7): AES-256-GCM-SIV (RFC 8452), so that a
 * repeated nonce reveals no more than equal plaintexts.
 *
 *   version (1) | key id (4) | nonce (12) | ciphertext | tag (16)
 *
 * Associated data: the header, the kind (1) and the cluster's name. */
#ifndef CLUSTER_CORE_SEAL_H
#define CLUSTER_CORE_SEAL_H

#include "proto/wire/blob.h"
#include "proto/crypto/entropy.h"
#include "proto/wire/status.h"

#define SEAL_OVERHEAD (1u + 4u + 12u + 16u)

enum seal_kind { SEAL_COMMAND = 1, SEAL_SNAPSHOT_PART, SEAL_HALF_OPEN, SEAL_STORE };

struct seal_key; /* heap */
/* cluster: at most 63 octets; it is part of the key id, so that what another cluster
 * sealed is ERR_FOREIGN even under the same key. */
struct seal_key *seal_key_new(const uint8_t key[32], const char *cluster);
void seal_key_free(struct seal_key *k); /* Cleanses. */

struct blob *seal_create(const struct seal_key *k, enum seal_kind kind, struct entropy *e,
			 const uint8_t *plain, size_t len);
/* *plain is NULL for an empty plaintext and on errors: ERR_MALFORMED; ERR_FOREIGN:
 * sealed under another key or in another cluster (the key id differs);
 * ERR_DAMAGED: our key, but the tag does not verify. */
enum status seal_open(const struct seal_key *k, enum seal_kind kind, const uint8_t *sealed,
		      size_t len, struct blob **plain) must_check;
/* Another 32-octet key from the same source, for one purpose: HMAC-SHA256(key, label). Labels that
 * begin with "baton seal" are reserved for this file. */
void seal_derive(const struct seal_key *k, const char *label, uint8_t out[32]);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The proof with which each end of a node link begins: it has the secret that the cluster's storage
 * key yields for its name. A certificate alone makes nobody a node.
 *
 * Each node has a *link secret*, HKDF(storage key, name). A node that has the storage key can
 * derive all of them; any other has its own alone. If both ends of a pair have the storage key, the
 * proof's key comes from both secrets, so one stolen file does not make a voter. If one end has
 * only its own secret, the key comes from that one, because both know it.
 *
 *   FRAME_PROOF (1) | version (1) | role (1) | incarnation (8) | n (1) | n x MAC (32)
 *
 *   MAC = HMAC-SHA256(key of the pair, label | exporter | role | incarnation |
 *                     length (1), sender | length (1), receiver)
 *
 * The exporter (RFC 8446 7.5, RFC 5705) belongs to this TLS connection, so a MAC from another
 * one is worth nothing here. Sender, receiver and role make the two directions differ, so an
 * echo is no proof. While a storage key is rotated a node has two: it sends a MAC by each and
 * takes one by either. */
#ifndef CLUSTER_LINK_PROOF_H
#define CLUSTER_LINK_PROOF_H

#include "proto/wire/status.h"

#include <stddef.h>
#include <stdint.h>

#define PROOF_SECRET_LEN 32u
#define PROOF_EXPORTER_LEN 32u
/* RFC 5705 4: what begins so needs no registration. */
#define PROOF_EXPORTER_LABEL "EXPERIMENTAL baton node link"
#define PROOF_KEYS_MAX 2u /* Storage keys that count at once. */
#define PROOF_LEN_MAX (12u + PROOF_KEYS_MAX * 32u)

enum proof_role { PROOF_DIALS = 1, PROOF_LISTENS = 2 }; /* The end that made the connection. */

struct proof_keys { /* For one pair of nodes. Cleanse it. */
	uint8_t key[PROOF_KEYS_MAX][32];
	unsigned n;
};

struct proof_claim { /* What is proved; borrowed. */
	const uint8_t *exporter; /* PROOF_EXPORTER_LEN */
	const char *sender, *receiver; /* Names in the configuration. */
	enum proof_role role;    /* The sender's. */
	uint64_t incarnation;    /* The sender's. */
};

/* The link secret of a node under one storage key. */
void proof_secret_derive(const uint8_t storage_key[32], const char *node,
			 uint8_t out[PROOF_SECRET_LEN]);
/* For one more storage key: the secrets of the dialing and of the listening end. NULL for an end
 * that has the storage key when the other has only its own secret. */
void proof_keys_add(struct proof_keys *k, const uint8_t *dials, const uint8_t *listens);

size_t proof_create(const struct proof_keys *k, const struct proof_claim *claim,
		    uint8_t out[PROOF_LEN_MAX]);
/* expected: everything but the incarnation, which the proof tells. ERR_MALFORMED; ERR_AUTH: not
 * made with a key of ours, or for another connection, sender, receiver or role. */
enum status proof_verify(const struct proof_keys *k, const struct proof_claim *expected,
			 const uint8_t *frame, size_t len, uint64_t *incarnation) must_check;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* NAT detection (RFC 7296 2.23), and the path of a message. */
#ifndef PROTO_IKE_NAT_H
#define PROTO_IKE_NAT_H

#include "proto/ike/builder.h"
#include "proto/ike/ike_message.h"

/* The destination (local) and source (remote) of a client's message. */
struct ike_path {
	const struct endpoint *local, *remote;
};

/* Compares the hashes that m carries with where it came from: *features gets or
 * loses IKE_PEER_BEHIND_NAT and IKE_SELF_BEHIND_NAT. A message without hashes
 * tells nothing and changes nothing. */
void ike_nat_detect(uint32_t *features, const struct ike_message *m, const struct ike_path *path);
/* Both notifications of a reply that goes back along path. */
void ike_nat_add(struct ike_builder *b, uint64_t spi_i, uint64_t spi_r,
		 const struct ike_path *path);

#endif

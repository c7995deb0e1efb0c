/* SPDX-License-Identifier: Apache-2.0 */
/* The fragments of one message, while they come (RFC 7383 2.6): of one IKE SA, in one direction.
 * The caller passes only fragments of a message that could be accepted now, and clears the
 * reassembly when that changes, or some time after it was begun. A zeroed one is empty. */
#ifndef PROTO_IKE_REASSEMBLY_H
#define PROTO_IKE_REASSEMBLY_H

#include "proto/ike/ike.h"
#include "proto/ike/sk.h"

struct ike_reassembly {
	struct ike_header header;                   /* The message's, from the first fragment that came. */
	uint16_t total;                             /* Total Fragments; 0: it is empty. */
	uint16_t n;                                 /* So many are here, ... */
	uint32_t len;                               /* ... of so many octets: IKE_DATAGRAMS_LEN_MAX at most. */
	struct blob *fragment[IKE_DATAGRAMS_MAX]; /* As they came, each authenticated. */
};

/* A fragment, whose header passed ike_header_parse(). DROP_NONE: it is in; and if it was
 * the last one *message is all of them, the caller's, and r is empty. Else *message is NULL.
 * Drops, which change nothing (but see DROP_IKE_FRAGMENTS_FULL):
 *  DROP_IKE_PAYLOAD         not one SKF payload, or its numbers make no sense
 *  DROP_IKE_FRAGMENT        it is here already; of an older set; of a message with another header
 *  DROP_IKE_MESSAGE_ID      of a message before the one that is here
 *  DROP_IKE_FRAGMENTS_FULL  more than a message may have: then all are gone
 *  DROP_IKE_INTEGRITY, DROP_CRYPTO  as sk_open() */
enum drop ike_reassembly_take(struct ike_reassembly *r, const struct sk_direction *theirs,
			      const uint8_t *data, size_t len,
			      struct ike_datagrams **message) must_check;
void ike_reassembly_clear(struct ike_reassembly *r);

#endif

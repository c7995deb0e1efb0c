/* SPDX-License-Identifier: Apache-2.0 */
/* IKE fragmentation (RFC 7383), as far as it needs no memory: the longest datagram, the number of a
 * fragment, splitting a message, joining its fragments. Collecting them: reassembly.h. */
#ifndef PROTO_IKE_FRAGMENT_H
#define PROTO_IKE_FRAGMENT_H

#include "proto/ike/ike_seal.h"

/* Octets of an IP datagram that is not to be fragmented on its way (2.5.1), as configured. Tunnels
 * may make it less than anybody recommends; below 576, which is what RFC 7383 recommends for
 * IPv4, the longest messages do not fit into IKE_DATAGRAMS_MAX any more. */
#define IKE_FRAGMENT_SIZE_MIN 256u
#define IKE_FRAGMENT_SIZE_ALL 576u
#define IKE_FRAGMENT_SIZE_MAX 1500u
/* The defaults. IPv6: what RFC 7383 recommends, and all links carry (RFC 8200 5). IPv4: what
 * becomes 1280 octets of IPv6 where a phone's network translates (RFC 6877). The 576 of RFC 7383
 * would make twice as many datagrams, each of which can be lost, for paths that no longer exist. */
#define IKE_FRAGMENT_SIZE_IP4 1260u
#define IKE_FRAGMENT_SIZE_IP6 1280u

/* What an IP datagram of size octets (0: the family's default) leaves to an IKE message, with
 * UDP and the non-ESP marker (RFC 7383 Appendix B). */
uint32_t ike_fragment_room(uint32_t size, uint8_t family);

struct ike_fragment {
	uint16_t number, total; /* Fragment Number and Total Fragments; 0: it is no fragment. */
};

/* For a datagram whose header was parsed. The numbers are not authenticated, and may make no sense:
 * ike_message_parse() checks them. */
struct ike_fragment ike_fragment_of(const uint8_t *data, size_t len);

/* Are these headers of one message? All but Length and Next Payload "MUST be taken intact
 * from the original message" (2.5). */
bool ike_fragment_fits(const struct ike_header *a, const struct ike_header *b);

/* Cuts a whole message in clear and seals each piece. ERR_TOO_LONG: more than
 * IKE_DATAGRAMS_MAX of them. */
enum status ike_fragment_seal(const struct ike_sealer *s, const struct blob *clear,
			      struct ike_datagrams **out) must_check;

/* Opens all fragments of a message, in order, into o->plain, which has room for all their
 * octets: *len of content. *first: the type of the first payload in it. DROP_IKE_FRAGMENT: they
 * are not all, or not of one message. */
enum drop ike_fragment_join(struct ike_opened *o, const struct sk_direction *theirs,
			    const struct ike_datagrams *message, uint8_t *first,
			    size_t *len) must_check;

#endif
